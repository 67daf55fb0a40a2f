//! Acknowledgements that the server asks clients for.

mod ack_time;
mod all_values;
mod many;
mod one;
mod pending;
mod read;

pub(super) use ack_time::AckTime;
pub use many::AcksFuture;
pub use one::AckFuture;
pub(super) use pending::PendingAcks;
pub(super) use read::read_outcomes;
