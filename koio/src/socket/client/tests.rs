//! Clients over scripted polling sessions, with a scripted router above: paused time, no network.

use std::{
    future::pending,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::*;
use crate::{
    engine::{Engine, EngineConfig, TransportKind},
    ids::{Room, Sid, SocketId},
    observe::{Observation, Observer, Observers},
    socket::{Accept, BoxFuture, Dispatch, IncomingAdditions, IoHandle, Namespaces, SocketConfig},
    transport::polling::{self, PendingRequest, PollResponse, PollingTransport},
    wire::{
        Revision,
        payload::{self, Framing},
    },
};

/// The router: accepts in `/` at once, in `/slow` when the gate opens; never finishes the event `stuck`.
#[derive(Clone, Default)]
struct ScriptedRouter {
    gate: Arc<Notify>,
    log: Arc<Mutex<Vec<String>>>,
    sockets: Arc<Mutex<Vec<Socket>>>,
}

impl ScriptedRouter {
    fn note(&self, line: String) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(line);
    }

    fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    fn socket(&self) -> Socket {
        self.sockets.lock().unwrap()[0].clone()
    }
}

impl Namespaces for ScriptedRouter {
    fn open(&self, name: &str) -> Option<Box<dyn Dispatch>> {
        matches!(name, "/" | "/slow").then(|| Box::new(self.clone()) as _)
    }
}

impl Dispatch for ScriptedRouter {
    fn connect(&mut self, socket: &Socket, accept: Accept) -> BoxFuture {
        let (router, socket) = (self.clone(), socket.clone());
        Box::pin(async move {
            if socket.namespace() == "/slow" {
                router.gate.notified().await;
            }
            if accept.accept() {
                router.note(format!("connected {}", socket.namespace()));
                router.sockets.lock().unwrap().push(socket);
            }
        })
    }

    fn event(
        &mut self,
        _: &Socket,
        event: &mut Option<Event>,
        _: &mut Context<'_>,
    ) -> Option<BoxFuture> {
        let event = event.take().unwrap();
        self.note(event.name().to_owned());
        (event.name() == "stuck").then(|| Box::pin(pending()) as _)
    }

    fn disconnect(&mut self, _: &Socket, reason: CloseReason) -> BoxFuture {
        self.note(format!("disconnected: {reason}"));
        Box::pin(async {})
    }
}

pub(super) struct Scene {
    router: ScriptedRouter,
    pub(super) core: Arc<ServerCore<Socket>>,
    engine: Engine,
    pub(super) session: Session,
}

fn scene() -> Scene {
    scene_with(SocketConfig::default())
}

/// Its client is of Socket.IO 2.
fn scene_of_2() -> Scene {
    scene_of(SocketConfig::default(), Revision::Three { base64: false })
}

pub(super) fn scene_with(config: SocketConfig) -> Scene {
    scene_of(config, Revision::Four)
}

fn scene_of(config: SocketConfig, revision: Revision) -> Scene {
    let router = ScriptedRouter::default();
    let core = ServerCore::new();
    let clients = Clients::new(Arc::clone(&core), Arc::new(router.clone()), None);
    let engine = Engine::new(EngineConfig::default(), Arc::new(clients)).unwrap();
    core.start(config, &engine);
    let transport = Box::new(PollingTransport::of_revision(revision));
    let handshake = engine
        .open(opening().of_revision(revision), transport)
        .unwrap();
    let handshake = payload::encode([handshake]);
    let json: serde_json::Value = serde_json::from_slice(&handshake[1..]).unwrap();
    let sid = Sid::parse(json["sid"].as_str().unwrap()).unwrap();
    let session = engine.get(&sid).unwrap();
    Scene {
        router,
        core,
        engine,
        session,
    }
}

pub(super) fn opening() -> Opening {
    Opening::new(
        &Default::default(),
        &Default::default(),
        None,
        TransportKind::Polling,
    )
}

impl Scene {
    async fn post(&self, body: &'static str) {
        polling::begin_post(&self.session).unwrap();
        let framing = Framing::of(self.session.revision(), false);
        let packets = payload::decode_as(bytes::Bytes::from_static(body.as_bytes()), framing);
        let packets = packets.unwrap();
        let (request, response) = PendingRequest::with_task();
        polling::post(&self.session, packets, || request).unwrap();
        response.await.unwrap();
        settle().await;
    }

