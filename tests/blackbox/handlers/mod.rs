//! Handlers: the options of `#[on]`, and how long a handler may run.

mod lifetime;
mod options;
mod registration;
