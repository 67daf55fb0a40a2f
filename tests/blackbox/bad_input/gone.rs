//! Calls that come too late: of a socket that has left, and of a server that has shut down.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use koio::{Context, Io, Next, Socket};
use koio_tests::Transport;
use serde_json::Value;

use crate::memory::{Memory, within};
use crate::record::{self, Record};

/// Everything that a program may ask of one socket.
async fn all_of(socket: &Socket) -> Vec<(&'static str, &'static str)> {
    let kind = |result: koio::Result<()>| match result {
        Ok(()) => "nothing",
        Err(error) if error.is_closed() => "closed",
        Err(error) if error.is_disconnected() => "disconnected",
        Err(error) => panic!("{error}"),
    };
    let asked = within("an answer", socket.emit_with_ack::<Value>("late", ())).await;
    let in_time = socket.timeout(Duration::MAX);
    let patient = within("an answer", in_time.emit_with_ack::<Value>("late", ())).await;
    let ready = within("room", socket.ready()).await;
    socket.leave("room");
    socket.disconnect();
    socket.disconnect_all();
    socket.set(7_u32);
    assert!(!socket.is_connected());
    assert_eq!(socket.off_any(), 0);
    vec![
        ("emit", kind(socket.emit("late", ()))),
        ("volatile", kind(socket.volatile().emit("late", ()))),
        ("emit_with_ack", kind(asked.map(drop))),
        ("timeout", kind(patient.map(drop))),
        ("ready", kind(ready)),
        ("join", kind(socket.join("room"))),
        ("broadcast", kind(socket.broadcast("late", ()))),
        ("to", kind(socket.to("room").emit("late", ()))),
        ("set_data", kind(socket.set_data(&serde_json::json!({})))),
        (
            "on",
            kind(socket.on("late", |_| async { Ok(()) }).map(drop)),
        ),
        (
            "wrap",
            kind(
                socket
                    .wrap(|_, next: Next| async move { next.run().await })
                    .map(drop),
            ),
        ),
        ("on_any", kind(socket.on_any(|_| {}).map(drop))),
    ]
}

const GONE: [(&str, &str); 12] = [
    ("emit", "closed"),
    ("volatile", "closed"),
    ("emit_with_ack", "closed"),
    ("timeout", "closed"),
    ("ready", "closed"),
    ("join", "closed"),
    ("broadcast", "nothing"),
    ("to", "nothing"),
    ("set_data", "nothing"),
    ("on", "closed"),
    ("wrap", "closed"),
    ("on_any", "closed"),
];

