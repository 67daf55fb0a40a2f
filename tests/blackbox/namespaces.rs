//! Namespaces by the family: a pattern, its parameters, and who hears whom.

use koio::{Context, Io, Namespace, Next, Params, Reply, Result, handlers, on};
use koio_tests::Transport;
use serde::Deserialize;

use crate::memory::Memory;

#[derive(Deserialize)]
struct Place {
    team: String,
    room: u8,
}

#[on("connection", ns = "/{team}/room/{room}")]
async fn entered(_: Params<Place>) {}

#[on("where", ns = "/{team}/room/{room}")]
async fn place(ctx: Context, Params(place): Params<Place>) -> (String, u8, String) {
    (place.team, place.room, ctx.namespace().to_owned())
}

#[on("say", ns = "/{team}/room/{room}")]
async fn say(ctx: Context, text: String) -> Result<()> {
    ctx.broadcast("said", text)
}

fn rooms() -> Memory {
    Memory::new(Io::new().handlers(handlers![entered, place, say]))
}

#[tokio::test(start_paused = true)]
async fn a_pattern_serves_each_namespace_that_it_matches_and_tells_its_parameters() {
    let memory = rooms();
    let mut peer = memory.open(Transport::WebSocket).await;
    for (namespace, answer) in [
        ("/red/room/7", r#"["red",7,"/red/room/7"]"#),
        ("/a b/room/0", r#"["a b",0,"/a b/room/0"]"#),
    ] {
        peer.join_as(&format!("40{namespace},")).await;
        peer.send(&format!(r#"42{namespace},1["where"]"#)).await;
        peer.expect(&format!("43{namespace},1[{answer}]")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_match_is_no_namespace() {
    let memory = rooms();
    let mut peer = memory.open(Transport::WebSocket).await;
    for namespace in [
        "/red/room",
        "/red/room/",
        "/red/room/7/8",
        "/red/hall/7",
        "//room/7",
    ] {
        peer.send(&format!("40{namespace},")).await;
        let refusal = format!(r#"44{namespace},{{"message":"Invalid namespace"}}"#);
        peer.expect(&refusal).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_parameters_do_not_fit_is_refused() {
    let memory = rooms();
    let mut peer = memory.open(Transport::WebSocket).await;
    peer.send("40/red/room/300,").await;
    let refusal = peer.text().await;
    assert!(refusal.starts_with("44/red/room/300,"), "{refusal}");
    assert!(refusal.contains("`room` is no u8"), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn two_namespaces_of_one_pattern_share_no_events() {
    let memory = rooms();
    let mut peers = Vec::new();
    for namespace in ["/red/room/1", "/red/room/1", "/red/room/2"] {
        let mut peer = memory.open(Transport::WebSocket).await;
        peer.join_as(&format!("40{namespace},")).await;
        peers.push(peer);
    }
    peers[0].send(r#"42/red/room/1,["say","psst"]"#).await;
    peers[1].expect(r#"42/red/room/1,["said","psst"]"#).await;
    // Whoever serves two of them says so, and neither hears of the other: its own answer is the next thing it gets.
    let io = memory.io.of("/red/room/2");
    io.broadcast("said", "by name").expect("a broadcast");
    peers[2].expect(r#"42/red/room/2,["said","by name"]"#).await;
    peers[1].send(r#"42/red/room/1,2["where"]"#).await;
    peers[1]
        .expect(r#"43/red/room/1,2[["red",1,"/red/room/1"]]"#)
        .await;
}

#[on("which")]
async fn which(ctx: Context) -> Result<String> {
    ctx.params()
}

async fn loud(ctx: Context, next: Next) -> Result<Reply> {
    if ctx.event() == "connection" {
        let id: String = ctx.params()?;
        koio::ensure!(id != "secret", "secret", "not that one");
    }
    next.run().await
}

#[tokio::test(start_paused = true)]
async fn a_namespace_by_name_comes_before_a_pattern_and_middleware_knows_the_parameters() {
    let lobby = Namespace::new().on("which", |_: Context| async move { Ok("the lobby") });
    let io = Io::new()
        .namespace(
            "/room/{id}",
            Namespace::new().wrap(loud).handlers(handlers![which]),
        )
        .namespace("/room/lobby", lobby);
    let memory = Memory::new(io);
    let mut peer = memory.open(Transport::WebSocket).await;
    peer.join_as("40/room/lobby,").await;
    peer.join_as("40/room/hall,").await;
    peer.send(r#"42/room/lobby,1["which"]"#).await;
    peer.expect(r#"43/room/lobby,1["the lobby"]"#).await;
    peer.send(r#"42/room/hall,2["which"]"#).await;
    peer.expect(r#"43/room/hall,2["hall"]"#).await;
    peer.send("40/room/secret,").await;
    peer.expect(r#"44/room/secret,{"message":"not that one"}"#)
        .await;
}
