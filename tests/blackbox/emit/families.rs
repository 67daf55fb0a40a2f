//! Which namespaces an emit means: the event's own, one by its name, a family by its pattern, and one that no client can
//! be in. On two nodes the clients are on one and the other in turn.

use std::collections::BTreeSet;
use std::time::Duration;

use koio::{Context, Io, Namespace, Result, SocketId, handlers, on};
use koio_tests::Transport;

use super::nodes::Memory;
use crate::cluster::settle;
use crate::memory::Peer;

#[on("say", ns = "/agents")]
async fn say(ctx: Context, text: String) -> Result<()> {
    ctx.here().broadcast("said", text)
}

#[on("in_room", ns = "/visitors/{id}")]
async fn in_room(ctx: Context, room: String) -> Result<()> {
    ctx.socket().join(&room)?;
    ctx.here().to(room).emit("said", ctx.namespace())
}

fn server() -> Io {
    Io::new()
        .namespace("/agents", Namespace::new())
        .namespace("/empty", Namespace::new())
        .handlers(handlers![say, in_room])
}

async fn client(memory: &Memory, namespace: &str) -> (Peer, SocketId) {
    let mut peer = memory.open(Transport::WebSocket).await;
    let id = peer.join_as(&format!("40{namespace},")).await;
    (peer, id.parse().expect("an id"))
}

