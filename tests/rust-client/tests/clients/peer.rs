//! A client of either kind, and what it was told.

use std::sync::mpsc::{Receiver, Sender, channel};

use koio_rust_client::{PATIENCE, Server};
use rust_socketio::{Error, Event, Payload, TransportType};
use serde_json::Value;

/// What a client was told: an event and what came with it.
pub(crate) type Told = (Event, Payload);

/// How a client connects.
pub(crate) struct Options {
    pub(crate) url: String,
    pub(crate) way: TransportType,
    pub(crate) namespace: &'static str,
    pub(crate) auth: Option<Value>,
    pub(crate) reconnect_on_disconnect: bool,
}

impl Options {
    pub(crate) fn new(server: &Server, way: TransportType) -> Self {
        Self {
            url: server.url(),
            way,
            namespace: "/",
            auth: None,
            reconnect_on_disconnect: false,
        }
    }

    pub(crate) fn namespace(self, namespace: &'static str) -> Self {
        Self { namespace, ..self }
    }

    pub(crate) fn auth(self, auth: Value) -> Self {
        let auth = Some(auth);
        Self { auth, ..self }
    }

    pub(crate) fn reconnect_on_disconnect(self) -> Self {
        let reconnect_on_disconnect = true;
        Self {
            reconnect_on_disconnect,
            ..self
        }
    }
}

/// What the asynchronous and the blocking client have in common.
pub(crate) trait Client: Sized {
    /// Connects, and passes on whatever it is told.
    fn connect(options: Options, told: Sender<Told>) -> Result<Self, Box<Error>>;
    fn emit(&self, event: &str, payload: Payload) -> Result<(), Box<Error>>;
    /// Emits with an acknowledgement, and passes on what the callback gets.
    fn ask(&self, event: &str, payload: Payload, answer: Sender<Payload>)
    -> Result<(), Box<Error>>;
    fn disconnect(&self) -> Result<(), Box<Error>>;
}

pub(crate) struct Peer<C> {
    pub(crate) client: C,
    told: Receiver<Told>,
}

impl<C: Client> Peer<C> {
    /// A client whose CONNECT has been answered.
    pub(crate) fn connect(options: Options) -> Self {
        let mut peer = Self::begin(options);
        peer.hear(Event::Connect);
        peer
    }

    /// A client that has sent CONNECT.
    pub(crate) fn begin(options: Options) -> Self {
        let (sender, told) = channel();
        let client = C::connect(options, sender).expect("a connection");
        Self { client, told }
    }

    /// What comes next.
    pub(crate) fn next(&mut self) -> Told {
        let next = self.told.recv_timeout(PATIENCE);
        next.expect("something that the client is told")
    }

    /// What comes next, which is this event.
    pub(crate) fn hear(&mut self, event: impl Into<Event>) -> Payload {
        let (name, payload) = self.next();
        assert_eq!(name, event.into(), "{payload:?}");
        payload
    }

    /// Waits for this event, whatever comes before it.
    pub(crate) fn wait_for(&mut self, event: Event) {
        while self.next().0 != event {}
    }

    /// Whether it has been told of this event, in what it was told since it was asked the last time.
    pub(crate) fn was_told(&mut self, event: Event) -> bool {
        self.told.try_iter().any(|(name, _)| name == event)
    }

    pub(crate) fn emit(&self, event: &str, payload: impl Into<Payload>) {
        self.client
            .emit(event, payload.into())
            .expect("a connection");
    }

    /// Emits, and waits for the answer.
    pub(crate) fn ask(&self, event: &str, payload: impl Into<Payload>) -> Payload {
        let answer = self.ask_later(event, payload);
        answer.recv_timeout(PATIENCE).expect("an answer")
    }

    /// Emits, and does not wait for the answer.
    pub(crate) fn ask_later(&self, event: &str, payload: impl Into<Payload>) -> Receiver<Payload> {
        let (sender, answer) = channel();
        self.client
            .ask(event, payload.into(), sender)
            .expect("a connection");
        answer
    }
}

/// Arguments, or the one argument that is the list of an answer's.
pub(crate) fn arguments<const N: usize>(values: [Value; N]) -> Payload {
    Payload::Text(values.into())
}

/// What an answer of these values is for this client: one value, the list of them.
pub(crate) fn answer<const N: usize>(values: [Value; N]) -> Payload {
    arguments([Value::Array(values.into())])
}
