//! The body of a poll's answer, which must not be lost unnoticed.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::Mutex;

use super::connection::HttpConnection;
use crate::{
    observe::Observers,
    time::now,
    transport::polling::{AnsweredPoll, NothingTaken},
};

/// What another server gets of a body at a time. It may keep several such pieces for a client that does not read them.
const PIECE: usize = 64 * 1024;

/// The payload of a poll's answer. Dropped before its end it ends the session.
pub(super) enum AnswerBody {
    /// On a connection that knows what the client has taken; or small enough to be taken at once.
    Whole {
        left: AnswerLeft,
        connection: Option<Arc<HttpConnection>>,
    },
    /// In another server, piece by piece.
    Pieces(Arc<Mutex<AnswerLeft>>),
}

/// What the server has not taken.
pub(super) struct AnswerLeft {
    payload: Bytes,
    /// When a piece was taken last.
    taken: Instant,
    /// Taken out with the last piece.
    poll: Option<AnsweredPoll>,
    observers: Observers,
}

impl AnswerBody {
    /// `connection`: if it is koio's own. Otherwise the payload is dropped, and the session ends, if nothing of it is taken for
    /// `write_timeout`.
    pub(super) fn new(
        payload: Bytes,
        poll: AnsweredPoll,
        observers: Observers,
        connection: Option<Arc<HttpConnection>>,
        write_timeout: Duration,
    ) -> Self {
        let is_small = payload.len() <= PIECE;
        let left = AnswerLeft {
            payload,
            taken: now(),
            poll: Some(poll),
            observers,
        };
        if connection.is_some() || is_small {
            return Self::Whole { left, connection };
        }
        if let Some(poll) = &left.poll {
            poll.unsent(poll.number(), &left.observers);
        }
        let left = Arc::new(Mutex::new(left));
        tokio::spawn(drop_stalled(Arc::downgrade(&left), write_timeout));
        Self::Pieces(left)
    }

    /// Bytes that the server has not taken.
    pub(super) fn left(&self) -> usize {
        match self {
            Self::Whole { left, .. } => left.payload.len(),
            Self::Pieces(left) => left.lock().payload.len(),
        }
    }

    /// The next bytes. `None` if they were dropped.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        let next = match self {
            Self::Whole { left, connection } => {
                if let (Some(connection), Some(poll)) = (connection, left.poll.take()) {
                    connection.answered(poll);
                }
                std::mem::take(&mut left.payload)
            }
            Self::Pieces(left) => left.lock().next_piece(),
        };
        (!next.is_empty()).then_some(next)
    }
}

impl AnswerLeft {
    fn next_piece(&mut self) -> Bytes {
        self.taken = now();
        let length = PIECE.min(self.payload.len());
        // Copied: a slice of the payload would keep all of it for as long as the server has the slice.
        let piece = Bytes::copy_from_slice(&self.payload.split_to(length));
        if self.payload.is_empty()
            && let Some(poll) = self.poll.take()
        {
            // Before the server has the last piece: the client can't have it before.
            poll.sent();
        }
        piece
    }

    /// Takes what is left.
    fn take(&mut self) -> (Bytes, Option<AnsweredPoll>, Observers) {
        let payload = std::mem::take(&mut self.payload);
        (payload, self.poll.take(), self.observers.clone())
    }
}

impl Drop for AnswerLeft {
    fn drop(&mut self) {
        if let Some(poll) = self.poll.take() {
            poll.cut(&self.observers, "it was dropped before its end");
        }
    }
}

/// Drops what is left of a body that the server does not take.
async fn drop_stalled(left: Weak<Mutex<AnswerLeft>>, timeout: Duration) {
    loop {
        let Some(taken) = left.upgrade().map(|left| left.lock().taken) else {
            return;
        };
        let Some(by) = taken.checked_add(timeout) else {
            return;
        };
        if now() >= by {
            break;
        }
        tokio::time::sleep_until(by.into()).await;
    }
    if let Some(left) = left.upgrade() {
        let (payload, poll, observers) = left.lock().take();
        // Without the lock: observers are the user's.
        drop(payload);
        if let Some(poll) = poll {
            poll.cut(&observers, &NothingTaken(timeout).to_string());
        }
    }
}
