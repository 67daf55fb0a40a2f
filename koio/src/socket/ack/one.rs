//! Waiting for the answer of one client.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{sync::oneshot, time::Sleep};

use super::{
    super::{
        Socket,
        emit::not_sent,
        socket::{closed, refused},
    },
    pending::AckRefused,
};
use crate::{
    Error, Result,
    engine::SendError,
    wire::{self, RawArgs},
};

/// Waits for the answer to an emit; see [`Emit::emit_with_ack`](crate::emit::Emit::emit_with_ack).
#[must_use = "the answer is lost if nobody waits for it"]
pub struct AckFuture<T> {
    state: AckWait,
    answer: PhantomData<fn() -> T>,
}

enum AckWait {
    Failed(Option<Error>),
    Waiting(Box<WaitingAck>),
}

struct WaitingAck {
    socket: Socket,
    id: u64,
    answered: oneshot::Receiver<RawArgs>,
    timer: Pin<Box<Sleep>>,
}

impl<T: DeserializeOwned> AckFuture<T> {
    pub(in crate::socket) fn failed(error: Error) -> Self {
        Self {
            state: AckWait::Failed(Some(error)),
            answer: PhantomData,
        }
    }

    pub(in crate::socket) fn send(
        socket: &Socket,
        event: &str,
        args: &impl Serialize,
        timeout: Duration,
    ) -> Self {
        match Self::try_send(socket, event, args, timeout) {
            Ok(waiting) => Self {
                state: AckWait::Waiting(Box::new(waiting)),
                answer: PhantomData,
            },
            Err(error) => Self::failed(error),
        }
    }

    fn try_send(
        socket: &Socket,
        event: &str,
        args: &impl Serialize,
        timeout: Duration,
    ) -> Result<WaitingAck> {
        let namespace = socket.live_namespace();
        let id = namespace.next_ack();
        let draft = wire::event_draft(&namespace.name, Some(id), event, args).map_err(not_sent)?;
        let limit = socket.io().core().config().pending_acks;
        // Waited for before it is sent: the answer may come from another thread at once.
        let answered = socket.acks().wait(id, limit).map_err(no_wait)?;
        if let Err(error) = socket.deliver(draft) {
            socket.acks().forget(id);
            return Err(error);
        }
        socket.sent(event);
        Ok(WaitingAck {
            socket: socket.clone(),
            id,
            answered,
            timer: Box::pin(tokio::time::sleep(timeout)),
        })
    }
}

impl<T: DeserializeOwned> Future for AckFuture<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let waiting = match &mut self.state {
            AckWait::Failed(error) => {
                let error = error.take();
                return Poll::Ready(Err(error.unwrap_or_else(disconnected)));
            }
            AckWait::Waiting(waiting) => waiting,
        };
        // The answer before the deadline: one that came in time is not late because this was polled late.
        let result = match Pin::new(&mut waiting.answered).poll(cx) {
            Poll::Ready(Ok(args)) => first(&args),
            Poll::Ready(Err(_)) => Err(disconnected()),
            Poll::Pending => match waiting.timer.as_mut().poll(cx) {
                Poll::Ready(()) => Err(late()),
                Poll::Pending => return Poll::Pending,
            },
        };
        self.state = AckWait::Failed(None);
        Poll::Ready(result)
    }
}

/// The first argument of an answer.
pub(in crate::socket) fn first<T: DeserializeOwned>(args: &RawArgs) -> Result<T> {
    let mut reader = args.reader();
    reader
        .next_or_null()
        .map_err(|error| Error::bad_request(format!("the client's answer: {error}")).hide())
}

pub(in crate::socket) fn disconnected() -> Error {
    Error::disconnected()
}

pub(in crate::socket) fn late() -> Error {
    Error::timeout("the client did not answer in time")
}

/// Why nobody can wait for an answer.
pub(in crate::socket) fn no_wait(why: AckRefused) -> Error {
    match why {
        AckRefused::Closed => closed(),
        AckRefused::Full => refused(SendError::Full),
    }
}

impl Drop for WaitingAck {
    fn drop(&mut self) {
        self.socket.acks().forget(self.id);
    }
}

impl<T> fmt::Debug for AckFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckFuture").finish_non_exhaustive()
    }
}

// The answer is made when it has arrived: nothing of `T` is in here.
impl<T> Unpin for AckFuture<T> {}
