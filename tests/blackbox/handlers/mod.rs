//! Handlers: the options of `#[on]`, and how long a handler may run.

mod concurrency;
mod lifetime;
mod once_by;
mod options;
mod registration;
