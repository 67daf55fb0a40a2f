//! Names of events, rooms and namespaces that nobody would choose.

use koio::{Context, Io, Namespace, Room, SocketId};
use koio_tests::Transport;
use serde_json::json;

use crate::memory::Memory;

/// Names that are odd, and names all the same.
fn odd() -> Vec<String> {
    let mut odd: Vec<String> = [
        "",
        " ",
        "\0",
        "\n\r\t",
        "\u{1e}",
        "\u{7f}\u{85}\u{2028}\u{feff}",
        "a\"b\\c",
        "42[\"x\"]",
        "ключ 🔑",
        "__proto__",
        "*",
    ]
    .map(str::to_owned)
    .to_vec();
    odd.push("n".repeat(255));
    odd
}

#[tokio::test(start_paused = true)]
async fn an_event_may_have_any_name_in_both_directions() {
    for transport in koio_tests::client::BOTH {
        let io = Io::new().on("*", |ctx: Context| async move {
            ctx.emit(ctx.event(), "back")?;
            Ok(ctx.event().to_owned())
        });
        let memory = Memory::new(io);
        let mut peer = memory.client(transport).await;
        for name in odd() {
            peer.send(&format!("421{}", json!([name]))).await;
            let event = peer.text().await;
            let list: serde_json::Value = serde_json::from_str(&event[2..]).expect("an event");
            assert_eq!(list, json!([name, "back"]));
            let answer = peer.text().await;
            let list: serde_json::Value = serde_json::from_str(&answer[3..]).expect("an ack");
            assert_eq!(list, json!([name]));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_of_10_kb_is_sent_to_clients_and_taken_from_none() {
    let long = "n".repeat(10_000);
    let memory = Memory::new(Io::new());
    let (mut peer, socket) = memory.socket(Transport::WebSocket).await;
    socket.emit(&long, ()).expect("clients take it");
    peer.expect(&format!("42{}", json!([long]))).await;
    peer.send(&format!("421{}", json!([long]))).await;
    let answer = peer.text().await;
    assert!(answer.contains("packets.event 255"), "{answer}");
    let refused = socket
        .on(&long, |_| async { Ok(()) })
        .expect_err("no listener");
    assert!(
        refused.to_string().contains("packets.event 255"),
        "{refused}"
    );
    assert_eq!(socket.off_all(&long), 0);
    peer.send(&format!("40/{long},")).await;
    let answer = peer.text().await;
    assert!(answer.contains("packets.namespace 255"), "{answer}");
    let error = memory.io.of(&long).emit("e", ()).expect_err("no namespace");
    assert!(error.is_no_namespace(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_room_may_have_any_name_up_to_its_limit() {
    let memory = Memory::new(Io::new());
    let (mut peer, socket) = memory.socket(Transport::WebSocket).await;
    for name in odd() {
        socket.join(name.as_str()).expect("a room");
        assert!(socket.is_in(name.as_str()));
        memory.io.to(name.as_str()).emit("e", 1).expect("no fault");
        peer.expect(r#"42["e",1]"#).await;
        socket.leave(name.as_str());
        socket.leave(name.as_str());
        memory
            .io
            .to(name.as_str())
            .emit("e", 2)
            .expect("nobody is no fault");
    }
    let long = "r".repeat(10_000);
    let error = socket.join(long.as_str()).expect_err("too long");
    assert_eq!(error.code(), "room");
    assert!(error.to_string().contains("room_name 255"), "{error}");
    let error = memory.io.sockets_join(long.as_str()).expect_err("too long");
    assert!(error.to_string().contains("room_name 255"), "{error}");
    // To be asked for, it may have any length: nobody is in it.
    memory.io.to(long.as_str()).emit("e", ()).expect("no fault");
    memory.io.sockets_leave(long.as_str()).expect("no fault");
    assert_eq!(memory.io.to(long.as_str()).count(), 0);
    assert!(!socket.is_in(long.as_str()));
    socket.leave(long.as_str());
    assert_eq!(socket.rooms(), Vec::<Room>::new());
}

#[tokio::test(start_paused = true)]
async fn an_id_of_nobody_is_a_client_that_is_gone_and_no_room_to_enter() {
    let memory = Memory::new(Io::new());
    let (_peer, socket) = memory.socket(Transport::WebSocket).await;
    let mut other = socket.id().to_string();
    let last = if other.pop() == Some('A') { 'B' } else { 'A' };
    other.push(last);
    let id: SocketId = other.parse().expect("the shape of an id");
    assert!(memory.io.socket(id).is_none());
    let gone = memory
        .io
        .to(id)
        .emit("e", ())
        .expect_err("one socket is meant");
    assert!(gone.is_closed(), "{gone}");
    let asked = memory.io.to(id).emit_with_ack::<u32>("e", ());
    let error = crate::memory::within("an answer", asked)
        .await
        .expect_err("nobody");
    assert!(error.is_closed() || error.is_disconnected(), "{error}");
    assert_eq!(
        socket.join(other.as_str()).expect_err("another's").code(),
        "room"
    );
    socket.join(socket.id()).expect("it is in its own");
    for text in ["", "_", "/", "x", "_0123456789abcdefghi\u{e9}"] {
        assert!(text.parse::<SocketId>().is_err(), "{text}");
        assert!(SocketId::parse(text).is_none(), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_nobody_can_be_in_is_an_error_and_one_without_a_slash_is_meant() {
    let io = Io::new().namespace("/chat", Namespace::new());
    let memory = Memory::new(io);
    let io = &memory.io;
    for name in [
        "/other", "/chat/", "/CHAT", "/a,b", "/a?b", "/\0", "/chat\n",
    ] {
        let error = io.of(name).emit("e", ()).expect_err(name);
        assert!(error.is_no_namespace(), "{name:?}: {error}");
        assert!(io.of(name).sockets().is_empty());
        assert!(io.of(name).rooms().is_empty());
    }
    io.of("chat").emit("e", ()).expect("the slash is added");
    io.of("").emit("e", ()).expect("it is `/`");
    assert_eq!(io.of("").namespace(), "/");
}

#[tokio::test(start_paused = true)]
async fn reserved_names_are_an_error_of_every_call_that_sends() {
    let memory = Memory::new(Io::new());
    let (_peer, socket) = memory.socket(Transport::WebSocket).await;
    let io = &memory.io;
    for name in [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    ] {
        let results = [
            socket.emit(name, ()),
            socket.volatile().emit(name, ()),
            socket.broadcast(name, ()),
            socket.emit_with_ack::<u32>(name, ()).await.map(drop),
            io.emit(name, ()),
            io.to("room").emit(name, ()),
            io.to(socket.id()).emit(name, ()),
            io.local().emit_with_acks::<u32>(name, ()).await.map(drop),
        ];
        for (call, result) in results.into_iter().enumerate() {
            let error = result.expect_err(name);
            assert!(error.to_string().contains("reserved"), "{call}: {error}");
        }
    }
    for name in ["connect", "connection", "new_namespace"] {
        assert!(io.server_side_emit(name, ()).is_err(), "{name}");
    }
}
