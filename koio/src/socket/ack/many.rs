//! Waiting for the answers of many clients to one event.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    vec,
};

use serde::de::DeserializeOwned;

use super::{
    super::partial::PartialAnswer,
    ack_time::AckTime,
    all_values::all_values,
    read::{first_argument, read_outcome},
    wait::AcksWait,
};
use crate::{
    Error, Result, SocketId,
    adapter::{AckCollector, AckOutcome, AskGuard, NodeId},
    wire::RawArgs,
};

/// Waits for the answers to an emit; see [`Emit::emit_with_acks`](crate::emit::Emit::emit_with_acks).
///
/// Awaited, it gives all answers when the last has come. [`next`](Self::next) gives each as it comes.
#[must_use = "the answers are lost unless the future is awaited"]
pub struct AcksFuture<T> {
    state: AcksState,
    read: fn(&RawArgs) -> Result<T>,
}

/// An answer and whose it is; `None` behind the last.
type NextAnswer<T> = Option<(SocketId, Result<T>)>;

enum AcksState {
    Waiting(AcksWait),
    /// What has not been taken, how long it was waited for, and the nodes that have not answered.
    Ended(vec::IntoIter<AckOutcome>, AckTime, Vec<NodeId>),
    /// Taken when it has ended.
    Failed(Option<Error>),
}

impl AcksState {
    /// The end of a wait, when all answers have come or the time is over.
    fn poll_ended(wait: &mut AcksWait, cx: &mut Context<'_>) -> Poll<Self> {
        let (outcomes, missing) = ready!(wait.poll_end(cx));
        Poll::Ready(Self::Ended(outcomes.into_iter(), wait.time, missing))
    }
}

impl<T: DeserializeOwned> AcksFuture<T> {
    /// The event has been sent, and the answers go to `answers`.
    pub(in crate::socket) fn new(
        answers: Arc<AckCollector>,
        guard: AskGuard,
        time: AckTime,
    ) -> Self {
        Self {
            state: AcksState::Waiting(AcksWait::new(answers, guard, time)),
            read: first_argument,
        }
    }

    pub(in crate::socket) fn failed(error: Error) -> Self {
        Self {
            state: AcksState::Failed(Some(error)),
            read: first_argument,
        }
    }

    /// The next answer, as soon as it has come; in the order in which they come. `None` when every socket has answered or the
    /// time is over: those that have not answered come last, each with the reason. What has not been taken waits, one answer
    /// for each socket at most, and awaiting the future gives the rest.
    ///
    /// ```
    /// # use koio::{Context, Result, on};
    /// #[on("race")]
    /// async fn race(ctx: Context) -> Result<()> {
    ///     let mut answers = ctx.io().to("runners").emit_with_acks::<u32>("run", ());
    ///     while let Some((id, answer)) = answers.next().await? {
    ///         if let Ok(seconds) = answer {
    ///             ctx.here().broadcast("finished", koio::args![id, seconds])?;
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// Once, in place of `None`: those of [`Emit::emit_with_acks`](crate::emit::Emit::emit_with_acks). The
    /// [`PartialAnswer`] names the nodes; the answers of the others have come before.
    ///
    /// # Cancel safety
    /// Dropping this future loses no answer.
    pub async fn next(&mut self) -> Result<Option<(SocketId, Result<T>)>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<NextAnswer<T>>> {
        if let AcksState::Waiting(wait) = &mut self.state {
            if let Poll::Ready(Some(outcome)) = wait.answers.poll_next(cx) {
                return Poll::Ready(Ok(Some(read_outcome(&outcome, wait.time, self.read))));
            }
            self.state = ready!(AcksState::poll_ended(wait, cx));
        }
        Poll::Ready(match &mut self.state {
            AcksState::Ended(outcomes, time, missing) => match outcomes.next() {
                Some(outcome) => Ok(Some(read_outcome(&outcome, *time, self.read))),
                None if missing.is_empty() => Ok(None),
                None => Err(PartialAnswer::new(std::mem::take(missing)).into_error()),
            },
            AcksState::Failed(error) => error.take().map_or(Ok(None), Err),
            AcksState::Waiting(_) => return Poll::Pending,
        })
    }

    /// Reads all values of each answer, and not its first alone: see [`AckFuture::all_values`](super::AckFuture::all_values).
    pub fn all_values(self) -> Self {
        Self {
            read: all_values,
            ..self
        }
    }
}

impl<T: DeserializeOwned> Future for AcksFuture<T> {
    type Output = Result<Vec<(SocketId, Result<T>)>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let AcksState::Waiting(wait) = &mut self.state {
            self.state = ready!(AcksState::poll_ended(wait, cx));
        }
        let state = std::mem::replace(&mut self.state, AcksState::Failed(None));
        Poll::Ready(match state {
            AcksState::Ended(outcomes, time, missing) if missing.is_empty() => {
                let read = |outcome| read_outcome(&outcome, time, self.read);
                Ok(outcomes.map(read).collect())
            }
            AcksState::Ended(outcomes, time, missing) => Err(PartialAnswer::new(missing)
                .with_answers(outcomes.collect(), time)
                .into_error()),
            AcksState::Failed(error) => error.map_or(Ok(Vec::new()), Err),
            AcksState::Waiting(_) => return Poll::Pending,
        })
    }
}

impl<T> fmt::Debug for AcksFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcksFuture").finish_non_exhaustive()
    }
}

// No `T` is in it: the answers are read when they have arrived.
impl<T> Unpin for AcksFuture<T> {}
