//! Random clients, and a simple model of what must become of what they send.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use tokio::{sync::oneshot, task::coop::unconstrained};

use super::{
    tests::{opening, scene_with},
    *,
};
use crate::{
    engine::TransportKind,
    socket::{Accept, BoxFuture, Dispatch, Namespaces, SocketConfig},
    wire::Frame,
};

const LIMITS: (usize, usize, usize) = (3, 2_000, 4_000);
/// The longest event, and what it counts.
const LONGEST: usize = 1_500;
const COST: usize = LONGEST + 300;

/// Lets everybody in. A handler finishes when the test says so, or at once.
#[derive(Clone, Default)]
struct Handlers(Arc<Mutex<Running>>);

#[derive(Default)]
struct Running {
    /// The numbers of the events that began, by socket.
    begun: HashMap<String, Vec<usize>>,
    running: VecDeque<(String, oneshot::Sender<()>)>,
    disconnected: Vec<String>,
}

impl Namespaces for Handlers {
    fn open(&self, _: &str) -> Option<Box<dyn Dispatch>> {
        Some(Box::new(self.clone()))
    }
}

impl Dispatch for Handlers {
    fn connect(&mut self, _: &Socket, accept: Accept) -> BoxFuture {
        Box::pin(async move {
            accept.accept();
        })
    }

    fn event(
        &mut self,
        socket: &Socket,
        event: &mut Option<Event>,
        cx: &mut Context<'_>,
    ) -> Option<BoxFuture> {
        let event = event.take().unwrap();
        let (number, _) = event
            .args
            .reader()
            .next::<(usize, bool)>()
            .unwrap()
            .unwrap();
        let slow = event.name() == "slow";
        let id = socket.id().to_string();
        let mut state = self.0.lock().unwrap();
        assert!(
            state.running.iter().all(|(running, _)| *running != id),
            "two at once"
        );
        state.begun.entry(id.clone()).or_default().push(number);
        if !slow {
            return None;
        }
        let (finish, finished) = oneshot::channel();
        state.running.push_back((id, finish));
        // The test is one task, whose budget would be used up.
        let mut running: BoxFuture = Box::pin(unconstrained(async move {
            let _ = finished.await;
        }));
        assert!(running.as_mut().poll(cx).is_pending());
        Some(running)
    }

    fn disconnect(&mut self, socket: &Socket, _: CloseReason) -> BoxFuture {
        let mut state = self.0.lock().unwrap();
        state.disconnected.push(socket.id().to_string());
        Box::pin(async {})
    }
}

/// One client, whose task the test plays.
struct Play {
    client: Client,
    handlers: Handlers,
    /// What each socket was sent, by its id; the last of a namespace is the open one.
    sent: HashMap<String, Vec<usize>>,
    open: HashMap<&'static str, String>,
    next: usize,
}

const NAMESPACES: [&str; 2] = ["/a", "/b"];

impl Play {
    fn new() -> Self {
        let (event_queue, event_queue_bytes, read_ahead) = LIMITS;
        let scene = scene_with(SocketConfig {
            event_queue,
            event_queue_bytes,
            read_ahead,
            ..SocketConfig::default()
        });
        let handlers = Handlers::default();
        let clients = Clients::new(Arc::clone(&scene.core), Arc::new(handlers.clone()), None);
        Self {
            client: Client::new(&clients, scene.session.clone(), opening()),
            handlers,
            sent: HashMap::new(),
            open: HashMap::new(),
            next: 0,
        }
    }

    fn send(&mut self, text: &str) {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let message = Message::Text(text.to_owned().into());
        self.client.on_message(message, &mut cx);
        assert!(!self.client.ignores_packets, "{text}");
    }

