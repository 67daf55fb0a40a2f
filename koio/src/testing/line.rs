//! What a client sends and receives on a connection, whatever its transport, and the sockets on it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
};

use super::decoder::{Decoder, ServerPacket};
use crate::{
    Error, Result,
    engine::TransportKind,
    wire::{DecodeError, EnginePacket, Frame, Message, Parser, RawArgs},
};

/// What a client's tasks are to send.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A packet.
    Packet(Frame),
    /// Goes away.
    Close,
    /// The transport changes.
    Stop,
}

/// What has happened to a socket of a client.
#[derive(Debug)]
pub(super) enum Happening {
    Event { ack: Option<u64>, list: RawArgs },
    Disconnected(Disconnected),
}

/// How a client's socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnected {
    pub(super) reason: &'static str,
    pub(super) close_code: Option<u16>,
}

impl Disconnected {
    /// The server has disconnected the client from the namespace.
    pub(super) const BY_SERVER: Self = Self::because("io server disconnect");
    /// The test has left the namespace.
    pub(super) const BY_CLIENT: Self = Self::because("io client disconnect");
    pub(super) const TRANSPORT_CLOSE: Self = Self::because("transport close");
    pub(super) const TRANSPORT_ERROR: Self = Self::because("transport error");
    pub(super) const PARSE_ERROR: Self = Self::because("parse error");

    const fn because(reason: &'static str) -> Self {
        let close_code = None;
        Self { reason, close_code }
    }

    /// The word that the official client has for it: `io server disconnect` (the server disconnected the socket),
    /// `io client disconnect` (the test did), `transport close` (the connection ended), `transport error` (a request was
    /// refused), `parse error` (the server sent what is no packet).
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// The code with which the server closed the WebSocket, if it gave one.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        self.close_code
    }
}

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)?;
        match self.close_code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

/// What the [`TestClient`](super::TestClient)s of a connection share with the tasks that drive it.
#[derive(Clone, Debug)]
pub(super) struct Line(Arc<SharedLine>);

/// A [`Line`] as a [`ReceivedEvent`](super::ReceivedEvent) has it: an event that is kept does not keep the connection.
#[derive(Clone, Debug, Default)]
pub(super) struct WeakLine(Weak<SharedLine>);

#[derive(Debug)]
struct SharedLine {
    outgoing: mpsc::UnboundedSender<Outgoing>,
    state: Mutex<LineState>,
}

#[derive(Debug)]
struct LineState {
    transport: TransportKind,
    decoder: Decoder,
    sockets: HashMap<String, SocketState>,
    tasks: Vec<AbortHandle>,
    ended: Option<Disconnected>,
}

#[derive(Debug)]
struct SocketState {
    /// Until CONNECT is answered.
    connecting: Option<oneshot::Sender<Result<String>>>,
    happenings: mpsc::UnboundedSender<Happening>,
    asked: HashMap<u64, oneshot::Sender<Result<RawArgs>>>,
    next_ask: u64,
}

/// The client's ends of a socket's channels.
pub(super) struct Ends {
    pub(super) connected: oneshot::Receiver<Result<String>>,
    pub(super) happenings: mpsc::UnboundedReceiver<Happening>,
}

impl Line {
    /// To a server with this parser.
    pub(super) fn new(
        transport: TransportKind,
        parser: Parser,
    ) -> (Self, mpsc::UnboundedReceiver<Outgoing>) {
        let (outgoing, sending) = mpsc::unbounded_channel();
        let state = LineState {
            transport,
            decoder: Decoder::of(parser),
            sockets: HashMap::new(),
            tasks: Vec::new(),
            ended: None,
        };
        let state = Mutex::new(state);
        (Self(Arc::new(SharedLine { outgoing, state })), sending)
    }

    pub(super) fn downgrade(&self) -> WeakLine {
        WeakLine(Arc::downgrade(&self.0))
    }

    pub(super) fn transport(&self) -> TransportKind {
        self.0.state.lock().transport
    }

    /// The tasks that drive the connection from here on.
    pub(super) fn driven_by(&self, transport: TransportKind, tasks: Vec<AbortHandle>) {
        let mut state = self.0.state.lock();
        state.transport = transport;
        if state.ended.is_some() {
            tasks.iter().for_each(AbortHandle::abort);
        }
        state.tasks = tasks;
    }

    /// Asks for a namespace.
    ///
    /// # Errors
    /// The connection has ended, or has a socket in that namespace; the parser can't say the data.
    pub(super) fn connect(&self, namespace: &str, auth: &str) -> Result<Ends> {
        let (answer, connected) = oneshot::channel();
        let (sender, happenings) = mpsc::unbounded_channel();
        let mut state = self.0.state.lock();
        state.still_open()?;
        if state.sockets.contains_key(namespace) {
            return Err(Error::new(
                "connected",
                format!("this connection has a socket in `{namespace}` already"),
            ));
        }
        let connect = Frame::message(&connect_message(namespace, auth));
        let connect = state.spoken(&connect, namespace)?;
        let socket = SocketState {
            connecting: Some(answer),
            happenings: sender,
            asked: HashMap::new(),
            next_ask: 0,
        };
        state.sockets.insert(namespace.to_owned(), socket);
        drop(state);
        self.outgoing(Outgoing::Packet(connect));
        Ok(Ends {
            connected,
            happenings,
        })
    }

    /// Sends a packet of a namespace that the client is in.
    pub(super) fn send(&self, namespace: &str, packet: Frame) -> Result<()> {
        let mut state = self.0.state.lock();
        state.socket(namespace)?;
        let packet = state.spoken(&packet, namespace)?;
        drop(state);
        self.outgoing(Outgoing::Packet(packet));
        Ok(())
    }

