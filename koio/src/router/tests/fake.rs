//! A server without a network: events go in by hand, answers come out as JSON.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use serde_json::Value;

use crate::{
    CloseReason, Setup, Socket,
    router::Routes,
    socket::{Accept, Dispatch, Event},
    wire::RawArgs,
};

/// Notes that several handlers and middlewares write into.
#[derive(Clone, Default)]
pub(super) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(super) fn add(&self, note: impl ToString) {
        self.0.lock().unwrap().push(note.to_string());
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A frozen setup and one socket in it.
pub(super) struct Server {
    routes: Arc<Routes>,
    /// The next event that asks for an acknowledgement, from 0.
    ids: AtomicU64,
    pub(super) socket: Socket,
}

impl Server {
    pub(super) fn start(setup: Setup) -> Self {
        Self::start_in("/", setup)
    }

    pub(super) fn start_in(namespace: &str, setup: Setup) -> Self {
        Self::start_with(namespace, "{}", setup)
    }

    pub(super) fn start_with(namespace: &str, auth: &str, setup: Setup) -> Self {
        Self {
            routes: setup.freeze().unwrap(),
            ids: AtomicU64::new(0),
            socket: Socket::stub(namespace, auth),
        }
    }

    /// Sends an event and gives the arguments of the acknowledgement; `None` if none was sent.
    pub(super) async fn ask(&self, event: &str, args: Value) -> Option<Value> {
        self.ask_raw(event, args, false).await
    }

    pub(super) async fn ask_raw(&self, event: &str, args: Value, broken: bool) -> Option<Value> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        self.event(event, args, broken, Some(id)).await;
        self.answer_to(id)
    }

    /// Sends an event without asking for an acknowledgement.
    pub(super) async fn tell(&self, event: &str, args: Value) {
        self.event(event, args, false, None).await;
    }

    async fn event(&self, event: &str, args: Value, broken: bool, ack: Option<u64>) {
        let Value::Array(args) = args else {
            panic!("arguments are an array")
        };
        let args = RawArgs(Arc::new(args), broken);
        let event = Event {
            name: event.into(),
            args,
            ack,
        };
        self.routes.event(self.socket.clone(), event).await;
    }

    /// The one answer to the event with this number.
    pub(super) fn answer_to(&self, id: u64) -> Option<Value> {
        let prefix = format!("ack {id} ");
        let told = self.told();
        let mut answers = told.iter().filter_map(|line| line.strip_prefix(&prefix));
        let answer = answers
            .next()
            .map(|answer| serde_json::from_str(answer).unwrap());
        assert_eq!(answers.next(), None, "more than one answer");
        answer
    }

    /// Connects, and gives what the client and the socket were told.
    pub(super) async fn connect(&self) -> Vec<String> {
        let accept = Accept(Arc::default(), self.socket.clone());
        self.routes.connect(self.socket.clone(), accept).await;
        self.told()
    }

    pub(super) async fn disconnect(&self) {
        self.routes
            .disconnect(self.socket.clone(), CloseReason::TransportClose)
            .await;
    }

    pub(super) fn has_namespace(&self, namespace: &str) -> bool {
        self.routes.has_namespace(namespace)
    }

    /// Everything that the client and the socket were told.
    pub(super) fn told(&self) -> Vec<String> {
        self.socket.0.log.lock().unwrap().clone()
    }
}