#[tokio::test(start_paused = true)]
async fn every_call_of_a_socket_that_has_left_is_closed_or_does_nothing() {
    for transport in koio_tests::client::BOTH {
        let record = Record::default();
        let memory = Memory::new(Io::new().state(record.clone()).handlers(record::all()));
        let (peer, socket) = memory.socket(transport).await;
        peer.close().await;
        record.until("left: transport close").await;
        assert_eq!(all_of(&socket).await, GONE);
        assert_eq!(memory.io.sockets().len(), 0);
        assert!(memory.io.rooms().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_of_a_socket_in_its_own_disconnect_handler_is_the_same_and_reaches_the_others() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let io = Io::new().on("disconnect", move |ctx: Context| {
        let told = Arc::clone(&told);
        async move {
            let calls = all_of(ctx.socket()).await;
            *told.lock().expect("the calls") = calls;
            ctx.io().emit("somebody left", ())
        }
    });
    let memory = Memory::new(io);
    let mut other = memory.client(Transport::WebSocket).await;
    let peer = memory.client(Transport::WebSocket).await;
    peer.close().await;
    // `broadcast` and `to` of the one that left.
    other.expect(r#"42["late"]"#).await;
    other.expect(r#"42["somebody left"]"#).await;
    assert_eq!(*seen.lock().expect("the calls"), GONE);
}

#[tokio::test(start_paused = true)]
async fn every_call_of_a_server_that_has_shut_down_ends_and_reaches_nobody() {
    let memory = Memory::new(Io::new());
    let (mut peer, socket) = memory.socket(Transport::WebSocket).await;
    let io = &memory.io;
    let ended = within("the shutdown", io.shutdown(Duration::MAX));
    let (drained, _) = tokio::join!(ended, peer.ended());
    assert_eq!((drained.answered, drained.cut), (1, 0));
    assert_eq!(all_of(&socket).await, GONE);
    io.emit("late", ()).expect("nobody is no fault");
    io.to("room")
        .except("other")
        .emit("late", ())
        .expect("no fault");
    io.volatile().emit("late", ()).expect("no fault");
    io.sockets_join("room").expect("no fault");
    io.sockets_leave("room").expect("no fault");
    io.disconnect_sockets().expect("no fault");
    io.disconnect_all().expect("no fault");
    let answers = within(
        "no answers",
        io.timeout(Duration::MAX)
            .emit_with_acks::<Value>("late", ()),
    );
    assert!(answers.await.expect("no fault").is_empty());
    let one = within(
        "no answer",
        io.to(socket.id()).emit_with_ack::<Value>("late", ()),
    );
    assert!(one.await.is_err());
    assert!(
        within("nobody", io.fetch_sockets())
            .await
            .expect("no fault")
            .is_empty()
    );
    io.server_side_emit("late", ()).expect("no fault");
    let servers = io.server_side_emit_with_ack::<Value>("late", ());
    assert!(
        within("no servers", servers)
            .await
            .expect("no fault")
            .is_empty()
    );
    let again = within("a second shutdown", io.shutdown(Duration::ZERO)).await;
    assert_eq!((again.answered, again.cut), (0, 0));
    assert!(memory.websocket(1_024).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_a_middleware_asks_of_a_socket_that_it_refuses_leaves_nothing_behind() {
    let sockets = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&sockets);
    let io = Io::new().wrap(move |ctx: Context, _: Next| {
        let socket = ctx.socket().clone();
        *kept.lock().expect("a socket") = Some(socket.clone());
        async move {
            // Nobody is connected yet: there is nothing to disconnect.
            socket.disconnect();
            socket.join("room")?;
            socket.set_data(&serde_json::json!({ "a": 1 }))?;
            socket.on("event", |_| async { Ok(()) })?;
            let _ = socket.emit("early", ());
            koio::bail!("no", "not you")
        }
    });
    let memory = Memory::new(io);
    let mut peer = memory.open(Transport::WebSocket).await;
    peer.send("40").await;
    let mut refusal = peer.text().await;
    if refusal == r#"42["early"]"# {
        refusal = peer.text().await;
    }
    assert_eq!(refusal, r#"44{"message":"not you","data":{"code":"no"}}"#);
    let socket = sockets.lock().expect("a socket").take().expect("a socket");
    assert!(!socket.is_connected());
    assert!(memory.io.rooms().is_empty());
    assert_eq!(memory.io.count(), 0);
    assert!(socket.join("room").is_err_and(|error| error.is_closed()));
    assert!(memory.io.rooms().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_handle_of_a_server_that_never_starts_answers_at_once() {
    let io = Io::new().handle();
    io.emit("early", ()).expect("no fault");
    io.to("room").disconnect_all().expect("no fault");
    assert!(
        within("nobody", io.fetch_sockets())
            .await
            .expect("no fault")
            .is_empty()
    );
    let answers = within("no answers", io.emit_with_acks_of_all()).await;
    assert!(answers.is_empty());
    within("no shutdown", io.shutdown(Duration::MAX)).await;
}

/// For a handle.
trait AskAll {
    async fn emit_with_acks_of_all(&self) -> Vec<(koio::SocketId, koio::Result<Value>)>;
}

impl AskAll for koio::IoHandle {
    async fn emit_with_acks_of_all(&self) -> Vec<(koio::SocketId, koio::Result<Value>)> {
        let asked = self.timeout(Duration::MAX).emit_with_acks("early", ());
        asked.await.expect("no fault")
    }
}