    fn poll(&mut self) -> Poll<()> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        self.client.poll(&mut cx)
    }

    fn event(&mut self, namespace: &'static str, slow: bool, bytes: usize) {
        let number = self.next;
        self.next += 1;
        let name = if slow { "slow" } else { "fast" };
        let padding = " ".repeat(bytes);
        self.send(&format!(
            r#"2{namespace},["{name}",[{number},{padding}true]]"#
        ));
        let id = &self.open[namespace];
        self.sent.get_mut(id).unwrap().push(number);
    }

    fn connect(&mut self, namespace: &'static str) {
        self.send(&format!("0{namespace},"));
        let id = self.client.driver(namespace).unwrap().socket().id();
        self.open.insert(namespace, id.to_string());
        self.sent.insert(id.to_string(), Vec::new());
    }

    fn begun(&self) -> usize {
        let state = self.handlers.0.lock().unwrap();
        state.begun.values().map(Vec::len).sum()
    }

    fn finish_one(&mut self, index: usize) {
        let mut state = self.handlers.0.lock().unwrap();
        if !state.running.is_empty() {
            let index = index % state.running.len();
            let (_, finish) = state.running.remove(index).unwrap();
            finish.send(()).unwrap();
        }
    }

    /// What began is the beginning of what was sent, and what waits is within the bounds.
    fn check(&mut self, stopped: bool) {
        let state = self.handlers.0.lock().unwrap();
        for (id, begun) in &state.begun {
            assert!(self.sent[id].starts_with(begun), "{begun:?}");
        }
        let waiting: usize = self.sent.values().map(Vec::len).sum::<usize>()
            - state.begun.values().map(Vec::len).sum::<usize>();
        drop(state);
        let config = self.client.connection.core.config();
        let drivers = self.client.drivers.iter_mut();
        let parked: usize = drivers.map(|driver| driver.parked_bytes(config)).sum();
        assert!(parked < config.read_ahead + COST, "{parked} bytes parked");
        assert_eq!(stopped, parked >= config.read_ahead);
        let most = self.client.drivers.len() * config.event_queue + LIMITS.2 / 200 + 1;
        assert!(waiting <= most, "{waiting} events wait");
    }

    /// The client reads all that it was sent.
    fn fetch(&mut self) {
        let session = self.client.connection.session.clone();
        drop(session.shared().outbox.take_all());
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_a_client_sends_and_whenever_handlers_finish_order_and_bounds_are_kept() {
    for seed in 0..150 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut play = Play::new();
        let mut unread = false;
        for _ in 0..200 {
            let namespace = *random.choice(&NAMESPACES).unwrap();
            let is_open = play.open.contains_key(namespace);
            // As the session's task: a message is given only while there is room.
            let full = play.client.is_full(unread);
            let (begun, was_unread) = (play.begun(), unread);
            match random.u8(..12) {
                0..=5 if is_open && !full => {
                    let bytes = if random.bool() {
                        0
                    } else {
                        random.usize(..LONGEST)
                    };
                    play.event(namespace, random.u8(..3) > 0, bytes);
                }
                0..=5 if !is_open && !full => play.connect(namespace),
                6 if is_open && !full => {
                    play.send(&format!("3{namespace},999[]"));
                }
                7 if is_open && !full && random.bool() => {
                    play.send(&format!("1{namespace},"));
                    play.open.remove(namespace);
                }
                8 | 9 => play.finish_one(random.usize(..8)),
                10 => {
                    unread = random.bool();
                    play.fetch();
                    if unread {
                        let heavy = Message::Text(vec![b'x'; 2 << 20].into());
                        let session = &play.client.connection.session;
                        session.send_frame(&Frame::message(&heavy)).unwrap();
                        assert!(session.is_above_mark());
                    }
                }
                _ => {
                    let _ = play.poll();
                }
            }
            if was_unread && unread {
                assert_eq!(play.begun(), begun, "the client does not read");
            }
            let stopped = play.client.is_full(unread);
            play.check(stopped);
            assert_eq!(play.client.connection.unread().is_some(), stopped);
        }
        // Nothing is lost: in the end all of it has begun, and what left has been told so.
        play.fetch();
        let left = play.sent.len() - play.open.len();
        for _ in 0..20_000 {
            play.finish_one(0);
            if play.poll().is_ready() {
                break;
            }
        }
        assert!(play.poll().is_ready(), "seed {seed}");
        let state = play.handlers.0.lock().unwrap();
        for (id, sent) in &play.sent {
            let begun = state.begun.get(id).cloned().unwrap_or_default();
            assert_eq!(*sent, begun, "seed {seed}");
        }
        assert_eq!(state.disconnected.len(), left);
        drop(state);
        assert!(!play.client.is_full(false));
        assert_eq!(
            play.client.connection.session.transport(),
            TransportKind::Polling
        );
    }
}
