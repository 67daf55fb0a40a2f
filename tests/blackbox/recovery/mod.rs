//! Clients that come back after a lost connection.

mod away;
mod client;
mod crowd;
mod hostile;
mod limits;
mod middleware;
mod nodes;
mod order;

pub(crate) use client::Client;
