//! What a client sends may take as long as its bytes keep coming.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use koio::observe::{Observation, Observer};
use koio::{CloseReason, Io};
use koio_tests::polling::SEPARATOR;
use koio_tests::{Frame, Http, Polling, RawWebSocket, Target};
use tokio::time::sleep;

use crate::scene::Scene;

/// Short enough to wait for twice, long enough for a busy machine.
const PAUSE: Duration = Duration::from_millis(600);
const STEP: Duration = Duration::from_millis(50);

/// The limits that were exceeded.
#[derive(Clone, Default)]
struct Exceeded(Arc<Mutex<Vec<String>>>);

impl Observer for Exceeded {
    fn observe(&self, observation: &Observation<'_>) {
        if let Observation::LimitExceeded { limit, cause, .. } = observation {
            self.0.lock().unwrap().push(format!("{limit}: {cause}"));
        }
    }
}

impl Exceeded {
    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn impatient(io: Io) -> Io {
    io.config(|config| config.engine.message_timeout = PAUSE)
}

async fn websocket(target: Target) -> RawWebSocket {
    let (mut socket, _) = RawWebSocket::session(target).await;
    socket.send(&Frame::text("40")).await;
    let answer = socket.next().await.expect("an answer to CONNECT");
    assert!(answer.payload.starts_with(b"40{"));
    socket
}

/// Writes the bytes in so many pieces, one for each step, and pauses once.
async fn trickle(socket: &mut RawWebSocket, bytes: &[u8], pieces: usize, pause: Duration) {
    for (index, piece) in bytes.chunks(bytes.len().div_ceil(pieces)).enumerate() {
        let time = if index == pieces / 2 { pause } else { STEP };
        sleep(time).await;
        assert!(socket.write(piece).await, "the server hung up");
    }
}

/// The next frame that is not a ping of Engine.IO, which is not answered.
async fn answer(socket: &mut RawWebSocket) -> String {
    loop {
        let frame = socket.next().await.expect("a frame");
        let text = String::from_utf8(frame.payload).expect("text");
        if text != "2" {
            return text;
        }
    }
}

fn event(bytes: usize) -> String {
    format!(r#"421["len","{}"]"#, "x".repeat(bytes))
}

#[tokio::test]
async fn a_message_in_one_frame_or_many_may_take_longer_than_its_timeout() {
    let scene = Scene::with(impatient).await;
    let whole = async {
        let mut socket = websocket(scene.target()).await;
        let frame = Frame::text(event(640_000)).bytes();
        trickle(&mut socket, &frame, 30, STEP).await;
        assert_eq!(answer(&mut socket).await, r#"431["len"]"#);
    };
    let with_a_pause = async {
        let mut socket = websocket(scene.target()).await;
        let frame = Frame::text(event(900_000)).bytes();
        trickle(&mut socket, &frame, 20, PAUSE / 2).await;
        assert_eq!(answer(&mut socket).await, r#"431["len"]"#);
    };
    let in_fragments = async {
        let mut socket = websocket(scene.target()).await;
        let text = event(200_000);
        let mut frames = Frame::text(&text[..3]).unfinished().bytes();
        for piece in text.as_bytes()[3..].chunks(1_000) {
            frames.extend(Frame::new(0, piece).unfinished().bytes());
        }
        frames.extend(Frame::new(0, "").bytes());
        trickle(&mut socket, &frames, 30, STEP).await;
        assert_eq!(answer(&mut socket).await, r#"431["len"]"#);
    };
    tokio::join!(whole, with_a_pause, in_fragments);
    assert_eq!(scene.server.handle.counts().limits_exceeded, 0);
}

#[tokio::test]
async fn twenty_megabytes_may_take_longer_than_the_timeout() {
    let limits = |io: Io| {
        impatient(io)
            .max_payload(50_000_000)
            .config(|config| config.socket.read_ahead = 50_000_000)
    };
    let scene = Scene::with(limits).await;
    let mut socket = websocket(scene.target()).await;
    let frame = Frame::text(event(20_000_000)).bytes();
    trickle(&mut socket, &frame, 20, STEP).await;
    assert_eq!(answer(&mut socket).await, r#"431["len"]"#);
}

#[tokio::test]
async fn attachments_may_take_longer_than_the_timeout() {
    let scene = Scene::with(impatient).await;
    let mut socket = websocket(scene.target()).await;
    socket
        .send(&Frame::text(
            r#"452-1["file",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
        ))
        .await;
    for bytes in [600_000, 300_000] {
        let attachment = Frame::binary(vec![7; bytes]).bytes();
        trickle(&mut socket, &attachment, 20, PAUSE / 2).await;
    }
    assert_eq!(answer(&mut socket).await, "431[600000]");
}

/// Posts a body in 30 pieces, with a `STEP` before each.
async fn post_slowly(session: &Polling, body: &str) {
    let mut http = Http::connect(session.target.addr).await;
    let length = body.len().to_string();
    http.head("POST", &session.path(), &[("Content-Length", &length)])
        .await;
    for piece in body.as_bytes().chunks(body.len().div_ceil(30)) {
        sleep(STEP).await;
        assert!(http.try_write(piece).await, "the server hung up");
    }
    let response = http.response().await.expect("an answer");
    assert_eq!((response.status, response.text()), (200, "ok"));
}

#[tokio::test]
async fn a_request_body_may_take_longer_than_its_timeout() {
    let scene = Scene::with(impatient).await;
    let mut session = Polling::open(scene.target()).await;
    session.send("40").await;
    session.get().await;
    let body = event(640_000);
    post_slowly(&session, &body).await;
    session.expect(r#"431["len"]"#).await;
}

#[tokio::test]
async fn the_heartbeat_rests_while_a_message_arrives() {
    let hasty = |io: Io| {
        io.ping_interval(Duration::from_millis(100))
            .ping_timeout(Duration::from_millis(500))
    };
    let scene = Scene::alone(hasty).await;
    let over_websocket = async {
        let mut socket = websocket(scene.target()).await;
        let frame = Frame::text(event(640_000)).bytes();
        trickle(&mut socket, &frame, 30, STEP).await;
        assert_eq!(answer(&mut socket).await, r#"431["len"]"#);
    };
    let over_polling = async {
        let mut session = Polling::open(scene.target()).await;
        session.send("40").await;
        session.get().await;
        let body = format!("{}{SEPARATOR}3", event(640_000));
        post_slowly(&session, &body).await;
    };
    tokio::join!(over_websocket, over_polling);
}

/// What the observers are told of a client that a limit ends.
async fn told(
    min_rate: usize,
    misbehave: impl AsyncFnOnce(&Scene),
) -> (Vec<String>, CloseReason, u64) {
    let exceeded = Exceeded::default();
    let observer = exceeded.clone();
    let limits = move |io: Io| {
        impatient(io)
            .config(|config| {
                config.engine.min_rate = min_rate;
                config.engine.close_timeout = PAUSE;
            })
            .observe(observer)
    };
    let mut scene = Scene::with(limits).await;
    misbehave(&scene).await;
    let reason = scene.report().await.reason;
    let count = scene.server.handle.counts().limits_exceeded;
    scene.end().await;
    (exceeded.told(), reason, count)
}

#[tokio::test]
async fn a_message_that_stalls_is_cut_by_a_limit_with_a_name() {
    let (told, reason, count) = told(4_096, async |scene| {
        let mut socket = websocket(scene.target()).await;
        socket
            .write(&Frame::text(event(640_000)).bytes()[..100_000])
            .await;
        socket.ended().await;
    })
    .await;
    assert_eq!(
        told,
        [
            "message_timeout: message paused for 600ms (message_timeout 600ms) after 99986 of at least 640013 bytes"
        ]
    );
    assert_eq!((reason, count), (CloseReason::TransportError, 1));
}

#[tokio::test]
async fn attachments_that_stall_are_cut_by_the_same_limit() {
    let (told, _, count) = told(4_096, async |scene| {
        let mut socket = websocket(scene.target()).await;
        socket
            .send(&Frame::text(
                r#"452-1["file",{"_placeholder":true,"num":0}]"#,
            ))
            .await;
        socket.send(&Frame::binary([7; 10_000])).await;
        socket.ended().await;
    })
    .await;
    assert_eq!(
        told,
        ["message_timeout: message paused for 600ms (message_timeout 600ms) after 10000 bytes"]
    );
    assert_eq!(count, 1);
}

#[tokio::test]
async fn a_message_that_comes_absurdly_slowly_is_cut_by_a_limit_with_a_name() {
    let (told, reason, _) = told(4_096, async |scene| {
        let mut socket = websocket(scene.target()).await;
        let frame = Frame::text(event(640_000)).bytes();
        for byte in frame {
            sleep(STEP).await;
            if !socket.write([byte]).await {
                break;
            }
        }
    })
    .await;
    let [told] = &told[..] else {
        panic!("{told:?}");
    };
    assert!(
        told.starts_with("min_rate: message came at ")
            && told.ends_with(" bytes in 600ms (min_rate 4096 a second)"),
        "{told}"
    );
    assert_eq!(reason, CloseReason::TransportError);
}

/// The answer to a POST of which only this much is written, one byte for each step.
async fn post(scene: &Scene, bytes: usize) -> String {
    let mut session = Polling::open(scene.target()).await;
    session.send("40").await;
    session.get().await;
    let mut http = Http::connect(scene.target().addr).await;
    http.head("POST", &session.path(), &[("Content-Length", "100000")])
        .await;
    for _ in 0..bytes {
        sleep(STEP).await;
        if !http.try_write("4").await {
            break;
        }
    }
    let response = http.response().await.expect("an answer");
    session.assert_gone().await;
    assert_eq!(response.status, 408);
    response.text().to_owned()
}

#[tokio::test]
async fn a_request_body_that_stalls_is_answered_with_the_limit() {
    let (told, reason, count) = told(1, async |scene| {
        assert_eq!(
            post(scene, 2).await,
            "message paused for 600ms (message_timeout 600ms) after 2 of at least 100000 bytes"
        );
    })
    .await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((reason, count), (CloseReason::TransportError, 1));
}

#[tokio::test]
async fn a_request_body_that_comes_absurdly_slowly_is_answered_with_the_limit() {
    told(4_096, async |scene| {
        let text = post(scene, 1_000).await;
        assert!(text.ends_with("(min_rate 4096 a second)"), "{text}");
    })
    .await;
}
