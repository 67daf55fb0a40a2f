//! Who answers an event, and that it is answered once.
//!
//! By default the onion answers, when it has unwound. A handler that takes an [`Ack`] takes that duty over; if
//! it drops the `Ack` unsent, the duty falls back to the onion while that still runs, and else the answer is
//! `unanswered`. A handler that takes the `Ack` and then fails is answered with its error.

use std::{
    fmt,
    sync::atomic::{AtomicU8, Ordering},
};

use serde::Serialize;

use crate::router::{Arguments, Context, FromEvent, Reply, Requirements};
use crate::{Error, Result, observe::Observation, wire::Draft};

/// An [`Ack`] was handed out.
const TAKEN: u8 = 1;
/// It was dropped unsent.
const DROPPED: u8 = 1 << 1;
/// The onion has unwound.
const ENDED: u8 = 1 << 2;
/// The answer has been sent, or may not be sent at all.
const ANSWERED: u8 = 1 << 3;
/// The client broke the protocol: its connection is closing, nobody is told anything.
const BROKEN: u8 = 1 << 4;

/// The life of one answer. Every step is one atomic operation, so that an `Ack` in another task and the end of
/// the onion can't both answer, and can't both leave it to the other.
#[derive(Debug, Default)]
pub(crate) struct AnswerState(AtomicU8);

impl AnswerState {
    fn set(&self, bit: u8) -> u8 {
        self.0.fetch_or(bit, Ordering::AcqRel)
    }

    fn has(&self, bit: u8) -> bool {
        self.0.load(Ordering::Acquire) & bit != 0
    }

    /// True for the first who asks: that one may send.
    fn claim(&self) -> bool {
        self.set(ANSWERED) & ANSWERED == 0
    }

    /// Whether an `Ack` was handed out.
    fn is_taken(&self) -> bool {
        self.has(TAKEN)
    }

    /// The onion has unwound, and means to answer. [`claim`](Self::claim) in the same step.
    fn end_and_claim(&self) -> bool {
        self.set(ENDED | ANSWERED) & ANSWERED == 0
    }

    /// The onion has unwound, and leaves the answer to the `Ack`. True if that was dropped unsent.
    fn end(&self) -> bool {
        // An `Ack` is dropped by sending, too.
        self.set(ENDED) & (DROPPED | ANSWERED) == DROPPED
    }

    /// Nothing may be sent from now on.
    pub(crate) fn break_off(&self) {
        self.set(ANSWERED | BROKEN);
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.has(BROKEN)
    }
}

impl Context {
    /// The id under which the client waits for what the onion answers.
    pub(crate) fn awaited(&self) -> Option<u64> {
        self.ack_id().filter(|_| !self.answer_state().is_taken())
    }

    /// Both the handler's error and its `Ack` answered, say; the client gets the first.
    fn answered_before(&self) {
        let second = Observation::SecondAnswer {
            namespace: self.namespace(),
            socket: self.socket().id(),
            event: self.event(),
        };
        self.socket().observers().notify(&second);
    }

    /// Sends the answer, for whoever has the right to.
    fn answer(&self, id: u64, answer: Result<Draft>) {
        let error = match answer {
            Ok(answer) => return self.socket().send_answer(answer),
            Err(error) => error,
        };
        // The value can't be written (a map with keys that are no strings, say). The client waits all the same.
        self.report(&error);
        self.answer_error(id, &Error::internal("unwritable"));
    }

    /// Sends an error as the answer, for whoever has the right to.
    fn answer_error(&self, id: u64, error: &Error) {
        match self.socket().answer(id, &error.envelope()) {
            Ok(answer) => self.socket().send_answer(answer),
            Err(error) => {
                tracing::debug!(%error, event = self.event(), "an error could not be answered");
            }
        }
    }

    /// The onion has unwound, or need not: answers with what a handler returned.
    pub(crate) fn answer_with(&self, id: u64, answer: Result<Draft>) {
        match self.answer_state().end_and_claim() {
            true => self.answer(id, answer),
            false => self.answered_before(),
        }
    }

    /// The onion has unwound: answers with what came out of it.
    pub(crate) fn end_with(&self, result: Result<Reply>) {
        let Some(id) = self.ack_id() else { return };
        let state = self.answer_state();
        match result {
            Ok(_) if state.is_taken() => {
                if state.end() && state.claim() {
                    self.answer_error(id, &Error::unanswered());
                }
            }
            Ok(reply) => {
                // Before it is claimed: what panics here is answered as well.
                if let Some(answer) = reply.write(self.socket(), id) {
                    self.answer_with(id, answer);
                }
            }
            Err(error) => match state.end_and_claim() {
                true => self.answer_error(id, &error),
                false => self.answered_before(),
            },
        }
    }
}

/// The answer, for a handler that does not know it yet when it returns.
///
/// ```
/// use koio::{on, Ack, Context};
///
/// #[on("slow")]
/// async fn slow(_: Context, ack: Ack, number: u64) {
///     tokio::spawn(async move { ack.send(number * 2) });
/// }
/// ```
///
/// Such a handler returns nothing. If it fails, its error is the answer; if the `Ack` is dropped unsent, the
/// answer is `unanswered`.
#[must_use = "an `Ack` that is dropped answers `unanswered`"]
pub struct Ack {
    ctx: Context,
}

impl Ack {
    /// Sends the answer: `()` is no argument, [`args!`](crate::args) several, anything else one. Does nothing if
    /// the client asked for no acknowledgement.
    pub fn send<T>(self, value: T)
    where
        T: Serialize + Send + 'static,
    {
        let ctx = &self.ctx;
        let Some(id) = ctx.ack_id() else { return };
        if ctx.answer_state().claim() {
            ctx.answer(id, ctx.socket().answer(id, &value));
        } else {
            ctx.answered_before();
        }
    }

    /// Sends an error as the answer.
    pub fn fail(self, error: impl Into<Error>) {
        let ctx = &self.ctx;
        let error = ctx.mapped(error.into());
        let Some(id) = ctx.ack_id() else { return };
        if ctx.answer_state().claim() {
            ctx.answer_error(id, &error);
        } else {
            ctx.answered_before();
        }
    }

    /// Whether the client asked for an acknowledgement.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.ctx.ack_id().is_some()
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        let state = self.ctx.answer_state();
        let before = state.set(DROPPED);
        // While the onion runs, it answers at its end: the handler may be dropping this because it fails.
        if let Some(id) = self.ctx.ack_id()
            && before & ENDED != 0
            && before & ANSWERED == 0
            && state.claim()
        {
            self.ctx.answer_error(id, &Error::unanswered());
        }
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ack")
            .field("event", &self.ctx.event())
            .finish_non_exhaustive()
    }
}

impl FromEvent for Ack {
    async fn from_event(ctx: &Context, _: &mut Arguments) -> Result<Self> {
        ctx.answer_state().set(TAKEN);
        Ok(Self { ctx: ctx.clone() })
    }

    fn requires(requirements: &mut Requirements) {
        requirements.ack();
    }
}
