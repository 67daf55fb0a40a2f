//! The router without a network: sockets that write down what is sent to them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_debug_implementations
)]

mod acks;
mod also;
mod args;
mod checks;
mod compose;
mod errors;
mod fake;
mod layers;
mod lifecycle;
mod names;
