//! A stream as the body of an answer, and as its session gets it.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;

use super::pipe::StreamPipe;
use crate::engine::Session;

/// The body of an answer that goes on until its session ends it. Dropped before, it tells the session that the connection has
/// ended.
pub(crate) struct EventStream {
    pipe: Arc<StreamPipe>,
    session: Session,
}

impl EventStream {
    pub(crate) fn new(pipe: &Arc<StreamPipe>, session: Session) -> Self {
        let pipe = Arc::clone(pipe);
        Self { pipe, session }
    }

    /// The next bytes; `None` at the end.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.pipe.poll_next(cx)
    }

    /// Whether there are no more bytes, and will be none.
    pub(crate) fn is_at_end(&self) -> bool {
        self.pipe.is_at_end()
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.pipe.drop_rest();
        self.session.connection_ended();
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").finish_non_exhaustive()
    }
}

/// Another stream for a session, whose client says that it has so many packets.
pub(crate) struct StreamConnection {
    pub(crate) pipe: Arc<StreamPipe>,
    pub(super) received: u64,
}

impl StreamConnection {
    pub(crate) fn new(received: u64) -> Self {
        Self {
            pipe: Arc::default(),
            received,
        }
    }
}
