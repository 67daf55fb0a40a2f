//! What is added to one socket while it is connected: listeners, middleware, and observers.

mod lifetime;
mod listeners;
mod middleware;
mod observers;
