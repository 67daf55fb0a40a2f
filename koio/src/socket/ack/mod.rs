//! Acknowledgements that the server asks for: one client's, and many clients'.

mod many;
mod one;
mod pending;

pub use many::AcksFuture;
pub(super) use many::AskedSocket;
pub use one::AckFuture;
pub(super) use pending::PendingAcks;
