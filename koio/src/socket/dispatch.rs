//! The doors from a server and from a socket to the router above them.

use std::{fmt, future::Future, pin::Pin, sync::atomic::Ordering, task::Context};

use serde_json::value::RawValue;

use super::Socket;
use crate::{
    engine::CloseReason,
    observe::Observation,
    wire::{self, Event},
};

/// What the session's task runs for a socket.
pub(crate) type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The server's namespaces. One for the whole server.
pub(crate) trait Namespaces: Send + Sync + 'static {
    /// What serves one socket in this namespace; nothing if there is no such namespace.
    fn open(&self, name: &str) -> Option<Box<dyn Dispatch>>;
}

/// What is done about what a client sends: one value for each socket. The session's task polls one of these futures at
/// a time, in the order of arrival.
pub(crate) trait Dispatch: Send {
    /// The client asks to connect. A future that ends without an answer refuses.
    fn connect(&mut self, socket: &Socket, accept: Accept) -> BoxFuture;
    /// An event has arrived. It is run as far as it goes at once, and nothing is left of one that is done. It is taken
    /// out of where it lies, so that it is moved once on its way.
    fn event(
        &mut self,
        socket: &Socket,
        event: &mut Option<Event>,
        cx: &mut Context<'_>,
    ) -> Option<BoxFuture>;
    /// The socket had been accepted, and is closed.
    fn disconnect(&mut self, socket: &Socket, reason: CloseReason) -> BoxFuture;
    /// A turn is over: gives back what an idle socket does not need.
    fn rest(&mut self) {}
}

/// The answer to a CONNECT, given once. It is kept with the socket, so that nothing is left of this but a reference
/// to that.
#[derive(Clone)]
pub(crate) struct Accept(Socket);

impl Accept {
    pub(super) const PENDING: u8 = 0;
    pub(super) const ACCEPTED: u8 = 1;
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

    /// Answers CONNECT. From here on the socket receives what is sent to its rooms. False if the connection is
    /// gone, or an answer has been given.
    pub(crate) fn accept(&self) -> bool {
        let socket = &self.0;
        if !socket.is_open() || !self.answer(Self::ACCEPTED) {
            return false;
        }
        let connected = wire::connect(socket.namespace(), socket.id().as_str());
        let opened = socket.open(connected);
        if !opened {
            // The session was closed in this very moment. No connection handler runs, so nobody is to hear of a
            // disconnect either.
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

    /// Answers CONNECT_ERROR. A client that has left meanwhile hears nothing: it may have asked anew, and would
    /// take this for the answer to that.
    pub(crate) fn refuse(&self, message: &str, data: Option<Box<RawValue>>) {
        let socket = &self.0;
        if self.answer(Self::REFUSED) && socket.is_open() {
            let data = data.as_ref().map(|data| data.get().as_bytes());
            let refusal = wire::connect_error(socket.namespace(), message, data);
            socket.reply(refusal);
            socket.observers().notify(&Observation::ConnectRefused {
                namespace: socket.namespace(),
                message,
            });
        }
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.0.is_answered()
    }

    pub(crate) fn is_accepted(&self) -> bool {
        self.0.was_accepted()
    }
}

impl fmt::Debug for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accept")
            .field("answered", &self.is_answered())
            .finish_non_exhaustive()
    }
}
