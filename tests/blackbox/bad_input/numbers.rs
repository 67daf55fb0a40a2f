//! Numbers and times that are far too big, or nothing.

use std::time::Duration;

use koio::recovery::Recovery;
use koio::{Context, Io};
use koio_tests::Transport;
use serde_json::Value;

use crate::memory::{Memory, within};

#[tokio::test(start_paused = true)]
async fn a_wait_of_no_time_ends_at_once_and_one_without_an_end_with_the_answer() {
    let memory = Memory::new(Io::new());
    let (mut peer, socket) = memory.socket(Transport::WebSocket).await;
    let asked = socket
        .timeout(Duration::ZERO)
        .emit_with_ack::<Value>("q", ());
    let error = within("its time", asked).await.expect_err("no time");
    assert!(error.is_timeout(), "{error}");
    let all = memory
        .io
        .timeout(Duration::ZERO)
        .emit_with_acks::<Value>("q", ());
    let answers = within("its time", all).await.expect("no fault");
    assert!(answers.iter().all(|(_, answer)| answer.is_err()));
    assert_eq!(answers.len(), 1);
    peer.expect(r#"420["q"]"#).await;
    peer.expect(r#"421["q"]"#).await;
    for time in [
        Duration::MAX,
        Duration::from_secs(u64::MAX),
        Duration::from_nanos(1),
    ] {
        let asked = socket.timeout(time).emit_with_ack::<u32>("q", ());
        let id = peer.text().await;
        let id = id[2..].trim_end_matches(r#"["q"]"#).to_owned();
        peer.send(&format!("43{id}[7]")).await;
        let answer = within("the answer", asked).await;
        assert!(time.is_zero() || answer.is_ok() || time < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn times_that_make_no_server_are_an_error_at_the_start_that_names_them() {
    for (io, name) in [
        (Io::new().ping_interval(Duration::ZERO), "ping_interval"),
        (Io::new().ping_interval(Duration::MAX), "ping_interval"),
        (Io::new().ping_timeout(Duration::ZERO), "ping_timeout"),
        (Io::new().ping_timeout(Duration::MAX), "ping_timeout"),
        (Io::new().connect_timeout(Duration::ZERO), "connect_timeout"),
        (
            Io::new().config(|config| config.socket.ack_timeout = Duration::ZERO),
            "ack_timeout",
        ),
        (Io::new().max_payload(0), "max_payload"),
        (
            Io::new().config(|config| config.socket.once_keys = 0),
            "once_keys",
        ),
        (
            Io::new().config(|config| config.socket.once_bytes = 0),
            "once_bytes",
        ),
        (
            Io::new().config(|config| config.socket.namespaces = 0),
            "namespaces",
        ),
        (
            Io::new().config(|config| config.socket.read_ahead = 0),
            "read_ahead",
        ),
        (
            Io::new().recovery(Recovery::new(Duration::ZERO)),
            "recovery",
        ),
    ] {
        let error = io.try_into_service().expect_err(name);
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn limits_as_big_as_they_can_be_are_none() {
    let io = Io::new()
        .config(|config| {
            let socket = &mut config.socket;
            socket.event_queue = usize::MAX;
            socket.event_queue_bytes = usize::MAX;
            socket.read_ahead = usize::MAX;
            socket.pending_acks = usize::MAX;
            socket.namespaces = usize::MAX;
            socket.rooms = usize::MAX;
            socket.room_name = usize::MAX;
            socket.listeners = usize::MAX;
            socket.once_keys = usize::MAX;
            socket.once_bytes = usize::MAX;
            socket.ack_timeout = Duration::MAX;
            socket.handler_grace = Duration::MAX;
            socket.connect_timeout = Duration::MAX;
            socket.packets.event = usize::MAX;
            socket.packets.namespace = usize::MAX;
            socket.packets.auth = usize::MAX;
        })
        .on("echo", |ctx: Context| async move { ctx.args() })
        .once_by("echo", "/0");
    let memory = Memory::new(io);
    for transport in koio_tests::client::BOTH {
        let (mut peer, socket) = memory.socket(transport).await;
        socket.join("r".repeat(10_000)).expect("a room");
        peer.send(r#"421["echo",1]"#).await;
        peer.expect("431[1]").await;
        let asked = socket.emit_with_ack::<u32>("q", ());
        let question = peer.text().await;
        let id = question[2..].trim_end_matches(r#"["q"]"#);
        peer.send(&format!("43{id}[7]")).await;
        assert_eq!(within("the answer", asked).await.expect("an answer"), 7);
        peer.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn limits_of_nothing_refuse_and_name_themselves() {
    let io = Io::new().config(|config| {
        config.socket.rooms = 0;
        config.socket.listeners = 0;
    });
    let memory = Memory::new(io);
    let (_peer, socket) = memory.socket(Transport::WebSocket).await;
    let error = socket.join("room").expect_err("no room");
    assert!(error.to_string().contains("rooms 0"), "{error}");
    let error = socket
        .on("e", |_| async { Ok(()) })
        .expect_err("no listener");
    assert!(error.to_string().contains("listeners 0"), "{error}");
    assert!(socket.on_any(|_| {}).is_err());
    assert!(socket.on_any_outgoing(|_| {}).is_err());
}
