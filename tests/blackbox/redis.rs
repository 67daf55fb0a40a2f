//! Servers that a real Redis joins. What servers of Node's make of them is in `tests/cluster`.

use koio::{Io, Namespace, cluster::Redis};
use koio_tests::{Client, Running, Transport, serve, until_async};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::programs::{BrokerProcess, Program};

pub(crate) const REDIS: Program = Program("redis-server");

/// It runs until this is dropped, and keeps nothing.
pub(crate) struct RedisProcess(BrokerProcess);

impl RedisProcess {
    pub(crate) async fn start() -> Self {
        Self(BrokerProcess::start(&REDIS, "--bind", &["--save", ""]).await)
    }

    pub(crate) fn broker(&self) -> Redis {
        Redis::new(format!("redis://{}", self.0.addr))
    }

    async fn server(&self) -> Running {
        self.server_of(Io::new()).await
    }

    async fn server_of(&self, io: Io) -> Running {
        serve(io.cluster(self.broker())).await
    }

    /// What it answers to this command, in its own form.
    pub(crate) async fn ask(&self, command: &str) -> String {
        let mut line = TcpStream::connect(self.0.addr).await.expect("Redis");
        let ask = format!("{command}\r\nQUIT\r\n");
        line.write_all(ask.as_bytes()).await.expect("Redis");
        let mut answer = String::new();
        line.read_to_string(&mut answer).await.expect("text");
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_request_of_a_server_asks_all_that_are_there() {
    if !REDIS.is_there() {
        return;
    }
    let redis = RedisProcess::start().await;
    let (mut servers, mut clients) = (Vec::new(), Vec::new());
    for there in 0..8 {
        let server = redis.server().await;
        let found = server.handle.fetch_sockets().await.expect("all answer");
        assert_eq!(found.len(), there);
        clients.push(Client::connect(server.target(), Transport::WebSocket).await);
        servers.push(server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_for_other_servers_listens_for_answers_only_if_it_wants_them() {
    if !REDIS.is_there() {
        return;
    }
    let redis = RedisProcess::start().await;
    let io = Io::new().namespace("/room/{id}", Namespace::new());
    let server = redis.server_of(io).await;
    let rooms = ["/room/told", "/room/asked"].map(|room| server.handle.of(room));
    rooms[0].server_side_emit("e", ()).expect("no fault");
    let asked = rooms[1].server_side_emit_with_ack::<()>("e", ());
    assert!(asked.await.expect("nobody").is_empty());
    // Nobody else was counted, so the wait may end before Redis has read the subscription.
    let mut channels = String::new();
    let listens = |channels: &str, room: &str| channels.contains(&format!("response#{room}#"));
    until_async("the room that was asked is subscribed", async || {
        channels = redis.ask("PUBSUB CHANNELS").await;
        listens(&channels, "/room/asked")
    })
    .await;
    // What the other room would have subscribed was ahead of it.
    assert!(!listens(&channels, "/room/told"), "{channels}");
}
