//! Control frames and fragments count in the turn of the session that they come to.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use koio::observe::{Observation, Observer};
use koio::{CloseReason, Io, handlers, on};
use koio_tests::{Bare, Frame, RawWebSocket, serve, within};

use crate::scene::Scene;

#[on("echo")]
async fn echo(number: u64) -> u64 {
    number
}

/// Sends these bytes as fast as they are taken, on a thread of its own, until the server hangs up or `valve` is shut.
struct Flood {
    valve: TcpStream,
    pumping: JoinHandle<()>,
}

impl Flood {
    async fn of(addr: SocketAddr, bytes: Vec<u8>) -> Self {
        let stream = Bare::connect(addr).await.into_stream();
        let stream = stream.into_std().expect("a stream");
        stream.set_nonblocking(false).expect("a stream that waits");
        let valve = stream.try_clone().expect("a stream");
        let pumping = thread::spawn(move || while (&stream).write_all(&bytes).is_ok() {});
        Self { valve, pumping }
    }

    fn end(self) {
        // The server may have hung up.
        self.valve.shutdown(Shutdown::Both).ok();
        self.pumping.join().expect("a thread");
    }
}

/// The longest that somebody else waits for an answer while four clients send these bytes without end.
async fn longest_wait(bytes: Vec<u8>) -> Duration {
    let server = serve(Io::new().handlers(handlers![echo])).await;
    let mut asking = Bare::connect(server.addr).await;
    let mut floods = Vec::new();
    for _ in 0..4 {
        floods.push(Flood::of(server.addr, bytes.clone()).await);
    }
    let begun = Instant::now();
    let mut waits = Vec::new();
    while begun.elapsed() < Duration::from_secs(1) {
        let asked = Instant::now();
        let number = waits.len();
        asking.send(&[&format!(r#"421["echo",{number}]"#)]).await;
        let answer = format!("431[{number}]");
        within("an answer", asking.until(answer.as_bytes())).await;
        waits.push(asked.elapsed());
    }
    floods.into_iter().for_each(Flood::end);
    waits.sort();
    waits[waits.len() * 99 / 100]
}

#[tokio::test]
async fn floods_of_control_frames_and_fragments_delay_no_answer() {
    let fragments = |payload: &[u8]| {
        let mut bytes = Frame::text("4").unfinished().bytes();
        for _ in 0..200 {
            bytes.extend(Frame::new(0, payload).unfinished().bytes());
        }
        bytes.extend(Frame::new(0, "0").bytes());
        bytes
    };
    for (what, bytes) in [
        ("pings", Frame::new(9, "").bytes().repeat(1_000)),
        ("pongs", Frame::new(10, [7; 125]).bytes().repeat(1_000)),
        ("fragments of a byte", fragments(b"x")),
        ("empty fragments", fragments(b"")),
    ] {
        let wait = longest_wait(bytes).await;
        assert!(wait < Duration::from_millis(100), "{what}: {wait:?}");
    }
}

/// Limits that were exceeded.
#[derive(Clone, Default)]
struct Exceeded(Arc<Mutex<Vec<String>>>);

impl Observer for Exceeded {
    fn observe(&self, observation: &Observation<'_>) {
        if let Observation::LimitExceeded { cause, .. } = observation {
            self.0.lock().unwrap().push(cause.to_string());
        }
    }
}

/// What a client is told that sends these frames, and what the observers are.
async fn told(frames: &[Frame]) -> (u16, String, Vec<String>) {
    let exceeded = Exceeded::default();
    let observer = exceeded.clone();
    let mut scene = Scene::with(move |io| io.observe(observer)).await;
    let (mut socket, _) = RawWebSocket::session(scene.target()).await;
    socket.send(&Frame::text("40")).await;
    socket.next().await.expect("an answer to CONNECT");
    let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
    socket.write(bytes).await;
    let close = loop {
        let frame = socket.next().await.expect("a close frame");
        if frame.opcode == 8 {
            break frame.payload;
        }
    };
    let code = u16::from_be_bytes([close[0], close[1]]);
    let reason = String::from_utf8(close[2..].to_vec()).expect("text");
    assert_eq!(scene.report().await.reason, CloseReason::TransportError);
    assert_eq!(scene.server.handle.counts().limits_exceeded, 1);
    socket.reset();
    scene.end().await;
    let told = std::mem::take(&mut *exceeded.0.lock().unwrap());
    (code, reason, told)
}

#[tokio::test]
async fn more_than_a_thousand_control_frames_in_a_second_end_the_connection() {
    let text = "more than 1000 control frames in a second".to_owned();
    for opcode in [9, 10] {
        let frames = vec![Frame::new(opcode, "x"); 2_500];
        assert_eq!(
            told(&frames).await,
            (1008, text.clone(), vec![text.clone()])
        );
    }
}

#[tokio::test]
async fn too_many_fragments_are_counted_and_named() {
    let mut frames = vec![Frame::text("4").unfinished()];
    frames.extend(vec![Frame::new(0, "").unfinished(); 15_625]);
    let text = "message in more than 15625 frames (max_fragments 15625)".to_owned();
    assert_eq!(told(&frames).await, (1008, text.clone(), vec![text]));
}

#[tokio::test]
async fn a_message_that_is_too_long_is_counted_and_named() {
    let frames = [Frame::text("4".repeat(1_000_001))];
    let text = "message of at least 1000001 bytes (max_payload 1000000)".to_owned();
    assert_eq!(told(&frames).await, (1009, text.clone(), vec![text]));
}

#[tokio::test]
async fn a_message_in_many_small_frames_fits_what_max_payload_allows() {
    let scene = Scene::with(|io| io.max_payload(2 << 20)).await;
    let (mut socket, _) = RawWebSocket::session(scene.target()).await;
    socket.send(&Frame::text("40")).await;
    socket.next().await.expect("an answer to CONNECT");
    let text = format!(r#"421["len","{}"]"#, "x".repeat(1_200_000));
    let mut bytes = Frame::text(&text[..1_016]).unfinished().bytes();
    for piece in text.as_bytes()[1_016..].chunks(1_016) {
        bytes.extend(Frame::new(0, piece).unfinished().bytes());
    }
    bytes.extend(Frame::new(0, "").bytes());
    socket.write(bytes).await;
    socket.expect(r#"431["len"]"#).await;
}
