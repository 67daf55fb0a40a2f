//! What becomes of events at a shutdown: those that run are answered, those that wait are dropped and counted.

use std::time::Duration;

use koio::{Ack, Context, Io, Namespace, Result, State, handlers, on};
use koio_tests::{Transport, client};
use tokio::{sync::oneshot, time::Instant};

use super::{MINUTE, counted, shut_down};
use crate::memory::{Memory, Peer, within};
use crate::record::{self, Record};

/// Asks its own client, and answers what that said.
#[on("ask back")]
async fn ask_back(ctx: Context, record: State<Record>) -> Result<u64> {
    record.push("asks");
    ctx.socket().emit_with_ack("how many", ()).await
}

/// Gives its answer to another task.
#[on("later")]
async fn later(ack: Ack, milliseconds: u64, record: State<Record>) {
    let record = Record::clone(&record);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        record.push("answers");
        ack.send("late, but here");
    });
}

/// Emits until it has an answer.
#[on("report")]
async fn report(ctx: Context, record: State<Record>) -> Result<&'static str> {
    record.push("reports");
    for part in 0..3 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        ctx.emit("part", part)?;
    }
    Ok("all")
}

fn recorded(record: &Record) -> Memory {
    let io = Io::new().state(record.clone());
    Memory::new(io.handlers(handlers![record::all(), ask_back, later, report]))
}

/// A server, and a client of it.
async fn opened(transport: Transport) -> (Record, Memory, Peer) {
    let record = Record::default();
    let memory = recorded(&record);
    let peer = memory.client(transport).await;
    (record, memory, peer)
}

