//! The traits through which the socket layer calls the router above it.

use std::{fmt, future::Future, pin::Pin, sync::atomic::Ordering, task::Context};

use super::{concurrency::Concurrency, socket::Socket};
use crate::{Error, engine::CloseReason, observe::Observation, wire::Event};

/// A handler under way, which the session's task polls.
pub(crate) type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The server's namespaces. One for the whole server.
pub(crate) trait Namespaces: Send + Sync + 'static {
    /// The [`Dispatch`] of one socket in this namespace; `None` if clients may not connect to it.
    fn open(&self, name: &str) -> Option<Box<dyn Dispatch>>;
}

/// Runs the handlers of one socket, in the session's task. They start in the order of arrival, and run one at a time
/// unless [`limit`](Self::limit) says otherwise.
pub(crate) trait Dispatch: Send {
    /// The client asks to connect. A future that ends without an answer refuses.
    fn connect(&mut self, socket: &Socket, accept: Accept) -> BoxFuture;
    /// Takes `event` out of the `Option`, starts its handler and polls it once. Returns `None` if it has completed,
    /// else the future to drive.
    fn event(
        &mut self,
        socket: &Socket,
        event: &mut Option<Event>,
        cx: &mut Context<'_>,
    ) -> Option<BoxFuture>;
    /// Whether there are events with a [`limit`](Self::limit) above one.
    fn may_overlap(&self) -> bool {
        false
    }
    /// How many events of the socket may run while this one does, itself included. Not asked if none
    /// [may overlap](Self::may_overlap).
    fn limit(&self, event: &Event) -> Concurrency {
        let _ = event;
        Concurrency::ONE
    }
    /// The event of the handler that started last, for the log.
    fn latest(&self) -> &'static str {
        "connection"
    }
    /// The socket had been accepted, and is closed.
    fn disconnect(&mut self, socket: &Socket, reason: CloseReason) -> BoxFuture;
    /// The session's task has nothing more to do for now: frees what an idle socket does not need.
    fn on_idle(&mut self) {}
}

/// Answers a CONNECT, once. The answer is kept in the socket, so this is as big as a [`Socket`].
#[derive(Clone)]
pub(crate) struct Accept(Socket);

impl Accept {
    /// The value in a new socket.
    const PENDING: u8 = 0;
    const ACCEPTED: u8 = 1;
    const REFUSED: u8 = 2;

    pub(crate) fn new(socket: Socket) -> Self {
        Self(socket)
    }

    fn answer(&self, answer: u8) -> bool {
        let order = Ordering::AcqRel;
        self.0
            .connect_answer()
            .compare_exchange(Self::PENDING, answer, order, Ordering::Acquire)
            .is_ok()
    }

    /// Answers CONNECT. From here on the socket receives what is sent to its rooms. False if the connection has
    /// closed, or an answer has been given.
    pub(crate) fn accept(&self) -> bool {
        let socket = &self.0;
        if !socket.is_open() || !self.answer(Self::ACCEPTED) {
            return false;
        }
        let opened = socket.open();
        if !opened {
            // The session has closed meanwhile. The connection handler does not run, so neither does the disconnect
            // handler.
            self.0
                .connect_answer()
                .store(Self::REFUSED, Ordering::Release);
            return false;
        }
        socket.observers().notify(&Observation::Connected {
            namespace: socket.namespace(),
            socket: socket.id(),
        });
        true
    }

    /// Answers CONNECT_ERROR, unless the client has left the namespace meanwhile: it may have sent another CONNECT, and
    /// would take this for its answer. False if an answer has been given.
    pub(crate) fn refuse(&self, error: &Error) -> bool {
        let socket = &self.0;
        if !self.answer(Self::REFUSED) {
            return false;
        }
        if socket.is_open() {
            let (refusal, message) = socket.refusal(error);
            socket.reply(refusal);
            socket.observers().notify(&Observation::ConnectRefused {
                namespace: socket.namespace(),
                message,
            });
        }
        true
    }

    /// Whether this socket's CONNECT was answered with CONNECT.
    pub(super) fn was_given_to(socket: &Socket) -> bool {
        socket.connect_answer().load(Ordering::Acquire) == Self::ACCEPTED
    }

    /// Whether this socket's CONNECT was answered.
    pub(super) fn was_answered(socket: &Socket) -> bool {
        socket.connect_answer().load(Ordering::Acquire) != Self::PENDING
    }

    pub(crate) fn is_answered(&self) -> bool {
        Self::was_answered(&self.0)
    }

    pub(crate) fn is_accepted(&self) -> bool {
        Self::was_given_to(&self.0)
    }
}

impl fmt::Debug for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accept")
            .field("answered", &self.is_answered())
            .finish_non_exhaustive()
    }
}
