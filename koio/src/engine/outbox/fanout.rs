//! One frame to many sessions, without blocking the emitter's thread for long.

use tokio::{runtime::Handle, task::yield_now};

use super::{
    direct_writer::WriteBudget, limits::NotQueued, old_form::OldForm, outbox::SendOutcome,
};
use crate::{
    engine::Session,
    wire::{Frame, PerMessageDeflate},
};

/// Direct writes in one go. Each is a system call of 2 to 6 us, so the other tasks of the thread wait about 1 ms.
pub(super) const BATCH: usize = 256;

/// A frame on its way to many sessions.
///
/// It is queued for each when `send` returns. The first [`BATCH`] recipients that can take it are written to at once, the
/// others a batch at a time by a task that yields to all others in between.
pub(crate) struct Fanout<'a> {
    frame: &'a Frame,
    /// Its compressed form, made when the first recipient turns up that takes it. `Some(None)`: it is not smaller.
    compressed: Option<Option<Frame>>,
    old: OldForm,
    budget: WriteBudget,
    unflushed: UnflushedSessions,
}

impl<'a> Fanout<'a> {
    pub(crate) fn new(frame: &'a Frame) -> Self {
        Self {
            frame,
            compressed: None,
            old: OldForm::default(),
            budget: WriteBudget::up_to(BATCH),
            unflushed: UnflushedSessions(Vec::new()),
        }
    }

    /// Queues the frame for one of many. A client that has stopped reading is cut as a slow consumer.
    pub(crate) fn send(&mut self, session: &Session) -> Result<(), NotQueued> {
        let outbox = &session.shared().outbox;
        let frame = match session.deflate() {
            Some(settings) => form(self.frame, &mut self.compressed, settings),
            None => self.old.of(self.frame, session.revision()),
        };
        let sent = session.cut_if_slow(outbox.share(frame, &mut self.budget))?;
        self.note(session, sent);
        Ok(())
    }

    /// See [`Session::send_volatile`].
    pub(crate) fn send_volatile(&mut self, session: &Session) -> bool {
        let outbox = &session.shared().outbox;
        let frame = match session.deflate() {
            Some(settings) => form(self.frame, &mut self.compressed, settings),
            None => self.old.of(self.frame, session.revision()),
        };
        let sent = outbox.push_volatile(frame, &mut self.budget);
        if let Some(sent) = sent {
            self.note(session, sent);
        }
        sent.is_some()
    }

    fn note(&mut self, session: &Session, sent: SendOutcome) {
        if sent == SendOutcome::NeedsFlush {
            self.unflushed.0.push(session.clone());
        }
    }

    /// Flushes the sessions that were not written to.
    pub(crate) fn finish(self) {
        if self.unflushed.0.is_empty() {
            return;
        }
        // Outside of a runtime, dropping `unflushed` flushes all of them now.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(flush(self.unflushed));
        }
    }
}

/// The compressed form, if it is smaller.
#[cold]
fn form<'f>(
    frame: &'f Frame,
    compressed: &'f mut Option<Option<Frame>>,
    settings: PerMessageDeflate,
) -> &'f Frame {
    let compressed = compressed.get_or_insert_with(|| frame.compressed(settings));
    compressed.as_ref().unwrap_or(frame)
}

/// Sessions whose queues must be flushed. Dropping it does so, since their tasks were not woken.
struct UnflushedSessions(Vec<Session>);

impl UnflushedSessions {
    fn flush(&mut self, count: usize) {
        let at = self.0.len().saturating_sub(count);
        let mut budget = WriteBudget::up_to(count);
        for session in self.0.drain(at..) {
            session.shared().outbox.flush(&mut budget);
        }
    }
}

impl Drop for UnflushedSessions {
    fn drop(&mut self) {
        self.flush(usize::MAX);
    }
}

async fn flush(mut unflushed: UnflushedSessions) {
    while !unflushed.0.is_empty() {
        // Yields first, since the emit itself has written one batch.
        yield_now().await;
        unflushed.flush(BATCH);
    }
}
