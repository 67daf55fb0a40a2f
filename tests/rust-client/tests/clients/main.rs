//! rust_socketio 0.6 against koio-fixture: its asynchronous and its blocking client, over each way to connect that they have.
//!
//! `tests/run` runs this. By hand, with a target directory of its own:
//!
//! ```console
//! cargo build --workspace --bins
//! cargo test --manifest-path tests/rust-client/Cargo.toml --target-dir target/rust-client
//! ```
//!
//! What this client does otherwise than the official one has tests of its own, named after what it does, and lines in
//! `koio/docs/clients.md`.

mod asynchronous;
mod blocking;
mod conversations;
mod otherwise;
mod peer;
