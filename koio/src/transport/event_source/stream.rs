//! A stream as the body of an answer, and as its session gets it.

use std::{
    fmt,
    mem::take,
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

/// Another stream for a session, whose client says that it has so many packets. It ends if the session does not take it.
pub(crate) struct StreamConnection {
    pipe: Arc<StreamPipe>,
    received: u64,
}

impl StreamConnection {
    /// The connection, for the session; the body of the answer, for its client.
    pub(crate) fn new(session: &Session, received: u64) -> (Self, EventStream) {
        let pipe = Arc::default();
        let body = EventStream::new(&pipe, session.clone());
        (Self { pipe, received }, body)
    }

    /// The session goes on with this stream: its pipe, and how many packets the client has.
    pub(super) fn accept(mut self) -> (Arc<StreamPipe>, u64) {
        (take(&mut self.pipe), self.received)
    }
}

impl Drop for StreamConnection {
    fn drop(&mut self) {
        self.pipe.end();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::{
        engine::{EngineConfig, TransportKind},
        ids::Sid,
        wire::Revision,
    };

    fn connection() -> (StreamConnection, EventStream) {
        let (sid, config) = (Sid::random().unwrap(), EngineConfig::default());
        let kind = TransportKind::EventSource;
        let session = Session::new(sid, &config, kind, Revision::Four, None);
        StreamConnection::new(&session, 7)
    }

    #[test]
    fn a_stream_that_its_session_does_not_take_ends() {
        let mut cx = Context::from_waker(Waker::noop());
        let (connection, body) = connection();
        assert_eq!(body.poll_next(&mut cx), Poll::Pending);
        drop(connection);
        assert_eq!(body.poll_next(&mut cx), Poll::Ready(None));
    }

    #[test]
    fn a_stream_that_its_session_takes_goes_on() {
        let mut cx = Context::from_waker(Waker::noop());
        let (connection, body) = connection();
        let (pipe, received) = connection.accept();
        assert_eq!((body.poll_next(&mut cx), received), (Poll::Pending, 7));
        pipe.write(|bytes| bytes.extend_from_slice(b"a"));
        let next = body.poll_next(&mut cx);
        assert_eq!(next, Poll::Ready(Some(Bytes::from_static(b"a"))));
    }
}
