//! A client that does not read, or never stops sending, costs itself and nobody else.

mod arriving;
mod busy_server;
mod control_frames;
mod fairness;
mod names;
mod read_ahead;
mod sessions;
pub(crate) mod slow_clients;
mod steady_readers;
mod stood_still;
mod stuck_clients;
