//! A poll that was answered, in case the answer is lost.

use std::{fmt, time::Duration};

use super::inbox;
use crate::{
    engine::{CloseReason, Session, TransportKind},
    observe::{Observation, Observers},
};

/// A poll whose answer is on its way.
///
/// What was taken from a session's queue for an answer can't be sent again. So a session whose answer is lost ends: what
/// comes later would come behind a hole.
#[derive(Debug)]
pub(crate) struct AnsweredPoll {
    session: Session,
    /// How many polls of the session had come with it.
    number: u32,
}

impl AnsweredPoll {
    pub(crate) fn new(session: Session, number: u32) -> Self {
        Self { session, number }
    }

    /// The client has not taken the whole answer, and can't any more.
    pub(crate) fn cut(self, observers: &Observers, cause: &str) {
        let sid = self.session.sid();
        observers.notify(&Observation::AnswerCut { sid, cause });
        self.session.lost(CloseReason::TransportError);
    }

    /// The connection was reset behind the answer. Whether the client had read it is unknown, unless it has polled again.
    pub(crate) fn reset(self, observers: &Observers) {
        let is_last = inbox::polls(&self.session) == Some(self.number);
        if is_last && self.session.transport() == TransportKind::Polling {
            self.cut(observers, "the connection was reset behind it");
        }
    }
}

/// The client has taken nothing of an answer for this long, which is `write_timeout`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NothingTaken(pub(crate) Duration);

impl fmt::Display for NothingTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time) = self;
        write!(f, "nothing was taken for {time:?} (write_timeout {time:?})")
    }
}

impl std::error::Error for NothingTaken {}
