//! One frame to many sessions, without holding up whoever emits it nor anybody else.

use tokio::{runtime::Handle, task::yield_now};

use super::{
    Session,
    outbox::{SendError, SendOutcome, WriteBudget},
};
use crate::wire::Frame;

/// Sessions written to in one go. Each is a system call of 2 to 6 us: the other tasks of the thread wait 1 ms.
const BATCH: usize = 256;

/// A frame on its way to many sessions. Whatever their number, it is queued for each when `send` returns; the first
/// [`BATCH`] of those who can take it are written to at once, the others a batch at a time from a task that lets
/// all others have their turn in between.
pub(crate) struct Fanout<'a> {
    frame: &'a Frame,
    /// What may be written at once.
    writes: WriteBudget,
    owed: PendingFlushes,
}

impl<'a> Fanout<'a> {
    pub(crate) fn new(frame: &'a Frame) -> Self {
        Self {
            frame,
            writes: WriteBudget::up_to(BATCH),
            owed: PendingFlushes(Vec::new()),
        }
    }

    /// See [`Session::send_frame`].
    pub(crate) fn send(&mut self, session: &Session) -> Result<(), SendError> {
        let sent = session
            .shared()
            .outbox
            .share(self.frame, &mut self.writes)?;
        self.note(session, sent);
        Ok(())
    }

    /// See [`Session::send_volatile`].
    pub(crate) fn send_volatile(&mut self, session: &Session) -> bool {
        let outbox = &session.shared().outbox;
        let sent = outbox.push_volatile(self.frame, &mut self.writes);
        if let Some(sent) = sent {
            self.note(session, sent);
        }
        sent.is_some()
    }

    fn note(&mut self, session: &Session, sent: SendOutcome) {
        if sent == SendOutcome::NeedsFlush {
            self.owed.0.push(session.clone());
        }
    }

    /// Sees to those who have not been written to.
    pub(crate) fn finish(self) {
        if self.owed.0.is_empty() {
            return;
        }
        // Outside of a runtime nobody can wait: all of them are flushed now, by being dropped.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(flush(self.owed));
        }
    }
}

/// Sessions whose queues are still to be flushed: they are in any case, for nobody else was told.
struct PendingFlushes(Vec<Session>);

impl PendingFlushes {
    fn flush(&mut self, count: usize) {
        let at = self.0.len().saturating_sub(count);
        let mut writes = WriteBudget::up_to(count);
        for session in self.0.drain(at..) {
            session.shared().outbox.flush(&mut writes);
        }
    }
}

impl Drop for PendingFlushes {
    fn drop(&mut self) {
        self.flush(usize::MAX);
    }
}

async fn flush(mut owed: PendingFlushes) {
    while !owed.0.is_empty() {
        // The batch of the emit itself was the first of this turn.
        yield_now().await;
        owed.flush(BATCH);
    }
}
