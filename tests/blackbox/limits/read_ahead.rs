//! What waits behind a client's busy handler, and what passes it.

use std::time::Duration;

use koio::{Context, Error, Io, IoHandle, Namespace, Result, State, handlers, on};
use koio_tests::{Transport, client};
use serde_json::Value;
use tokio::time::Instant;

use crate::memory::{Memory, Peer, Polling};
use crate::record::{self, Record};

const MIB: usize = 1024 * 1024;

/// Asks its own client, and answers how that went.
#[on("ask")]
async fn ask(ctx: Context, record: State<Record>) -> Result<Value> {
    let answer = ctx.socket().emit_with_ack::<Value>("q", ()).await;
    if let Err(error) = &answer {
        record.push(format!("{}: {}", error.is_timeout(), error.message()));
    }
    answer
}

#[on("note")]
async fn note(number: u64, record: State<Record>) {
    record.push(number.to_string());
}

/// Sends its client so many bytes at once.
#[on("pour")]
async fn pour(ctx: Context, bytes: usize) -> Result<()> {
    ctx.emit("poured", "x".repeat(bytes))
}

/// Runs beside others of its kind.
#[on("beside", concurrency = 8)]
async fn beside(number: u64, milliseconds: u64, record: State<Record>) {
    record.push(format!("begin {number}"));
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

fn server(record: &Record) -> Memory {
    let handlers = || handlers![record::all(), ask, note, pour, beside];
    Memory::new(
        Io::new()
            .state(record.clone())
            .handlers(handlers())
            .namespace("/other", Namespace::new().handlers(handlers())),
    )
}

/// The id of the question that the server asks next.
async fn question(peer: &mut Peer) -> String {
    let text = peer.text().await;
    let id = text
        .strip_prefix("42")
        .and_then(|rest| rest.split('[').next());
    id.unwrap_or_else(|| panic!("{text} wants no ack"))
        .to_owned()
}

/// A client whose handler waits for its ack, which has the id that is returned.
async fn asked(transport: Transport) -> (Record, Memory, Peer, String) {
    let record = Record::default();
    let memory = server(&record);
    let mut peer = memory.client(transport).await;
    record.take();
    peer.send(r#"421["ask"]"#).await;
    let id = question(&mut peer).await;
    (record, memory, peer, id)
}

fn note_of(number: usize, bytes: usize) -> String {
    format!(r#"42["note",{number},"{}"]"#, "x".repeat(bytes))
}

/// The notes up to this one, in order.
fn notes(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

async fn an_ack_is_taken_behind(events: usize, bytes: usize) {
    for transport in client::BOTH {
        let (record, memory, mut peer, id) = asked(transport).await;
        for number in 0..events {
            peer.send(&note_of(number, bytes)).await;
        }
        let asked = Instant::now();
        peer.send(&format!("43{id}[7]")).await;
        peer.expect("431[7]").await;
        assert!(
            asked.elapsed() < Duration::from_millis(100),
            "{transport:?}"
        );
        assert_eq!(record.reach(events).await, notes(events), "{transport:?}");
        assert_eq!(memory.count(|counts| counts.read_ahead_full), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_ack_passes_300_events() {
    an_ack_is_taken_behind(300, 1).await;
}

#[tokio::test(start_paused = true)]
async fn an_ack_passes_two_events_of_900_kb() {
    an_ack_is_taken_behind(2, 900_000).await;
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_can_not_be_read_ends_in_an_error_that_names_the_limit() {
    for transport in client::BOTH {
        let (record, memory, mut peer, id) = asked(transport).await;
        for number in 0..8 {
            // Two are in the socket's queue, five beyond it. The last one finds the connection unread until the wait ends.
            peer.send(&note_of(number, 900_000)).await;
        }
        peer.send(&format!("43{id}[7]")).await;
        peer.send(&note_of(8, 1)).await;
        let lines = record.reach(10).await;
        assert_eq!(lines[1..], notes(9), "{transport:?}");
        let error = &lines[0];
        assert!(error.starts_with("true: "), "{error}");
        let (_, waiting) = error.split_once("because ").expect("a cause");
        let waiting: usize = waiting.split(' ').next().unwrap().parse().expect("bytes");
        assert!((4 * MIB..5 * MIB).contains(&waiting), "{error}");
        assert!(error.contains("`read_ahead` is 4194304"), "{error}");
        assert_eq!(memory.count(|counts| counts.read_ahead_full), 1);
    }
}

/// A client that waits for a handler of ten minutes, with 300 events behind it.
async fn busy(memory: &Memory, record: &Record, transport: Transport) -> Peer {
    let mut peer = memory.client(transport).await;
    record.take();
    peer.send(r#"42["work",1,600000]"#).await;
    record.until("begin 1").await;
    for number in 0..300 {
        peer.send(&note_of(number, 1)).await;
    }
    peer
}

fn listed(io: &IoHandle) -> usize {
    io.sockets().len()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_is_not_listed_while_its_events_wait() {
    for transport in client::BOTH {
        for goodbye in ["41", "1"] {
            let record = Record::default();
            let memory = server(&record);
            let mut peer = busy(&memory, &record, transport).await;
            assert_eq!(listed(&memory.io), 1);
            let left = Instant::now();
            if goodbye == "41" {
                peer.send(goodbye).await;
            } else {
                peer.close().await;
            }
            while listed(&memory.io) > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert!(left.elapsed() < Duration::from_millis(100));
            assert_eq!(record.take(), ["begin 1"], "its handler still runs");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn other_namespaces_go_on_while_the_events_of_one_wait() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = server(&record);
        let mut peer = busy(&memory, &record, transport).await;
        let started = Instant::now();
        peer.join_as("40/other,").await;
        peer.send(r#"42/other,5["work",2,0]"#).await;
        peer.expect("43/other,5[2]").await;
        assert!(started.elapsed() < Duration::from_secs(1));
        assert!(!record.lines().contains(&"end 1".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_misses_its_ping_while_its_events_wait() {
    let record = Record::default();
    let memory = server(&record);
    let peer = busy(&memory, &record, Transport::Polling).await;
    let started = Instant::now();
    while listed(&memory.io) > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(started.elapsed() < Duration::from_secs(60));
    }
    drop(peer);
}

fn poured(session: &Polling, bytes: usize) -> impl Future<Output = (u16, String)> + use<'_> {
    let event = format!(r#"42["pour",{bytes}]"#);
    async move { session.post(&event).await }
}

#[tokio::test(start_paused = true)]
async fn a_post_is_answered_although_nothing_fetches_what_its_handler_emits() {
    let record = Record::default();
    let memory = server(&record);
    let session = memory.client(Transport::Polling).await.polling();
    record.take();
    let started = Instant::now();
    assert_eq!(poured(&session, 2 * MIB).await, (200, "ok".to_owned()));
    // What comes next waits until the client has taken that.
    for number in 0..3 {
        assert_eq!(session.post(&note_of(number, 1)).await.0, 200);
    }
    assert!(started.elapsed() < Duration::from_secs(1));
    assert!(record.lines().is_empty());
    let (status, payload) = session.get().await;
    assert_eq!((status, payload.len() > 2 * MIB), (200, true));
    assert_eq!(record.reach(3).await, notes(3));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_waits_for_its_client_begins_beside_others_when_the_client_has_read() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = server(&record);
        let (mut peer, socket) = memory.socket(transport).await;
        record.take();
        peer.send(r#"42["beside",1,600000]"#).await;
        record.until("begin 1").await;
        if transport == Transport::WebSocket {
            // The connection takes one over as a whole.
            socket.emit("poured", "x".repeat(2 * MIB)).expect("room");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        socket.emit("poured", "x".repeat(2 * MIB)).expect("room");
        peer.send(r#"42["beside",2,600000]"#).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(record.lines(), ["begin 1"], "{transport:?}");
        let asked = Instant::now();
        assert!(peer.text().await.len() > 2 * MIB);
        if transport == Transport::WebSocket {
            assert!(peer.text().await.len() > 2 * MIB);
        }
        record.until("begin 2").await;
        assert!(asked.elapsed() < Duration::from_secs(1), "{transport:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_posts_and_fetches_nothing_is_held_up_at_the_limit_and_then_ended() {
    let record = Record::default();
    let memory = server(&record);
    let session = memory.client(Transport::Polling).await.polling();
    assert_eq!(poured(&session, 2 * MIB).await.0, 200);
    let mut taken = 0;
    let started = Instant::now();
    while session.post(&note_of(taken, 900_000)).await.0 == 200 {
        taken += 1;
        assert!(taken < 20, "everything is taken");
    }
    // 1 MiB in the queue of the socket, 4 MiB beyond it, and one event above each.
    assert!((5..=7).contains(&taken), "{taken}");
    assert!(started.elapsed() < Duration::from_secs(46));
    assert_eq!(listed(&memory.io), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_for_namespaces_and_reads_no_answer_is_cut() {
    let record = Record::default();
    let memory = server(&record);
    let session = memory.client(Transport::Polling).await.polling();
    let asks = vec!["40/nowhere,"; 50_000].join("\u{1e}");
    let mut taken = 0;
    while session.post(&asks).await.0 == 200 {
        taken += 1;
        assert!(taken < 20, "everything is answered");
    }
    assert_eq!(memory.count(|counts| counts.slow_consumers), 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_plain_timeout_names_no_limit() {
    let record = Record::default();
    let memory = server(&record);
    let (_peer, socket) = memory.socket(Transport::WebSocket).await;
    let error: Error = socket.emit_with_ack::<Value>("q", ()).await.unwrap_err();
    assert!(error.is_timeout() && !error.message().contains("read_ahead"));
}
