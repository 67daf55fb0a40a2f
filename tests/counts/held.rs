//! What a client can make the server keep for it: the bounds count what they hold, whatever it was read with. These are
//! the only tests of their program, and run one after the other: the counter is one for all threads.

use std::{
    alloc::System,
    sync::Arc,
    time::{Duration, Instant},
};

use koio::{Io, State, handlers, on};
use koio_tests::{Frame, Polling, RawWebSocket, Target, serve};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::sync::Semaphore;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MB: usize = 1_000_000;

/// Lets the slow handlers end.
#[derive(Clone)]
struct Gate(Arc<Semaphore>);

#[on("slow")]
async fn slow(gate: State<Gate>) {
    let _ = gate.0.acquire().await;
}

#[on("echo")]
async fn echo() {}

/// Waits until no more than `most` bytes are held that were not before.
async fn expect_no_more_than(most: usize, region: &Region<'_, System>, what: &str) {
    let given_up = Instant::now() + Duration::from_secs(10);
    loop {
        let change = region.change();
        let held = change
            .bytes_allocated
            .saturating_sub(change.bytes_deallocated);
        if held <= most {
            return;
        }
        assert!(Instant::now() < given_up, "{what}: {held} bytes are held");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The answer to a question that nobody asked, of a megabyte.
fn rubbish() -> String {
    format!(r#"43999["{}"]"#, "x".repeat(MB - 100))
}

async fn small_events_in_big_bodies(target: Target) {
    let mut client = Polling::open(target).await;
    client.send("40").await;
    client.get().await;
    client.send(r#"42["slow"]"#).await;
    let body = format!("42[\"echo\"]\u{1e}{}", rubbish());
    client.send(&body).await;
    let region = Region::new(ALLOCATOR);
    for _ in 0..255 {
        client.send(&body).await;
    }
    expect_no_more_than(
        MB / 4,
        &region,
        "255 events of 8 bytes, each in a POST of 1 MB",
    )
    .await;
}

async fn small_events_in_big_reads(target: Target) {
    let (mut client, _) = RawWebSocket::session(target).await;
    client.send(&Frame::text("40")).await;
    client.next().await;
    client.send(&Frame::text(r#"42["slow"]"#)).await;
    let mut bytes = Frame::text(r#"42["echo"]"#).bytes();
    bytes.extend(Frame::text(format!(r#"43999["{}"]"#, "x".repeat(60_000))).bytes());
    client.write(&bytes).await;
    let region = Region::new(ALLOCATOR);
    for _ in 0..255 {
        client.write(&bytes).await;
    }
    expect_no_more_than(
        MB / 4,
        &region,
        "255 events of 8 bytes, each read with 60 KB",
    )
    .await;
}

async fn small_answers_in_big_bodies(target: Target, io: &koio::IoHandle) {
    let mut client = Polling::open(target).await;
    client.send("40").await;
    let answer = client.get().await;
    let (_, id) = answer.text().split_once(r#""sid":""#).expect("an id");
    let id = id.split('"').next().expect("an id").parse().expect("an id");
    let socket = io.socket(id).expect("a socket");
    // Nobody looks at the answers yet.
    let waits: Vec<_> = (0..100)
        .map(|_| socket.emit_with_ack::<u8>("q", ()))
        .collect();
    let asked = client.get().await;
    let ids: Vec<&str> = asked
        .text()
        .split('\u{1e}')
        .filter_map(|packet| packet.strip_prefix("42")?.split('[').next())
        .collect();
    assert_eq!(ids.len(), waits.len());
    let region = Region::new(ALLOCATOR);
    for id in &ids {
        client.send(format!("43{id}[7]\u{1e}{}", rubbish())).await;
    }
    expect_no_more_than(MB / 4, &region, "100 answers, each in a POST of 1 MB").await;
    for wait in waits {
        assert_eq!(wait.await.expect("an answer"), 7);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_waits_keeps_nothing_of_what_it_was_read_with() {
    let gate = Gate(Arc::new(Semaphore::new(0)));
    let io = Io::new()
        .state(gate.clone())
        .handlers(handlers![slow, echo]);
    let handle = io.handle();
    let server = serve(io).await;
    let target = Target::socket_io(server.addr);
    small_events_in_big_bodies(target).await;
    small_events_in_big_reads(target).await;
    small_answers_in_big_bodies(target, &handle).await;
    gate.0.close();
}
