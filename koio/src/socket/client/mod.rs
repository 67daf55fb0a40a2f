//! One connection and its sockets: Socket.IO's part of a session's task.
//!
//! Packets come in through [`Upstream`]; what they mean is done here, in the order of arrival. PendingAcks are resolved
//! at once: a handler may be waiting for one. Events wait in their socket's queue until the handler before them
//! has finished.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use tokio::sync::futures::OwnedNotified;

use super::{
    Handshake, Namespaces, Socket,
    connection::Connection,
    driver::{Progress, SocketDriver},
    handshake::HandshakeRequest,
    io_handle::ServerCore,
};
use crate::{
    engine::{Acceptor, CloseReason, Opening, Session, Upstream},
    ids::{Sid, SocketId},
    observe::Observation,
    time::now,
    wire::{self, Assembler, Event, Incoming, Message, RawArgs},
};

/// Sockets that may be finishing (their handlers still run) beside the connected ones, before the connection
/// is not read any more.
const FINISHING: usize = 64;
/// Namespaces that the server has put this client out of, and whose late packets are therefore forgiven.
const FORGIVEN: usize = 32;

/// Takes the sessions of a Socket.IO server.
pub(crate) struct Clients {
    core: Arc<ServerCore>,
    declared: Arc<dyn Namespaces>,
}

impl Clients {
    /// `declared`: the namespaces that clients may connect to.
    pub(crate) fn new(core: Arc<ServerCore>, declared: Arc<dyn Namespaces>) -> Self {
        Self { core, declared }
    }
}

impl Acceptor for Clients {
    fn accept(&self, session: Session, opening: Opening) -> Box<dyn Upstream> {
        Box::new(Client::new(self, session, opening))
    }
}

struct Client {
    declared: Arc<dyn Namespaces>,
    connection: Arc<Connection>,
    assembler: Assembler,
    drivers: Vec<SocketDriver>,
    left: Vec<Arc<str>>,
    /// Until when a namespace must have been joined; then until when attachments must be complete.
    connect_by: Option<Instant>,
    attachments_by: Option<Instant>,
    /// Attachments are outstanding, and their packet may come.
    collecting: bool,
    /// The client broke the protocol, or the session is over: nothing it says counts any more.
    deaf: bool,
    closed: bool,
    abort: Option<Pin<Box<OwnedNotified>>>,
}

/// How a client broke the protocol.
enum Violation {
    /// Bytes that are no packet.
    Undecodable(wire::DecodeError),
    /// A packet that may not come now.
    OutOfOrder(&'static str),
}

impl From<wire::DecodeError> for Violation {
    fn from(error: wire::DecodeError) -> Self {
        Self::Undecodable(error)
    }
}

impl Client {
    fn new(clients: &Clients, session: Session, opening: Opening) -> Self {
        let core = Arc::clone(&clients.core);
        let assembler = Assembler::new(core.packets());
        // A time beyond what the clock can tell never comes.
        let connect_by = now().checked_add(core.config().connect_timeout);
        Self {
            connection: Arc::new(Connection::new(
                core,
                session,
                HandshakeRequest::new(opening),
            )),
            assembler,
            drivers: Vec::new(),
            left: Vec::new(),
            connect_by,
            attachments_by: None,
            collecting: false,
            deaf: false,
            closed: false,
            abort: None,
            declared: Arc::clone(&clients.declared),
        }
    }

    fn core(&self) -> &ServerCore {
        &self.connection.core
    }

    fn driver(&mut self, namespace: &str) -> Option<&mut SocketDriver> {
        in_namespace(&mut self.drivers, namespace)
    }

