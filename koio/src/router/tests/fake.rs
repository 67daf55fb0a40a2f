//! A server without a network: packets go in by hand, and the packets for the client come out.
//!
//! The socket is a real one, of a real connection. [`CapturingDispatch`] captures what the socket layer dispatches, so
//! that a test decides when the event table under test gets it.

use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use std::task::{Context as TaskContext, Poll, Waker};

use serde_json::Value;

use crate::ids::Sid;
use crate::router::Setup;
use crate::socket::SocketConfig;
use crate::{
    CloseReason, Socket,
    engine::{Acceptor as _, Engine, EngineConfig, Opening, Session, TransportKind, Upstream},
    router::EventTable,
    socket::{Accept, BoxFuture, Clients, Dispatch, Namespaces, ServerCore},
    wire::{Event, Message},
};

/// Notes that several handlers and middlewares write into.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn add(&self, note: impl ToString) {
        self.0.lock().unwrap().push(note.to_string());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// What the socket layer has dispatched, until the test takes it.
#[derive(Default)]
struct Captured {
    connected: Mutex<Option<(Socket, Accept)>>,
    /// The connection handler has finished: events may come.
    open: AtomicBool,
    event: Mutex<Option<Event>>,
}

struct CapturingDispatch(Arc<Captured>);

impl Namespaces for CapturingDispatch {
    fn open(&self, _: &str) -> Option<Box<dyn Dispatch>> {
        Some(Box::new(Self(Arc::clone(&self.0))))
    }
}

impl Dispatch for CapturingDispatch {
    fn connect(&mut self, socket: &Socket, accept: Accept) -> BoxFuture {
        *self.0.connected.lock().unwrap() = Some((socket.clone(), accept));
        let captured = Arc::clone(&self.0);
        Box::pin(std::future::poll_fn(move |_| {
            if captured.open.load(Ordering::Acquire) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }))
    }

    fn event(
        &mut self,
        _: &Socket,
        event: &mut Option<Event>,
        _: &mut TaskContext<'_>,
    ) -> Option<BoxFuture> {
        *self.0.event.lock().unwrap() = event.take();
        None
    }

    fn disconnect(&mut self, _: &Socket, _: CloseReason) -> BoxFuture {
        Box::pin(async {})
    }
}

/// A frozen setup and one socket in it.
pub(crate) struct Server {
    table: Arc<EventTable>,
    /// The event table's part of the socket.
    dispatch: Mutex<Box<dyn Dispatch>>,
    pub(crate) socket: Socket,
    accept: Accept,
    captured: Arc<Captured>,
    session: Session,
    upstream: Mutex<Box<dyn Upstream>>,
    received: Mutex<Vec<String>>,
    /// The next event that asks for an acknowledgement, from 0.
    ids: AtomicU64,
}

impl Server {
    pub(crate) fn start(setup: Setup) -> Self {
        Self::start_in("/", setup)
    }

    pub(crate) fn start_in(namespace: &str, setup: Setup) -> Self {
        Self::start_with(namespace, "{}", setup)
    }

    pub(crate) fn start_with(namespace: &str, auth: &str, setup: Setup) -> Self {
        let table = setup.freeze(&SocketConfig::default()).unwrap();
        let captured = Arc::new(Captured::default());
        let core = ServerCore::new();
        let clients = || {
            Clients::new(
                Arc::clone(&core),
                Arc::new(CapturingDispatch(Arc::clone(&captured))),
                None,
            )
        };
        let config = EngineConfig::default();
        let engine = Engine::new(config.clone(), Arc::new(clients())).unwrap();
        core.start(SocketConfig::default(), &engine);
        let session = Session::new(
            Sid::random().unwrap(),
            &config,
            TransportKind::WebSocket,
            crate::wire::Revision::Four,
            None,
        );
        let uri = http::Uri::from_static("/socket.io/?member=1");
        let opening = Opening::new(
            &http::HeaderMap::new(),
            &uri,
            None,
            TransportKind::WebSocket,
        );
        let mut upstream = clients().accept(session.clone(), opening);
        push(&mut *upstream, format!("0{namespace},{auth}"));
        let (socket, accept) = captured.connected.lock().unwrap().clone().unwrap();
        Self {
            dispatch: Mutex::new(table.open(namespace).unwrap()),
            table,
            socket,
            accept,
            captured,
            session,
            upstream: Mutex::new(upstream),
            received: Mutex::default(),
            ids: AtomicU64::new(0),
        }
    }

