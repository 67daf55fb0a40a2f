//! Who gets what: everybody, rooms, one socket; with the sender and without.

use std::time::Duration;

use koio::{Context, Io, Namespace, Next, Reply, SocketId, State, handlers, on};
use koio_tests::{Transport, client};

use super::nodes::Memory;
use crate::memory::Peer;
use crate::record::Record;

/// Ann, Ben and Cid in `/`, Ann and Ben in a room; and Dan, who is in `/chat` only.
struct Cast {
    memory: Memory,
    people: Vec<(Peer, SocketId)>,
}

const NAMES: [&str; 4] = ["ann", "ben", "cid", "dan"];

impl Cast {
    async fn new() -> Self {
        let everywhere = || handlers![broadcast, to_room, to_two, except_room, to_id, elsewhere];
        let chat = || Namespace::new().handlers(everywhere());
        let memory = Memory::of(|| Io::new().handlers(everywhere()).namespace("/chat", chat()));
        let mut people = Vec::new();
        for (name, transport) in NAMES.into_iter().zip(client::BOTH.into_iter().cycle()) {
            let connect = if name == "dan" { "40/chat," } else { "40" };
            let mut peer = memory.open(transport).await;
            let id = peer.join_as(connect).await;
            people.push((peer, id.parse().expect("an id")));
        }
        for (name, rooms) in [
            ("ann", &["red", "blue"][..]),
            ("ben", &["red"]),
            ("cid", &[]),
        ] {
            let person = memory.find("/", people[place(name)].1);
            for room in rooms {
                person.join(*room).expect("a room");
            }
        }
        let dan = memory.find("/chat", people[3].1);
        dan.join("red").expect("a room");
        Self { memory, people }
    }

    fn id(&self, name: &str) -> SocketId {
        self.people[place(name)].1
    }

    /// Somebody sends an event, and it has been handled.
    async fn send(&mut self, name: &str, event: &str) {
        let chat = if name == "dan" { "/chat," } else { "" };
        self.people[place(name)]
            .0
            .send(&format!("42{chat}{event}"))
            .await;
    }

