//! What the sockets of one connection share, and how they reach the task that serves them.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use super::{Socket, io::Core};
use crate::engine::{CloseReason, Session};

/// One client's connection, as its sockets see it.
pub(crate) struct Connection {
    pub(super) core: Arc<Core>,
    pub(super) session: Session,
    asked: AtomicBool,
    asks: Mutex<Asks>,
}

/// What was asked of the session's task from elsewhere, or from a handler that the task itself is running.
#[derive(Default)]
pub(super) struct Asks {
    /// Sockets that were disconnected: their disconnect handler is due.
    pub(super) closing: Vec<(Socket, CloseReason)>,
    /// All namespaces are to be left, and the connection closed.
    pub(super) leave_all: bool,
}

impl Connection {
    pub(super) fn new(core: Arc<Core>, session: Session) -> Self {
        Self {
            core,
            session,
            asked: AtomicBool::new(false),
            asks: Mutex::default(),
        }
    }

    fn asks(&self) -> MutexGuard<'_, Asks> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ask_to_close(&self, socket: Socket, reason: CloseReason) {
        self.asks().closing.push((socket, reason));
        self.wake();
    }

    pub(super) fn ask_to_leave_all(&self) {
        self.asks().leave_all = true;
        self.wake();
    }

    fn wake(&self) {
        // After the ask itself, so that whoever sees the flag finds it.
        self.asked.store(true, Ordering::Release);
        self.session.wake();
    }

    /// Takes what was asked; cheap while nothing was.
    pub(super) fn take(&self) -> Option<Asks> {
        // Asked for every message: a look costs less than a swap.
        if !self.asked.load(Ordering::Acquire) || !self.asked.swap(false, Ordering::AcqRel) {
            return None;
        }
        Some(std::mem::take(&mut *self.asks()))
    }
}
