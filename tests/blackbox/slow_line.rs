//! Clients on a line that is slow, late, and breaks. The limits are shorter than the transfers that they must not end.
//!
//! `KOIO_SLOW_LINE=full` runs with koio's own limits, and messages that are as much bigger.

use std::env;
use std::time::Duration;

use koio::{CloseReason, Context, Io, Result, State, handlers, on};
use koio_tests::{Line, Running, SlowLine, serve};
use tokio::time::{Instant, timeout};

use crate::link::{Link, WAYS, Way};
use crate::record::Record;

/// A phone: 300 ms late in each direction, 60 KB/s.
const PHONE: Line = Line {
    delay: Duration::from_millis(300),
    rate: 60_000,
};

/// A connection that the kernel, too, takes a moment to see broken.
const MOMENT: Duration = Duration::from_secs(5);

fn full() -> bool {
    env::var("KOIO_SLOW_LINE").is_ok_and(|form| form == "full")
}

/// The size of a big event: 15 s on the line with koio's own limits, else 3.3 s.
fn big() -> usize {
    if full() { 900_000 } else { 200_000 }
}

/// How long a big event may take.
fn patience() -> Duration {
    Duration::from_secs(if full() { 60 } else { 20 })
}

#[on("length")]
async fn length(text: String, record: State<Record>) -> usize {
    record.push("length");
    text.len()
}

#[on("download")]
async fn download(ctx: Context, length: usize) -> Result<()> {
    ctx.emit("big", "x".repeat(length))
}

#[on("disconnect")]
async fn left(reason: CloseReason, record: State<Record>) {
    record.push(format!("left: {reason}"));
}

/// A server, and the line to it.
async fn phone() -> (Running, SlowLine, Record) {
    let record = Record::default();
    let io = Io::new()
        .state(record.clone())
        .handlers(handlers![length, download, left])
        .config(|config| {
            if !full() {
                config.engine.message_timeout = Duration::from_secs(1);
                config.engine.write_timeout = Duration::from_secs(1);
                config.engine.ping_interval = Duration::from_secs(2);
                config.engine.ping_timeout = Duration::from_secs(8);
                config.engine.poll_again_timeout = Duration::from_secs(1);
            }
        });
    let server = serve(io).await;
    let line = SlowLine::to(server.addr, PHONE).await;
    (server, line, record)
}

async fn open(line: &SlowLine, way: Way) -> Link {
    Link::open(line.addr, way, 0).await.expect("a session")
}

async fn expect(link: &mut Link, text: &str) {
    let next = timeout(patience(), link.next()).await;
    let next = next.expect("no hang").expect("a packet");
    assert!(next == text, "{} bytes: {:.60}", next.len(), next);
}

#[tokio::test]
async fn on_a_slow_line_a_big_event_arrives_in_both_directions() {
    for way in WAYS {
        let (_server, line, _) = phone().await;
        let mut link = open(&line, way).await;
        let started = Instant::now();
        let text = "x".repeat(big());
        let event = format!(r#"421["length","{text}"]"#);
        let sent = timeout(patience(), link.send(&event)).await;
        sent.expect("no hang").expect("an open line");
        expect(&mut link, &format!("431[{}]", big())).await;
        let up = started.elapsed();
        link.send(&format!(r#"42["download",{}]"#, big()))
            .await
            .expect("an open line");
        expect(&mut link, &format!(r#"42["big","{text}"]"#)).await;
        let down = started.elapsed() - up;
        // What follows works.
        link.send(r#"422["length","abc"]"#).await.expect("a line");
        expect(&mut link, "432[3]").await;
        println!("{way:?}: {} bytes up in {up:?}, down in {down:?}", big());
    }
}

#[tokio::test]
async fn on_a_slow_line_a_client_upgrades_and_its_heartbeat_goes_on() {
    for way in WAYS {
        let (server, line, record) = phone().await;
        let mut link = open(&line, way).await;
        // Several heartbeats, each of which `next` answers.
        let quiet = timeout(
            Duration::from_secs(if full() { 60 } else { 5 }),
            link.next(),
        );
        assert!(quiet.await.is_err(), "{way:?}: nothing but pings came");
        link.send(r#"421["length","abc"]"#).await.expect("a line");
        expect(&mut link, "431[3]").await;
        assert_eq!(record.lines(), ["length"]);
        assert_eq!(server.handle.sockets().len(), 1);
    }
}

#[tokio::test]
async fn a_line_that_breaks_in_the_middle_of_a_big_event_ends_the_session_and_no_handler_runs() {
    for way in WAYS {
        let (server, line, record) = phone().await;
        let mut link = open(&line, way).await;
        let event = format!(r#"421["length","{}"]"#, "x".repeat(big()));
        {
            let mut sending = std::pin::pin!(async {
                link.send(&event).await?;
                link.next().await
            });
            let sent = timeout(Duration::from_secs(1), &mut sending).await;
            assert!(sent.is_err(), "{way:?}: it takes longer");
            line.cut();
            let gone = timeout(MOMENT, sending).await.expect("no hang");
            assert!(gone.is_err(), "{way:?}");
        }
        let lines = timeout(MOMENT, record.reach(1)).await.expect("its end");
        assert!(
            lines[0].starts_with("left: transport"),
            "{way:?}: {lines:?}"
        );
        assert_eq!(server.handle.sockets().len(), 0);
        // The line is back.
        let mut link = open(&line, way).await;
        link.send(r#"422["length","abc"]"#).await.expect("a line");
        expect(&mut link, "432[3]").await;
    }
}

#[tokio::test]
async fn a_line_that_breaks_in_the_middle_of_a_big_answer_ends_the_session() {
    for way in WAYS {
        let (server, line, record) = phone().await;
        let mut link = open(&line, way).await;
        let event = format!(r#"42["download",{}]"#, big());
        link.send(&event).await.expect("an open line");
        {
            let mut receiving = std::pin::pin!(link.next());
            let received = timeout(Duration::from_secs(1), &mut receiving).await;
            assert!(received.is_err(), "{way:?}: it takes longer");
            line.cut();
            let gone = timeout(MOMENT, receiving).await.expect("no hang");
            assert!(gone.is_err(), "{way:?}");
        }
        // Over long-polling the answer has left koio: that is noticed when no poll follows, in the time that a slow client
        // needs for an answer of this size, or by the ping.
        let noticed = timeout(3 * patience(), record.reach(1)).await;
        let lines = noticed.expect("its end");
        println!("{way:?}: {}", lines[0]);
        assert_eq!(server.handle.sockets().len(), 0);
    }
}