    // What is looked at here stays where it is: moving it costs more than the look.
    fn packet(&mut self, message: &mut Message, cx: &mut Context<'_>) -> Result<(), Violation> {
        let text = match message {
            Message::Text(text) if !self.assembler.is_partial() => text,
            message => {
                let incoming = self.assembler.push(std::mem::take(message))?;
                return self.incoming(incoming, cx);
            }
        };
        let header = self.assembler.header(text);
        let header = header.as_ref().map_err(|error| *error)?;
        if header.is_whole_event() {
            // Nearly all messages. The event is built where it stays, once its socket is known.
            let name = self.assembler.event_name(header, text)?;
            let namespace = header.shared_namespace(text);
            let event = || Event::new(header, name, std::mem::take(text));
            return self.event(wire::namespace_str(&namespace), event, cx);
        }
        let incoming = self.assembler.begin(header, std::mem::take(text))?;
        self.incoming(incoming, cx)
    }

    #[inline(never)]
    fn incoming(
        &mut self,
        incoming: Option<Incoming>,
        cx: &mut Context<'_>,
    ) -> Result<(), Violation> {
        self.watch_attachments()?;
        match incoming {
            None => Ok(()),
            Some(Incoming::Connect { namespace, auth }) => {
                self.connect(wire::namespace_str(&namespace), auth)?;
                self.run(cx, SocketDriver::is_startable);
                Ok(())
            }
            Some(Incoming::Disconnect { namespace }) => {
                self.disconnect(wire::namespace_str(&namespace))?;
                self.run(cx, SocketDriver::is_startable);
                Ok(())
            }
            Some(Incoming::Event { namespace, event }) => {
                self.event(wire::namespace_str(&namespace), || event, cx)
            }
            Some(Incoming::Ack {
                namespace,
                id,
                args,
            }) => self.ack(wire::namespace_str(&namespace), id, args),
            Some(Incoming::ConnectError { .. }) => {
                Err(Violation::OutOfOrder("CONNECT_ERROR comes from servers"))
            }
        }
    }

    /// A binary packet must be complete in time, and nothing is collected for a namespace that was not joined.
    fn watch_attachments(&mut self) -> Result<(), Violation> {
        let Some(namespace) = self.assembler.partial_namespace() else {
            self.collecting = false;
            self.attachments_by = None;
            return Ok(());
        };
        if std::mem::replace(&mut self.collecting, true) {
            return Ok(());
        }
        let joined =
            |driver: &SocketDriver| driver.is_open() && driver.socket().namespace() == namespace;
        if !self.drivers.iter().any(joined) && !self.is_forgiven(namespace) {
            return Err(Violation::OutOfOrder("attachments before CONNECT"));
        }
        Ok(())
    }

    fn connect(&mut self, name: &str, auth: bytes::Bytes) -> Result<(), Violation> {
        if in_namespace(&mut self.drivers, name).is_some() {
            return Err(Violation::OutOfOrder("second CONNECT"));
        }
        let refuse = |message: &str| {
            let refusal = wire::connect_error(name, message, None);
            let _ = self.connection.session.reply(refusal);
            self.core().observers.notify(&Observation::ConnectRefused {
                namespace: name,
                message,
            });
        };
        let Some(dispatch) = self.declared.open(name) else {
            refuse("Invalid namespace");
            return Ok(());
        };
        let open = self
            .drivers
            .iter()
            .filter(|driver| driver.is_open())
            .count();
        if open >= self.core().config().namespaces {
            refuse("Too many namespaces");
            return Ok(());
        }
        let Ok(id) = SocketId::random() else {
            refuse("internal error");
            return Ok(());
        };
        self.left.retain(|left| **left != *name);
        let handshake = Handshake::new(Arc::clone(&self.connection), &auth);
        let socket = self
            .core()
            .enter(name, |namespace| Socket::new(id, namespace, handshake));
        // Most clients are in one namespace; a vector left to itself would begin with room for four.
        if self.drivers.is_empty() {
            self.drivers.reserve_exact(1);
        }
        self.drivers.push(SocketDriver::new(socket, dispatch));
        Ok(())
    }

