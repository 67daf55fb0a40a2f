//! Events that are handled once for each key of the client, however often it sends them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use koio::extract::Args;
use koio::recovery::Recovery;
use koio::{Ack, Bytes, Context, Io, Namespace, Next, Result, State, handlers, on};
use koio_tests::{Received, Transport};
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::memory::{Memory, Peer, within};
use crate::record::Record;
use crate::recovery::Client;

#[derive(Deserialize)]
struct Order {
    article: String,
}

#[on("order", once_by = "/0/id")]
async fn order(order: Order, record: State<Record>) -> String {
    record.push(format!("order {}", order.article));
    format!("number {}", record.lines().len())
}

/// Lets as many handlers through as a test says.
struct Gate(Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

#[on("slow", once_by = "/0", concurrency = 2)]
async fn slow(key: u32, record: State<Record>, gate: State<Gate>) -> u32 {
    record.push(format!("slow {key}"));
    gate.0.acquire().await.expect("it is never closed").forget();
    key * 2
}

#[on("quick", concurrency = 2)]
async fn quick() -> &'static str {
    "quick"
}

/// What a handler has given away to be answered later.
#[derive(Default)]
struct Acks(Mutex<Vec<Ack>>);

#[on("later", once_by = "/0")]
async fn later(ack: Ack, record: State<Record>, acks: State<Acks>) {
    record.push("later");
    acks.0.lock().expect("acks").push(ack);
}

#[on("fails", once_by = "/0")]
async fn fails(how: String, record: State<Record>) -> Result<()> {
    record.push(format!("fails {how}"));
    koio::ensure!(how != "error", "sold_out", "none is left");
    assert!(how != "panic", "as the test wants it");
    Ok(())
}

#[on("too slow", once_by = "/0", timeout = "1s")]
async fn too_slow(_: u32, record: State<Record>) {
    record.push("too slow");
    std::future::pending().await
}

#[on("file", once_by = "/0")]
async fn file(_: String, record: State<Record>) -> Bytes {
    record.push("file");
    Bytes::from(vec![1, 2, 3])
}

#[on("whole", once_by = "/0")]
async fn whole(_: serde_json::Value) {}

fn name_of(args: &Args) -> Result<(String, u32)> {
    Ok((args.get(0)?, args.get(1)?))
}

#[on("named", once_by = name_of)]
async fn named(name: String, number: u32, record: State<Record>) {
    record.push(format!("{name} {number}"));
}

/// What a test shares with its handlers.
#[derive(Default)]
struct Shared {
    record: Record,
    gate: Arc<Gate>,
    acks: Arc<Acks>,
}

impl Shared {
    fn io(&self) -> Io {
        self.of(Io::new())
    }

    fn of(&self, io: Io) -> Io {
        io.state(self.record.clone())
            .state(Arc::clone(&self.gate))
            .state(Arc::clone(&self.acks))
            .handlers(handlers![
                order, slow, quick, later, fails, too_slow, file, whole, named
            ])
    }

    async fn client(&self) -> (Memory, Peer) {
        let memory = Memory::new(self.io());
        let peer = memory.client(Transport::WebSocket).await;
        (memory, peer)
    }

