//! What is added while the server runs, to one socket or to a namespace: listeners, middleware, and observers.

mod lifetime;
mod listeners;
mod middleware;
mod namespace;
mod observers;
