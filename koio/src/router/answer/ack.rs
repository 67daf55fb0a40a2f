//! The answer as a value, for handlers that answer later.

use std::fmt;

use serde::Serialize;

use crate::{
    Error, Result,
    router::{
        context::Context,
        extract::{Args, FromEvent, Requirements},
    },
};

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
/// A [shutdown](crate::IoHandle::shutdown) waits, up to its deadline, for an `Ack` that another task holds.
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
            ctx.send_answer(id, ctx.socket().answer(id, &value));
        } else {
            ctx.count_second_answer();
        }
    }

    /// Sends an error as the answer. Does nothing if the client asked for no acknowledgement.
    ///
    /// The observers of [`on_error`](crate::Io::on_error) are not called: give them an error with [`Context::report`].
    pub fn fail(self, error: impl Into<Error>) {
        let ctx = &self.ctx;
        let error = ctx.mapped(error.into());
        let Some(id) = ctx.ack_id() else { return };
        if ctx.answer_state().claim() {
            ctx.send_error(id, &error);
        } else {
            ctx.count_second_answer();
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
        let is_unanswered = state.drop_ack();
        let Some(id) = self.ctx.ack_id() else { return };
        if is_unanswered && state.claim() {
            self.ctx.send_error(id, &Error::unanswered());
        }
        // Behind the answer: a shutdown closes the session when this was the last one.
        self.ctx.socket().ack_dropped();
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
    async fn from_event(ctx: &Context, _: &mut Args) -> Result<Self> {
        ctx.answer_state().take();
        if ctx.ack_id().is_some() {
            ctx.socket().ack_taken();
        }
        Ok(Self { ctx: ctx.clone() })
    }

    fn requires(requirements: &mut Requirements) {
        requirements.ack();
    }
}