    /// Sends an event, made by `packet` for its ack id, and returns where its answer comes.
    pub(super) fn ask(
        &self,
        namespace: &str,
        packet: impl FnOnce(u64) -> Result<Frame>,
    ) -> Result<oneshot::Receiver<Result<RawArgs>>> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.0.state.lock();
        let id = state.socket(namespace)?.next_ask;
        let packet = state.spoken(&packet(id)?, namespace)?;
        let socket = state.socket(namespace)?;
        socket.next_ask += 1;
        socket.asked.insert(id, answer);
        drop(state);
        self.outgoing(Outgoing::Packet(packet));
        Ok(answered)
    }

    /// Leaves a namespace.
    pub(super) fn leave(&self, namespace: &str, packet: Frame) -> Result<()> {
        self.send(namespace, packet)?;
        let mut state = self.0.state.lock();
        if let Some(socket) = state.sockets.remove(namespace) {
            socket.end(Disconnected::BY_CLIENT);
        }
        Ok(())
    }

    pub(super) fn outgoing(&self, outgoing: Outgoing) {
        // An error: the tasks have ended with the connection, as `send` and `ask` say.
        let _ = self.0.outgoing.send(outgoing);
    }

    /// Whether the client is in the namespace.
    pub(super) fn is_in(&self, namespace: &str) -> bool {
        let state = self.0.state.lock();
        let socket = state.sockets.get(namespace);
        socket.is_some_and(|socket| socket.connecting.is_none())
    }

    /// The connection has ended.
    pub(super) fn end(&self, why: Disconnected) {
        let mut state = self.0.state.lock();
        if state.ended.is_some() {
            return;
        }
        state.ended = Some(why);
        let sockets = std::mem::take(&mut state.sockets);
        let tasks = std::mem::take(&mut state.tasks);
        drop(state);
        sockets.into_values().for_each(|socket| socket.end(why));
        tasks.iter().for_each(AbortHandle::abort);
    }

    /// A packet of Engine.IO that came.
    pub(super) fn packet(&self, packet: Result<EnginePacket, DecodeError>) {
        match packet {
            Ok(EnginePacket::Close) => self.end(Disconnected::TRANSPORT_CLOSE),
            Ok(EnginePacket::Ping(data)) => self.outgoing(Outgoing::Packet(Frame::pong(&data))),
            Ok(EnginePacket::Message(message)) => self.message(message),
            Ok(_) => {}
            Err(_) => self.end(Disconnected::PARSE_ERROR),
        }
    }

    fn message(&self, message: Message) {
        let mut state = self.0.state.lock();
        match state.decoder.push(message) {
            Ok(None) => {}
            Ok(Some((namespace, packet))) => state.happens(&namespace, packet),
            Err(error) => {
                drop(state);
                tracing::warn!(?error, "a packet of the server");
                self.end(Disconnected::PARSE_ERROR);
            }
        }
    }
}

impl WeakLine {
    /// The connection, while it has clients.
    pub(super) fn upgrade(&self) -> Result<Line> {
        self.0.upgrade().map(Line).ok_or_else(Error::closed)
    }
}

impl LineState {
    fn still_open(&self) -> Result<()> {
        match self.ended {
            Some(why) => Err(ended(why)),
            None => Ok(()),
        }
    }

    fn socket(&mut self, namespace: &str) -> Result<&mut SocketState> {
        self.still_open()?;
        let socket = self.sockets.get_mut(namespace);
        socket.ok_or_else(|| {
            Error::disconnected_because(format!("the client is not in `{namespace}`"))
        })
    }

    /// A packet as the server speaks it.
    fn spoken(&self, packet: &Frame, namespace: &str) -> Result<Frame> {
        let spoken = self.decoder.parser().frame(packet, namespace)?;
        Ok(spoken.into_owned())
    }

    fn happens(&mut self, namespace: &str, packet: ServerPacket) {
        let Some(socket) = self.sockets.get_mut(namespace) else {
            // It has left, and the server did not know yet.
            return;
        };
        match packet {
            ServerPacket::Connected { id } => {
                if let Some(connecting) = socket.connecting.take() {
                    // An error: the test waits no more.
                    let _ = connecting.send(Ok(id));
                }
            }
            ServerPacket::Refused(error) => {
                if let Some(socket) = self.sockets.remove(namespace)
                    && let Some(connecting) = socket.connecting
                {
                    let _ = connecting.send(Err(error));
                }
            }
            ServerPacket::Left => {
                if let Some(socket) = self.sockets.remove(namespace) {
                    socket.end(Disconnected::BY_SERVER);
                }
            }
            ServerPacket::Event { ack, list } => {
                let _ = socket.happenings.send(Happening::Event { ack, list });
            }
            ServerPacket::Answer { id, list } => {
                if let Some(asked) = socket.asked.remove(&id) {
                    let _ = asked.send(Ok(list));
                }
            }
        }
    }
}

impl SocketState {
    fn end(self, why: Disconnected) {
        if let Some(connecting) = self.connecting {
            let _ = connecting.send(Err(ended(why)));
            return;
        }
        for asked in self.asked.into_values() {
            let _ = asked.send(Err(ended(why)));
        }
        let _ = self.happenings.send(Happening::Disconnected(why));
    }
}

/// CONNECT. `auth` is JSON, or empty.
pub(super) fn connect_message(namespace: &str, auth: &str) -> Message {
    let connect = match namespace {
        "/" => format!("0{auth}"),
        name => format!("0{name},{auth}"),
    };
    Message::Text(connect.into())
}

/// The error of what a client that is gone can't do.
fn ended(why: Disconnected) -> Error {
    Error::disconnected_because(format!("the client was disconnected: {why}"))
}
