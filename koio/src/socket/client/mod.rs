//! One connection and its sockets: Socket.IO's part of a session's task.
//!
//! Packets come in through [`Upstream`] and are handled in the order of arrival. Acks are resolved at once, since a
//! running handler may wait for one. Events wait in their socket's queue until the handler before them has finished, and
//! while the client does not read what it is sent.

mod connect;
mod connect_of_2;
mod deadlines;
mod extras;
mod of_2;
mod parse;
mod read_ahead;
mod refused;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use tokio::sync::futures::OwnedNotified;

use self::{
    deadlines::ClientDeadlines,
    extras::ClientExtras,
    of_2::{ClientOf2, without_query},
};
use super::{
    connection::Connection,
    dispatch::Namespaces,
    driver::{Progress, SocketDriver},
    handshake::HandshakeRequest,
    recovery::{ExpiredHook, ensure_swept},
    server_core::ServerCore,
    socket::Socket,
};
use crate::{
    engine::{Acceptor, CloseReason, Opening, Session, Upstream},
    observe::{Observation, Observers},
    time::{after, now},
    wire::{self, Assembler, Event, Incoming, Message, Parser, RawArgs},
};

/// The number of closed sockets whose handlers still run, beyond the limit of `namespaces`, at which the connection is
/// not read.
const MAX_FINISHING: usize = 64;

/// Takes the sessions of a Socket.IO server.
pub(crate) struct Clients {
    core: Arc<ServerCore<Socket>>,
    shared: Arc<ClientsShared>,
}

/// What belongs to the program, and may hold a handle of the server: no socket holds it.
struct ClientsShared {
    declared: Arc<dyn Namespaces>,
    on_expired: Option<ExpiredHook>,
}

impl Clients {
    /// `declared`: the namespaces that clients may connect to. `on_expired` is called with sessions whose clients do not come
    /// back.
    pub(crate) fn new(
        core: Arc<ServerCore<Socket>>,
        declared: Arc<dyn Namespaces>,
        on_expired: Option<ExpiredHook>,
    ) -> Self {
        let shared = ClientsShared {
            declared,
            on_expired,
        };
        Self {
            core,
            shared: Arc::new(shared),
        }
    }
}

impl Acceptor for Clients {
    fn accept(&self, session: Session, opening: Opening) -> Box<dyn Upstream> {
        Box::new(Client::new(self, session, opening))
    }

    fn reports_connected(&self) -> bool {
        true
    }
}

struct Client {
    shared: Arc<ClientsShared>,
    connection: Arc<Connection<Socket>>,
    assembler: Assembler,
    drivers: Vec<SocketDriver>,
    extras: Option<Box<ClientExtras>>,
    deadlines: ClientDeadlines,
    /// Also in the server's core. Here for each message.
    parser: Parser,
    /// Set if the client is of Socket.IO 2 (or 1).
    old: Option<ClientOf2>,
    /// A binary packet has begun and its attachments are outstanding.
    collecting: bool,
    /// The client broke the protocol, or the session is over: packets are dropped.
    ignores_packets: bool,
    /// The server disconnects the client: packets are dropped, and CONNECT is refused.
    leaving: bool,
    /// The server shuts down: no event is started any more, and no namespace entered.
    draining: bool,
    closed: bool,
    /// Reading has stopped for `read_ahead`.
    stopped: bool,
    /// Waits for the deadline of a shutdown; allocated once the session is over.
    abort: Option<Pin<Box<OwnedNotified>>>,
}

