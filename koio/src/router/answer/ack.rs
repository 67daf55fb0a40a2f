//! The answer as a value, for handlers that answer later.

use std::{fmt, future::Future};

use serde::Serialize;
use tracing::{Instrument, Span};

use super::Answer;
use crate::{
    Error, Result,
    observe::event_span,
    router::{
        catch_unwind::{guard, guard_call},
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
/// A [shutdown](crate::IoHandle::shutdown) waits, up to its deadline, for an `Ack` that another task holds, if the client
/// asked for an acknowledgement.
///
/// Such a handler returns nothing. If it fails, its error is the answer; if the `Ack` is dropped unsent, the
/// answer is `unanswered`.
///
/// What can fail is answered with [`reply`](Self::reply), and a task that answers is spawned with
/// [`reply_with`](Self::reply_with): its errors and panics are answered and reported as a handler's are. A handler that is
/// slow and no more than that needs no `Ack`: `#[on("slow", concurrency = 16)]` lets it overlap with other events of its
/// client.
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
        let Some(id) = self.ctx.answer_id() else {
            return;
        };
        // Written before it is claimed: if that panics, the event can still be answered.
        let answer = self.ctx.socket().answer(id, &value);
        self.answer_once(|ctx, id| ctx.send_answer(id, answer));
    }

    /// Answers, if the client wants an answer and has none. A second answer is counted.
    fn answer_once(&self, answer: impl FnOnce(&Context, u64)) {
        let ctx = &self.ctx;
        let Some(id) = ctx.answer_id() else { return };
        if ctx.answer_state().claim() {
            answer(ctx, id);
        } else {
            ctx.count_second_answer();
        }
    }

    /// Sends an error as the answer, as if the handler had returned it: the observers of
    /// [`on_error`](crate::Io::on_error) are called, also if the client asked for no acknowledgement.
    pub fn fail(self, error: impl Into<Error>) {
        self.reply::<()>(Err(error.into()));
    }

    /// Answers with what a handler would return: a value, `()` for no argument, or a [`Reply`](crate::Reply); or with an
    /// error, which [`map_error`](crate::Io::map_error) gives its code and the observers of
    /// [`on_error`](crate::Io::on_error) are told of. They are also told if the client asked for no acknowledgement.
    ///
    /// ```
    /// use koio::{Ack, Context, Result, on};
    ///
    /// async fn look_up(id: u64) -> Result<String> {
    ///     koio::ensure!(id > 0, "no_such_user", "users are counted from one");
    ///     Ok(format!("user {id}"))
    /// }
    ///
    /// #[on("user")]
    /// async fn user(ack: Ack, id: u64) {
    ///     ack.reply(look_up(id).await);
    /// }
    /// ```
    pub fn reply<T: Answer>(self, result: Result<T>) {
        let ctx = &self.ctx;
        if ctx.answer_state().is_broken_off() {
            return;
        }
        // A panic of the value's `Serialize` is an error of the answer, as it is in a handler.
        let written = result.and_then(|answer| {
            let Some(id) = ctx.answer_id() else {
                return Ok(None);
            };
            guard_call(|| answer.into_reply(ctx).write(ctx.socket(), id))
        });
        match written {
            Ok(None) => {}
            Ok(Some(answer)) => self.answer_once(|ctx, id| ctx.send_answer(id, answer)),
            Err(error) => {
                let error = ctx.mapped(error);
                ctx.report(&error);
                self.answer_once(|ctx, id| ctx.send_error(id, &error));
            }
        }
    }

    /// Work whose result is the [`reply`](Self::reply), to be spawned as a task of its own. It runs in the span of the event,
    /// and a panic in it is answered and reported as a handler's.
    ///
    /// The client's next event does not wait for it, and a `timeout` of the handler does not end it. A
    /// [shutdown](crate::IoHandle::shutdown) waits for it if the client asked for an acknowledgement, up to its deadline.
    ///
    /// ```
    /// use koio::{Ack, on};
    ///
    /// #[on("read")]
    /// async fn read(ack: Ack, name: String) {
    ///     tokio::spawn(ack.reply_with(async move {
    ///         koio::ensure!(name == "motd", "unknown", "no such text");
    ///         Ok(std::fs::read_to_string("/etc/motd")?)
    ///     }));
    /// }
    /// ```
    ///
    /// # Cancel safety
    /// If the future is dropped, the answer is `unanswered`.
    pub fn reply_with<T: Answer>(
        self,
        work: impl Future<Output = Result<T>> + Send,
    ) -> impl Future<Output = ()> + Send {
        let span = match Span::current() {
            span if span.is_none() => {
                let ctx = &self.ctx;
                event_span(|| ctx.event(), ctx.namespace(), ctx.socket().id())
            }
            span => span,
        };
        async move { self.reply(guard(work).await) }.instrument(span)
    }

    /// Whether the client asked for an acknowledgement, or may still: with `once_by` another try of the event may ask.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.ctx.answer_id().is_some()
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        let state = self.ctx.answer_state();
        let is_unanswered = state.drop_ack();
        let Some(id) = self.ctx.answer_id() else {
            return;
        };
        if is_unanswered && state.claim() {
            self.ctx.send_unanswered(id);
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
        if ctx.answer_id().is_some() {
            ctx.socket().ack_taken();
        }
        Ok(Self { ctx: ctx.clone() })
    }

    fn requires(requirements: &mut Requirements) {
        requirements.ack();
    }
}
