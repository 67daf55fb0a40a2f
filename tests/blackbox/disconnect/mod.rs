//! How a socket and its connection end, and what its disconnect handler sees of that.

mod between_polls;
mod connection;
mod handler;
mod rooms;