    async fn get(&self) -> String {
        let (request, response) = PendingRequest::with_task();
        polling::poll(&self.session, &Observers::default(), false, true, || {
            request
        })
        .unwrap();
        match response.await.unwrap() {
            PollResponse::Payload(payload) => String::from_utf8(payload.into()).unwrap(),
            other => format!("{other:?}").to_lowercase(),
        }
    }
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_its_connect_is_pending_gets_no_answer_to_it() {
    let scene = scene();
    scene.post("40/slow,").await;
    scene.post("41/slow,").await;
    scene.router.gate.notify_one();
    settle().await;
    scene.post("40").await;
    let received = scene.get().await;
    assert!(received.starts_with("40{\"sid\":"), "{received}");
    assert_eq!(scene.router.log(), ["connected /"]);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_the_server_disconnected_keeps_that_reason_when_its_connection_is_lost() {
    let scene = scene();
    scene.post("40").await;
    scene.router.log();
    scene.router.socket().disconnect();
    scene.session.lost(CloseReason::TransportError);
    settle().await;
    assert_eq!(
        scene.router.log(),
        ["disconnected: server namespace disconnect"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_left_its_last_namespace_has_the_connect_deadline_again() {
    let scene = scene();
    scene.post("40").await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(scene.session.is_open());
    scene.post("41").await;
    tokio::time::sleep(Duration::from_millis(9_990)).await;
    assert!(scene.session.is_open());
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!scene.session.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_connects_to_no_namespace_is_closed_at_the_deadline_and_not_before() {
    let scene = scene();
    tokio::time::sleep(Duration::from_millis(9_990)).await;
    assert!(scene.session.is_open());
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!scene.session.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_client_of_socket_io_2_that_asks_again_has_the_whole_time_again() {
    let scene = scene_of_2();
    scene.post("8:40/slow,").await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    scene.post("8:41/slow,8:40/slow,").await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    scene.get().await;
    // Two wait: the first one has left.
    scene.router.gate.notify_waiters();
    settle().await;
    assert_eq!(scene.get().await, "8:40/slow,");
    assert_eq!(scene.router.log(), ["connected /", "connected /slow"]);
}

#[tokio::test(start_paused = true)]
async fn of_two_sockets_with_one_id_the_one_that_is_disconnected_ends() {
    let scene = scene_of_2();
    scene.post("2:40").await;
    scene.post("11:42[\"stuck\"]").await;
    // Its handler still runs when the client is back.
    scene.post("2:412:40").await;
    let sockets = scene.router.sockets.lock().unwrap().clone();
    assert_eq!(sockets[0].id(), sockets[1].id());
    scene.router.log();
    sockets[1].disconnect();
    settle().await;
    assert_eq!(
        scene.router.log(),
        ["disconnected: server namespace disconnect"]
    );
    scene.post("2:40").await;
    assert_eq!(scene.router.log(), ["connected /"]);
    assert!(scene.session.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_the_clock_can_not_represent_never_expires() {
    let scene = scene_with(SocketConfig {
        connect_timeout: Duration::MAX,
        ..SocketConfig::default()
    });
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(scene.session.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_removed_with_its_last_socket_and_created_again() {
    let scene = scene();
    for _ in 0..2 {
        scene.post("40/slow,").await;
        assert!(scene.core.local.find("/slow").is_some());
        scene.router.gate.notify_one();
        settle().await;
        scene.post("41/slow,").await;
        assert!(scene.core.local.find("/slow").is_none());
    }
    scene.post("40").await;
    scene.session.lost(CloseReason::TransportError);
    settle().await;
    assert!(scene.core.local.find("/").is_some());
}

/// Something that is added to a socket.
#[derive(Clone, Default)]
struct Added(bool);

impl IncomingAdditions for Added {
    fn is_empty(&self) -> bool {
        !self.0
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_added_while_its_socket_ends_goes_with_it() {
    let scene = scene();
    scene.post("40").await;
    let socket = scene.router.socket();
    let ending = socket.add_incoming(|added: &mut Added, _| {
        added.0 = true;
        let other = socket.clone();
        let ending = std::thread::spawn(move || {
            other.close();
            other.handlers_ended();
        });
        while !socket.is_closed() {
            std::thread::yield_now();
        }
        // Time enough to end before this is added.
        std::thread::sleep(Duration::from_millis(50));
        Ok(ending)
    });
    ending.unwrap().join().unwrap();
    assert!(!socket.has_incoming_additions());
    let extras = socket.extras();
    assert!(
        extras
            .as_ref()
            .is_none_or(|extras| extras.additions.is_none())
    );
}

/// Asks the first socket for its rooms when it has left one.
struct Asking(ScriptedRouter);

impl Observer for Asking {
    fn observe(&self, observation: &Observation<'_>) {
        if let Observation::Left { room, .. } = observation {
            let rooms = self.0.socket().rooms();
            self.0.note(format!("left {room:?} of {rooms:?}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_knows_its_rooms_when_observers_are_told_that_it_has_left_them() {
    let scene = scene();
    let asking = Asking(scene.router.clone());
    scene.core.local.observers.add(vec![Box::new(asking)]);
    scene.post("40").await;
    scene.router.socket().join("tea").unwrap();
    scene.router.log();
    assert!(scene.router.socket().close());
    let rooms = [Room::from("tea")];
    assert_eq!(
        scene.router.log(),
        [format!("left {:?} of {rooms:?}", rooms[0])]
    );
}

/// Sockets enter while others leave: none stays in a namespace that was removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_enters_while_the_last_one_leaves_is_found() {
    let core = ServerCore::new();
    let scene = scene();
    let enter = || {
        let request = HandshakeRequest::new(opening());
        let connection = Connection::new(Arc::clone(&core), scene.session.clone(), request);
        let connection = Arc::new(connection);
        let id = SocketId::random().unwrap();
        let enter = |namespace| Socket::new(id, namespace, connection, &[]);
        core.local.enter("/room/1", enter)
    };
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                for _ in 0..2_000 {
                    let socket = enter();
                    let live = core.local.find("/room/1").unwrap();
                    assert!(live.rooms.get(&socket.id()).is_some());
                    assert!(socket.close());
                }
            });
        }
    });
    assert!(core.local.find("/room/1").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_drops_a_handler_still_runs_the_disconnect_handler() {
    let scene = scene();
    scene.post("40").await;
    scene.post("42[\"stuck\"]").await;
    let drained = IoHandle::root(Arc::clone(&scene.core))
        .shutdown(Duration::from_millis(1))
        .await;
    assert_eq!(drained.cut, 1);
    assert_eq!(scene.engine.sessions().tasks(), 0);
    assert_eq!(
        scene.router.log(),
        ["connected /", "stuck", "disconnected: server shutting down"]
    );
    assert_eq!(scene.core.local.observers.counts().handlers_dropped, 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_consumer_that_the_session_itself_closes_is_counted() {
    let scene = scene();
    scene.post("40").await;
    // As the session itself does when a write makes no progress.
    scene.session.lost(CloseReason::SlowConsumer);
    settle().await;
    assert_eq!(scene.core.local.observers.counts().slow_consumers, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_disconnects_at_once_send_one_packet() {
    for _ in 0..300 {
        let scene = scene();
        scene.post("40").await;
        scene.get().await;
        let socket = scene.router.socket();
        let start = Arc::new(std::sync::Barrier::new(2));
        let both = [socket.clone(), socket].map(|socket| {
            let start = Arc::clone(&start);
            tokio::task::spawn_blocking(move || {
                start.wait();
                socket.disconnect();
            })
        });
        for one in both {
            one.await.unwrap();
        }
        assert_eq!(scene.get().await, "41");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disconnect_handler_runs_only_if_the_connection_handler_ran() {
    for round in 0..3_000_u32 {
        let scene = scene();
        scene.post("40/slow,").await;
        let session = scene.session.clone();
        let gate = Arc::clone(&scene.router.gate);
        let start = Arc::new(std::sync::Barrier::new(2));
        let cut = tokio::task::spawn_blocking({
            let start = Arc::clone(&start);
            move || {
                start.wait();
                for _ in 0..round % 300 * 20 {
                    std::hint::spin_loop();
                }
                session.cut(CloseReason::SlowConsumer);
            }
        });
        tokio::task::spawn_blocking(move || {
            start.wait();
            gate.notify_one();
        })
        .await
        .unwrap();
        cut.await.unwrap();
        scene.engine.sessions().drained().await;
        let log = scene.router.log();
        assert!(log.is_empty() || log.len() == 2, "{log:?}");
    }
}
