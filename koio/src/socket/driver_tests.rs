//! A driver above scripted handlers: each event is called by its limit, and runs until the test ends it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Poll, Wake, Waker},
    time::Duration,
};

use super::*;
use crate::{
    engine::{Engine, EngineConfig, Opening, Session, TransportKind},
    ids::{Sid, SocketId},
    observe::Observer,
    socket::{
        client::Clients,
        connection::Connection,
        dispatch::{BoxFuture, Namespaces},
        handshake::HandshakeRequest,
        server_core::ServerCore,
    },
    wire::{Assembler, Incoming, Message, PacketLimits},
};

#[path = "driver_model_tests.rs"]
mod model;

const GRACE: Duration = Duration::from_secs(10);

/// What the handlers do, and what they have done.
#[derive(Default)]
struct Script {
    /// The events that have started, in this order.
    started: Mutex<Vec<usize>>,
    /// The wakers of those that run, by event; polled when its number is in `ended`.
    wakers: Mutex<Vec<Option<Waker>>>,
    ended: Mutex<BTreeSet<usize>>,
    polls: AtomicUsize,
    dropped: AtomicUsize,
    /// Each wakes itself whenever it is polled.
    restless: AtomicBool,
}

impl Script {
    fn started(&self) -> Vec<usize> {
        self.started.lock().unwrap().clone()
    }

    /// Lets an event end at its next poll, and wakes it.
    fn end(&self, event: usize) {
        self.ended.lock().unwrap().insert(event);
        self.wake(event);
    }

    fn wake(&self, event: usize) {
        let waker = self.wakers.lock().unwrap()[event].clone();
        waker.unwrap().wake();
    }
}

struct Handler {
    script: Arc<Script>,
    event: usize,
}

impl Future for Handler {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.script.polls.fetch_add(1, Ordering::Relaxed);
        if self.script.ended.lock().unwrap().contains(&self.event) {
            return Poll::Ready(());
        }
        if self.script.restless.load(Ordering::Relaxed) {
            cx.waker().wake_by_ref();
        }
        let mut wakers = self.script.wakers.lock().unwrap();
        let length = wakers.len().max(self.event + 1);
        wakers.resize(length, None);
        wakers[self.event] = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.script.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// The event `7` with the argument 3 is number 3 and has the limit 7. It is called `instant` if it ends at once.
struct ScriptedDispatch(Arc<Script>);

impl Dispatch for ScriptedDispatch {
    fn connect(&mut self, _: &Socket, accept: Accept) -> BoxFuture {
        Box::pin(async move {
            accept.accept();
        })
    }

    fn event(
        &mut self,
        _: &Socket,
        event: &mut Option<Event>,
        cx: &mut Context<'_>,
    ) -> Option<BoxFuture> {
        let event = event.take().unwrap();
        let number = event.ack.unwrap() as usize;
        self.0.started.lock().unwrap().push(number);
        let mut handler = Box::pin(Handler {
            script: Arc::clone(&self.0),
            event: number,
        });
        match handler.as_mut().poll(cx) {
            Poll::Ready(()) => None,
            Poll::Pending => Some(handler),
        }
    }

    fn may_overlap(&self) -> bool {
        true
    }

    fn limit(&self, event: &Event) -> Concurrency {
        Concurrency::new(event.name().parse().unwrap()).unwrap()
    }

    fn latest(&self) -> &'static str {
        "scripted"
    }

    fn disconnect(&mut self, _: &Socket, _: CloseReason) -> BoxFuture {
        self.0.started.lock().unwrap().push(usize::MAX);
        Box::pin(Handler {
            script: Arc::clone(&self.0),
            event: DISCONNECT,
        })
    }
}

/// The number of the disconnect handler, as one that runs.
const DISCONNECT: usize = 0;

struct Nowhere;

impl Namespaces for Nowhere {
    fn open(&self, _: &str) -> Option<Box<dyn Dispatch>> {
        None
    }
}

/// Counts how often the session's task is woken.
#[derive(Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connected socket in the hands of its driver.
struct Scene {
    script: Arc<Script>,
    driver: SocketDriver,
    task: Arc<Task>,
    core: Arc<ServerCore<Socket>>,
    _engine: Engine,
}

