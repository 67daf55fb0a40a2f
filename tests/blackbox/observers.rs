//! What a server tells its observers.

use std::sync::{Arc, Mutex};

use koio::observe::{Observation, Observer};
use koio::testing::TestServer;
use koio::{Context, Io, Namespace, Next, Result, handlers, on};
use koio_tests::{Transport, until};
use tokio::sync::Barrier;

use crate::memory::Memory;

/// Writes down what it is told, but for the ids.
#[derive(Clone, Default)]
struct Story(Arc<Mutex<Vec<String>>>);

impl Story {
    fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Story {
    fn observe(&self, observation: &Observation<'_>) {
        let line = match observation {
            Observation::SessionOpened { transport, .. } => format!("session over {transport}"),
            Observation::SessionClosed { reason, .. } => format!("session closed: {reason}"),
            Observation::Connected { namespace, .. } => format!("connected to {namespace}"),
            Observation::ConnectRefused {
                namespace, message, ..
            } => {
                format!("refused {namespace}: {message}")
            }
            Observation::Disconnected {
                namespace, reason, ..
            } => format!("disconnected from {namespace}: {reason}"),
            Observation::EventReceived { event, .. } => format!("received {event}"),
            Observation::EventSent {
                event, recipients, ..
            } => format!("sent {event} to {recipients}"),
            Observation::NamespaceCreated { namespace, .. } => format!("first in {namespace}"),
            Observation::NamespaceRemoved { namespace, .. } => format!("last of {namespace}"),
            Observation::Joined { room, first, .. } if *first => format!("made {room}"),
            Observation::Joined { room, .. } => format!("joined {room}"),
            Observation::Left { room, last, .. } if *last => format!("left {room}, which is gone"),
            Observation::Left { room, .. } => format!("left {room}"),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(line);
    }
}

#[on("enter")]
async fn enter(ctx: Context, room: String) -> Result<()> {
    ctx.socket().join(&room)?;
    // A second time changes nothing.
    ctx.socket().join(&room)?;
    ctx.io().to(&room).emit("entered", ())?;
    ctx.socket().leave(&room);
    ctx.socket().leave(&room);
    ctx.emit("left", ())
}

#[tokio::test(start_paused = true)]
async fn an_observer_is_told_the_whole_life_of_a_client_in_order() {
    let story = Story::default();
    let io = Io::new().observe(story.clone()).handlers(handlers![enter]);
    let memory = Memory::new(io);
    let mut peer = memory.open(Transport::WebSocket).await;
    peer.send("40/nowhere,").await;
    peer.expect(r#"44/nowhere,{"message":"Invalid namespace"}"#)
        .await;
    peer.join_as("40").await;
    peer.send(r#"42["enter","hall"]"#).await;
    peer.expect(r#"42["entered"]"#).await;
    peer.expect(r#"42["left"]"#).await;
    peer.send("41").await;
    peer.send(r#"430["for nothing"]"#).await;
    peer.ended().await;
    let told = story.told();
    let (before, last) = told.split_at(10);
    assert_eq!(
        before,
        [
            "session over websocket",
            "refused /nowhere: Invalid namespace",
            "first in /",
            "connected to /",
            "received enter",
            "made hall",
            "sent entered to 1",
            "left hall, which is gone",
            "sent left to 1",
            "disconnected from /: client namespace disconnect",
        ]
    );
    // An ack after leaving breaks the order of the protocol.
    assert!(last[0].contains("ProtocolError"), "{last:?}");
    assert!(last[0].contains("ack before CONNECT"), "{last:?}");
    assert_eq!(last[1..], ["session closed: forced server close"]);
}

#[tokio::test]
async fn an_observer_is_told_that_a_session_has_moved_to_a_websocket() -> Result<()> {
    let story = Story::default();
    let server = TestServer::new(Io::new().observe(story.clone())).await?;
    let mut client = server.connect("/").polling().await?;
    let moved = || {
        let told = story.told();
        told.iter().any(|line| line.contains("SessionUpgraded"))
    };
    assert!(!moved());
    client.upgrade().await?;
    server.settle().await;
    assert!(moved(), "{:?}", story.told());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_come_at_once_make_a_namespace_once() {
    const CLIENTS: usize = 16;
    let story = Story::default();
    let meeting = Arc::new(Barrier::new(CLIENTS));
    let board = Namespace::new().wrap(move |ctx: Context, next: Next| {
        let meeting = meeting.clone();
        async move {
            if ctx.event() == "connection" {
                meeting.wait().await;
            }
            next.run().await
        }
    });
    let io = Io::new()
        .observe(story.clone())
        .namespace("/board/{n}", board);
    let memory = Arc::new(Memory::new(io));
    let come = || {
        let memory = memory.clone();
        tokio::spawn(async move {
            let mut peer = memory.open(Transport::WebSocket).await;
            peer.join_as("40/board/7,").await;
            peer
        })
    };
    let coming: Vec<_> = (0..CLIENTS).map(|_| come()).collect();
    let mut clients = Vec::new();
    for client in coming {
        clients.push(client.await.expect("a client"));
    }
    let told = story.told();
    let count = |line| told.iter().filter(|other| *other == line).count();
    assert_eq!(count("first in /board/7"), 1, "{told:?}");
    assert_eq!(memory.io.of("/board/7").count(), CLIENTS);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_comes_with_its_first_socket_and_goes_with_its_last_which_leaves_its_rooms() {
    let story = Story::default();
    let board = Namespace::new().on("connection", |ctx: Context| async move {
        ctx.socket().join("players")?;
        ctx.socket().join("white")
    });
    let io = Io::new()
        .observe(story.clone())
        .namespace("/board/{n}", board);
    let memory = Memory::new(io);
    let mut one = memory.open(Transport::WebSocket).await;
    one.join_as("40/board/7,").await;
    let mut two = memory.open(Transport::WebSocket).await;
    two.join_as("40/board/7,").await;
    let sizes = memory.io.of("/board/7").room_sizes();
    assert_eq!(sizes, [("players".into(), 2), ("white".into(), 2)]);
    assert_eq!(memory.io.of("/board/{n}").room_sizes(), sizes);
    assert_eq!(memory.io.of("/board/8").room_sizes(), []);
    assert_eq!(memory.io.namespaces(), ["/", "/board/7"]);
    one.send("41/board/7,").await;
    two.close().await;
    let gone = || story.told().contains(&"last of /board/7".to_owned());
    until("the namespace to be gone", gone).await;
    let told: Vec<String> = story
        .told()
        .into_iter()
        .filter(|line| !line.starts_with("session"))
        .collect();
    let expected = [
        "first in /board/7",
        "connected to /board/7",
        "made players",
        "made white",
        "connected to /board/7",
        "joined players",
        "joined white",
        "left players",
        "left white",
        "disconnected from /board/7: client namespace disconnect",
        "left players, which is gone",
        "left white, which is gone",
        "last of /board/7",
    ];
    assert_eq!(told[..expected.len()], expected);
}
