//! Acknowledgements that the server asks clients and other servers for.

mod ack_time;
mod all_values;
mod many;
mod one;
mod pending;
mod read;
mod servers;
mod wait;

pub(super) use ack_time::AckTime;
pub use many::AcksFuture;
pub use one::AckFuture;
pub(super) use pending::PendingAcks;
pub(super) use read::{read_outcomes, read_server_answers};
pub use servers::ServerAcksFuture;
