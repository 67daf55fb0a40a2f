//! The part of recovery that a socket holds.

use std::{sync::Arc, time::Instant};

use super::{record::SessionRecord, stays::Stays};

/// What a socket knows of its session, in its extras.
#[derive(Debug)]
pub(in crate::socket) struct SocketRecovery {
    pub(in crate::socket) record: SessionRecord,
    /// What the session was when its client returned, while CONNECT is not answered.
    pub(in crate::socket) returning: Option<Box<Returning>>,
}

/// A session as it waited. It waits on like that if its client is refused, or lost again.
#[derive(Debug)]
pub(in crate::socket) struct Returning {
    pub(in crate::socket) stays: Stays,
    pub(in crate::socket) data: Option<Arc<str>>,
    pub(in crate::socket) until: Instant,
}
