//! Events of one socket that overlap. The clock stands still: a time is exactly as long as what was waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use koio::{Context, Io, Namespace, Next, Params, Reply, Result, State, handlers, on};
use koio_tests::Transport;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use crate::memory::{Memory, Peer, within};
use crate::record::{self, Record};

/// How many run, and how many ever did.
#[derive(Clone, Default)]
struct Running(Arc<(AtomicUsize, AtomicUsize)>);

impl Running {
    fn enter(&self) -> Entered {
        let now = self.0.0.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.1.fetch_max(now, Ordering::Relaxed);
        Entered(self.clone())
    }

    fn most(&self) -> usize {
        self.0.1.swap(0, Ordering::Relaxed)
    }
}

struct Entered(Running);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[on("hundred", concurrency = 100)]
async fn hundred(number: u32, running: State<Running>) -> u32 {
    let _entered = running.enter();
    sleep(Duration::from_millis(20)).await;
    number
}

#[on("typing")]
async fn typing(running: State<Running>) -> &'static str {
    let _entered = running.enter();
    "seen"
}

#[on("passing", concurrency = 101)]
async fn passing() -> &'static str {
    "passed"
}

#[on("three", concurrency = 3)]
async fn three(number: u32, running: State<Running>) -> u32 {
    let _entered = running.enter();
    sleep(Duration::from_millis(10)).await;
    number
}

fn io() -> (Io, Running) {
    let running = Running::default();
    let io = Io::new()
        .state(running.clone())
        .handlers(handlers![hundred, typing, passing, three]);
    (io, running)
}

