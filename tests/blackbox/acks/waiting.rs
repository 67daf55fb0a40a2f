//! Promise 4: every wait for an ack ends exactly once, with the answer, at its deadline or with the socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use koio::{Ack, Context, Error, Io, SocketId, State, handlers, on};
use koio_tests::{Transport, client};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::nodes::Memory;
use crate::memory::Peer;
use crate::record::{self, Record};

/// Reads the next event that wants an ack; returns its id.
async fn question(peer: &mut Peer) -> u64 {
    let text = peer.text().await;
    let id = text
        .strip_prefix("42")
        .and_then(|rest| rest.split('[').next()?.parse().ok());
    id.unwrap_or_else(|| panic!("{text} wants no ack"))
}

/// Waits until the server has read what this client sent.
async fn settle(peer: &mut Peer) {
    peer.send(r#"42999["sync"]"#).await;
    let answer = peer.text().await;
    assert!(answer.starts_with("43999["), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_answer() {
    for transport in client::BOTH {
        let memory = Memory::of(Io::new);
        let (mut peer, socket) = memory.socket(transport).await;
        let answer = memory.ask::<Value>(&socket, "q", 1);
        let id = question(&mut peer).await;
        peer.send(&format!(r#"43{id}[{{"a":1}},"more"]"#)).await;
        assert_eq!(
            answer.await.expect("an answer"),
            serde_json::json!({"a": 1})
        );

        let bytes = memory.to(&socket).emit_with_ack::<koio::Bytes>("q", 2);
        let id = question(&mut peer).await;
        let packet = format!(r#"461-{id}[{{"_placeholder":true,"num":0}}]"#);
        peer.send_with(&packet, b"four").await;
        assert_eq!(*bytes.await.expect("an answer"), *b"four");

        let nothing = memory.ask::<()>(&socket, "q", 3);
        let id = question(&mut peer).await;
        peer.send(&format!("43{id}[]")).await;
        nothing.await.expect("an answer");
        assert_eq!(memory.count(|counts| counts.unexpected_acks), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_its_deadline() {
    let memory = Memory::of(Io::new);
    let (_peer, socket) = memory.socket(Transport::WebSocket).await;
    let started = Instant::now();
    let patience = Duration::from_secs(2);
    let error = memory
        .timeout(&socket, patience)
        .emit_with_ack::<()>("q", ());
    let error = error.await.expect_err("a deadline");
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(started.elapsed().as_secs(), 2);
    // Without one of its own it has the server's, of ten seconds.
    let error = memory.ask::<()>(&socket, "q", ()).await;
    assert!(error.is_err_and(|error| error.is_timeout()));
    assert_eq!(started.elapsed().as_secs(), 12);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_socket() {
    for transport in client::BOTH {
        let memory = Memory::of(Io::new);
        let (peer, socket) = memory.socket(transport).await;
        let started = Instant::now();
        let waits = (0..10).map(|n| memory.ask::<()>(&socket, "q", n));
        let waits: Vec<_> = waits.collect();
        peer.close().await;
        for wait in waits {
            let error = wait.await.expect_err("nobody to answer");
            assert!(error.is_disconnected(), "{error:?}");
        }
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_fit_ends_the_wait_as_well() {
    let memory = Memory::of(Io::new);
    let (mut peer, socket) = memory.socket(Transport::WebSocket).await;
    let answer = memory.ask::<u64>(&socket, "q", ());
    let id = question(&mut peer).await;
    peer.send(&format!(r#"43{id}["not a number"]"#)).await;
    let error = answer.await.expect_err("not a number");
    assert!(error.is_bad_request(), "{error:?}");
    // What the client answered is the server's affair: it is not passed on to somebody else's client.
    assert!(!error.is_shown());
    assert!(socket.is_connected());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_came_in_time_counts_however_late_it_is_looked_at() {
    let memory = Memory::of(|| Io::new().handlers(handlers![sync]));
    let (mut peer, socket) = memory.socket(Transport::WebSocket).await;
    let answer = memory.ask::<u64>(&socket, "q", ());
    let id = question(&mut peer).await;
    peer.send(&format!("43{id}[7]")).await;
    settle(&mut peer).await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(answer.await.expect("an answer"), 7);
}

#[on("sync")]
async fn sync() {}

#[tokio::test(start_paused = true)]
async fn second_and_late_answers_are_ignored_and_counted() {
    for transport in client::BOTH {
        let memory = Memory::of(|| Io::new().handlers(handlers![sync]));
        let (mut peer, socket) = memory.socket(transport).await;
        let answer = memory.ask::<u64>(&socket, "q", ());
        let id = question(&mut peer).await;
        peer.send(&format!("43{id}[1]")).await;
        peer.send(&format!("43{id}[2]")).await;
        settle(&mut peer).await;
        assert_eq!(answer.await.expect("an answer"), 1);
        assert_eq!(memory.count(|counts| counts.unexpected_acks), 1);

        let late = memory.timeout(&socket, Duration::from_secs(1));
        let late = late.emit_with_ack::<()>("q", ());
        let id = question(&mut peer).await;
        assert!(late.await.is_err_and(|error| error.is_timeout()));
        peer.send(&format!("43{id}[]")).await;
        settle(&mut peer).await;
        assert_eq!(memory.count(|counts| counts.unexpected_acks), 2);

        // Nobody waits for what was dropped.
        drop(memory.ask::<()>(&socket, "q", ()));
        let id = question(&mut peer).await;
        peer.send(&format!("43{id}[]")).await;
        settle(&mut peer).await;
        assert_eq!(memory.count(|counts| counts.unexpected_acks), 3);
        assert!(socket.is_connected());
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_waits_each_ends_exactly_once_and_gives_its_place_back() {
    const WAITS: usize = 1_000;
    for transport in client::BOTH {
        let memory = Memory::of(|| Io::new().config(|config| config.socket.pending_acks = WAITS));
        let (mut peer, socket) = memory.socket(transport).await;
        let ended = Arc::new(AtomicUsize::new(0));
        for round in 0..3 {
            let waits = (0..WAITS).map(|number| memory.ask::<usize>(&socket, "q", number));
            let waits: Vec<_> = waits.collect();
            let one_more = memory.ask::<usize>(&socket, "q", WAITS).await;
            assert!(one_more.is_err_and(|error| error.is_full()));
            let waiting = waits.into_iter().map(|wait| {
                let ended = Arc::clone(&ended);
                tokio::spawn(async move {
                    let outcome = wait.await;
                    ended.fetch_add(1, Ordering::SeqCst);
                    outcome
                })
            });
            let waiting: Vec<_> = waiting.collect();
            for number in 0..WAITS {
                let id = question(&mut peer).await;
                // A third is answered, a third twice, a third never.
                for _ in 0..number % 3 {
                    peer.send(&format!("43{id}[{number}]")).await;
                }
            }
            let (mut answered, mut late) = (0, 0);
            for (number, outcome) in join_all(waiting).await.into_iter().enumerate() {
                match outcome.expect("a wait that does not panic") {
                    Ok(answer) => {
                        assert_eq!(answer, number);
                        answered += 1;
                    }
                    Err(error) => {
                        assert!(error.is_timeout() && number % 3 == 0, "{error:?}");
                        late += 1;
                    }
                }
            }
            assert_eq!((answered, late), (666, 334));
            assert_eq!(ended.load(Ordering::SeqCst), WAITS * (round + 1));
            let unexpected = memory.count(|counts| counts.unexpected_acks);
            assert_eq!(unexpected, 333 * (round as u64 + 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_one_socket_can_be_asked() {
    let memory = Memory::of(Io::new);
    let (_peer, socket) = memory.socket(Transport::WebSocket).await;
    socket.join("room").expect("a room");
    let everybody = memory.io.except("nobody").emit_with_ack::<()>("q", ());
    let room = memory.io.to("room").emit_with_ack::<()>("q", ());
    let two = memory.to(&socket).to("room").emit_with_ack::<()>("q", ());
    for asked in [everybody, room, two] {
        let error = asked.await.expect_err("more than one may be meant");
        assert_eq!(error.code(), "not_one_socket");
        assert!(error.message().contains("`emit_with_acks`"), "{error}");
        // It is the program's mistake.
        assert!(!error.is_shown());
    }
}

/// Asks somebody.
#[on("inquire")]
async fn inquire(ctx: Context, whom: SocketId) -> koio::Result<Value> {
    let one = ctx.io().to(whom).timeout(Duration::from_secs(5));
    one.emit_with_ack("question", ()).await
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_gone_or_silent_is_no_internal_error() {
    for transport in client::BOTH {
        let memory = Memory::of(|| Io::new().handlers(handlers![inquire]));
        let mut ann = memory.client(Transport::WebSocket).await;
        let (mut ben, socket) = memory.socket(transport).await;
        let inquiry = format!(r#"421["inquire","{}"]"#, socket.id());
        let told = |code: &str, message: &str| {
            format!(r#"431[{{"error":{{"code":"{code}","message":"{message}"}}}}]"#)
        };
        ann.send(&inquiry).await;
        ann.expect(&told(
            "timeout",
            "the client did not answer in 5s (timeout 5s of the emit)",
        ))
        .await;
        question(&mut ben).await;
        ann.send(&inquiry).await;
        question(&mut ben).await;
        ben.send("41").await;
        ann.expect(&told(
            "disconnected",
            "the client disconnected before it answered",
        ))
        .await;
        ann.send(&inquiry).await;
        ann.expect(&told("closed", "the client is gone")).await;
    }
}

/// Asks its own client while it runs, and answers with the client's answer.
#[on("ask me")]
async fn ask_me(ctx: Context) -> koio::Result<Value> {
    ctx.socket().emit_with_ack("question", ()).await
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_wait_for_an_answer_of_its_own_socket() {
    for transport in client::BOTH {
        let record = Record::default();
        let handlers = || handlers![record::all(), ask_me];
        let memory = Memory::of(|| Io::new().state(record.clone()).handlers(handlers()));
        let mut peer = memory.client(transport).await;
        peer.send(r#"421["ask me"]"#).await;
        // The events that wait behind it do not stand in the way of the answer.
        peer.send(r#"422["work",2,0]"#).await;
        let id = question(&mut peer).await;
        assert_eq!(record.lines(), ["came"]);
        peer.send(&format!(r#"43{id}["yes"]"#)).await;
        peer.expect(r#"431["yes"]"#).await;
        peer.expect("432[2]").await;
    }
}

/// Asks somebody else, by the id that the client names.
#[on("ask")]
async fn ask(ctx: Context, whom: koio::SocketId) -> koio::Result<Value> {
    match ctx.io().socket(whom) {
        Some(other) => other.emit_with_ack("question", ()).await,
        None => ctx.io().to(whom).emit_with_ack("question", ()).await,
    }
}

#[tokio::test(start_paused = true)]
async fn two_handlers_may_wait_for_each_others_sockets() {
    // Both handlers run while each client is asked by the other's.
    let memory = Memory::of(|| Io::new().handlers(handlers![ask]));
    for (one, two) in [
        (Transport::Polling, Transport::WebSocket),
        (Transport::WebSocket, Transport::WebSocket),
        (Transport::Polling, Transport::Polling),
    ] {
        let (mut ann, ann_socket) = memory.socket(one).await;
        let (mut ben, ben_socket) = memory.socket(two).await;
        ann.send(&format!(r#"421["ask","{}"]"#, ben_socket.id()))
            .await;
        ben.send(&format!(r#"421["ask","{}"]"#, ann_socket.id()))
            .await;
        let (for_ann, for_ben) = (question(&mut ann).await, question(&mut ben).await);
        ann.send(&format!(r#"43{for_ann}["ann"]"#)).await;
        ben.send(&format!(r#"43{for_ben}["ben"]"#)).await;
        ann.expect(r#"431["ben"]"#).await;
        ben.expect(r#"431["ann"]"#).await;
    }
}

/// Fails, and has its answer sent by another task when that is known to the client.
#[on("answers twice")]
async fn answers_twice(ack: Ack, later: State<Arc<Notify>>) -> koio::Result<()> {
    tokio::spawn(async move {
        later.notified().await;
        ack.send("late");
        later.notify_one();
    });
    Err(Error::new("first", "an answer as well"))
}

#[tokio::test(start_paused = true)]
async fn a_second_answer_of_the_server_is_ignored_and_counted() {
    let later = Arc::new(Notify::new());
    let handlers = || handlers![answers_twice, sync];
    let memory = Memory::of(|| Io::new().state(Arc::clone(&later)).handlers(handlers()));
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.send(r#"421["answers twice"]"#).await;
    let answer = r#"431[{"error":{"code":"first","message":"an answer as well"}}]"#;
    peer.expect(answer).await;
    later.notify_one();
    tokio::task::yield_now().await;
    later.notified().await;
    assert_eq!(memory.count(|counts| counts.second_answers), 1);
    settle(&mut peer).await;
}
