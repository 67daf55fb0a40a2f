//! Namespaces by the family: a pattern, its parameters, and who hears whom.

use koio::{Context, Io, Namespace, Next, Params, Reply, Result, handlers, on};
use koio_tests::Transport;
use serde::Deserialize;
use tracing::Level;

use crate::logs::Heard;
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
async fn a_parameter_can_be_a_part_of_a_part() {
    let board = |name: &'static str| {
        Namespace::new().on("where", move |ctx: Context| async move {
            Ok((name, ctx.params::<u8>()?))
        })
    };
    let io = Io::new()
        .namespace("/board-{n}", board("board"))
        .namespace("/room-{n}.old", board("old room"));
    let memory = Memory::new(io);
    let mut peer = memory.open(Transport::WebSocket).await;
    for (namespace, answer) in [
        ("/board-7", r#"["board",7]"#),
        ("/room-8.old", r#"["old room",8]"#),
    ] {
        peer.join_as(&format!("40{namespace},")).await;
        peer.send(&format!(r#"42{namespace},1["where"]"#)).await;
        peer.expect(&format!("43{namespace},1[{answer}]")).await;
    }
    for namespace in ["/board-", "/board7", "/board-7/8", "/room-8", "/board-{n}"] {
        peer.send(&format!("40{namespace},")).await;
        peer.expect(&format!(
            r#"44{namespace},{{"message":"Invalid namespace"}}"#
        ))
        .await;
    }
    let family = memory.io.of("/board-{n}");
    family.broadcast("closing", ()).expect("it is declared");
    peer.expect(r#"42/board-7,["closing"]"#).await;
    assert_eq!(family.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_middleware_that_waits_decides_which_namespaces_of_a_pattern_there_are() {
    async fn known(ctx: Context, next: Next) -> Result<Reply> {
        if ctx.event() == "connection" {
            // A look-up takes its time, here of a clock that stands.
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            let name: String = ctx.params()?;
            koio::ensure!(name == "tea", "invalid_namespace", "Invalid namespace");
        }
        next.run().await
    }
    let io = Io::new().namespace("/shop-{name}", Namespace::new().wrap(known));
    let memory = Memory::new(io);
    let mut peer = memory.open(Transport::WebSocket).await;
    peer.join_as("40/shop-tea,").await;
    peer.send("40/shop-milk,").await;
    peer.expect(
        r#"44/shop-milk,{"message":"Invalid namespace","data":{"code":"invalid_namespace"}}"#,
    )
    .await;
    assert_eq!(memory.io.namespaces(), ["/", "/shop-tea"]);
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
    peer.expect(r#"44/room/secret,{"message":"not that one","data":{"code":"secret"}}"#)
        .await;
}

#[on("misspelled", ns = "/chta")]
async fn misspelled() {}

#[on("team", ns = "/team2")]
async fn team() {}

#[tokio::test(start_paused = true)]
async fn the_start_warns_of_a_handler_whose_namespace_is_misspelled_and_tells_of_a_namespace_without_handlers()
 {
    let heard = Heard::default();
    let _guard = heard.listen();
    let _memory = Memory::new(
        Io::new()
            .namespace("/chat", Namespace::new())
            .namespace(
                "/team1",
                Namespace::new().on("e", |_: Context| async { Ok(()) }),
            )
            .handlers(handlers![misspelled, team]),
    );
    let (level, line) = heard.says("did you mean `/chat`?").expect("a warning");
    assert_eq!(level, Level::WARN);
    assert!(
        line.contains("misspelled` (tests/blackbox/namespaces.rs:"),
        "{line}"
    );
    assert!(line.contains("belongs to `/chta`"), "{line}");
    let (level, _) = heard.says("`/chat` has no handlers").expect("a line");
    assert_eq!(level, Level::INFO);
    assert_eq!(heard.says("did you mean `/team1`"), None);
    assert_eq!(heard.says("`/team1` has no handlers"), None);
    assert_eq!(heard.says("namespace `/` has no handlers"), None);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_another_namespace_takes_is_logged_once_with_the_name_of_that() {
    let memory = rooms();
    let heard = Heard::default();
    let _guard = heard.listen();
    let mut peer = memory.client(Transport::WebSocket).await;
    for event in ["say", "say", "unknown"] {
        peer.send(&format!(r#"421["{event}"]"#)).await;
        let answer = peer.text().await;
        assert!(answer.contains("no_handler"), "{answer}");
    }
    let told: Vec<_> = heard
        .lines()
        .into_iter()
        .filter(|(_, line)| line.contains("it is handled in"))
        .collect();
    let [(level, line)] = told.as_slice() else {
        panic!("{told:#?}");
    };
    assert_eq!(*level, Level::DEBUG);
    assert!(
        line.contains("it is handled in /{team}/room/{room}"),
        "{line}"
    );
    assert!(line.contains(r#"event="say" namespace="/""#), "{line}");
}

#[tokio::test(start_paused = true)]
async fn an_event_called_connection_is_not_told_of_the_handlers_of_connections() {
    let chat = Namespace::new()
        .on("connection", |_: Context| async { Ok(()) })
        .on("*", |_: Context| async { Ok(()) });
    let memory = Memory::new(Io::new().namespace("/chat", chat));
    let heard = Heard::default();
    let _guard = heard.listen();
    let mut peer = memory.client(Transport::WebSocket).await;
    for event in ["connection", "*"] {
        peer.send(&format!(r#"421["{event}"]"#)).await;
        let answer = peer.text().await;
        assert!(answer.contains("no_handler"), "{answer}");
    }
    assert_eq!(heard.says("it is handled in"), None);
}

#[on("lost", ns = "/agents")]
async fn lost(ctx: Context, room: String) -> Result<()> {
    ctx.socket().join("desk")?;
    ctx.io().to(room).emit("lost", ())
}

#[tokio::test(start_paused = true)]
async fn an_emit_that_reaches_nobody_names_the_namespace_whose_room_was_meant_and_warns_once() {
    let memory = Memory::new(Io::new().handlers(handlers![lost]));
    let heard = Heard::default();
    let _guard = heard.listen();
    let mut peer = memory.open(Transport::WebSocket).await;
    peer.join_as("40/agents,").await;
    let hints = || {
        let mut lines = heard.lines();
        lines.retain(|(_, line)| line.contains("`ctx.here()`"));
        lines
    };
    // A room that is nowhere is nobody's mistake: rooms come and go.
    peer.send(r#"42/agents,1["lost","nowhere"]"#).await;
    peer.expect("43/agents,1[]").await;
    assert_eq!(hints(), []);
    for _ in 0..2 {
        peer.send(r#"42/agents,1["lost","desk"]"#).await;
        peer.expect("43/agents,1[]").await;
    }
    let lines = hints();
    let levels: Vec<Level> = lines.iter().map(|(level, _)| *level).collect();
    assert_eq!(levels, [Level::WARN, Level::DEBUG]);
    let (_, line) = &lines[0];
    for said in ["room=desk", r#"emitted="/""#, r#"namespace="/agents""#] {
        assert!(line.contains(said), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn namespaces_rooms_and_counts_are_those_of_the_sockets_that_are_there() {
    let memory = rooms();
    assert_eq!(memory.io.namespaces(), ["/"]);
    let family = memory.io.of("/{team}/room/{room}");
    let mut peers = Vec::new();
    for (namespace, joined) in [
        ("/red/room/1", "b"),
        ("/red/room/1", "a"),
        ("/red/room/2", "a"),
    ] {
        let mut peer = memory.open(Transport::WebSocket).await;
        let id = peer.join_as(&format!("40{namespace},")).await;
        let socket = memory.find(namespace, id.parse().expect("an id"));
        socket.join(joined).expect("a room");
        peers.push(peer);
    }
    assert_eq!(memory.io.namespaces(), ["/", "/red/room/1", "/red/room/2"]);
    let rooms = |io: &koio::IoHandle| {
        let rooms = io.rooms().into_iter();
        rooms
            .map(|room| room.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    let one = memory.io.of("/red/room/1");
    assert_eq!(
        (rooms(&one), one.count(), one.to("a").count()),
        (vec!["a".into(), "b".into()], 2, 1)
    );
    assert_eq!(
        (rooms(&family), family.count()),
        (vec!["a".into(), "b".into()], 3)
    );
    assert_eq!(
        (family.to("a").count(), family.to("a").except("a").count()),
        (2, 0)
    );
    assert_eq!((rooms(&memory.io), memory.io.count()), (vec![], 0));
    peers.pop().expect("a peer").close().await;
    crate::memory::within("the socket is gone", async {
        while family.count() > 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(memory.io.namespaces(), ["/", "/red/room/1"]);
}
