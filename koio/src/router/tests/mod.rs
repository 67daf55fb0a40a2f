//! The router without a network: sockets that record what is sent to them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_debug_implementations
)]

mod acks;
mod also;
mod args;
mod auto_traits;
mod bursts;
mod checks;
mod compose;
#[cfg(feature = "discover")]
mod discover;
mod errors;
mod fake;
mod layers;
mod lifecycle;
mod names;