    fn disconnect(&mut self, namespace: &str) -> Result<(), Violation> {
        match self.driver(namespace) {
            Some(driver) => {
                driver.close(CloseReason::ClientNamespaceDisconnect);
                Ok(())
            }
            None => self.late(namespace, "DISCONNECT before CONNECT"),
        }
    }

    /// Gives an event to its socket. `event` builds it, and is called only if the socket takes it.
    #[inline(always)]
    fn event(
        &mut self,
        namespace: &str,
        event: impl FnOnce() -> Event,
        cx: &mut Context<'_>,
    ) -> Result<(), Violation> {
        match self.driver(namespace) {
            Some(driver) if driver.is_accepted() => {
                driver.event(&mut Some(event()), cx);
                Ok(())
            }
            _ => self.late(namespace, "event before CONNECT"),
        }
    }

    fn ack(&mut self, namespace: &str, id: u64, args: RawArgs) -> Result<(), Violation> {
        match self.driver(namespace) {
            Some(driver) => {
                if !driver.socket().acks().resolve(id, args) {
                    let socket = driver.socket().id();
                    let unexpected = Observation::UnexpectedAck { namespace, socket };
                    self.core().observers.notify(&unexpected);
                }
                Ok(())
            }
            None => self.late(namespace, "ack before CONNECT"),
        }
    }

    /// A packet for a namespace that this client is not in. If it was the server that put it out, the client
    /// could not know: the packet is dropped. Otherwise it broke the protocol.
    fn late(&self, namespace: &str, what: &'static str) -> Result<(), Violation> {
        if self.is_forgiven(namespace) {
            self.core()
                .observers
                .notify(&Observation::LateEvent { namespace });
            return Ok(());
        }
        Err(Violation::OutOfOrder(what))
    }

    fn is_forgiven(&self, namespace: &str) -> bool {
        self.left.iter().any(|left| **left == *namespace)
    }

    fn protocol_error(&self, sid: Sid, cause: fmt::Arguments<'_>) {
        self.core()
            .observers
            .notify(&Observation::ProtocolError { sid, cause });
    }

    fn violation(&mut self, violation: &Violation) {
        self.deaf = true;
        let sid = self.connection.session.sid();
        let reason = match violation {
            Violation::Undecodable(error) => {
                self.protocol_error(
                    sid,
                    format_args!(
                        "undecodable packet: {error}. Is the other side a Socket.IO 5 client?"
                    ),
                );
                CloseReason::ForcedClose
            }
            Violation::OutOfOrder(what) => {
                self.protocol_error(sid, format_args!("packet out of order: {what}"));
                CloseReason::ForcedServerClose
            }
        };
        self.connection.session.close(reason);
    }

    /// Does what handlers and other tasks have asked of this connection; false if that was nothing.
    fn asked(&mut self) -> bool {
        let Some(asks) = self.connection.take() else {
            return false;
        };
        for (socket, reason) in asks.closing {
            if self.left.len() < FORGIVEN {
                self.left.push(Arc::clone(&socket.live_namespace().name));
            }
            if let Some(driver) = self
                .drivers
                .iter_mut()
                .find(|driver| *driver.socket() == socket)
            {
                driver.close(reason);
            }
        }
        if asks.leave_all && !self.closed {
            self.deaf = true;
            let reason = CloseReason::ServerNamespaceDisconnect;
            for driver in self
                .drivers
                .iter_mut()
                .filter(|driver| driver.is_accepted())
            {
                let socket = driver.socket();
                if socket.close() {
                    socket.reply(wire::disconnect(socket.namespace()));
                }
                driver.close(reason);
            }
            self.connection.session.close(reason);
        }
        true
    }