async fn send_all(peer: &mut Peer, event: &str, count: usize) {
    for number in 0..count {
        peer.send(&format!(r#"42{number}["{event}",{number}]"#))
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_events_of_20_ms_take_20_ms() {
    for transport in [Transport::WebSocket, Transport::Polling] {
        let (io, running) = io();
        let memory = Memory::new(io);
        let mut peer = memory.client(transport).await;
        let start = Instant::now();
        send_all(&mut peer, "hundred", 100).await;
        for number in 0..100 {
            peer.expect(&format!("43{number}[{number}]")).await;
        }
        // The timers of tokio have a millisecond.
        assert!(
            start.elapsed() <= Duration::from_millis(21),
            "{transport:?}"
        );
        assert_eq!(running.most(), 100);
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_run_than_the_handler_says() {
    let (io, running) = io();
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    let start = Instant::now();
    send_all(&mut peer, "three", 30).await;
    for number in 0..30 {
        peer.expect(&format!("43{number}[{number}]")).await;
    }
    assert!(start.elapsed() >= Duration::from_millis(100));
    assert_eq!(running.most(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_did_not_ask_for_company_waits_for_it_to_end_and_one_that_did_passes() {
    let (io, running) = io();
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    send_all(&mut peer, "hundred", 3).await;
    peer.send(r#"4290["passing"]"#).await;
    peer.expect(r#"4390["passed"]"#).await;
    peer.send(r#"4291["typing"]"#).await;
    // In order: behind the one that waits, though it might run beside those that do.
    peer.send(r#"4292["passing"]"#).await;
    for answer in [
        "430[0]",
        "431[1]",
        "432[2]",
        r#"4391["seen"]"#,
        r#"4392["passed"]"#,
    ] {
        peer.expect(answer).await;
    }
    assert_eq!(running.most(), 3);
}

#[on("work", concurrency = 8)]
async fn work(number: u64, milliseconds: u64, record: State<Record>) -> u64 {
    record.push(format!("begin {number}"));
    sleep(Duration::from_millis(milliseconds)).await;
    record.push(format!("end {number}"));
    number
}

#[tokio::test(start_paused = true)]
async fn handlers_begin_in_the_order_of_arrival_and_acks_leave_as_they_are_ready() {
    let record = Record::default();
    let io = Io::new().state(record.clone()).handlers(handlers![work]);
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    for (number, time) in [(0, 30), (1, 10), (2, 20)] {
        peer.send(&format!(r#"42{number}["work",{number},{time}]"#))
            .await;
    }
    for answer in ["431[1]", "432[2]", "430[0]"] {
        peer.expect(answer).await;
    }
    let expected = ["begin 0", "begin 1", "begin 2", "end 1", "end 2", "end 0"];
    assert_eq!(record.take(), expected);
}

struct Reports;

#[on(ns = "/reports", concurrency = 2)]
impl Reports {
    #[on("two")]
    async fn two(&self, running: State<Running>) {
        let _entered = running.enter();
        sleep(Duration::from_millis(10)).await;
    }

    #[on("one", concurrency = 1)]
    async fn one(&self, running: State<Running>) {
        let _entered = running.enter();
        sleep(Duration::from_millis(10)).await;
    }
}

async fn nap(ctx: Context) -> Result<()> {
    let running: State<Running> = ctx.state()?;
    let _entered = running.enter();
    sleep(Duration::from_millis(10)).await;
    Ok(())
}

#[on("both", concurrency = 4)]
async fn both(running: State<Running>) {
    let _entered = running.enter();
    sleep(Duration::from_millis(10)).await;
}

#[on("both", also, concurrency = 3)]
async fn both_too(running: State<Running>) {
    let _entered = running.enter();
    sleep(Duration::from_millis(10)).await;
}

#[on("napping in a room", ns = "/room/{id}")]
async fn in_a_room(_: Params<u32>, running: State<Running>) {
    let _entered = running.enter();
    sleep(Duration::from_millis(10)).await;
}

#[tokio::test(start_paused = true)]
async fn the_nearest_of_handler_namespace_and_server_says_how_many() {
    let running = Running::default();
    let io = Io::new()
        .state(running.clone())
        .concurrency(6)
        .on("*", nap)
        .handlers(handlers![(Reports), both, both_too, in_a_room])
        .namespace("/club", Namespace::new().concurrency(5).on("nap", nap));
    let table = io.describe().to_string();
    for cell in [
        "* (6 at once)",
        "both (also, 3 at once)",
        "two (2 at once)",
        "nap (5 at once)",
    ] {
        assert!(table.contains(cell), "{table}");
    }
    let memory = Memory::new(io);
    for (namespace, event, expected) in [
        ("/", "anything", 6),
        ("/", "both", 3),
        ("/reports", "two", 2),
        ("/reports", "one", 1),
        ("/club", "nap", 5),
        ("/room/7", "napping in a room", 6),
    ] {
        let mut peer = memory.open(Transport::WebSocket).await;
        peer.join_as(&format!("40{namespace},")).await;
        for number in 0..12 {
            peer.send(&format!(r#"42{namespace},{number}["{event}"]"#))
                .await;
        }
        let answered = match namespace {
            "/" => String::from("4311["),
            namespace => format!("43{namespace},11["),
        };
        while !peer.text().await.starts_with(&answered) {}
        assert_eq!(running.most(), expected, "{event}");
    }
}

#[on("either", concurrency = 4, timeout = "50ms")]
async fn either(what: String) -> Result<String> {
    match what.as_str() {
        "panic" => panic!("as the test wants it"),
        "later panic" => {
            sleep(Duration::from_millis(1)).await;
            panic!("as the test wants it")
        }
        "slow" => sleep(Duration::from_secs(5)).await,
        "refuse" => koio::bail!("refused", "as the test wants it"),
        _ => sleep(Duration::from_millis(10)).await,
    }
    Ok(what)
}

#[tokio::test(start_paused = true)]
async fn an_error_a_panic_and_a_timeout_of_one_are_answered_and_the_others_go_on() {
    for layered in [false, true] {
        let seen = Record::default();
        let observed = seen.clone();
        let mut io = Io::new()
            .handlers(handlers![either])
            .on_error(move |error, ctx| observed.push(format!("{} {}", ctx.event(), error.code())));
        if layered {
            let pass = |_: Context, next: Next| async move {
                let reply: Result<Reply> = next.run().await;
                reply
            };
            io = io.wrap(pass).layer(tower::layer::layer_fn(|inner| inner));
        }
        let memory = Memory::new(io);
        let mut peer = memory.client(Transport::WebSocket).await;
        let all = ["slow", "later panic", "panic", "refuse", "fine", "fine"];
        for (number, what) in all.iter().enumerate() {
            peer.send(&format!(r#"42{number}["either","{what}"]"#))
                .await;
        }
        for (number, answer) in [
            (2, "internal"),
            (3, "refused"),
            (1, "internal"),
            (4, "fine"),
            (5, "fine"),
            (0, "timeout"),
        ] {
            let text = peer.text().await;
            assert!(text.starts_with(&format!("43{number}[")), "{text}");
            assert!(text.contains(answer), "{text}");
        }
        let codes = ["internal", "refused", "internal", "timeout"];
        assert_eq!(seen.take(), codes.map(|code| format!("either {code}")));
    }
}

#[on("held", concurrency = 4)]
async fn held(ctx: Context, gate: State<Arc<Semaphore>>, record: State<Record>) -> &'static str {
    let _permit = gate.acquire().await.expect("an open gate");
    record.push(format!("held, {}", ctx.socket().is_connected()));
    "held"
}

#[tokio::test(start_paused = true)]
async fn what_runs_ends_after_its_socket_and_then_comes_the_disconnect_once() {
    let (record, gate) = (Record::default(), Arc::new(Semaphore::new(0)));
    let io = Io::new()
        .state(record.clone())
        .state(Arc::clone(&gate))
        .handlers(handlers![record::all(), held]);
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    for number in 0..5 {
        peer.send(&format!(r#"42{number}["held"]"#)).await;
    }
    record.until("came").await;
    peer.close().await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(record.lines(), ["came"]);
    gate.add_permits(1);
    let mut expected = vec!["came".to_owned()];
    expected.extend(vec!["held, false".to_owned(); 5]);
    expected.push("left: transport close".to_owned());
    assert_eq!(record.reach(7).await, expected);
}

#[on("forever", concurrency = 4)]
async fn forever(record: State<Record>) {
    record.push("forever");
    std::future::pending().await
}

/// A client that has sent so many events whose handlers never end.
async fn forever_running(events: usize) -> (Record, Memory, Peer) {
    let record = Record::default();
    let io = Io::new()
        .state(record.clone())
        .handlers(handlers![record::all(), forever]);
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    for _ in 0..events {
        peer.send(r#"42["forever"]"#).await;
    }
    (record, memory, peer)
}

#[tokio::test(start_paused = true)]
async fn the_grace_is_for_all_that_run_together() {
    let (record, memory, peer) = forever_running(5).await;
    record.reach(5).await;
    let start = Instant::now();
    peer.close().await;
    record.until("left: transport close").await;
    let waited = start.elapsed();
    assert!((10_000..10_100).contains(&waited.as_millis()), "{waited:?}");
    assert_eq!(memory.count(|counts| counts.handlers_dropped), 4);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_at_its_deadline_drops_what_runs_and_runs_the_disconnect_handler() {
    let (record, memory, _peer) = forever_running(3).await;
    record.reach(4).await;
    let shutdown = memory.io.shutdown(Duration::from_secs(1));
    within("the end", shutdown).await;
    record.until("left: server shutting down").await;
    assert_eq!(memory.count(|counts| counts.handlers_dropped), 3);
}