    /// Sends an event. Returns the answer: the one argument of the acknowledgement, all of them as a list if
    /// they are not one, `None` if there was no acknowledgement.
    pub(crate) async fn ask(&self, event: &str, args: Value) -> Option<Value> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        self.event(event, &text(&args), Some(id)).await;
        self.answer_to(id)
    }

    /// Sends arguments that may be no JSON.
    pub(crate) async fn ask_raw(&self, event: &str, args: &str) -> Option<Value> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        self.event(event, args, Some(id)).await;
        self.answer_to(id)
    }

    /// Sends an event without asking for an acknowledgement.
    pub(crate) async fn tell(&self, event: &str, args: Value) {
        self.event(event, &text(&args), None).await;
    }

    async fn event(&self, event: &str, args: &str, ack: Option<u64>) {
        let event = {
            if !self.accept.is_answered() {
                assert!(self.accept.accept());
                self.session.shared().outbox.pop();
            }
            self.captured.open.store(true, Ordering::Release);
            let id = ack.map(|id| id.to_string()).unwrap_or_default();
            let packet = format!("2{},{id}[\"{event}\"{args}]", self.socket.namespace());
            push(&mut **self.upstream.lock().unwrap(), packet);
            self.captured
                .event
                .lock()
                .unwrap()
                .take()
                .expect("the event arrived")
        };
        let mut event = Some(event);
        let started = std::future::poll_fn(|cx| {
            Poll::Ready(self.dispatch().event(&self.socket, &mut event, cx))
        });
        if let Some(running) = started.await {
            running.await;
        }
    }

    fn dispatch(&self) -> MutexGuard<'_, Box<dyn Dispatch>> {
        self.dispatch.lock().unwrap()
    }

    /// The one answer to the event with this number.
    pub(crate) fn answer_to(&self, id: u64) -> Option<Value> {
        let prefix = format!("ack {id} ");
        let received = self.received();
        let mut answers = received
            .iter()
            .filter_map(|line| line.strip_prefix(&prefix));
        let answer = answers
            .next()
            .map(|answer| serde_json::from_str(answer).unwrap());
        assert_eq!(answers.next(), None, "more than one answer");
        match answer {
            Some(Value::Array(mut one)) if one.len() == 1 => one.pop(),
            answer => answer,
        }
    }

    /// Connects. Returns what the client has received.
    pub(crate) async fn connect(&self) -> Vec<String> {
        let accept = self.accept.clone();
        let connecting = self.dispatch().connect(&self.socket, accept);
        connecting.await;
        self.received()
    }

    pub(crate) async fn disconnect(&self) {
        let reason = CloseReason::TransportClose;
        let leaving = self.dispatch().disconnect(&self.socket, reason);
        leaving.await;
    }

    pub(crate) fn has_namespace(&self, namespace: &str) -> bool {
        self.table.open(namespace).is_some()
    }

    /// How often the client was found to break the protocol.
    pub(crate) fn protocol_errors(&self) -> u64 {
        self.socket.observers().counts().protocol_errors
    }

    /// Everything that the client has received.
    pub(crate) fn received(&self) -> Vec<String> {
        let mut received = self.received.lock().unwrap();
        while let Some(frame) = self.session.shared().outbox.pop() {
            received.extend(frame.parts().map(|part| {
                let packet = String::from_utf8(part.payload.to_vec()).unwrap();
                readable(&packet, self.socket.namespace())
            }));
        }
        received.clone()
    }
}

fn push(upstream: &mut dyn Upstream, packet: String) {
    let cx = &mut TaskContext::from_waker(Waker::noop());
    upstream.on_message(Message::Text(packet.into()), cx);
    let _ = upstream.poll(cx);
}

/// The arguments, with a comma in front of each.
fn text(args: &Value) -> String {
    let Value::Array(args) = args else {
        panic!("arguments are a list")
    };
    args.iter().map(|arg| format!(",{arg}")).collect()
}

/// A packet in words.
fn readable(packet: &str, namespace: &str) -> String {
    let (kind, rest) = packet.split_at(2);
    let rest = rest.strip_prefix(&format!("{namespace},")).unwrap_or(rest);
    match kind {
        "40" => "accepted".to_owned(),
        "41" => "disconnect".to_owned(),
        "43" => {
            let (id, args) = rest.split_at(rest.find('[').unwrap());
            format!("ack {id} {args}")
        }
        "44" => {
            let refusal: Value = serde_json::from_str(rest).unwrap();
            let message = refusal["message"].as_str().unwrap();
            match refusal.get("data") {
                Some(data) => format!("refused: {message} {data}"),
                None => format!("refused: {message}"),
            }
        }
        _ => packet.to_owned(),
    }
}