fn scene() -> Scene {
    let core = ServerCore::new();
    let clients = Clients::new(Arc::clone(&core), Arc::new(Nowhere), None);
    let config = EngineConfig::default();
    let engine = Engine::new(config.clone(), Arc::new(clients)).unwrap();
    core.start(
        SocketConfig {
            event_queue: 2_000,
            ..SocketConfig::default()
        },
        &engine,
    );
    let kind = TransportKind::WebSocket;
    let session = Session::new(
        Sid::random().unwrap(),
        &config,
        kind,
        crate::wire::Revision::Four,
        None,
    );
    let opening = Opening::new(&Default::default(), &Default::default(), None, kind);
    let connection = Connection::new(Arc::clone(&core), session, HandshakeRequest::new(opening));
    let (id, connection) = (SocketId::random().unwrap(), Arc::new(connection));
    let socket = core
        .local
        .enter("/", |namespace| Socket::new(id, namespace, connection, &[]));
    let script = Arc::<Script>::default();
    let dispatch = Box::new(ScriptedDispatch(Arc::clone(&script)));
    let mut scene = Scene {
        driver: SocketDriver::new(socket, dispatch, None),
        script,
        task: Arc::default(),
        core,
        _engine: engine,
    };
    assert_eq!(scene.poll(), Progress::Running);
    assert!(scene.driver.was_accepted());
    scene
}

impl Scene {
    fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.task))
    }

    /// The session's task is polled as often as it wakes itself.
    fn poll(&mut self) -> Progress {
        let waker = self.waker();
        loop {
            self.task.0.store(0, Ordering::Relaxed);
            let cx = &mut Context::from_waker(&waker);
            let observers = &self.core.local.observers;
            let progress = self.driver.poll(cx, observers, GRACE);
            if self.task.0.load(Ordering::Relaxed) == 0 || progress == Progress::Ended {
                return progress;
            }
        }
    }

    fn send(&mut self, number: usize, limit: usize) {
        let mut assembler = Assembler::new(PacketLimits::default());
        let text = format!(r#"2{number}["{limit}"]"#);
        let event = match assembler.push(Message::Text(text.into())).unwrap() {
            Some(Incoming::Event { event, .. }) => event,
            other => panic!("{other:?}"),
        };
        let waker = self.waker();
        let cx = &mut Context::from_waker(&waker);
        self.driver.event(&mut Some(event), cx);
    }

    fn end(&mut self, number: usize) {
        self.script.end(number);
        self.poll();
    }

    fn running(&self) -> usize {
        self.driver.running.events().count
    }
}

#[tokio::test(start_paused = true)]
async fn one_wake_of_a_thousand_pending_events_is_one_poll() {
    let mut scene = scene();
    for number in 0..1_000 {
        scene.send(number, 1_000);
    }
    assert_eq!(scene.running(), 1_000);
    let before = scene.script.polls.load(Ordering::Relaxed);
    assert_eq!(
        before, 1_000,
        "each was polled when it started, and not again"
    );
    scene.script.wake(700);
    assert_eq!(scene.task.0.load(Ordering::Relaxed), 1);
    scene.script.wake(700);
    assert_eq!(scene.task.0.load(Ordering::Relaxed), 1);
    scene.poll();
    assert_eq!(scene.script.polls.load(Ordering::Relaxed), before + 1);
    scene.poll();
    assert_eq!(scene.script.polls.load(Ordering::Relaxed), before + 1);
}