/// How a client broke the protocol.
enum ProtocolViolation {
    /// Bytes that are no packet.
    Undecodable(wire::DecodeError),
    /// A packet of another parser than the server's.
    #[cfg(any(test, feature = "msgpack"))]
    OtherParser(&'static str),
    /// A packet that may not come now.
    OutOfOrder(&'static str),
}

impl From<wire::DecodeError> for ProtocolViolation {
    fn from(error: wire::DecodeError) -> Self {
        Self::Undecodable(error)
    }
}

impl Client {
    fn new(clients: &Clients, session: Session, opening: Opening) -> Self {
        let core = Arc::clone(&clients.core);
        let assembler = Assembler::new(core.packets());
        let parser = core.parser();
        let connect_by = after(core.config().connect_timeout);
        let old = session.revision().is_three().then(ClientOf2::default);
        Self {
            connection: Arc::new(Connection::new(
                core,
                session,
                HandshakeRequest::new(opening),
            )),
            assembler,
            drivers: Vec::new(),
            extras: None,
            deadlines: ClientDeadlines::new(Some(connect_by)),
            parser,
            old,
            collecting: false,
            ignores_packets: false,
            leaving: false,
            draining: false,
            closed: false,
            stopped: false,
            abort: None,
            shared: Arc::clone(&clients.shared),
        }
    }

    fn core(&self) -> &ServerCore<Socket> {
        &self.connection.core
    }

    fn observers(&self) -> &Observers {
        &self.core().local.observers
    }

    fn driver(&mut self, namespace: &str) -> Option<&mut SocketDriver> {
        in_namespace(&mut self.drivers, namespace)
    }

    // `header` is borrowed and the event passed on in an `Option`: a value larger than a register that is moved right
    // after it was written costs a store-forwarding stall (`docs/performance.md`: 16 in flight, 3,080 -> 2,820
    // instructions).
    fn packet(
        &mut self,
        message: &mut Message,
        cx: &mut Context<'_>,
    ) -> Result<(), ProtocolViolation> {
        let text = match message {
            Message::Text(text) if self.parser == Parser::Json && !self.assembler.is_partial() => {
                text
            }
            message => {
                let incoming = self.assemble(std::mem::take(message))?;
                return self.incoming(incoming, cx);
            }
        };
        let header = self.assembler.header(text);
        let header = header.as_ref().map_err(|error| *error)?;
        if header.is_whole_event() {
            // Nearly all packets. The event is built once its socket is known.
            let name = self.assembler.event_name(header, text)?;
            let namespace = header.shared_namespace(text);
            let is_misnamed = self.is_misnamed(name.0.len());
            let event = || Event::new(header, name, std::mem::take(text));
            if is_misnamed {
                return self.misnamed_event(self.name_of(&namespace), &event());
            }
            return self.event(self.name_of(&namespace), event, cx);
        }
        let incoming = self.assembler.begin(header, std::mem::take(text))?;
        self.incoming(incoming, cx)
    }

    #[inline(never)]
    fn incoming(
        &mut self,
        incoming: Option<Incoming>,
        cx: &mut Context<'_>,
    ) -> Result<(), ProtocolViolation> {
        self.watch_attachments()?;
        match incoming {
            None => Ok(()),
            // Without an answer: the client asks again when it has found a server that stays.
            Some(Incoming::Connect { .. }) if self.draining => Ok(()),
            Some(Incoming::Connect { namespace, auth }) => {
                let namespace = wire::namespace_str(&namespace);
                if self.old.is_some() {
                    return self.connect_of_2(namespace, cx);
                }
                self.connect(namespace, &auth)?;
                self.run(cx, SocketDriver::is_startable);
                self.await_decision(namespace);
                Ok(())
            }
            Some(Incoming::Disconnect { namespace }) => {
                self.disconnect(self.name_of(&namespace))?;
                self.run(cx, SocketDriver::is_startable);
                Ok(())
            }
            Some(Incoming::Event { namespace, event }) if self.is_misnamed(event.name_len()) => {
                self.misnamed_event(self.name_of(&namespace), &event)
            }
            Some(Incoming::Event { namespace, event }) => {
                self.event(self.name_of(&namespace), || event, cx)
            }
            Some(Incoming::Ack {
                namespace,
                id,
                args,
            }) => self.ack(self.name_of(&namespace), id, args),
            Some(Incoming::ConnectError { .. }) => Err(ProtocolViolation::OutOfOrder(
                "CONNECT_ERROR comes from servers",
            )),
        }
    }

    /// Refuses attachments for a namespace that the client is not in.
    fn watch_attachments(&mut self) -> Result<(), ProtocolViolation> {
        let Some(namespace) = self.assembler.partial_namespace() else {
            self.collecting = false;
            return Ok(());
        };
        if std::mem::replace(&mut self.collecting, true) {
            return Ok(());
        }
        let namespace = match self.old {
            None => namespace,
            Some(_) => without_query(namespace),
        };
        let joined =
            |driver: &SocketDriver| driver.is_open() && driver.socket().namespace() == namespace;
        if !self.drivers.iter().any(joined) && !self.draining && !self.has_left(namespace) {
            return Err(ProtocolViolation::OutOfOrder("attachments before CONNECT"));
        }
        Ok(())
    }

    fn event(
        &mut self,
        namespace: &str,
        event: impl FnOnce() -> Event,
        cx: &mut Context<'_>,
    ) -> Result<(), ProtocolViolation> {
        let draining = self.draining;
        match self.driver(namespace) {
            // A client need not wait for the answer to its CONNECT: until then its events wait, too.
            Some(driver) => {
                if draining {
                    driver.drop_events(1);
                    return Ok(());
                }
                driver.event(&mut Some(event()), cx);
                Ok(())
            }
            None => self.late_packet(namespace, "event before CONNECT"),
        }
    }

    fn ack(&mut self, namespace: &str, id: u64, args: RawArgs) -> Result<(), ProtocolViolation> {
        match self.driver(namespace) {
            Some(driver) => {
                if !driver.socket().acks().resolve(id, args) {
                    let socket = driver.socket().id();
                    self.observers()
                        .notify(&Observation::UnexpectedAck { namespace, socket });
                }
                Ok(())
            }
            None => self.late_packet(namespace, "ack before CONNECT"),
        }
    }

    pub(super) fn check_deadlines(&mut self) {
        if self.closed {
            return;
        }
        if self.deadlines.connect.is_some() && self.drivers.iter().any(SocketDriver::was_accepted) {
            self.deadlines.connect = None;
            self.connection.session.set_connected(true);
            ensure_swept(&self.connection.core, self.shared.on_expired.as_ref());
        }
        // A client whose CONNECT is undecided has sent it.
        if self.undecided().is_empty() && self.deadlines.connect_is_over(now) {
            let time = self.core().config().connect_timeout;
            let words = format!("no CONNECT in {time:?} (connect_timeout)");
            self.protocol_error(format_args!("{words}"));
            self.ignores_packets = true;
            let reason = CloseReason::ForcedServerClose;
            self.connection.session.close_because(reason, &words);
        }
    }

    /// Whether the deadline of a shutdown has passed while handlers still run.
    pub(super) fn is_aborted(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.closed {
            return false;
        }
        let core = &self.connection.core;
        let next = || Box::pin(Arc::clone(&core.abort).notified_owned());
        let abort = self.abort.get_or_insert_with(next);
        let aborted = abort.as_mut().poll(cx).is_ready();
        if aborted {
            // Re-armed: `abort` is notified again for disconnect handlers past the deadline.
            *abort = next();
            let _ = abort.as_mut().poll(cx);
        }
        aborted
    }

    /// Polls the drivers that `which` selects, and removes those that have ended.
    fn run(&mut self, cx: &mut Context<'_>, which: impl Fn(&SocketDriver) -> bool) {
        let core = &self.connection.core;
        let (grace, observers) = (core.config().handler_grace, &core.local.observers);
        let mut refused = Vec::new();
        self.drivers.retain_mut(|driver| {
            let stays = !which(driver) || driver.poll(cx, observers, grace) == Progress::Running;
            if !stays && driver.was_refused() {
                refused.push(Arc::clone(&driver.socket().live_namespace().name));
            }
            stays
        });
        for namespace in refused {
            self.note_left(&namespace);
        }
        if self.drivers.is_empty() {
            self.drivers = Vec::new();
            if self.deadlines.connect.is_none() && !self.closed {
                self.last_socket_left();
            }
        }
    }

    /// The client is in no namespace any more: it has the time of a new one to connect again.
    #[cold]
    fn last_socket_left(&mut self) {
        self.connection.session.set_connected(false);
        self.deadlines.connect = Some(after(self.core().config().connect_timeout));
    }
}

impl Upstream for Client {
    fn on_message(&mut self, mut message: Message, cx: &mut Context<'_>) {
        if self.ignores_packets {
            return;
        }
        if self.old.is_some() {
            self.enter_root(cx);
        }
        // A handler that has called `disconnect` did so before this packet came.
        if self.take_close_requests() {
            self.run(cx, SocketDriver::is_startable);
        }
        if self.leaving {
            self.refuse_connect(message);
            return;
        }
        if let Err(violation) = self.packet(&mut message, cx) {
            self.violation(&violation);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.take_close_requests();
        if self.old.is_some() {
            self.enter_root(cx);
        }
        self.leave();
        self.assembler.detach();
        self.check_deadlines();
        self.run(cx, |_| true);
        // Behind the middleware, which may have been woken while the server stood still.
        if self.refuse_undecided() {
            self.run(cx, |_| true);
        }
        // Most connections have no driver left when they close, so `abort` is not even allocated.
        if !self.drivers.is_empty() && self.is_aborted(cx) {
            let observers = &self.connection.core.local.observers;
            self.drivers.retain_mut(|driver| driver.give_up(observers));
            self.run(cx, |_| true);
        }
        self.drivers.iter_mut().for_each(SocketDriver::on_idle);
        let idle = self.drivers.iter().all(SocketDriver::is_idle);
        if idle { Poll::Ready(()) } else { Poll::Pending }
    }

    fn deadline(&self) -> Option<Instant> {
        // Without the session's own deadline while a CONNECT is undecided.
        let undecided = self.undecided().iter().map(|(_, by)| *by).min();
        undecided.or_else(|| self.deadlines.next())
    }

    /// Whether or not the client reads: events are not started while it does not, and nothing else that it sends is answered
    /// but CONNECT. Those answers end it at `send_queue_hard`.
    fn is_full(&mut self, _above_mark: bool) -> bool {
        // Called for every message; usually no event is queued, and the limits are not looked up.
        let is_quiet = self.drivers.len() <= MAX_FINISHING
            && !self.stopped
            && !self.drivers.iter().any(SocketDriver::has_queue);
        !is_quiet && self.must_stop_reading()
    }

    fn would_start(&self) -> bool {
        self.drivers.iter().any(SocketDriver::would_start)
    }

    fn arriving(&self) -> Option<usize> {
        self.assembler.arrived().filter(|_| !self.ignores_packets)
    }

    fn drain(&mut self) {
        self.take_close_requests();
        self.draining = true;
        self.drivers.iter_mut().for_each(SocketDriver::drain);
    }

    fn is_drained(&self) -> bool {
        self.drivers.iter().all(SocketDriver::is_drained)
    }

    fn on_close(&mut self, reason: CloseReason) {
        // Sockets that were disconnected before this keep that as their reason.
        self.take_close_requests();
        if reason == CloseReason::SlowConsumer {
            let session = &self.connection.session;
            let cause = session.slow_cause();
            self.observers().notify(&Observation::SlowConsumer {
                sid: session.sid(),
                limit: cause.limit(),
                cause: format_args!("{cause}"),
            });
        }
        self.ignores_packets = true;
        self.closed = true;
        self.deadlines.clear();
        self.change_extras(|extras| extras.undecided.clear());
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
mod order_tests;
#[cfg(test)]
mod tests;
