//! A client that does not read, or never stops sending, costs itself and nobody else.

mod arriving;
mod busy_server;
mod fairness;
mod read_ahead;
mod sessions;
pub(crate) mod slow_clients;
mod steady_readers;
mod stuck_clients;
