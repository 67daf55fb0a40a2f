//! Waiting for the answers of many clients to one event.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use serde::de::DeserializeOwned;
use tokio::{sync::oneshot, time::Sleep};

use super::{
    super::{Socket, socket::refused},
    one::{disconnected, first, late, no_wait},
};
use crate::{Result, SocketId, engine::SendError, wire::RawArgs};

/// Waits for the answers to an emit; see [`Emit::emit_with_acks`](crate::emit::Emit::emit_with_acks).
#[must_use = "the answers are lost if nobody waits for them"]
pub struct AcksFuture<T> {
    asked: Result<Vec<AskedSocket>>,
    /// The first of them that may still answer.
    at: usize,
    timer: Option<Pin<Box<Sleep>>>,
    answer: PhantomData<fn() -> T>,
}

/// One who was asked, and what came of it.
pub(in crate::socket) struct AskedSocket {
    socket: Socket,
    id: u64,
    answer: PeerAnswer,
}

enum PeerAnswer {
    Waiting(oneshot::Receiver<RawArgs>),
    Come(Result<RawArgs>),
}

impl AskedSocket {
    /// Asks one, by `send`, and waits for the answer.
    pub(in crate::socket) fn new(
        socket: &Socket,
        id: u64,
        limit: usize,
        send: impl FnOnce() -> Result<(), SendError>,
    ) -> Self {
        // Waited for before it is sent: the answer may come from another thread at once.
        let waiting = socket.acks().wait(id, limit).map_err(no_wait);
        let answer = waiting.and_then(|waiting| {
            send().map_err(refused)?;
            Ok(waiting)
        });
        Self {
            socket: socket.clone(),
            id,
            answer: answer.map_or_else(|error| PeerAnswer::Come(Err(error)), PeerAnswer::Waiting),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let PeerAnswer::Waiting(waiting) = &mut self.answer {
            let answer = ready!(Pin::new(waiting).poll(cx));
            self.answer = PeerAnswer::Come(answer.map_err(|_| disconnected()));
        }
        Poll::Ready(())
    }

    /// What has come by now.
    fn take<T: DeserializeOwned>(&mut self) -> (SocketId, Result<T>) {
        let none = PeerAnswer::Come(Err(late()));
        let answer = match std::mem::replace(&mut self.answer, none) {
            PeerAnswer::Come(answer) => answer,
            PeerAnswer::Waiting(mut waiting) => match waiting.try_recv() {
                Ok(args) => Ok(args),
                Err(oneshot::error::TryRecvError::Empty) => Err(late()),
                Err(oneshot::error::TryRecvError::Closed) => Err(disconnected()),
            },
        };
        (self.socket.id(), answer.and_then(|args| first(&args)))
    }
}

impl Drop for AskedSocket {
    fn drop(&mut self) {
        self.socket.acks().forget(self.id);
    }
}

impl<T> AcksFuture<T> {
    pub(in crate::socket) fn new(asked: Result<Vec<AskedSocket>>, timeout: Duration) -> Self {
        let anybody = asked.as_ref().is_ok_and(|asked| !asked.is_empty());
        Self {
            asked,
            at: 0,
            timer: anybody.then(|| Box::pin(tokio::time::sleep(timeout))),
            answer: PhantomData,
        }
    }
}

impl<T: DeserializeOwned> Future for AcksFuture<T> {
    type Output = Result<Vec<(SocketId, Result<T>)>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let (Ok(asked), Some(timer)) = (&mut this.asked, &mut this.timer) {
            // Whoever is waited for wakes this; the others may answer meanwhile and are found when it is their turn.
            while let Some(next) = asked.get_mut(this.at) {
                if next.poll(cx).is_ready() {
                    this.at += 1;
                } else {
                    ready!(timer.as_mut().poll(cx));
                    break;
                }
            }
        }
        let asked = std::mem::replace(&mut this.asked, Ok(Vec::new()));
        Poll::Ready(asked.map(|mut asked| asked.iter_mut().map(AskedSocket::take).collect()))
    }
}

impl<T> fmt::Debug for AcksFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcksFuture").finish_non_exhaustive()
    }
}

// The answers are made when all have come: nothing of `T` is in here.
impl<T> Unpin for AcksFuture<T> {}
