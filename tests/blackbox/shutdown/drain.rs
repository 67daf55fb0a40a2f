//! The end of a server: in order, and in time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use koio::{Bytes, CloseReason, Context, Io, Namespace, State, handlers, on, server::Drained};
use koio_tests::{Bare, Client, Received, Transport, client, serve, within};
use tokio::{sync::Barrier, task::JoinHandle, time::Instant};

use super::{MINUTE, shut_down};
use crate::memory::{Memory, Peer};
use crate::record::{self, Record};

fn recorded(record: &Record) -> Memory {
    Memory::new(Io::new().state(record.clone()).handlers(record::all()))
}

/// A server whose shutdown has begun, and waits for a handler of this client.
async fn ending_at_work() -> (Memory, Peer, JoinHandle<Drained>) {
    let record = Record::default();
    let memory = recorded(&record);
    let mut busy = memory.client(Transport::WebSocket).await;
    busy.send(r#"42["work",1,5000]"#).await;
    record.until("begin 1").await;
    let ending = shut_down(&memory);
    tokio::task::yield_now().await;
    (memory, busy, ending)
}

#[tokio::test(start_paused = true)]
async fn while_a_server_shuts_down_new_clients_are_refused_with_503() {
    let (memory, _busy, ending) = ending_at_work().await;
    let path = "/socket.io/?EIO=4&transport=polling";
    let (status, _) = memory.request("GET", path, "").await;
    assert_eq!(status, 503);
    assert_eq!(memory.websocket(1_024).await.err(), Some(503));
    let drained = ending.await.expect("a shutdown");
    assert_eq!((drained.answered, drained.cut), (1, 0));
    let (status, _) = memory.request("GET", path, "").await;
    assert_eq!(status, 503);
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_at_a_shutdown_is_delivered() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = recorded(&record);
        let (mut peer, socket) = memory.socket(transport).await;
        for number in 0..500 {
            socket.emit("n", number).expect("room");
        }
        let ending = shut_down(&memory);
        for number in 0..500 {
            peer.expect(&format!(r#"42["n",{number}]"#)).await;
        }
        // No DISCONNECT: who is not put out comes back by himself.
        let (texts, code) = peer.ended().await;
        assert_eq!(texts, [""; 0]);
        if let (Transport::WebSocket, code) = (transport, code) {
            assert_eq!(code, Some(1001), "going away");
        }
        drop(peer);
        let drained = ending.await.expect("a shutdown");
        assert_eq!((drained.answered, drained.cut), (1, 0));
        assert_eq!(record.lines(), ["came", "left: server shutting down"]);
    }
}

#[tokio::test(start_paused = true)]
async fn at_a_shutdown_running_handlers_finish_and_waiting_events_are_dropped() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = recorded(&record);
        let (mut peer, socket) = memory.socket(transport).await;
        for number in 0..3 {
            peer.send(&format!(r#"42["work",{number},5000]"#)).await;
        }
        record.until("begin 0").await;
        let asked = socket.emit_with_ack::<()>("q", ());
        let started = Instant::now();
        let ending = shut_down(&memory);
        assert_eq!(peer.ended().await.0, [r#"420["q"]"#]);
        // It was waited for until the last handler had finished.
        let error = asked.await.expect_err("nobody to answer any more");
        assert!(error.is_disconnected(), "{error:?}");
        drop(peer);
        let drained = ending.await.expect("a shutdown");
        assert_eq!((drained.answered, drained.cut), (1, 0));
        let lines = ["came", "begin 0", "end 0", "left: server shutting down"];
        assert_eq!(record.lines(), lines);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(6), "{took:?}");
        assert_eq!(memory.io.counts().handlers_dropped, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_open_connections_are_cut_and_their_disconnect_handlers_run() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = recorded(&record);
        let quiet = memory.client(Transport::WebSocket).await;
        let mut peer = memory.client(transport).await;
        record.take();
        peer.send(r#"42["stuck"]"#).await;
        record.until("stuck").await;
        drop(quiet);
        record.until("left: transport close").await;
        record.take();
        let started = Instant::now();
        let drained = memory.io.shutdown(Duration::from_secs(3)).await;
        let took = started.elapsed();
        assert!(took >= Duration::from_secs(3), "{took:?}");
        assert!(took < Duration::from_secs(4), "{took:?}");
        assert_eq!((drained.answered, drained.cut), (0, 1));
        assert_eq!(record.lines(), ["dropped", "left: server shutting down"]);
        assert_eq!(memory.io.counts().handlers_dropped, 1);
        let (_, code) = peer.ended().await;
        // It was told when the shutdown began.
        if transport == Transport::WebSocket {
            assert_eq!(code, Some(1001));
        }
    }
}

/// Takes its time, or all the time there is.
#[on("disconnect")]
async fn leaves_slowly(_ctx: Context, reason: CloseReason, record: State<Record>) {
    record.push(format!("leaving: {reason}"));
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_not_even_a_disconnect_handler_holds_up_the_end() {
    let record = Record::default();
    let io = Io::new().state(record.clone());
    let memory = Memory::new(io.handlers(handlers![leaves_slowly, endless]));
    // One is in its disconnect handler at the deadline; the other's begins only then.
    let leaving = memory.client(Transport::WebSocket).await;
    let mut stuck = memory.client(Transport::WebSocket).await;
    stuck.send(r#"42["endless"]"#).await;
    leaving.close().await;
    record.until("leaving: transport close").await;
    let started = Instant::now();
    let drained = memory.io.shutdown(Duration::from_secs(3)).await;
    let took = started.elapsed();
    assert!(took <= Duration::from_secs(4), "{took:?}");
    assert_eq!((drained.answered, drained.cut), (0, 2));
    let lines = ["leaving: transport close", "leaving: server shutting down"];
    assert_eq!(record.lines(), lines);
    // Two disconnect handlers, and the one before.
    assert_eq!(memory.io.counts().handlers_dropped, 3);
}

#[on("endless")]
async fn endless() {
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_with_a_deadline_of_zero_cuts_at_once() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = recorded(&record);
        let mut peer = memory.client(transport).await;
        peer.send(r#"42["stuck"]"#).await;
        record.until("stuck").await;
        let started = Instant::now();
        let drained = memory.io.shutdown(Duration::ZERO).await;
        let took = started.elapsed();
        assert!(took <= Duration::from_secs(1), "{took:?}");
        assert_eq!((drained.answered, drained.cut), (0, 1));
        let lines = ["came", "stuck", "dropped", "left: server shutting down"];
        assert_eq!(record.lines(), lines);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_waited_for_until_the_deadline_and_no_longer() {
    for seconds in [2, 5, 60] {
        let memory = Memory::new(Io::new());
        let mut peer = memory.websocket(1_024).await.expect("a session");
        let socket = peer.join(&memory.io).await;
        socket.emit("long", "x".repeat(5_000)).expect("room");
        let started = Instant::now();
        let drained = memory.io.shutdown(Duration::from_secs(seconds)).await;
        let took = started.elapsed();
        // A client that takes nothing for 5 s will take nothing any more. When both times are over at once the server has given
        // it up.
        let (least, counted) = match seconds {
            2 | 5 => (seconds, (0, 1, 0)),
            _ => (5, (0, 0, 1)),
        };
        assert!(took >= Duration::from_secs(least), "{took:?}");
        assert!(took <= Duration::from_secs(least + 1), "{took:?}");
        assert_eq!(
            (drained.answered, drained.cut, drained.abandoned),
            counted,
            "{seconds} s"
        );
        let abandoned = memory.io.counts().sessions_abandoned;
        assert_eq!(abandoned, drained.abandoned as u64, "{seconds} s");
    }
}

/// All handlers and the test wait here for each other.
#[derive(Clone)]
struct Together(Arc<Barrier>);

/// Sends its client more than the kernel takes, once the server shuts down.
#[on("flood")]
async fn flood(ctx: Context, together: State<Together>) {
    // One event: of several the queue might refuse all but what the kernel takes. Its buffers grow to some 10 MB.
    let long = Bytes::from(vec![0; 24_000_000]);
    together.0.wait().await;
    together.0.wait().await;
    ctx.emit("long", long).ok();
}

/// The threads of the server look at the two times in any order. A client that took nothing even before the shutdown would be
/// given up before its deadline.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_read_nothing_are_cut_if_their_patience_ends_with_the_shutdown() {
    const CLIENTS: usize = 8;
    let second = Duration::from_secs(1);
    let together = Together(Arc::new(Barrier::new(CLIENTS + 1)));
    let io = Io::new()
        .state(together.clone())
        .handlers(handlers![flood])
        .config(move |config| {
            config.engine.poll_again_timeout = second;
            config.engine.ping_interval = 60 * MINUTE;
        });
    let server = serve(io).await;
    let mut silent = Bare::crowd(server.addr, CLIENTS).await;
    for client in &mut silent {
        client.send(&[r#"42["flood"]"#]).await;
    }
    within("the handlers to begin", together.0.wait()).await;
    let mut ending = pin!(server.handle.shutdown(second));
    tokio::select! {
        biased;
        drained = &mut ending => panic!("handlers run: {drained:?}"),
        () = std::future::ready(()) => {}
    }
    within("the handlers to go on", together.0.wait()).await;
    let drained = ending.await;
    assert_eq!((drained.cut, drained.abandoned), (CLIENTS, 0));
    assert_eq!(server.handle.counts().sessions_abandoned, 0);
    drop(silent);
}

/// A client that leaves while the server shuts down is abandoned, in both counts.
#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_the_server_shuts_down_is_counted_alike_everywhere() {
    let (memory, busy, ending) = ending_at_work().await;
    busy.close().await;
    let drained = ending.await.expect("a shutdown");
    assert_eq!(
        (drained.answered, drained.cut, drained.abandoned),
        (0, 0, 1)
    );
    assert_eq!(memory.io.counts().sessions_abandoned, 1);
}

#[tokio::test(start_paused = true)]
async fn a_second_shutdown_may_set_an_earlier_deadline_for_both() {
    let record = Record::default();
    // Nothing but a deadline ends this handler.
    let io = Io::new()
        .state(record.clone())
        .handlers(record::all())
        .config(|config| config.engine.ping_interval = 60 * MINUTE);
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.send(r#"42["stuck"]"#).await;
    record.until("stuck").await;
    let started = Instant::now();
    let io = memory.io.clone();
    let first = tokio::spawn(async move { io.shutdown(30 * MINUTE).await });
    tokio::time::sleep(MINUTE).await;
    let second = memory.io.shutdown(Duration::from_secs(2)).await;
    assert_eq!((second.answered, second.cut), (0, 1));
    first.await.expect("a shutdown");
    let took = started.elapsed();
    assert!(took <= MINUTE + Duration::from_secs(3), "{took:?}");
    let lines = ["came", "stuck", "dropped", "left: server shutting down"];
    assert_eq!(record.lines(), lines);
    assert_eq!(memory.io.counts().handlers_dropped, 1);
    // And one after the end has nothing to do.
    let third = memory.io.shutdown(MINUTE).await;
    assert_eq!((third.answered, third.cut), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_being_let_in_at_a_shutdown_does_not_hold_it_up() {
    let record = Record::default();
    let io = Io::new()
        .state(record.clone())
        .wrap(|_: Context, next: koio::Next| async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            next.run().await
        })
        .handlers(record::all());
    let memory = Memory::new(io);
    for transport in client::BOTH {
        let mut peer = memory.open(transport).await;
        peer.send("40").await;
    }
    // Neither of these has said CONNECT.
    let mut silent = Vec::new();
    for transport in client::BOTH {
        silent.push(memory.open(transport).await);
    }
    let ending = shut_down(&memory);
    for mut peer in silent {
        peer.ended().await;
    }
    let drained = ending.await.expect("a shutdown");
    assert_eq!(drained.cut, 0);
    assert_eq!(record.lines(), [""; 0], "nobody was let in any more");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_before_the_start_does_nothing() {
    let record = Record::default();
    let io = Io::new().state(record.clone()).handlers(record::all());
    let drained = io.handle().shutdown(MINUTE).await;
    assert_eq!((drained.answered, drained.cut), (0, 0));
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.send(r#"421["work",1,0]"#).await;
    peer.expect("431[1]").await;
}

#[tokio::test]
async fn a_shutdown_before_run_does_not_keep_the_server_from_running() {
    let io = Io::new().on("ready", |_| async { Ok(true) });
    io.handle().shutdown(MINUTE).await;
    let server = serve(io).await;
    let mut peer = Client::connect(server.target(), Transport::WebSocket).await;
    peer.send(r#"421["ready"]"#).await;
    peer.expect("431[true]").await;
}

#[tokio::test]
async fn a_server_stops_to_run_and_to_listen_when_its_shutdown_has_ended() {
    let server = serve(Io::new()).await;
    let addr = server.addr;
    let mut peers = Vec::new();
    for transport in client::BOTH {
        peers.push(Client::connect(server.target(), transport).await);
    }
    // An idle connection with nothing to say does not keep it.
    let _idle = koio_tests::Http::connect(addr).await;
    let handle = server.handle.clone();
    let ending = tokio::spawn(async move { handle.shutdown(Duration::from_secs(10)).await });
    for mut peer in peers {
        assert!(matches!(peer.next().await, Received::End(_)));
    }
    let drained = ending.await.expect("a shutdown");
    assert_eq!((drained.answered, drained.cut), (2, 0));
    server.ended().await.expect("an end without an error");
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}

/// What it holds panics when it is dropped.
#[on("bomb")]
async fn bomb() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("as the test wants it")
        }
    }
    let _bomb = Bomb;
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_a_handler_is_dropped_keeps_no_disconnect_handler_from_running() {
    let record = Record::default();
    let io = Io::new()
        .state(record.clone())
        .handlers(handlers![record::all(), bomb])
        .namespace("/other", Namespace::new().handlers(record::all()));
    let memory = Memory::new(io.config(|config| {
        config.socket.handler_grace = Duration::from_secs(1);
    }));
    for at_shutdown in [false, true] {
        let mut peer = memory.client(Transport::WebSocket).await;
        peer.join_as("40/other,").await;
        peer.send(r#"42["bomb"]"#).await;
        peer.send(r#"42/other,["work",1,0]"#).await;
        record.until("end 1").await;
        record.take();
        let left = if at_shutdown {
            memory.io.shutdown(Duration::ZERO).await;
            "left: server shutting down"
        } else {
            peer.close().await;
            "left: transport close"
        };
        assert_eq!(record.reach(2).await, [left, left]);
        record.take();
    }
    assert_eq!(memory.io.counts().handlers_dropped, 2);
}