/// Polls or reads until the end, and wants nothing before it.
async fn ends(mut peer: Peer) {
    assert_eq!(peer.ended().await.0, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_runs_at_a_shutdown_answers_its_client() {
    for transport in client::BOTH {
        let (record, memory, mut peer) = opened(transport).await;
        peer.send(r#"421["work",7,400]"#).await;
        record.until("begin 7").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let ending = shut_down(&memory);
        peer.expect("431[7]").await;
        ends(peer).await;
        let drained = ending.await.expect("a shutdown");
        assert_eq!(counted(drained), (1, 0, 0), "{transport:?}");
        let lines = ["came", "begin 7", "end 7", "left: server shutting down"];
        assert_eq!(record.lines(), lines);
        assert_eq!(memory.io.counts().answers_lost, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_emits_while_the_server_shuts_down_arrives_ahead_of_its_answer() {
    for transport in client::BOTH {
        let (record, memory, mut peer) = opened(transport).await;
        peer.send(r#"421["report"]"#).await;
        record.until("reports").await;
        let ending = shut_down(&memory);
        for part in 0..3 {
            peer.expect(&format!(r#"42["part",{part}]"#)).await;
        }
        peer.expect(r#"431["all"]"#).await;
        ends(peer).await;
        assert_eq!(ending.await.expect("a shutdown").answered, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_for_its_client_gets_the_ack_while_the_server_shuts_down() {
    for transport in client::BOTH {
        let (record, memory, mut peer) = opened(transport).await;
        peer.send(r#"421["ask back"]"#).await;
        record.until("asks").await;
        let ending = shut_down(&memory);
        tokio::time::sleep(Duration::from_millis(100)).await;
        peer.expect(r#"420["how many"]"#).await;
        peer.send("430[42]").await;
        peer.expect("431[42]").await;
        ends(peer).await;
        assert_eq!(ending.await.expect("a shutdown").answered, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_another_task_holds_is_waited_for() {
    for transport in client::BOTH {
        let (_record, memory, mut peer) = opened(transport).await;
        peer.send(r#"421["later",3000]"#).await;
        // Its handler has returned.
        peer.send(r#"422["work",1,0]"#).await;
        peer.expect("432[1]").await;
        let ending = shut_down(&memory);
        peer.expect(r#"431["late, but here"]"#).await;
        ends(peer).await;
        let drained = ending.await.expect("a shutdown");
        assert_eq!((drained.answered, drained.cut), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn an_ack_whose_client_leaves_the_namespace_is_not_waited_for() {
    for transport in client::BOTH {
        let (_record, memory, mut peer) = opened(transport).await;
        peer.send(r#"421["later",60000]"#).await;
        // Its handler has returned.
        peer.send(r#"422["work",1,0]"#).await;
        peer.expect("432[1]").await;
        let started = Instant::now();
        let ending = shut_down(&memory);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!ending.is_finished());
        peer.send("41").await;
        ends(peer).await;
        ending.await.expect("a shutdown");
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "{:?}",
            started.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_nobody_sends_is_waited_for_until_the_deadline() {
    let (record, memory, mut peer) = opened(Transport::WebSocket).await;
    peer.send(r#"421["later",3000]"#).await;
    peer.send(r#"422["work",1,0]"#).await;
    peer.expect("432[1]").await;
    let started = Instant::now();
    let drained = memory.io.shutdown(Duration::from_secs(1)).await;
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!((drained.answered, drained.cut), (0, 1));
    record.until("answers").await;
    tokio::task::yield_now().await;
    assert_eq!(memory.io.counts().answers_lost, 1);
}

#[tokio::test(start_paused = true)]
async fn events_that_wait_or_come_while_the_server_shuts_down_are_dropped_and_counted() {
    for transport in client::BOTH {
        let (record, memory, mut peer) = opened(transport).await;
        peer.send(r#"421["work",1,1000]"#).await;
        record.until("begin 1").await;
        for id in 2..5 {
            peer.send(&format!(r#"42{id}["work",{id},0]"#)).await;
        }
        let ending = shut_down(&memory);
        tokio::time::sleep(Duration::from_millis(100)).await;
        peer.send(r#"425["work",5,0]"#).await;
        // No answer to those: the disconnect that follows tells it.
        peer.expect("431[1]").await;
        ends(peer).await;
        ending.await.expect("a shutdown");
        let lines = ["came", "begin 1", "end 1", "left: server shutting down"];
        assert_eq!(record.lines(), lines);
        assert_eq!(memory.io.counts().events_dropped, 4, "{transport:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_namespace_of_a_client_is_answered_before_its_connection_closes() {
    for transport in client::BOTH {
        let record = Record::default();
        let io = Io::new()
            .state(record.clone())
            .handlers(record::all())
            .namespace("/other", Namespace::new().handlers(record::all()));
        let memory = Memory::new(io);
        let mut peer = memory.client(transport).await;
        peer.join_as("40/other,").await;
        peer.send(r#"421["work",1,200]"#).await;
        peer.send(r#"42/other,1["work",2,400]"#).await;
        record.until("begin 2").await;
        let ending = shut_down(&memory);
        peer.expect("431[1]").await;
        peer.expect("43/other,1[2]").await;
        ends(peer).await;
        assert_eq!(ending.await.expect("a shutdown").answered, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_not_entered_while_the_server_shuts_down_and_leaving_it_breaks_nothing() {
    for transport in client::BOTH {
        let record = Record::default();
        let io = Io::new()
            .state(record.clone())
            .handlers(record::all())
            .namespace("/other", Namespace::new().handlers(record::all()));
        let memory = Memory::new(io);
        let mut peer = memory.client(transport).await;
        peer.send(r#"421["work",1,400]"#).await;
        record.until("begin 1").await;
        let ending = shut_down(&memory);
        tokio::time::sleep(Duration::from_millis(100)).await;
        peer.send("40/other,").await;
        peer.send("41/other,").await;
        peer.expect("431[1]").await;
        ends(peer).await;
        assert_eq!(ending.await.expect("a shutdown").answered, 1);
        let lines = ["came", "begin 1", "end 1", "left: server shutting down"];
        assert_eq!(record.lines(), lines, "{transport:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_take_all_the_time_there_is_until_the_deadline() {
    for transport in client::BOTH {
        let (record, memory, mut peer) = opened(transport).await;
        // Longer than the grace of a handler whose client has gone.
        peer.send(r#"421["work",1,50000]"#).await;
        record.until("begin 1").await;
        let ending = shut_down(&memory);
        peer.expect("431[1]").await;
        ends(peer).await;
        assert_eq!(ending.await.expect("a shutdown").answered, 1);
        assert_eq!(memory.io.counts().handlers_dropped, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_client_has_gone_is_counted() {
    for transport in client::BOTH {
        let (record, memory, mut peer) = opened(transport).await;
        peer.send(r#"421["work",1,1000]"#).await;
        record.until("begin 1").await;
        let ending = shut_down(&memory);
        tokio::time::sleep(Duration::from_millis(100)).await;
        peer.close().await;
        let drained = ending.await.expect("a shutdown");
        assert_eq!(counted(drained), (0, 0, 1), "{transport:?}");
        assert_eq!(memory.io.counts().answers_lost, 1, "{transport:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_polling_session_with_nothing_to_say_ends_at_once() {
    let memory = Memory::new(Io::new());
    // Neither has said CONNECT; nobody polls.
    let unused = memory.open(Transport::Polling).await.polling();
    let quiet = memory.client(Transport::Polling).await.polling();
    let polling = memory.client(Transport::Polling).await.polling();
    let polled = polling.clone();
    let (polls, waits) = oneshot::channel();
    tokio::spawn(async move { polls.send(polled.get().await).ok() });
    tokio::task::yield_now().await;
    let started = Instant::now();
    let drained = memory.io.shutdown(MINUTE).await;
    assert!(started.elapsed() < Duration::from_millis(100));
    assert_eq!(counted(drained), (3, 0, 0));
    let (status, payload) = within("the answer to the poll", waits).await.expect("one");
    assert_eq!((status, payload.as_str()), (200, "6"));
    for gone in [unused, quiet] {
        assert_eq!(gone.get().await.0, 400, "the session is unknown");
    }
}

#[tokio::test(start_paused = true)]
async fn a_polling_session_with_something_to_say_waits_as_long_as_a_living_client_takes() {
    let memory = Memory::new(Io::new());
    let (peer, socket) = memory.socket(Transport::Polling).await;
    let (mut comes, other) = memory.socket(Transport::Polling).await;
    for socket in [&socket, &other] {
        socket.emit("last", "words").expect("room");
    }
    let started = Instant::now();
    let ending = shut_down(&memory);
    tokio::time::sleep(Duration::from_millis(500)).await;
    comes.expect(r#"42["last","words"]"#).await;
    let drained = ending.await.expect("a shutdown");
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(900), "{took:?}");
    assert!(took <= Duration::from_millis(1_100), "{took:?}");
    assert_eq!(counted(drained), (1, 0, 1));
    assert_eq!(memory.io.counts().sessions_abandoned, 1);
    assert_eq!(peer.polling().get().await.0, 400);
}
