//! What the sockets of one connection share: the request that opened it, and the way to the task that serves them.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use super::{Socket, handshake::HandshakeRequest, io_handle::ServerCore};
use crate::engine::{CloseReason, Session};

/// One client's connection, as its sockets see it.
pub(crate) struct Connection {
    pub(super) core: Arc<ServerCore>,
    pub(super) session: Session,
    pub(super) request: HandshakeRequest,
    asked: AtomicBool,
    /// In a box, and there only while something is asked.
    asks: Mutex<Option<Box<CloseRequests>>>,
}

/// What was asked of the session's task from elsewhere, or from a handler that the task itself is running.
#[derive(Default)]
pub(super) struct CloseRequests {
    /// Sockets that were disconnected: their disconnect handler is due.
    pub(super) closing: Vec<(Socket, CloseReason)>,
    /// All namespaces are to be left, and the connection closed.
    pub(super) leave_all: bool,
}

impl Connection {
    pub(super) fn new(core: Arc<ServerCore>, session: Session, request: HandshakeRequest) -> Self {
        Self {
            core,
            session,
            request,
            asked: AtomicBool::new(false),
            asks: Mutex::default(),
        }
    }

    fn asks(&self) -> MutexGuard<'_, Option<Box<CloseRequests>>> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ask_to_close(&self, socket: Socket, reason: CloseReason) {
        let mut asks = self.asks();
        asks.get_or_insert_default().closing.push((socket, reason));
        drop(asks);
        self.wake();
    }

    pub(super) fn ask_to_leave_all(&self) {
        self.asks().get_or_insert_default().leave_all = true;
        self.wake();
    }

    fn wake(&self) {
        // After the ask itself, so that whoever sees the flag finds it.
        self.asked.store(true, Ordering::Release);
        self.session.wake();
    }

    /// Takes what was asked; cheap while nothing was.
    pub(super) fn take(&self) -> Option<Box<CloseRequests>> {
        // AskedSocket for every message: a look costs less than a swap.
        if !self.asked.load(Ordering::Acquire) || !self.asked.swap(false, Ordering::AcqRel) {
            return None;
        }
        self.asks().take()
    }
}
