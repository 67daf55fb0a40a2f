//! Several rooms at once: `join`, `leave`, `to` and `except` of a list.

use koio::testing::{TestClient, TestServer};
use koio::{Io, Result, Room, Socket};

use crate::record::Record;
use koio::observe::{Observation, Observer};

/// Three clients, and their sockets.
async fn three(server: &TestServer) -> Result<Vec<(TestClient, Socket)>> {
    let mut all = Vec::new();
    for _ in 0..3 {
        let client = server.connect("/").await?;
        let socket = server
            .handle()
            .socket(client.id())
            .expect("it is connected");
        all.push((client, socket));
    }
    Ok(all)
}

fn sorted(socket: &Socket) -> Vec<String> {
    let mut rooms: Vec<_> = socket.rooms().iter().map(Room::to_string).collect();
    rooms.sort();
    rooms
}

#[tokio::test]
async fn a_list_of_rooms_is_joined_left_and_sent_to() -> Result<()> {
    let server = TestServer::new(Io::new()).await?;
    let io = server.handle();
    let mut all = three(&server).await?;
    let socket = all[0].1.clone();
    socket.join(["a", "b", "c"])?;
    socket.join(vec![Room::from("c"), Room::from("d")])?;
    socket.join([socket.id().to_string().as_str(), "e"])?;
    assert_eq!(sorted(&socket), ["a", "b", "c", "d", "e"]);
    all[1].1.join(&["b".to_owned()])?;
    io.to(["a", "b"]).emit("once", 1)?;
    io.to(["a", "b"]).except(["c", "nobody"]).emit("but", 2)?;
    io.except(vec!["a", "b"]).emit("rest", 3)?;
    all[1].1.to([all[2].1.id(), socket.id()]).emit("ids", 4)?;
    for (at, expected) in [&["once", "ids"][..], &["once", "but"], &["rest", "ids"]]
        .into_iter()
        .enumerate()
    {
        server.settle().await;
        let heard = all[at].0.received().await;
        let heard: Vec<_> = heard.iter().map(|event| event.name().to_owned()).collect();
        assert_eq!(heard, expected, "{at}");
    }
    socket.leave(["a", "nothing", "b"]);
    assert_eq!(sorted(&socket), ["c", "d", "e"]);
    socket.leave_all();
    assert_eq!(socket.rooms(), []);
    assert!(socket.is_in(socket.id()), "never of its own id");
    io.to(["b", "x"]).sockets_join(["y", "z"])?;
    assert_eq!(sorted(&all[1].1), ["b", "y", "z"]);
    io.sockets_leave(["y", "b"])?;
    assert_eq!(sorted(&all[1].1), ["z"]);
    Ok(())
}

#[tokio::test]
async fn an_empty_list_of_rooms_means_nobody_and_never_everybody() -> Result<()> {
    let server = TestServer::new(Io::new()).await?;
    let io = server.handle();
    let mut all = three(&server).await?;
    let none: Vec<Room> = Vec::new();
    io.to(&none).emit("leak", 1)?;
    all[0].1.to(&none).emit("leak", 2)?;
    io.to(&none).volatile().emit("leak", 3)?;
    assert_eq!((io.to(&none).count(), io.to(&none).sockets().len()), (0, 0));
    assert!(io.to(&none).fetch_sockets().await?.is_empty());
    assert!(
        io.to(&none)
            .emit_with_acks::<()>("leak", 4)
            .await?
            .is_empty()
    );
    let one = io.to(&none).emit_with_ack::<()>("leak", 5).await;
    assert!(one.is_err_and(|error| error.code() == "not_one_socket"));
    io.to(&none).sockets_join("room")?;
    io.to(&none).sockets_leave("room")?;
    io.to(&none).disconnect_sockets()?;
    assert_eq!(io.to("room").count(), 0);
    all[0].1.join(&none)?;
    io.sockets_join(&none)?;
    assert!(
        io.to(&none).emit("connect", 6).is_err(),
        "a mistake stays one"
    );
    // With another room it adds nothing, and it excepts nobody.
    all[1].1.join("room")?;
    io.to(&none).to("room").emit("one", 7)?;
    io.except(&none).emit("all", 8)?;
    server.settle().await;
    for (at, expected) in [&["all"][..], &["one", "all"], &["all"]]
        .into_iter()
        .enumerate()
    {
        let heard = all[at].0.received().await;
        let heard: Vec<_> = heard.iter().map(|event| event.name().to_owned()).collect();
        assert_eq!(heard, expected, "{at}");
    }
    Ok(())
}

#[tokio::test]
async fn a_list_with_a_room_that_is_refused_is_not_joined_at_all() -> Result<()> {
    let io = Io::new().config(|config| config.socket.rooms = 3);
    let server = TestServer::new(io).await?;
    let all = three(&server).await?;
    let (socket, other) = (&all[0].1, all[1].1.id().to_string());
    socket.join(["a", "b"])?;
    for refused in [["c", "d"], ["c", &"x".repeat(256)], ["c", &other]] {
        let why = socket.join(refused).expect_err("one of it can't be joined");
        assert_eq!(why.code(), "room");
        assert_eq!(sorted(socket), ["a", "b"]);
    }
    // Those that it is in already, and one that is named twice, count once.
    socket.join(["a", "c", "b", "c"])?;
    assert_eq!(sorted(socket), ["a", "b", "c"]);
    Ok(())
}

struct Changes(Record);

impl Observer for Changes {
    fn observe(&self, observation: &Observation<'_>) {
        match observation {
            Observation::Joined { room, first, .. } => self.0.push(format!("+{room} {first}")),
            Observation::Left { room, last, .. } => self.0.push(format!("-{room} {last}")),
            _ => {}
        }
    }
}

#[tokio::test]
async fn each_room_of_a_list_is_observed() -> Result<()> {
    let record = Record::default();
    let server = TestServer::new(Io::new().observe(Changes(record.clone()))).await?;
    let all = three(&server).await?;
    all[0].1.join(["a", "b"])?;
    all[1].1.join(["b", "c", "b"])?;
    assert_eq!(record.take(), ["+a true", "+b true", "+b false", "+c true"]);
    all[0].1.leave(["b", "a", "a"]);
    all[1].1.leave_all();
    let mut left = record.take();
    left.sort();
    assert_eq!(left, ["-a true", "-b false", "-b true", "-c true"]);
    Ok(())
}