    /// Waits for the `Ack` that a handler has given away.
    async fn ack(&self, lines: usize) -> Ack {
        self.record.reach(lines).await;
        self.acks.0.lock().expect("acks").pop().expect("an ack")
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_event_with_the_key_gets_the_answer_of_the_first_and_the_handler_runs_once() {
    for transport in koio_tests::client::BOTH {
        let shared = Shared::default();
        let memory = Memory::new(shared.io());
        let mut peer = memory.client(transport).await;
        peer.send(r#"421["order",{"id":"a","article":"tea"}]"#)
            .await;
        peer.expect(r#"431["number 1"]"#).await;
        peer.send(r#"422["order",{"id":"a","article":"tea"}]"#)
            .await;
        peer.expect(r#"432["number 1"]"#).await;
        // Another key is another event.
        peer.send(r#"423["order",{"id":"b","article":"tea"}]"#)
            .await;
        peer.expect(r#"433["number 2"]"#).await;
        peer.send(r#"424["order",{"id":"a","article":"tea"}]"#)
            .await;
        peer.expect(r#"434["number 1"]"#).await;
        assert_eq!(shared.record.take(), ["order tea", "order tea"]);
        assert_eq!(memory.count(|counts| counts.events_repeated), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_compared_by_their_json_and_those_of_another_event_or_client_are_others() {
    let shared = Shared::default();
    let (memory, mut peer) = shared.client().await;
    let keys = ["1", "\"1\"", "1.0", "true", "[1]", "{\"a\":1}"];
    for (id, key) in keys.iter().enumerate() {
        peer.send(&format!(
            r#"42{id}["order",{{"id":{key},"article":"tea"}}]"#
        ))
        .await;
        peer.expect(&format!(r#"43{id}["number {}"]"#, id + 1))
            .await;
    }
    let mut other = memory.client(Transport::WebSocket).await;
    other.send(r#"421["order",{"id":1,"article":"tea"}]"#).await;
    other.expect(r#"431["number 7"]"#).await;
    peer.send(r#"421["whole",1]"#).await;
    peer.expect("431[]").await;
    peer.send(r#"422["fails",1]"#).await;
    assert!(peer.text().await.contains("bad_request"));
}

#[tokio::test(start_paused = true)]
async fn a_function_may_find_the_key_in_several_arguments() {
    let shared = Shared::default();
    let (_memory, mut peer) = shared.client().await;
    for (id, name, number) in [(1, "a", 1), (2, "a", 2), (3, "a", 1), (4, "b", 1)] {
        peer.send(&format!(r#"42{id}["named","{name}",{number}]"#))
            .await;
        peer.expect(&format!("43{id}[]")).await;
    }
    assert_eq!(shared.record.take(), ["a 1", "a 2", "b 1"]);
    peer.send(r#"425["named","a"]"#).await;
    assert!(peer.text().await.contains("argument 2"));
}

#[tokio::test(start_paused = true)]
async fn a_try_that_comes_while_the_first_runs_waits_for_its_answer_and_holds_up_nobody() {
    let shared = Shared::default();
    let (_memory, mut peer) = shared.client().await;
    peer.send(r#"421["slow",7]"#).await;
    shared.record.reach(1).await;
    for id in 2..=4 {
        peer.send(&format!(r#"42{id}["slow",7]"#)).await;
    }
    // Two may run at once, and the tries that wait are none of them.
    peer.send(r#"425["quick"]"#).await;
    peer.expect(r#"435["quick"]"#).await;
    peer.send(r#"426["slow",8]"#).await;
    shared.record.reach(2).await;
    shared.gate.0.add_permits(2);
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(peer.text().await);
    }
    answers.sort();
    let expected = ["431[14]", "432[14]", "433[14]", "434[14]", "436[16]"];
    assert_eq!(answers, expected);
    assert_eq!(shared.record.take(), ["slow 7", "slow 8"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_from_a_task_is_that_of_all_tries() {
    let shared = Shared::default();
    let (_memory, mut peer) = shared.client().await;
    peer.send(r#"421["later",1]"#).await;
    let ack = shared.ack(1).await;
    peer.send(r#"422["later",1]"#).await;
    peer.send(r#"423["quick"]"#).await;
    peer.expect(r#"433["quick"]"#).await;
    ack.send("done");
    peer.expect(r#"431["done"]"#).await;
    peer.expect(r#"432["done"]"#).await;
    peer.send(r#"424["later",1]"#).await;
    peer.expect(r#"434["done"]"#).await;
    // One that is dropped is an answer as well.
    peer.send(r#"425["later",2]"#).await;
    drop(shared.ack(2).await);
    assert!(peer.text().await.contains("unanswered"));
    peer.send(r#"426["later",2]"#).await;
    assert!(
        peer.text()
            .await
            .starts_with(r#"436[{"error":{"code":"unanswered""#)
    );
    assert_eq!(shared.record.take(), ["later", "later"]);
}

#[tokio::test(start_paused = true)]
async fn more_tries_than_may_wait_are_told_so_the_oldest_first() {
    let shared = Shared::default();
    let (_memory, mut peer) = shared.client().await;
    peer.send(r#"420["later",1]"#).await;
    let ack = shared.ack(1).await;
    for id in 1..=17 {
        peer.send(&format!(r#"42{id}["later",1]"#)).await;
    }
    let refused = peer.text().await;
    assert!(
        refused.starts_with(r#"431[{"error":{"code":"overloaded""#),
        "{refused}"
    );
    ack.send(1);
    peer.expect("430[1]").await;
    for id in 2..=17 {
        peer.expect(&format!("43{id}[1]")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_handler_has_answered_is_kept_also_an_error_a_panic_and_a_timeout() {
    let shared = Shared::default();
    let (_memory, mut peer) = shared.client().await;
    for (event, key, code) in [
        ("fails", r#""error""#, "sold_out"),
        ("fails", r#""panic""#, "internal"),
        ("too slow", "1", "timeout"),
    ] {
        for id in 1..=2 {
            peer.send(&format!(r#"42{id}["{event}",{key}]"#)).await;
            let answer = peer.text().await;
            let expected = format!(r#"43{id}[{{"error":{{"code":"{code}""#);
            assert!(answer.starts_with(&expected), "{answer}");
        }
    }
    let ran = ["fails error", "fails panic", "too slow"];
    assert_eq!(shared.record.take(), ran);
}

#[tokio::test(start_paused = true)]
async fn what_keeps_the_handler_from_starting_is_not_kept() {
    let shared = Shared::default();
    let turned_away = Mutex::new(1);
    let io = shared.io().wrap(move |ctx: Context, next: Next| {
        let is_order = ctx.event() == "order";
        let mut turned_away = turned_away.lock().expect("a number");
        let refuses = is_order && std::mem::take(&mut *turned_away) == 1;
        async move {
            koio::ensure!(!refuses, "busy", "come back");
            next.run().await
        }
    });
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.send(r#"421["order",{"id":1,"article":"tea"}]"#).await;
    assert!(peer.text().await.contains("busy"));
    peer.send(r#"422["order",{"id":1}]"#).await;
    assert!(peer.text().await.contains("bad_request"));
    assert!(shared.record.lines().is_empty());
    peer.send(r#"423["order",{"id":1,"article":"tea"}]"#).await;
    peer.expect(r#"433["number 1"]"#).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_without_the_key_is_told_which_pointer_is_missing() {
    let shared = Shared::default();
    let (_memory, mut peer) = shared.client().await;
    for args in [
        "",
        ",null",
        ",{}",
        r#",{"id":null}"#,
        r#","text""#,
        ",[1]",
        r#",{"ID":1}"#,
    ] {
        peer.send(&format!(r#"421["order"{args}]"#)).await;
        peer.expect(
            r#"431[{"error":{"code":"bad_request","message":"`/0/id`, by which `order` is handled once, is missing"}}]"#,
        )
        .await;
    }
    let long = "x".repeat(2_000);
    peer.send(&format!(r#"421["order",{{"id":"{long}"}}]"#))
        .await;
    let answer = peer.text().await;
    assert!(
        answer.contains("has 2002 bytes of JSON, and 1024 at most make a key"),
        "{answer}"
    );
    peer.send_with(
        r#"451-2["whole",{"_placeholder":true,"num":0}]"#,
        &[1, 2, 3],
    )
    .await;
    let answer = peer.text().await;
    assert!(answer.contains("has binary data"), "{answer}");
    // Without a question there is nobody to tell, and it does not run.
    peer.send(r#"42["order",{}]"#).await;
    // What is no JSON ends the connection, as without a key.
    peer.send(r#"42["order",{"id":}]"#).await;
    assert_eq!(peer.ended().await.0, Vec::<String>::new());
    assert!(shared.record.lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_first_try_without_a_question_answers_the_second_one() {
    let shared = Shared::default();
    let (_memory, mut peer) = shared.client().await;
    peer.send(r#"42["order",{"id":1,"article":"tea"}]"#).await;
    peer.send(r#"421["order",{"id":1,"article":"tea"}]"#).await;
    peer.expect(r#"431["number 1"]"#).await;
    peer.send(r#"42["order",{"id":1,"article":"tea"}]"#).await;
    peer.send(r#"42["later",1]"#).await;
    shared.ack(2).await.send("late");
    peer.send(r#"422["later",1]"#).await;
    peer.expect(r#"432["late"]"#).await;
    assert_eq!(shared.record.take(), ["order tea", "later"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_binary_is_repeated_whole() {
    let shared = Shared::default();
    let (_memory, mut peer) = shared.client().await;
    for id in [1, 22] {
        peer.send(&format!(r#"42{id}["file","a"]"#)).await;
        let head = format!(r#"461-{id}[{{"_placeholder":true,"num":0}}]"#);
        peer.expect(&head).await;
        assert_eq!(peer.next().await, Received::Binary(vec![1, 2, 3]));
    }
    assert_eq!(shared.record.take(), ["file"]);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_answers_are_forgotten_at_the_limits_which_are_named_and_counted() {
    let shared = Shared::default();
    let causes = Record::default();
    let seen = causes.clone();
    let io = shared.io().observe(Forgotten(seen)).config(|config| {
        config.socket.once_keys = 2;
        config.socket.once_bytes = 100;
    });
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    for (id, key) in [(1, 1), (2, 2), (3, 3)] {
        peer.send(&format!(
            r#"42{id}["order",{{"id":{key},"article":"tea"}}]"#
        ))
        .await;
        peer.expect(&format!(r#"43{id}["number {key}"]"#)).await;
    }
    assert_eq!(causes.take(), ["1: 3 keys (once_keys 2)"]);
    peer.send(r#"424["order",{"id":3,"article":"tea"}]"#).await;
    peer.expect(r#"434["number 3"]"#).await;
    peer.send(r#"425["order",{"id":1,"article":"tea"}]"#).await;
    peer.expect(r#"435["number 4"]"#).await;
    causes.take();
    let long = "x".repeat(200);
    let key = format!(r#"42["order",{{"id":"{long}","article":"tea"}}]"#);
    peer.send(&key).await;
    shared.record.reach(5).await;
    peer.send(r#"426["quick"]"#).await;
    peer.expect(r#"436["quick"]"#).await;
    let causes = causes.take();
    assert!(
        causes
            .iter()
            .all(|cause| cause.ends_with("(once_bytes 100)")),
        "{causes:?}"
    );
    assert!(memory.count(|counts| counts.once_forgotten) >= 4);
}

/// Records why something was forgotten.
struct Forgotten(Record);

impl koio::observe::Observer for Forgotten {
    fn observe(&self, observation: &koio::observe::Observation<'_>) {
        if let koio::observe::Observation::OnceForgotten { events, cause, .. } = observation {
            self.0.push(format!("{events}: {cause}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn closures_have_their_key_from_the_server_and_from_their_namespace() {
    let record = Record::default();
    let count = |ctx: Context| async move {
        let record: State<Record> = ctx.state()?;
        record.push(ctx.namespace());
        Ok(record.lines().len())
    };
    let io = Io::new()
        .state(record.clone())
        .on("count", count)
        .once_by("count", "/1")
        .namespace(
            "/chat",
            Namespace::new().on("count", count).once_by("count", "/0"),
        );
    let table = io.describe().to_string();
    assert!(table.contains("count (once by `/1`)"), "{table}");
    assert!(table.contains("count (once by `/0`)"), "{table}");
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.join_as("40/chat,").await;
    for id in 1..=2 {
        peer.send(&format!(r#"42{id}["count",{id},"key"]"#)).await;
        peer.expect(&format!("43{id}[1]")).await;
        peer.send(&format!(r#"42/chat,{id}["count",5]"#)).await;
        peer.expect(&format!("43/chat,{id}[2]")).await;
    }
    assert_eq!(record.take(), ["/", "/chat"]);
}

#[tokio::test(start_paused = true)]
async fn listeners_and_observers_of_a_socket_see_each_try_once_and_every_time() {
    let shared = Shared::default();
    let record = shared.record.clone();
    let memory = Memory::new(shared.io());
    let (mut peer, socket) = memory.socket(Transport::WebSocket).await;
    let (observed, listened) = (record.clone(), record.clone());
    socket
        .on_any(move |ctx: &Context| observed.push(format!("saw {}", ctx.event())))
        .expect("room for one");
    socket
        .on("order", move |_: Context| {
            listened.push("listened");
            async { Ok(()) }
        })
        .expect("room for one");
    for id in 1..=2 {
        peer.send(&format!(r#"42{id}["order",{{"id":1,"article":"tea"}}]"#))
            .await;
        peer.expect(&format!(r#"43{id}["number 2"]"#)).await;
    }
    let seen = ["saw order", "order tea", "listened", "saw order"];
    assert_eq!(record.take(), seen);
    let refused = socket.handlers(handlers![order]).expect_err("no listener");
    assert!(
        refused.to_string().contains("decided at the start"),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_the_answer_that_tries_wait_for() {
    let shared = Shared::default();
    let (memory, mut peer) = shared.client().await;
    peer.send(r#"421["later",1]"#).await;
    let ack = shared.ack(1).await;
    peer.send(r#"422["later",1]"#).await;
    peer.send(r#"423["quick"]"#).await;
    peer.expect(r#"433["quick"]"#).await;
    let io = memory.io.clone();
    let ended = tokio::spawn(async move { io.shutdown(Duration::from_secs(60)).await });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!ended.is_finished());
    ack.send("done");
    peer.expect(r#"431["done"]"#).await;
    peer.expect(r#"432["done"]"#).await;
    within("the end", ended).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_the_first_runs_is_new_without_recovery() {
    let shared = Shared::default();
    let (memory, mut peer) = shared.client().await;
    peer.send(r#"421["slow",7]"#).await;
    shared.record.reach(1).await;
    peer.send(r#"422["slow",7]"#).await;
    peer.close().await;
    let mut again = memory.client(Transport::WebSocket).await;
    again.send(r#"421["slow",7]"#).await;
    shared.record.reach(2).await;
    shared.gate.0.add_permits(2);
    again.expect("431[14]").await;
}

#[tokio::test(start_paused = true)]
async fn with_recovery_a_client_that_comes_back_gets_the_answer_of_before() {
    let shared = Shared::default();
    let io = shared.of(Io::new().recovery(Recovery::new(Duration::from_secs(60))));
    let memory = Memory::new(io);
    let client = Client::new(&memory, Transport::WebSocket).await;
    let mut client = client;
    client
        .peer
        .send(r#"421["order",{"id":1,"article":"tea"}]"#)
        .await;
    // The answer is lost with the connection.
    shared.record.reach(1).await;
    let kept = client.lose(&memory).await;
    let mut client = Client::returning(&memory, Transport::WebSocket, kept).await;
    assert!(client.recovered);
    client
        .peer
        .send(r#"421["order",{"id":1,"article":"tea"}]"#)
        .await;
    client.peer.expect(r#"431["number 1"]"#).await;
    assert_eq!(shared.record.take(), ["order tea"]);
}

#[tokio::test(start_paused = true)]
async fn with_recovery_a_try_waits_for_a_handler_that_has_outlived_its_connection() {
    let shared = Shared::default();
    let io = shared.of(Io::new().recovery(Recovery::new(Duration::from_secs(60))));
    let memory = Memory::new(io);
    let mut client = Client::new(&memory, Transport::WebSocket).await;
    client.peer.send(r#"421["later",1]"#).await;
    let ack = shared.ack(1).await;
    let kept = client.lose(&memory).await;
    let mut client = Client::returning(&memory, Transport::WebSocket, kept).await;
    client.peer.send(r#"422["later",1]"#).await;
    client.peer.send(r#"423["quick"]"#).await;
    client.peer.expect(r#"433["quick"]"#).await;
    ack.send("done");
    client.peer.expect(r#"432["done"]"#).await;
    // And once more, after one more loss.
    let kept = client.lose(&memory).await;
    let mut client = Client::returning(&memory, Transport::Polling, kept).await;
    client.peer.send(r#"425["later",1]"#).await;
    client.peer.expect(r#"435["done"]"#).await;
    assert_eq!(shared.record.take(), ["later"]);
}

#[tokio::test(start_paused = true)]
async fn what_clients_that_are_away_have_been_answered_is_bounded_the_oldest_first() {
    let shared = Shared::default();
    let causes = Record::default();
    let recovery = Recovery::new(Duration::from_secs(60))
        .namespace_bytes(4_096)
        .server_bytes(8_192);
    let io = Io::new()
        .recovery(recovery)
        .observe(Forgotten(causes.clone()));
    let memory = Memory::new(shared.of(io));
    let mut client = Client::new(&memory, Transport::WebSocket).await;
    for id in 1..=100 {
        client
            .peer
            .send(&format!(r#"42{id}["order",{{"id":{id},"article":"tea"}}]"#))
            .await;
        client
            .peer
            .expect(&format!(r#"43{id}["number {id}"]"#))
            .await;
    }
    assert_eq!(causes.lines(), [""; 0]);
    let kept = client.lose(&memory).await;
    let mut client = Client::returning(&memory, Transport::WebSocket, kept).await;
    let told = causes.take();
    assert!(
        told.len() == 1 && told[0].ends_with("(recovery.server_bytes 8192)"),
        "{told:?}"
    );
    for (id, number) in [(100, 100), (1, 101), (99, 99)] {
        client
            .peer
            .send(&format!(r#"42{id}["order",{{"id":{id},"article":"tea"}}]"#))
            .await;
        client
            .peer
            .expect(&format!(r#"43{id}["number {number}"]"#))
            .await;
    }
    // Whoever is back counts for nothing there.
    let mut other = Client::new(&memory, Transport::WebSocket).await;
    let order = r#"421["order",{"id":"a","article":"tea"}]"#;
    other.peer.send(order).await;
    other.peer.expect(r#"431["number 102"]"#).await;
    let kept = other.lose(&memory).await;
    let mut other = Client::returning(&memory, Transport::WebSocket, kept).await;
    other.peer.send(order).await;
    other.peer.expect(r#"431["number 102"]"#).await;
    assert_eq!(causes.take(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_written_is_unanswered_for_every_try() {
    struct Panics;
    impl serde::Serialize for Panics {
        fn serialize<S: serde::Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
            panic!("as the test wants it")
        }
    }
    let shared = Shared::default();
    let (_memory, mut peer) = shared.client().await;
    peer.send(r#"421["later",1]"#).await;
    let ack = shared.ack(1).await;
    peer.send(r#"422["later",1]"#).await;
    peer.send(r#"423["quick"]"#).await;
    peer.expect(r#"433["quick"]"#).await;
    let sending = tokio::spawn(async move { ack.send(Panics) });
    assert!(sending.await.is_err());
    for id in 1..=2 {
        let answer = peer.text().await;
        let expected = format!(r#"43{id}[{{"error":{{"code":"unanswered""#);
        assert!(answer.starts_with(&expected), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renamed_event_has_the_key_that_its_client_sent_and_its_new_handlers_answer_is_kept() {
    let shared = Shared::default();
    let record = shared.record.clone();
    let io = shared
        .io()
        .on("bought", move |ctx: Context| {
            let record = record.clone();
            async move {
                let article: String = ctx.args()?.next()?;
                record.push(format!("bought {article}"));
                Ok(record.lines().len())
            }
        })
        .wrap(|ctx: Context, next: Next| async move {
            match ctx.event() {
                "order" => {
                    let next = next.rename("bought")?.with_args("tea")?;
                    next.run().await
                }
                // Whether an event is handled once is decided by the name that its client says.
                "old" => next.rename("order")?.run().await,
                _ => next.run().await,
            }
        });
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    for (id, key, number) in [(1, "a", 1), (2, "a", 1), (3, "b", 2)] {
        peer.send(&format!(r#"42{id}["order",{{"id":"{key}"}}]"#))
            .await;
        peer.expect(&format!("43{id}[{number}]")).await;
    }
    for (id, number) in [(4, 3), (5, 4)] {
        peer.send(&format!(r#"42{id}["old",{{"id":"c","article":"tea"}}]"#))
            .await;
        peer.expect(&format!(r#"43{id}["number {number}"]"#)).await;
    }
    let ran = ["bought tea", "bought tea", "order tea", "order tea"];
    assert_eq!(shared.record.take(), ran);
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_handler_was_dropped_at_the_end_of_its_grace_runs_again() {
    let shared = Shared::default();
    let io = Io::new()
        .recovery(Recovery::new(Duration::from_secs(60)))
        .config(|config| config.socket.handler_grace = Duration::from_secs(1));
    let memory = Memory::new(shared.of(io));
    let mut client = Client::new(&memory, Transport::WebSocket).await;
    client.peer.send(r#"421["slow",7]"#).await;
    shared.record.reach(1).await;
    let kept = client.lose(&memory).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut client = Client::returning(&memory, Transport::WebSocket, kept).await;
    client.peer.send(r#"422["slow",7]"#).await;
    shared.record.reach(2).await;
    shared.gate.0.add_permits(2);
    client.peer.expect("432[14]").await;
}
