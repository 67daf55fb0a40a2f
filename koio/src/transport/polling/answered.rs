//! A poll that was answered, in case the answer is lost.

use std::{fmt, sync::Arc, time::Duration};

use super::inbox::{PollingInbox, answer_lost, inbox};
use crate::{
    engine::{Session, TransportKind},
    observe::Observers,
};

/// A poll whose answer is on its way.
///
/// What was taken from a session's queue for an answer can't be sent again. So a session whose answer is lost ends: what
/// comes later would come behind a hole.
#[derive(Clone, Debug)]
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
        // Without an inbox the session has upgraded, or is over.
        let was_overtaken = self.with_inbox(|inbox| inbox.progress().is_overtaken());
        if !was_overtaken.unwrap_or(!self.session.is_open()) {
            answer_lost(&self.session, observers, cause);
        }
    }

    /// The connection that has the rest of the answer is tried again.
    pub(crate) fn writing(&self) {
        self.with_inbox(|inbox| inbox.progress().writing());
    }

    /// The connection takes no more of the answer for now. `newest`: the last poll of the session that has come on this
    /// connection, and is answered behind this one.
    pub(crate) fn unsent(&self, newest: u32, observers: &Observers) {
        self.with_inbox(|inbox| {
            inbox.progress().unsent();
            // A poll may have come when it was not known whether the rest would be taken.
            if !inbox.is_last(newest) {
                inbox.overtaken(&self.session, observers);
            }
        });
    }

    /// The operating system has the whole answer.
    pub(crate) fn sent(&self) {
        self.with_inbox(|inbox| inbox.progress().sent());
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// The number of the poll.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Whether it is a poll of this session.
    pub(crate) fn is_of(&self, session: &Session) -> bool {
        self.session.sid_ref() == session.sid_ref()
    }

    fn with_inbox<R>(&self, with: impl FnOnce(&PollingInbox) -> R) -> Option<R> {
        let inbox: Arc<PollingInbox> = inbox(&self.session).ok()?;
        Some(with(&inbox))
    }

    /// The connection was reset behind the answer. Whether the client had read it is unknown, unless it has polled again.
    pub(crate) fn reset(self, observers: &Observers) {
        let is_last = self.with_inbox(|inbox| inbox.is_last(self.number)) == Some(true);
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