#[tokio::test(start_paused = true)]
async fn here_is_the_namespace_of_the_event_with_its_sender() {
    let memory = Memory::of(server);
    let (mut root, _) = client(&memory, "/").await;
    let (mut one, _) = client(&memory, "/agents").await;
    let (mut other, _) = client(&memory, "/agents").await;
    one.send(r#"42/agents,["say","hello"]"#).await;
    one.expect(r#"42/agents,["said","hello"]"#).await;
    other.expect(r#"42/agents,["said","hello"]"#).await;
    settle().await;
    memory.io.broadcast("after", ()).expect("no fault");
    root.expect(r#"42["after"]"#).await;
}

#[tokio::test(start_paused = true)]
async fn here_in_a_family_is_one_namespace_of_it() {
    let memory = Memory::of(server);
    let (mut one, _) = client(&memory, "/visitors/1").await;
    let (mut two, _) = client(&memory, "/visitors/2").await;
    for (peer, namespace) in [(&mut two, "/visitors/2"), (&mut one, "/visitors/1")] {
        peer.send(&format!(r#"42{namespace},["in_room","hall"]"#))
            .await;
        peer.expect(&format!(r#"42{namespace},["said","{namespace}"]"#))
            .await;
    }
    settle().await;
    memory
        .io
        .of("/visitors/2")
        .emit("after", ())
        .expect("no fault");
    two.expect(r#"42/visitors/2,["after"]"#).await;
}

#[tokio::test(start_paused = true)]
async fn a_family_hears_an_emit_in_each_of_its_namespaces_with_binary() {
    let memory = Memory::of(server);
    let mut peers = Vec::new();
    for namespace in ["/visitors/1", "/visitors/2", "/visitors/2", "/visitors/ü,"] {
        let namespace = namespace.trim_end_matches(',');
        peers.push((namespace, client(&memory, namespace).await.0));
    }
    let (mut agent, _) = client(&memory, "/agents").await;
    let family = memory.io.of("visitors/{id}");
    assert_eq!(family.namespace(), "/visitors/{id}");
    family.broadcast("news", "hi").expect("no fault");
    family
        .emit("picture", koio::Bytes::from(vec![1, 2]))
        .expect("no fault");
    for (namespace, peer) in &mut peers {
        peer.expect(&format!(r#"42{namespace},["news","hi"]"#))
            .await;
        let packet = format!(r#"451-{namespace},["picture",{{"_placeholder":true,"num":0}}]"#);
        peer.expect(&packet).await;
        assert_eq!(peer.next().await, koio_tests::Received::Binary(vec![1, 2]));
    }
    settle().await;
    memory.io.of("/agents").emit("after", ()).expect("no fault");
    agent.expect(r#"42/agents,["after"]"#).await;
}

#[tokio::test(start_paused = true)]
async fn a_room_of_a_family_is_that_room_in_each_namespace_and_a_socket_is_found_in_any() {
    let memory = Memory::of(server);
    let family = memory.io.of("/visitors/{id}");
    let mut peers = Vec::new();
    for namespace in ["/visitors/1", "/visitors/2"] {
        let (peer, id) = client(&memory, namespace).await;
        peers.push((namespace, peer, id));
    }
    family.sockets_join("all").expect("no fault");
    settle().await;
    let (namespace, one, id) = &mut peers[1];
    family.to(*id).emit("private", 1).expect("a socket");
    one.expect(&format!(r#"42{namespace},["private",1]"#)).await;
    let answer = family.to(*id).emit_with_ack::<u8>("ask", ());
    assert_eq!(one.text().await, format!(r#"42{namespace},0["ask"]"#));
    one.send(&format!("43{namespace},0[7]")).await;
    assert_eq!(answer.await.expect("an answer"), 7);
    family
        .to("all")
        .except(*id)
        .emit("others", ())
        .expect("no fault");
    family.to("all").emit("all", ()).expect("no fault");
    peers[0].1.expect(r#"42/visitors/1,["others"]"#).await;
    for (namespace, peer, _) in &mut peers {
        peer.expect(&format!(r#"42{namespace},["all"]"#)).await;
    }
    family.disconnect_sockets().expect("no fault");
    for (namespace, peer, _) in &mut peers {
        peer.expect(&format!("41{namespace},")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_family_is_asked_and_fetched_whole() {
    let memory = Memory::of(server);
    let family = memory.io.of("/visitors/{id}");
    let mut ids = BTreeSet::new();
    let mut peers = Vec::new();
    for namespace in ["/visitors/1", "/visitors/2", "/visitors/2"] {
        let (peer, id) = client(&memory, namespace).await;
        ids.insert(id);
        peers.push((namespace, peer));
    }
    let answers = family
        .timeout(Duration::from_secs(5))
        .emit_with_acks::<u8>("ask", ());
    for (number, (namespace, peer)) in (0_u8..).zip(&mut peers) {
        let asked = peer.text().await;
        let ack = asked
            .strip_prefix(&format!("42{namespace},"))
            .and_then(|rest| rest.strip_suffix(r#"["ask"]"#));
        let ack = ack.unwrap_or_else(|| panic!("{asked}"));
        peer.send(&format!("43{namespace},{ack}[{number}]")).await;
    }
    let mut answered: Vec<u8> = answers
        .await
        .expect("no fault")
        .into_iter()
        .map(|(_, answer)| answer.expect("an answer"))
        .collect();
    answered.sort_unstable();
    assert_eq!(answered, [0, 1, 2]);

    let fetched = family.fetch_sockets().await.expect("all nodes");
    assert_eq!(
        fetched
            .iter()
            .map(|socket| socket.id())
            .collect::<BTreeSet<_>>(),
        ids
    );
    for socket in fetched {
        let namespace = socket.namespace().to_owned();
        socket.emit("you", &namespace).expect("a socket");
    }
    for (namespace, peer) in &mut peers {
        peer.expect(&format!(r#"42{namespace},["you","{namespace}"]"#))
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_emit_to_a_namespace_that_nobody_can_be_in_is_an_error_that_names_it() {
    let memory = Memory::of(server);
    for (name, hint) in [
        ("/nothing", "declared no such namespace"),
        ("/agent", "did you mean `/agents`?"),
        ("/visitors", "declared no such namespace"),
        ("/visitors/{visitor}", "declared no such namespace"),
        ("/visitors/{ids}", "did you mean `/visitors/{id}`?"),
        ("/a,b", "a comma or a question mark"),
        ("/visitors/a,b", "a comma or a question mark"),
    ] {
        let io = memory.io.of(name);
        let errors = [
            io.broadcast("e", ()),
            io.to("room").emit("e", ()),
            io.volatile().emit("e", ()),
            io.sockets_join("room"),
            io.sockets_leave("room"),
            io.disconnect_sockets(),
            io.emit("e", ()),
            io.to("_").emit_with_ack::<()>("e", ()).await,
            io.local().emit_with_acks::<()>("e", ()).await.map(drop),
            io.fetch_sockets().await.map(drop),
        ];
        for error in errors {
            let error = error.expect_err(name);
            assert!(error.is_no_namespace(), "{error:?}");
            assert_eq!(error.code(), "no_namespace");
            assert!(!error.is_shown());
            assert!(error.message().contains(name), "{error}");
            assert!(error.message().contains(hint), "{error}");
        }
        assert_eq!((io.count(), io.rooms().len()), (0, 0));
    }
    for name in [
        "/",
        "",
        "/empty",
        "empty",
        "/agents",
        "/visitors/1",
        "/visitors/{id}",
    ] {
        memory.io.of(name).broadcast("e", ()).expect(name);
        memory.io.of(name).to("nobody").emit("e", ()).expect(name);
    }
}

#[tokio::test(start_paused = true)]
async fn no_client_can_be_called_like_a_family() {
    let memory = Memory::of(server);
    let mut peer = memory.open(Transport::WebSocket).await;
    for name in ["/visitors/{id}", "/visitors/{", "/visitors/a}"] {
        peer.send(&format!("40{name},")).await;
        let refusal = format!(r#"44{name},{{"message":"Invalid namespace"}}"#);
        peer.expect(&refusal).await;
    }
}