#[tokio::test(start_paused = true)]
async fn events_are_polled_in_the_order_in_which_they_were_woken() {
    let mut scene = scene();
    for number in 0..3 {
        scene.send(number, 3);
    }
    scene.send(3, 3);
    scene.send(4, 3);
    for number in [2, 0] {
        scene.script.end(number);
    }
    scene.poll();
    assert_eq!(scene.script.started(), [0, 1, 2, 3, 4]);
    assert_eq!(scene.running(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_starts_when_the_last_of_the_overlapping_events_is_gone() {
    let mut scene = scene();
    for number in 1..=4 {
        scene.send(number, 3);
    }
    scene.driver.close(CloseReason::TransportClose);
    scene.poll();
    assert_eq!(scene.script.started(), [1, 2, 3]);
    for number in [2, 1, 4] {
        scene.end(number);
        assert!(!scene.script.started().contains(&usize::MAX));
    }
    scene.end(3);
    assert_eq!(scene.script.started(), [1, 2, 3, 4, usize::MAX]);
    scene.script.end(DISCONNECT);
    assert_eq!(scene.poll(), Progress::Ended);
    assert_eq!(scene.script.started().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn after_the_grace_all_that_run_are_dropped_and_counted_and_the_disconnect_handler_runs() {
    let mut scene = scene();
    for number in 1..=5 {
        scene.send(number, 3);
    }
    scene.driver.close(CloseReason::TransportClose);
    scene.poll();
    tokio::time::advance(GRACE + Duration::from_millis(1)).await;
    scene.poll();
    assert_eq!(scene.script.dropped.load(Ordering::Relaxed), 3);
    assert_eq!(scene.script.started(), [1, 2, 3, usize::MAX]);
    assert_eq!(scene.core.local.observers.counts().handlers_dropped, 3);
}

#[tokio::test(start_paused = true)]
async fn the_grace_also_ends_events_that_wake_themselves_all_the_time() {
    let mut scene = scene();
    scene.script.restless.store(true, Ordering::Relaxed);
    for number in 1..=100 {
        scene.send(number, 100);
    }
    scene.driver.close(CloseReason::TransportClose);
    let poll = |scene: &mut Scene| {
        let waker = scene.waker();
        let observers = scene.core.local.observers.clone();
        let cx = &mut Context::from_waker(&waker);
        scene.driver.poll(cx, &observers, GRACE)
    };
    poll(&mut scene);
    assert_eq!(
        scene.script.polls.load(Ordering::Relaxed),
        100 + EVENTS_PER_POLL
    );
    tokio::time::advance(GRACE + Duration::from_millis(1)).await;
    poll(&mut scene);
    assert_eq!(scene.script.dropped.load(Ordering::Relaxed), 100);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_at_its_deadline_drops_all_that_run() {
    let mut scene = scene();
    for number in 1..=3 {
        scene.send(number, 3);
    }
    scene.driver.close(CloseReason::ServerShuttingDown);
    scene.poll();
    let observers = scene.core.local.observers.clone();
    assert!(scene.driver.give_up(&observers), "the disconnect is due");
    assert_eq!(scene.script.dropped.load(Ordering::Relaxed), 3);
    assert_eq!(observers.counts().handlers_dropped, 3);
    scene.poll();
    assert_eq!(scene.script.started().last(), Some(&usize::MAX));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_dropped_with_its_driver_is_dropped_once() {
    let mut scene = scene();
    for number in 0..3 {
        scene.send(number, 3);
    }
    let script = Arc::clone(&scene.script);
    drop(scene);
    assert_eq!(script.dropped.load(Ordering::Relaxed), 3);
    // Their wakers may outlive them.
    script.wake(1);
}

#[tokio::test(start_paused = true)]
async fn events_that_run_start_within_the_bounds_of_the_queue() {
    let mut scene = scene();
    let long = "x".repeat(600_000);
    for number in 0..4 {
        let mut assembler = Assembler::new(PacketLimits::default());
        let text = format!(r#"2{number}["10","{long}"]"#);
        let Ok(Some(Incoming::Event { event, .. })) = assembler.push(Message::Text(text.into()))
        else {
            panic!("an event");
        };
        let waker = scene.waker();
        let cx = &mut Context::from_waker(&waker);
        scene.driver.event(&mut Some(event), cx);
    }
    assert_eq!(scene.script.started(), [0, 1], "1 MiB, which one exceeds");
    scene.end(0);
    assert_eq!(scene.script.started(), [0, 1, 2]);
}

/// The blocker, its concurrency, how many waited, and how long.
type Seen = (String, usize, usize, Duration);

/// Keeps what it is told of events that wait.
#[derive(Clone, Default)]
struct HeldUpEvents(Arc<Mutex<Vec<Seen>>>);

impl Observer for HeldUpEvents {
    fn observe(&self, observation: &Observation<'_>) {
        if let Observation::EventsHeldUp {
            event,
            concurrency,
            waiting,
            waited,
            ..
        } = *observation
        {
            let seen = (event.to_owned(), concurrency, waiting, waited);
            self.0.lock().unwrap().push(seen);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn events_that_wait_over_a_second_are_observed_once_in_a_minute() {
    let mut scene = scene();
    let seen = HeldUpEvents::default();
    scene.core.local.observers.add(vec![Box::new(seen.clone())]);
    for number in 0..4 {
        scene.send(number, 2);
    }
    scene.poll();
    let step = Duration::from_millis(400);
    tokio::time::advance(step).await;
    scene.poll();
    assert_eq!(seen.0.lock().unwrap().len(), 0);
    tokio::time::advance(step * 2).await;
    scene.poll();
    scene.poll();
    let expected = [("scripted".to_owned(), 2, 2, step * 3)];
    assert_eq!(*seen.0.lock().unwrap(), expected);
    tokio::time::advance(Duration::from_secs(61)).await;
    scene.end(0);
    scene.end(1);
    assert_eq!(seen.0.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_overlapping_needed_is_freed_when_the_socket_is_idle() {
    let mut scene = scene();
    scene.send(0, 3);
    scene.send(1, 3);
    scene.driver.on_idle();
    assert!(scene.driver.running.has_company());
    scene.end(0);
    scene.end(1);
    scene.driver.on_idle();
    assert!(
        scene.driver.running.has_company(),
        "another burst may follow"
    );
    scene.driver.on_idle();
    assert!(!scene.driver.running.has_company());
}
