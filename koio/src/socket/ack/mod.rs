//! Acknowledgements that the server asks clients for.

mod many;
mod one;
mod pending;
mod read;

pub use many::AcksFuture;
pub use one::AckFuture;
pub(super) use pending::PendingAcks;
pub(super) use read::read_outcomes;