    /// Who has got the event since the last time, and how often.
    async fn heard(&mut self) -> Vec<&'static str> {
        // The clock moves once nothing is left to do: all is handled, on each node, and what is sent now comes behind it.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut heard = Vec::new();
        for (name, (peer, id)) in NAMES.into_iter().zip(&mut self.people) {
            let io = self.memory.io.of(if name == "dan" { "/chat" } else { "/" });
            io.to(*id).emit("end", ()).expect("a socket");
            loop {
                let text = peer.text().await;
                if text.ends_with(r#"["end"]"#) {
                    break;
                }
                assert!(text.ends_with(r#"["news"]"#), "{text}");
                heard.push(name);
            }
        }
        heard
    }
}

fn place(name: &str) -> usize {
    let place = NAMES.iter().position(|known| *known == name);
    place.expect("one of the cast")
}

#[on("broadcast")]
async fn broadcast(ctx: Context) -> koio::Result<()> {
    ctx.broadcast("news", ())
}

#[on("to room")]
async fn to_room(ctx: Context) -> koio::Result<()> {
    ctx.to("red").emit("news", ())
}

#[on("to two")]
async fn to_two(ctx: Context) -> koio::Result<()> {
    ctx.to("red").to("blue").emit("news", ())
}

#[on("except")]
async fn except_room(ctx: Context) -> koio::Result<()> {
    ctx.socket().except("red").emit("news", ())
}

#[on("to id")]
async fn to_id(ctx: Context, id: SocketId) -> koio::Result<()> {
    ctx.to(id).emit("news", ())
}

#[on("elsewhere")]
async fn elsewhere(ctx: Context, namespace: String) -> koio::Result<()> {
    ctx.io().of(&namespace).broadcast("news", ())
}

#[tokio::test(start_paused = true)]
async fn io_broadcast_and_io_emit_mean_everybody_in_the_main_namespace() {
    let mut cast = Cast::new().await;
    cast.memory.io.broadcast("news", ()).expect("an emit");
    assert_eq!(cast.heard().await, ["ann", "ben", "cid"]);
    cast.memory.io.emit("news", ()).expect("an emit");
    assert_eq!(cast.heard().await, ["ann", "ben", "cid"]);
    let chat = cast.memory.io.of("/chat");
    chat.broadcast("news", ()).expect("an emit");
    assert_eq!(cast.heard().await, ["dan"]);
    // The slash may be left out, as in Socket.IO.
    cast.memory.io.of("chat").emit("news", ()).expect("an emit");
    assert_eq!(cast.heard().await, ["dan"]);
}

#[tokio::test(start_paused = true)]
async fn ctx_broadcast_means_everybody_in_the_namespace_but_the_sender() {
    let mut cast = Cast::new().await;
    cast.send("ben", r#"["broadcast"]"#).await;
    assert_eq!(cast.heard().await, ["ann", "cid"]);
    cast.send("dan", r#"["broadcast"]"#).await;
    assert_eq!(cast.heard().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn ctx_to_excludes_the_sender_also_from_a_room_of_its_own() {
    let mut cast = Cast::new().await;
    cast.send("ann", r#"["to room"]"#).await;
    assert_eq!(cast.heard().await, ["ben"]);
    cast.send("cid", r#"["to room"]"#).await;
    assert_eq!(cast.heard().await, ["ann", "ben"]);
    // A room is a room of one namespace.
    cast.send("dan", r#"["to room"]"#).await;
    assert_eq!(cast.heard().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn ctx_to_an_id_means_that_socket_and_never_the_sender() {
    let mut cast = Cast::new().await;
    let (ben, cid) = (cast.id("ben"), cast.id("cid"));
    cast.send("ben", &format!(r#"["to id","{cid}"]"#)).await;
    assert_eq!(cast.heard().await, ["cid"]);
    cast.send("ben", &format!(r#"["to id","{ben}"]"#)).await;
    assert_eq!(cast.heard().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_socket_in_several_of_the_rooms_gets_it_once() {
    let mut cast = Cast::new().await;
    let ann = cast.id("ann");
    let rooms = cast.memory.io.to("red").to("blue").to(ann);
    rooms.emit("news", ()).expect("an emit");
    assert_eq!(cast.heard().await, ["ann", "ben"]);
    cast.send("cid", r#"["to two"]"#).await;
    assert_eq!(cast.heard().await, ["ann", "ben"]);
    cast.send("ben", r#"["to two"]"#).await;
    assert_eq!(cast.heard().await, ["ann"]);
}

#[tokio::test(start_paused = true)]
async fn except_leaves_out_a_room_or_a_socket() {
    let mut cast = Cast::new().await;
    cast.memory
        .io
        .except("blue")
        .emit("news", ())
        .expect("an emit");
    assert_eq!(cast.heard().await, ["ben", "cid"]);
    let ben = cast.id("ben");
    cast.memory
        .io
        .to("red")
        .except(ben)
        .emit("news", ())
        .expect("an emit");
    assert_eq!(cast.heard().await, ["ann"]);
    let nobody = cast.memory.io.to("red").except("red");
    nobody.emit("news", ()).expect("nobody to fail for");
    assert_eq!(cast.heard().await, [""; 0]);
    cast.send("ann", r#"["except"]"#).await;
    assert_eq!(cast.heard().await, ["cid"]);
}

#[tokio::test(start_paused = true)]
async fn ctx_io_is_the_server_and_of_another_namespace() {
    let mut cast = Cast::new().await;
    cast.send("ann", r#"["elsewhere","/chat"]"#).await;
    assert_eq!(cast.heard().await, ["dan"]);
    cast.send("dan", r#"["elsewhere","/"]"#).await;
    assert_eq!(cast.heard().await, ["ann", "ben", "cid"]);
    // In its own namespace the sender is one of all.
    cast.send("ann", r#"["elsewhere","/"]"#).await;
    assert_eq!(cast.heard().await, ["ann", "ben", "cid"]);
    cast.send("ann", r#"["elsewhere","/nobody knows it"]"#)
        .await;
    assert_eq!(cast.heard().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_socket_outside_a_room_gets_none_of_its_events() {
    let mut cast = Cast::new().await;
    let io = cast.memory.io.clone();
    io.to("red").sockets_leave("red").expect("a broker");
    io.to("red").emit("news", ()).expect("an emit");
    assert_eq!(cast.heard().await, [""; 0]);
    io.to(cast.id("cid")).sockets_join("red").expect("a room");
    io.to("red").emit("news", ()).expect("an emit");
    assert_eq!(cast.heard().await, ["cid"]);
    let red = io.to("red").fetch_sockets().await.expect("every node");
    let red: Vec<_> = red.iter().map(koio::cluster::RemoteSocket::id).collect();
    assert_eq!(red, [cast.id("cid")]);
    assert_eq!(io.fetch_sockets().await.expect("every node").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_socket_cannot_join_the_room_of_another_sockets_id() {
    let mut cast = Cast::new().await;
    let (ann, ben) = (cast.id("ann"), cast.id("ben"));
    let spy = cast.memory.find("/", ben);
    let refused = spy.join(ann).expect_err("somebody else's");
    assert_eq!(refused.code(), "room");
    // Nor of one who may come later.
    let future = format!("_{}", "A".repeat(19));
    assert!(SocketId::parse(&future).is_some());
    assert!(
        spy.join(future.as_str())
            .is_err_and(|error| error.code() == "room")
    );
    let everybody = cast.memory.io.except("nobody");
    assert!(everybody.sockets_join(ann).is_err());
    spy.join(ben).expect("its own");
    spy.join("_a room that is no id").expect("a room");
    cast.memory.io.to(ann).emit("news", ()).expect("a socket");
    assert_eq!(cast.heard().await, ["ann"]);
    // And no leaving one's own.
    spy.leave(ben);
    cast.memory.io.to(ben).emit("news", ()).expect("a socket");
    assert_eq!(cast.heard().await, ["ben"]);
}

#[tokio::test(start_paused = true)]
async fn the_rooms_of_a_socket_and_their_names_are_limited() {
    let memory = Memory::of(|| Io::new().config(|config| config.socket.rooms = 3));
    let (_peer, socket) = memory.socket(Transport::WebSocket).await;
    for number in 0..3 {
        socket.join(number.to_string()).expect("a room");
    }
    socket.join("0").expect("a room it is in");
    assert!(socket.join("3").is_err_and(|error| error.code() == "room"));
    socket.leave("0");
    let long = "x".repeat(256);
    assert!(
        socket
            .join(long.as_str())
            .is_err_and(|error| error.code() == "room")
    );
    socket.join(&long[..255]).expect("a room");
    assert_eq!(socket.rooms().len(), 3);
}

/// Puts a connection into a room before it is let in, and tells the room.
async fn seat(ctx: Context, next: Next) -> koio::Result<Reply> {
    if ctx.event() != "connection" {
        return next.run().await;
    }
    ctx.socket().join("lobby")?;
    ctx.io().to("lobby").emit("too early", ())?;
    if ctx.handshake().auth_json() != b"{}" {
        koio::bail!("no", "not you");
    }
    next.run().await
}

#[on("connection")]
async fn greet(ctx: Context) -> koio::Result<()> {
    ctx.io().to("lobby").emit("welcome", ())
}

#[tokio::test(start_paused = true)]
async fn a_middleware_may_join_rooms_before_the_socket_is_let_in() {
    for transport in client::BOTH {
        let memory = Memory::of(|| Io::new().wrap(seat).handlers(handlers![greet]));
        let mut peer = memory.open(transport).await;
        // CONNECT is answered first; nothing is heard of what was said before.
        let id = peer.join_as("40").await;
        peer.expect(r#"42["welcome"]"#).await;
        let lobby = memory
            .io
            .to("lobby")
            .fetch_sockets()
            .await
            .expect("every node");
        assert_eq!(lobby.len(), 1);
        assert_eq!(lobby[0].id().to_string(), id);

        // Who is refused has been in no room.
        let mut refused = memory.open(transport).await;
        refused.send(r#"40{"token":1}"#).await;
        refused
            .expect(r#"44{"message":"not you","data":{"code":"no"}}"#)
            .await;
        peer.expect(r#"42["too early"]"#).await;
        assert_eq!(
            memory
                .io
                .to("lobby")
                .fetch_sockets()
                .await
                .expect("every node")
                .len(),
            1
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_knows_the_rooms_it_is_in_and_that_of_its_own_id() {
    let memory = Memory::of(Io::new);
    let (_ann_peer, ann) = memory.socket(Transport::WebSocket).await;
    let (_ben_peer, ben) = memory.socket(Transport::Polling).await;
    assert!(!ann.is_in("red"));
    ann.join("red").expect("a room");
    assert!(ann.is_in("red") && ann.is_in(String::from("red")) && !ann.is_in("re"));
    assert!(!ben.is_in("red"));
    assert!(ann.is_in(ann.id()) && !ann.is_in(ben.id()));
    ann.leave("red");
    assert!(!ann.is_in("red"));
}

#[on("connection")]
async fn moves_in(ctx: Context) -> koio::Result<()> {
    ctx.socket().join("house")?;
    ctx.socket().join("garden")
}

#[on("disconnect")]
async fn moves_out(ctx: Context, record: State<Record>) {
    let mut rooms: Vec<_> = ctx
        .socket()
        .rooms()
        .iter()
        .map(ToString::to_string)
        .collect();
    rooms.sort();
    record.push(rooms.join(", "));
    let was_in = ["house", "garden", "attic"].map(|room| ctx.socket().is_in(room));
    record.push(format!("{was_in:?}"));
    // It is not there any more itself, and can tell those who are.
    let there = ctx
        .io()
        .to("house")
        .fetch_sockets()
        .await
        .expect("every node");
    record.push(format!("{} left behind", there.len()));
    let told = ctx.to("house").emit("gone", ctx.socket().id());
    record.push(format!("told: {}", told.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_still_sees_the_rooms() {
    for transport in client::BOTH {
        let record = Record::default();
        let handlers = || handlers![moves_in, moves_out];
        let memory = Memory::of(|| Io::new().state(record.clone()).handlers(handlers()));
        let mut stays = memory.client(Transport::WebSocket).await;
        let (peer, goes) = memory.socket(transport).await;
        peer.close().await;
        let lines = record.reach(4).await;
        let was_in = "[true, true, false]";
        assert_eq!(
            lines,
            ["garden, house", was_in, "1 left behind", "told: true"]
        );
        stays
            .expect(&format!(r#"42["gone","{}"]"#, goes.id()))
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_behind_only_adds_to_it_and_except_takes_away() {
    let mut cast = Cast::new().await;
    let cid = cast.memory.find("/", cast.id("cid"));
    cid.only().to("red").emit("news", ()).expect("an emit");
    assert_eq!(cast.heard().await, ["ann", "ben", "cid"]);
    let ann = cast.memory.find("/", cast.id("ann"));
    ann.only().except("red").emit("news", ()).ok();
    assert_eq!(cast.heard().await, [""; 0]);
    ann.only()
        .except("green")
        .emit("news", ())
        .expect("an emit");
    assert_eq!(cast.heard().await, ["ann"]);
}
