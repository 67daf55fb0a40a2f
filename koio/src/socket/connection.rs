//! What the sockets of one connection share.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use parking_lot::Mutex;

use super::{handshake::HandshakeRequest, server_core::ServerCore};
use crate::engine::{CloseReason, Session};

/// One client's connection, as its sockets see it. `M` is the type of the sockets.
pub(crate) struct Connection<M> {
    pub(super) core: Arc<ServerCore<M>>,
    pub(super) session: Session,
    request: HandshakeRequest,
    /// Whether `close_requests` may hold something.
    requested: AtomicBool,
    /// See [`unread`](Self::unread).
    unread: AtomicU32,
    /// Boxed, since it is empty nearly always.
    close_requests: Mutex<Option<Box<CloseRequests<M>>>>,
}

/// Requests to the session's task, from other tasks and from the handlers that it runs.
pub(super) struct CloseRequests<M> {
    /// Sockets that were disconnected: their disconnect handlers are due.
    pub(super) sockets: Vec<(M, CloseReason)>,
    /// Leave all namespaces and close the connection.
    pub(super) all: bool,
}

impl<M> Default for CloseRequests<M> {
    fn default() -> Self {
        Self {
            sockets: Vec::new(),
            all: false,
        }
    }
}

impl<M> Connection<M> {
    pub(super) fn new(
        core: Arc<ServerCore<M>>,
        session: Session,
        request: HandshakeRequest,
    ) -> Self {
        Self {
            core,
            session,
            request,
            requested: AtomicBool::new(false),
            unread: AtomicU32::new(0),
            close_requests: Mutex::default(),
        }
    }

    /// The session's task has stopped reading, because so many bytes wait for handlers; 0 when it reads again.
    pub(super) fn set_unread(&self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.unread.store(bytes, Ordering::Relaxed);
    }

    /// The bytes that wait for handlers, if the connection is not read for them: `read_ahead`.
    pub(super) fn unread(&self) -> Option<u32> {
        Some(self.unread.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    pub(super) fn request_close(&self, socket: M, reason: CloseReason) {
        self.request(|requests| requests.sockets.push((socket, reason)));
    }

    pub(super) fn request_close_all(&self) {
        self.request(|requests| requests.all = true);
    }

    fn request(&self, add: impl FnOnce(&mut CloseRequests<M>)) {
        add(self.close_requests.lock().get_or_insert_default());
        // After the request itself, so that a task that sees the flag finds it.
        self.requested.store(true, Ordering::Release);
        self.session.wake();
    }

    /// Takes the requests. Called for every message, so an atomic load comes before the swap and the lock.
    pub(super) fn take_requests(&self) -> Option<Box<CloseRequests<M>>> {
        if !self.requested.load(Ordering::Acquire) || !self.requested.swap(false, Ordering::AcqRel)
        {
            return None;
        }
        self.close_requests.lock().take()
    }
}

impl<M> AsRef<HandshakeRequest> for Connection<M> {
    fn as_ref(&self) -> &HandshakeRequest {
        &self.request
    }
}
