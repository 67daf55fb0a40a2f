//! Recovery: a client whose connection is lost comes back as the same socket, and misses nothing.
//!
//! Each namespace has a [`NamespaceLog`], whose lock is the order of its events: under it an event gets its offset, is queued
//! for its recipients ([`OrderedSends`](crate::engine::OrderedSends)) and enters the log. Joins and leaves, CONNECT, the loss and
//! the end of a socket decide for which sockets an event is, and take the same lock. Connections are written to behind it.
//!
//! Locks are taken in this order: the namespaces, the log of one, then its rooms, an outbox, a socket's extras, the table.
//!
//! `position`, `stays`, `record`, `trimmed`, `log` and `table` are pure.

mod claim;
mod config;
mod deliver;
mod expire;
mod in_socket;
mod log;
mod position;
mod record;
mod server;
mod session;
mod stays;
mod table;
mod trimmed;

pub(super) use claim::claim;
pub use config::Recovery;
pub(super) use deliver::broadcast_in_order;
pub(crate) use expire::ExpiredHook;
pub use expire::ExpiredSession;
pub(super) use expire::{ensure_swept, ensure_trimmed, expire};
pub(super) use in_socket::SocketRecovery;
pub(super) use log::{MissedEvents, NamespaceLog};
pub(super) use server::ServerRecovery;
pub(super) use session::LostSession;
pub(super) use table::HandlersEnd;