    fn look_at_deadlines(&mut self) {
        if self.closed {
            return;
        }
        if self.connect_by.is_some() && self.drivers.iter().any(SocketDriver::was_accepted) {
            self.connect_by = None;
        }
        let due = |by: &mut Option<Instant>| by.take_if(|by| now() >= *by).is_some();
        if due(&mut self.connect_by) {
            self.violation(&Violation::OutOfOrder("no CONNECT in time"));
        }
        // Most binary packets are complete before anybody looks at a clock.
        if self.collecting && !self.deaf && self.attachments_by.is_none() {
            let time = self.core().config().attachments_timeout;
            self.attachments_by = now().checked_add(time);
        }
        if due(&mut self.attachments_by) {
            let kind = wire::DecodeErrorKind::Attachments;
            self.violation(&Violation::Undecodable(wire::DecodeError::new(kind, 0)));
        }
    }

    /// Runs those of the sockets that are meant, and drops those that have ended.
    fn run(&mut self, cx: &mut Context<'_>, which: impl Fn(&SocketDriver) -> bool) {
        let core = &self.connection.core;
        let (grace, observers) = (core.config().handler_grace, &core.observers);
        self.drivers.retain_mut(|driver| {
            !which(driver) || driver.poll(cx, observers, grace) == Progress::Running
        });
        if self.drivers.is_empty() {
            self.drivers = Vec::new();
        }
    }

    /// Whether the server is out of patience with handlers that outlive a shutdown.
    fn is_aborted(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.closed {
            return false;
        }
        let core = &self.connection.core;
        let next = || Box::pin(Arc::clone(&core.abort).notified_owned());
        let abort = self.abort.get_or_insert_with(next);
        let aborted = abort.as_mut().poll(cx).is_ready();
        if aborted {
            // The word is said again, for disconnect handlers that take too long in their turn.
            *abort = next();
            let _ = abort.as_mut().poll(cx);
        }
        aborted
    }
}

impl Upstream for Client {
    fn on_message(&mut self, mut message: Message, cx: &mut Context<'_>) {
        if self.deaf {
            return;
        }
        // A handler's `disconnect` comes before whatever the client said after it.
        if self.asked() {
            self.run(cx, SocketDriver::is_startable);
        }
        if let Err(violation) = self.packet(&mut message, cx) {
            self.violation(&violation);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.asked();
        self.assembler.detach();
        self.look_at_deadlines();
        self.run(cx, |_| true);
        // Most have nothing left to do when they end, and need not listen for it.
        if !self.drivers.is_empty() && self.is_aborted(cx) {
            let observers = &self.connection.core.observers;
            self.drivers.retain_mut(|driver| driver.give_up(observers));
            self.run(cx, |_| true);
        }
        self.drivers.iter_mut().for_each(SocketDriver::tidy);
        let idle = self.drivers.iter().all(SocketDriver::is_idle);
        if idle { Poll::Ready(()) } else { Poll::Pending }
    }

    fn deadline(&self) -> Option<Instant> {
        [self.connect_by, self.attachments_by]
            .into_iter()
            .flatten()
            .min()
    }

    fn is_full(&self) -> bool {
        // AskedSocket for every message, and nearly always nothing waits: then no limit is looked up.
        if self.drivers.len() <= FINISHING && !self.drivers.iter().any(SocketDriver::has_queue) {
            return false;
        }
        let config = self.core().config();
        self.drivers.len() >= config.namespaces + FINISHING
            || self.drivers.iter().any(|driver| driver.is_full(config))
    }

    fn on_close(&mut self, reason: CloseReason) {
        // Whoever was put out before this was not put out by it.
        self.asked();
        if reason == CloseReason::SlowConsumer {
            let sid = self.connection.session.sid();
            self.core()
                .observers
                .notify(&Observation::SlowConsumer { sid });
        }
        self.deaf = true;
        self.closed = true;
        self.connect_by = None;
        self.attachments_by = None;
        for driver in &mut self.drivers {
            driver.close(reason);
        }
    }
}

fn in_namespace<'a>(
    drivers: &'a mut [SocketDriver],
    namespace: &str,
) -> Option<&'a mut SocketDriver> {
    drivers
        .iter_mut()
        .find(|driver| driver.is_open() && driver.socket().namespace() == namespace)
}

#[cfg(test)]
mod tests;
