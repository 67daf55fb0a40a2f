//! Promise 5: if the connection handler ran, the disconnect handler runs, exactly once and last, whatever it was
//! that ended the socket.

use std::time::Duration;

use koio::{Context, Io, Namespace, Next, Reply, Socket, handlers, on};
use koio_tests::{Transport, client};

use crate::memory::{Memory, Peer};
use crate::record::{self, Record};

/// Everything that one socket is told in its life, for each way to end it.
struct Life {
    memory: Memory,
    record: Record,
    peer: Peer,
    socket: Socket,
}

impl Life {
    async fn new(transport: Transport) -> Self {
        let record = Record::default();
        let io = Io::new()
            .state(record.clone())
            .handlers(record::all())
            .namespace("/other", Namespace::new().handlers(handlers![]));
        let memory = Memory::new(io);
        let (peer, socket) = memory.socket(transport).await;
        Self {
            memory,
            record,
            peer,
            socket,
        }
    }

    /// A handler runs and an event waits behind it.
    async fn busy(transport: Transport) -> Self {
        let mut life = Self::new(transport).await;
        life.peer.send(r#"42["work",1,3000]"#).await;
        life.peer.send(r#"42["work",2,1000]"#).await;
        life.record.until("begin 1").await;
        life
    }

    /// The whole life, after time enough for anything to come twice.
    async fn lines(self) -> Vec<String> {
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert!(!self.socket.is_connected());
        drop(self.peer);
        self.record.lines()
    }
}

/// What was waiting is still handled if it was the client that left, for it was sent before that.
fn heard_out(reason: &str) -> Vec<String> {
    let work = ["came", "begin 1", "end 1", "begin 2", "end 2"];
    let left = format!("left: {reason}");
    work.into_iter().map(str::to_owned).chain([left]).collect()
}

/// What was waiting is dropped if it was the server that ended the socket.
fn cut_short(reason: &str) -> Vec<String> {
    let left = format!("left: {reason}");
    let work = ["came", "begin 1", "end 1"];
    work.into_iter().map(str::to_owned).chain([left]).collect()
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_runs_once_and_last_when_the_client_leaves_the_namespace() {
    for transport in client::BOTH {
        let mut life = Life::busy(transport).await;
        life.peer.send("41").await;
        assert_eq!(life.lines().await, heard_out("client namespace disconnect"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_runs_once_and_last_when_the_client_closes() {
    for transport in client::BOTH {
        let mut life = Life::busy(transport).await;
        match &mut life.peer {
            // `1` in a POST.
            Peer::Polling(session) => assert_eq!(session.post("1").await.0, 200),
            // A close frame.
            Peer::WebSocket(socket) => (**socket).close(None).await.expect("an open socket"),
        }
        assert_eq!(life.lines().await, heard_out("transport close"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_runs_once_and_last_when_a_websocket_sends_a_close_packet() {
    let mut life = Life::busy(Transport::WebSocket).await;
    life.peer.send("1").await;
    assert_eq!(life.lines().await, heard_out("transport close"));
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_runs_once_and_last_when_the_connection_breaks() {
    let mut life = Life::busy(Transport::WebSocket).await;
    // The pipe is gone, without a word.
    life.peer = life.memory.open(Transport::Polling).await;
    assert_eq!(life.lines().await, heard_out("transport close"));
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_runs_once_and_last_when_a_poll_is_aborted() {
    let life = Life::busy(Transport::Polling).await;
    let session = life.peer.polling();
    let poll = tokio::spawn(async move { session.get().await });
    tokio::task::yield_now().await;
    poll.abort();
    assert_eq!(life.lines().await, heard_out("transport error"));
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_runs_once_and_last_when_the_client_breaks_the_transports_rules() {
    let life = Life::busy(Transport::Polling).await;
    let (one, two) = (life.peer.polling(), life.peer.polling());
    tokio::join!(one.get(), two.get());
    assert_eq!(life.lines().await, heard_out("transport error"));
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_runs_once_and_last_when_a_ping_is_not_answered() {
    for transport in client::BOTH {
        // Nobody reads, so nobody answers.
        let life = Life::busy(transport).await;
        assert_eq!(life.lines().await, heard_out("ping timeout"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_runs_once_and_last_when_the_server_puts_the_client_out() {
    for transport in client::BOTH {
        for way in 0..3 {
            let life = Life::busy(transport).await;
            match way {
                0 => life.socket.disconnect(),
                1 => life.socket.disconnect_all(),
                _ => life
                    .memory
                    .io
                    .to(life.socket.id())
                    .disconnect_sockets()
                    .expect("a broker"),
            }
            // Twice is once.
            life.socket.disconnect();
            life.socket.disconnect_all();
            assert_eq!(life.lines().await, cut_short("server namespace disconnect"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_runs_once_and_last_when_a_handler_puts_its_client_out() {
    for transport in client::BOTH {
        let mut life = Life::new(transport).await;
        life.peer.send(r#"42["kick me"]"#).await;
        life.peer.try_send(r#"42["work",1,0]"#).await;
        let expected = ["came", "kicked, true", "left: server namespace disconnect"];
        assert_eq!(life.lines().await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_runs_once_and_last_at_a_shutdown() {
    for transport in client::BOTH {
        let life = Life::busy(transport).await;
        let io = life.memory.io.clone();
        tokio::spawn(async move { io.shutdown(Duration::from_secs(60)).await });
        assert_eq!(life.lines().await, cut_short("server shutting down"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_runs_once_and_last_when_the_client_breaks_the_protocol() {
    for transport in client::BOTH {
        for (packet, reason) in [
            ("4garbage", "forced close"),
            (r#"42"no array""#, "forced close"),
            (r#"42/other,["too early"]"#, "forced server close"),
            ("40", "forced server close"),
            ("x", "parse error"),
            ("2", "transport error"),
        ] {
            let mut life = Life::busy(transport).await;
            life.peer.try_send(packet).await;
            let lines = life.lines().await;
            let left = lines.iter().filter(|line| line.starts_with("left"));
            assert_eq!(left.count(), 1, "{packet}: {lines:?}");
            let last = format!("left: {reason}");
            assert_eq!(lines.last(), Some(&last), "{packet} over {transport:?}");
            assert_eq!(lines[..3], ["came", "begin 1", "end 1"], "{packet}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_handler_ends_nothing_and_the_disconnect_handler_still_runs_once() {
    for transport in client::BOTH {
        let mut life = Life::new(transport).await;
        life.peer.send(r#"421["panic"]"#).await;
        let answer = life.peer.text().await;
        assert!(
            answer.starts_with(r#"431[{"error":{"code":"internal""#),
            "{answer}"
        );
        life.peer.send(r#"422["work",2,0]"#).await;
        life.peer.expect("432[2]").await;
        life.peer.send("41").await;
        let expected = [
            "came",
            "panic",
            "begin 2",
            "end 2",
            "left: client namespace disconnect",
        ];
        assert_eq!(life.lines().await, expected);
    }
}

/// A middleware that breaks whatever it is put around, in a way of its own.
async fn broken(ctx: Context, next: Next, way: u8) -> koio::Result<Reply> {
    match (ctx.event(), way) {
        // After CONNECT has been answered.
        ("connection", 0) => {
            next.run().await?;
            Err(koio::Error::new("no", "after all"))
        }
        ("connection", 1) => {
            next.run().await?;
            panic!("after all")
        }
        ("disconnect", 2) => Err(koio::Error::new("no", "not even goodbye")),
        ("disconnect", 3) => panic!("not even goodbye"),
        ("disconnect", 4) => Ok(Reply::none()),
        _ => next.run().await,
    }
}

#[tokio::test(start_paused = true)]
async fn no_middleware_can_keep_the_disconnect_handler_from_running_once() {
    for way in 0..5 {
        let record = Record::default();
        let io = Io::new()
            .state(record.clone())
            .wrap(move |ctx, next| broken(ctx, next, way))
            .handlers(record::all());
        let memory = Memory::new(io);
        let mut peer = memory.open(Transport::WebSocket).await;
        peer.join_as("40").await;
        if way >= 2 {
            peer.send("41").await;
        }
        tokio::time::sleep(Duration::from_secs(20)).await;
        let reason = if way < 2 { "server" } else { "client" };
        let left = format!("left: {reason} namespace disconnect");
        assert_eq!(record.lines(), ["came", &left], "way {way}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_does_not_run_for_a_refused_socket() {
    let record = Record::default();
    let io = Io::new()
        .state(record.clone())
        .wrap(|_: Context, _: Next| async { Err(koio::Error::new("no", "not you")) })
        .handlers(record::all());
    let memory = Memory::new(io);
    for transport in client::BOTH {
        let mut peer = memory.open(transport).await;
        peer.send("40").await;
        peer.expect(r#"44{"message":"not you","data":{"code":"no"}}"#)
            .await;
        peer.close().await;
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    assert_eq!(record.lines(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_handler_does_not_run_for_a_socket_that_leaves_during_its_middleware() {
    let record = Record::default();
    let io = Io::new()
        .state(record.clone())
        .wrap(|_: Context, next: Next| async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            next.run().await
        })
        .handlers(record::all());
    let memory = Memory::new(io);
    for transport in client::BOTH {
        let mut peer = memory.open(transport).await;
        peer.send("40").await;
        peer.close().await;
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    assert_eq!(record.lines(), [""; 0]);
    assert!(
        memory
            .io
            .fetch_sockets()
            .await
            .expect("every node")
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn each_namespace_runs_its_own_disconnect_handler() {
    let record = Record::default();
    let io = Io::new()
        .state(record.clone())
        .namespace("/a", Namespace::new().handlers(record::all()))
        .namespace("/b", Namespace::new().handlers(record::all()));
    let memory = Memory::new(io);
    for transport in client::BOTH {
        record.take();
        let mut peer = memory.open(transport).await;
        peer.join_as("40/a,").await;
        peer.join_as("40/b,").await;
        peer.send("41/a,").await;
        record.until("left: client namespace disconnect").await;
        peer.send(r#"42/b,1["work",1,0]"#).await;
        peer.expect("43/b,1[1]").await;
        peer.close().await;
        record.until("left: transport close").await;
        tokio::time::sleep(Duration::from_secs(20)).await;
        let left = |line: &&String| line.starts_with("left");
        assert_eq!(record.lines().iter().filter(left).count(), 2);
    }
}

#[on("connection")]
async fn counted_in(ctx: Context, record: koio::State<Record>) {
    record.push(format!("+{}", ctx.socket().id()));
}

#[on("disconnect")]
async fn counted_out(ctx: Context, record: koio::State<Record>) {
    record.push(format!("-{}", ctx.socket().id()));
}

#[tokio::test(start_paused = true)]
async fn five_hundred_sockets_that_end_in_all_ways_each_run_their_disconnect_handler_once() {
    let record = Record::default();
    let io = Io::new()
        .state(record.clone())
        .handlers(handlers![counted_in, counted_out]);
    let memory = Memory::new(io);
    for number in 0..500_usize {
        let (mut peer, socket) = memory.socket(client::BOTH[number % 2]).await;
        // Each end comes with another one close behind.
        for end in [number / 2 % 5, number / 10 % 5] {
            match end {
                0 => socket.disconnect(),
                1 => socket.disconnect_all(),
                2 => drop(peer.try_send("41").await),
                3 => drop(peer.try_send("4garbage").await),
                _ => drop(peer.try_send("1").await),
            }
        }
    }
    let lines = record.reach(1_000).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(record.lines().len(), 1_000, "no life ends twice");
    let mut open = std::collections::HashSet::new();
    for line in lines {
        let known = match line.split_at(1) {
            ("+", id) => open.insert(id.to_owned()),
            (_, id) => open.remove(id),
        };
        assert!(known, "{line}");
    }
    assert!(open.is_empty());
    assert!(
        memory
            .io
            .fetch_sockets()
            .await
            .expect("every node")
            .is_empty()
    );
}
