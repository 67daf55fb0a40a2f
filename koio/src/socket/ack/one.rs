//! Waiting for the answer of one client.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{sync::oneshot, time::Sleep};

use super::{
    super::{
        error::{closed, no_answer, not_sent, too_many_acks, unread},
        partial::PartialAnswer,
        socket::Socket,
    },
    ack_time::AckTime,
    all_values::all_values,
    read::first_argument,
    wait::AcksWait,
};
use crate::{
    Error, Result,
    adapter::{AckCollector, AskGuard, NoAnswer},
    wire::{self, RawArgs},
};

/// Waits for the answer to an emit; see [`Emit::emit_with_ack`](crate::emit::Emit::emit_with_ack).
#[must_use = "the answer is lost unless the future is awaited"]
pub struct AckFuture<T> {
    wait: AckWait,
    read: fn(&RawArgs) -> Result<T>,
}

enum AckWait {
    /// Taken when the future has ended.
    Failed(Option<Error>),
    Local(Box<LocalAck>),
    Remote(Box<RemoteAck>),
}

/// The answer of a socket of this node.
struct LocalAck {
    socket: Socket,
    id: u64,
    answered: oneshot::Receiver<RawArgs>,
    timer: Pin<Box<Sleep>>,
    time: AckTime,
}

/// The answer of a socket that is on another node, or nowhere.
struct RemoteAck(AcksWait);

impl LocalAck {
    fn send(
        socket: &Socket,
        event: &str,
        args: &impl Serialize,
        uncompressed: bool,
        time: AckTime,
    ) -> Result<Self> {
        let namespace = socket.live_namespace();
        let id = namespace.next_ack();
        let mut draft =
            wire::event_draft(&namespace.name, Some(id), event, args).map_err(not_sent)?;
        if uncompressed {
            draft.leave_uncompressed();
        }
        let limit = socket.core().config().pending_acks;
        // Before it is sent: another thread may resolve the answer at once.
        let answered = socket
            .acks()
            .wait(id, limit, || socket.is_closed())
            .map_err(|why| match why {
                NoAnswer::Full => too_many_acks(limit),
                why => no_answer(why, time),
            })?;
        if let Err(error) = socket.deliver_now(draft) {
            socket.acks().forget(id);
            return Err(error);
        }
        socket.sent(event);
        Ok(Self {
            socket: socket.clone(),
            id,
            answered,
            timer: Box::pin(tokio::time::sleep(time.duration())),
            time,
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<RawArgs>> {
        // `answered` before `timer`: an answer that came in time counts, even if this is polled late.
        if let Poll::Ready(answered) = Pin::new(&mut self.answered).poll(cx) {
            return Poll::Ready(answered.map_err(|_| no_answer(NoAnswer::Disconnected, self.time)));
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Err(match self.socket.unread() {
            Some(waiting) => unread(waiting, self.socket.core().config().read_ahead, self.time),
            None => no_answer(NoAnswer::Late, self.time),
        }))
    }
}

impl Drop for LocalAck {
    fn drop(&mut self) {
        self.socket.acks().forget(self.id);
    }
}

impl RemoteAck {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<RawArgs>> {
        let (time, wait) = (self.0.time, &mut self.0);
        // The first outcome ends the wait, since one node only has the socket.
        if let Poll::Ready(Some((_, answer))) = wait.answers.poll_next(cx) {
            return Poll::Ready(answer.map_err(|why| no_answer(why, time)));
        }
        let (outcomes, missing) = ready!(wait.poll_end(cx));
        Poll::Ready(match outcomes.into_iter().next() {
            Some((_, answer)) => answer.map_err(|why| no_answer(why, time)),
            None if missing.is_empty() => Err(closed()),
            None => Err(PartialAnswer::new(missing).into_error()),
        })
    }
}

impl<T: DeserializeOwned> AckFuture<T> {
    fn new(wait: AckWait) -> Self {
        Self {
            wait,
            read: first_argument,
        }
    }

    pub(in crate::socket) fn failed(error: Error) -> Self {
        Self::new(AckWait::Failed(Some(error)))
    }

    /// Reads all values of the answer, and not its first alone: `T` is then a list, or a tuple of as many as the client sends.
    ///
    /// ```
    /// # use koio::{Context, Result, on};
    /// #[on("locate")]
    /// async fn locate(ctx: Context) -> Result<()> {
    ///     // callback(52.5, 13.4) in the client
    ///     let place = ctx.socket().emit_with_ack::<(f64, f64)>("where", ()).all_values();
    ///     let (north, east) = place.await?;
    ///     ctx.broadcast("at", koio::args![north, east])
    /// }
    /// ```
    #[must_use = "the answer is lost unless the future is awaited"]
    pub fn all_values(self) -> Self {
        Self {
            read: all_values,
            ..self
        }
    }

    /// Sends the event to a socket of this node.
    pub(in crate::socket) fn send(
        socket: &Socket,
        event: &str,
        args: &impl Serialize,
        uncompressed: bool,
        time: AckTime,
    ) -> Self {
        match LocalAck::send(socket, event, args, uncompressed, time) {
            Ok(ack) => Self::new(AckWait::Local(Box::new(ack))),
            Err(error) => Self::failed(error),
        }
    }

    /// The event has been sent to the nodes of the cluster, whose answers go to `answers`.
    pub(in crate::socket) fn remote(
        answers: Arc<AckCollector>,
        guard: AskGuard,
        time: AckTime,
    ) -> Self {
        let wait = AcksWait::new(answers, guard, time);
        Self::new(AckWait::Remote(Box::new(RemoteAck(wait))))
    }
}

impl<T: DeserializeOwned> Future for AckFuture<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let answer = match &mut self.wait {
            AckWait::Failed(error) => {
                let error = error.take();
                Err(error.unwrap_or_else(Error::disconnected))
            }
            AckWait::Local(ack) => ready!(ack.poll(cx)),
            AckWait::Remote(ack) => ready!(ack.poll(cx)),
        };
        self.wait = AckWait::Failed(None);
        Poll::Ready(answer.and_then(|args| (self.read)(&args)))
    }
}

impl<T> fmt::Debug for AckFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckFuture").finish_non_exhaustive()
    }
}

// No `T` is in it: the answer is read when it has arrived.
impl<T> Unpin for AckFuture<T> {}
