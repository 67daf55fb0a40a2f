//! Several writers, and a connection that takes so many bytes at a time: every frame arrives whole, and in its order.
//!
//! The session's task writes at the end of its turns and an emitter in between, `Fanout`'s task writes for others, and pongs,
//! the response of the handshake and the close frame are the transport's own.

use std::{
    collections::{HashMap, VecDeque},
    io,
    pin::Pin,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::yield_now,
};

use super::masked;
use crate::{
    engine::{
        Acceptor, CloseReason, Engine, EngineConfig, Fanout, Opening, Session, TransportKind,
        Upstream,
        transport::{DirectFlushed, DirectFrames, DirectWrite, DirectWritten, FrameSource},
    },
    transport::{
        polling::PollingTransport,
        tcp::ByteStream,
        websocket::{Sink, WebSocketTransport, WriteQueue},
    },
    wire::{Frame, FrameHeader, Message, Opcode},
};

/// What each emitter sends.
const EMITS: usize = 4;

/// How often the client sends a ping and a message.
const ROUNDS: usize = 3;

const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";

/// Both directions of a connection. The peer grants room for a write.
#[derive(Default)]
struct Pipe {
    /// How many bytes the next write takes.
    room: usize,
    written: Vec<u8>,
    writer: Option<Waker>,
    unread: VecDeque<u8>,
    reader: Option<Waker>,
    hung_up: bool,
}

impl Pipe {
    fn take(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(std::mem::take(&mut self.room));
        self.written.extend_from_slice(&bytes[..count]);
        count
    }
}

/// What [`Tcp`](crate::transport::tcp::Tcp) shares with its direct writers, over a pipe.
#[derive(Default)]
struct Shared {
    queue: Mutex<WriteQueue>,
    pipe: Mutex<Pipe>,
}

/// The server's end.
struct Trickle(Arc<Shared>);

/// A sink with a waker waits, one without does not.
struct PipeSink<'a>(&'a Shared, Option<&'a Waker>);

impl Sink for PipeSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut pipe = self.0.pipe.lock();
        let count = pipe.take(bytes);
        if count == 0 && !bytes.is_empty() {
            if let Some(waker) = self.1 {
                pipe.writer = Some(waker.clone());
            }
            return Poll::Pending;
        }
        Poll::Ready(Ok(count))
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let bytes = slices.iter().flat_map(|slice| slice.iter().copied());
        let room = self.0.pipe.lock().room;
        self.write(&bytes.take(room.max(1)).collect::<Vec<_>>())
    }
}

impl ByteStream for Trickle {
    type OwnQueue = ();

    fn with_queue<R>(&self, (): &mut (), with: impl FnOnce(&mut WriteQueue) -> R) -> R {
        with(&mut self.0.queue.lock())
    }

    fn poll_write_frames(
        &mut self,
        (): &mut (),
        cx: &mut Context<'_>,
        source: &mut dyn FrameSource,
    ) -> Poll<io::Result<()>> {
        let sink = &mut PipeSink(&self.0, Some(cx.waker()));
        self.0.queue.lock().write(sink, source)
    }

    fn direct_writer(&self) -> Option<Arc<dyn DirectWrite>> {
        Some(Arc::clone(&self.0) as _)
    }
}

impl DirectWrite for Shared {
    fn write(&self, frames: &mut dyn DirectFrames) -> DirectWritten {
        let write = |bytes: &[u8]| Ok(self.pipe.lock().take(bytes));
        match self.queue.try_lock() {
            Some(mut queue) => queue.write_direct(write, frames),
            None => DirectWritten::Nothing,
        }
    }

    fn flush(&self, source: &mut dyn FrameSource) -> DirectFlushed {
        match self.queue.try_lock() {
            Some(mut queue) => queue.flush(&mut PipeSink(self, None), source),
            None => DirectFlushed::default(),
        }
    }
}

impl AsyncRead for Trickle {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut pipe = self.0.pipe.lock();
        if pipe.unread.is_empty() {
            pipe.reader = Some(cx.waker().clone());
            return if pipe.hung_up {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            };
        }
        let count = buf.remaining().min(pipe.unread.len());
        buf.put_slice(&pipe.unread.drain(..count).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Trickle {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        panic!("all bytes pass through the queue")
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Answers each message twice in its turn: with itself, and with one of this size.
struct Echo(Session, usize);

impl Upstream for Echo {
    fn on_message(&mut self, message: Message, _: &mut Context<'_>) {
        self.0.send(&message).unwrap();
        self.0.send(&text("big", 0, self.1)).unwrap();
    }

    fn on_close(&mut self, _: CloseReason) {}
}

struct Opened {
    session: Mutex<Option<Session>>,
    big: usize,
}

impl Acceptor for Opened {
    fn accept(&self, session: Session, _: Opening) -> Box<dyn Upstream> {
        *self.session.lock() = Some(session.clone());
        Box::new(Echo(session, self.big))
    }
}

fn text(from: &str, number: usize, padding: usize) -> Message {
    Message::Text(format!("{from} {number} {}", "x".repeat(padding)).into())
}

/// The client's side.
struct Peer {
    shared: Arc<Shared>,
    k: usize,
}

impl Peer {
    fn send(&self, bytes: &[u8]) {
        let mut pipe = self.shared.pipe.lock();
        pipe.unread.extend(bytes);
        let reader = pipe.reader.take();
        drop(pipe);
        reader.into_iter().for_each(Waker::wake);
    }

    /// Lets the server write once more.
    fn grant(&self) {
        let mut pipe = self.shared.pipe.lock();
        pipe.room = self.k;
        let writer = pipe.writer.take();
        drop(pipe);
        writer.into_iter().for_each(Waker::wake);
    }

    /// Grants until this holds for what was written.
    async fn until(&self, what: &str, holds: impl Fn(&[u8]) -> bool) {
        let patience = Instant::now() + Duration::from_secs(20);
        while !holds(&self.shared.pipe.lock().written) {
            assert!(Instant::now() < patience, "it does not come: {what}");
            self.grant();
            yield_now().await;
        }
    }
}

/// The frames behind the response of the handshake, which must be whole.
fn frames(written: &[u8]) -> Option<Vec<(Opcode, Vec<u8>)>> {
    let mut rest = written.strip_prefix(RESPONSE)?;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (header, start) = FrameHeader::parse(rest).expect("a frame's header")?;
        let payload = rest.get(start..start + header.payload_len as usize)?;
        frames.push((header.opcode, payload.to_vec()));
        rest = &rest[start + payload.len()..];
    }
    Some(frames)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Flush,
    Cut,
}

/// One connection that takes `k` bytes at a time.
async fn run(k: usize, big: usize, upgrades: bool, end: End) {
    let shared = Arc::new(Shared::default());
    let peer = Peer {
        shared: Arc::clone(&shared),
        k,
    };
    let opened = Arc::new(Opened {
        session: Mutex::default(),
        big,
    });
    let engine = Engine::new(EngineConfig::default(), Arc::clone(&opened) as _).unwrap();
    let config = engine.config().clone();
    let mut websocket =
        WebSocketTransport::new(Trickle(Arc::clone(&shared)), &Bytes::new(), &config);
    let opening = |kind| Opening::new(&Default::default(), &Default::default(), None, kind);
    let session = if upgrades {
        let polling = Box::new(PollingTransport::default());
        engine
            .open(opening(TransportKind::Polling), polling)
            .unwrap();
        websocket.write_now(RESPONSE.to_vec());
        let session = opened.session.lock().clone().unwrap();
        session.probe(Box::new(websocket)).unwrap();
        session
    } else {
        websocket.lead_with(RESPONSE.to_vec());
        engine
            .open(opening(TransportKind::WebSocket), Box::new(websocket))
            .unwrap();
        opened.session.lock().clone().unwrap()
    };
    let start = Barrier::new(3);
    let stop = AtomicBool::new(false);
    let emitter = |from: &'static str, padding: usize| {
        let (session, start, stop) = (&session, &start, &stop);
        move || {
            start.wait();
            for number in 0..EMITS {
                let frame = Frame::message(&text(from, number, padding));
                let sent = match number % 2 {
                    0 => session.send_frame(&frame).is_ok(),
                    _ => {
                        // Behind its budget, so that its task writes.
                        let mut fanout = Fanout::new(&frame);
                        let sent = fanout.send(session).is_ok();
                        fanout.finish();
                        sent
                    }
                };
                assert!(sent || stop.load(Ordering::Relaxed));
                thread::yield_now();
            }
        }
    };
    if upgrades {
        peer.send(&masked(0x81, b"2probe"));
        peer.until("3probe", |written| written.ends_with(b"3probe"))
            .await;
        peer.send(&masked(0x81, b"5"));
    }
    thread::scope(|scope| {
        scope.spawn(emitter("a", 3));
        scope.spawn(emitter("b", 40));
        start.wait();
    });
    for number in 0..ROUNDS as u8 {
        peer.send(&masked(0x89, &[number]));
        peer.send(&masked(0x81, format!("4echo {number} ").as_bytes()));
        peer.grant();
        yield_now().await;
        // In the middle of a frame that the emitter or the task has begun.
        session.send(&text("c", number.into(), 40)).unwrap();
    }
    match end {
        End::Flush => session.close(CloseReason::ForcedServerClose),
        End::Cut => session.cut(CloseReason::SlowConsumer),
    }
    stop.store(true, Ordering::Relaxed);
    // Nothing else ends so: the texts end with a letter.
    let is_closed = |written: &[u8]| matches!(written.last_chunk(), Some([0x88, 2, 3, 232..=240]));
    peer.until("the close frame", is_closed).await;
    for _ in 0..3 {
        peer.grant();
        yield_now().await;
    }
    let all = frames(&shared.pipe.lock().written).expect("whole frames");
    let mut last = HashMap::new();
    let mut pongs = Vec::new();
    let mut is_first = true;
    for (at, (opcode, payload)) in all.iter().enumerate() {
        match opcode {
            Opcode::Pong => pongs.push(payload[0]),
            Opcode::Close => assert_eq!(at + 1, all.len(), "something follows the close frame"),
            _ => {
                let payload = std::str::from_utf8(payload).expect("text");
                if std::mem::take(&mut is_first) {
                    // The handshake, or `3probe`. A pong may come before it.
                    let expected = if upgrades { '3' } else { '0' };
                    assert!(payload.starts_with(expected), "{payload}");
                    continue;
                }
                let text = payload.strip_prefix('4').expect("a message");
                let mut words = text.split(' ');
                let from = words.next().unwrap().to_owned();
                let number: usize = words.next().unwrap().parse().unwrap();
                let rest = words.next().unwrap();
                assert!(rest.bytes().all(|byte| byte == b'x'), "{payload}");
                let expected = last.entry(from.clone()).or_insert(0);
                assert_eq!(number, *expected, "of {from}, with {k} bytes at a time");
                *expected += usize::from(from != "big");
            }
        }
    }
    assert!(pongs.is_sorted());
    if end == End::Flush {
        assert_eq!(
            [last["a"], last["b"], last["c"], last["echo"]],
            [EMITS, EMITS, ROUNDS, ROUNDS]
        );
        assert_eq!(pongs.len(), ROUNDS);
    }
    // The session's task ends.
    shared.pipe.lock().hung_up = true;
    peer.send(&masked(0x88, b""));
    while !engine.is_empty() {
        yield_now().await;
    }
}

async fn run_all(k: usize, big: usize) {
    for upgrades in [false, true] {
        for end in [End::Flush, End::Cut] {
            run(k, big, upgrades, end).await;
        }
    }
}

#[tokio::test]
async fn every_frame_is_whole_and_in_order_however_many_bytes_the_connection_takes() {
    // All that is written is shorter.
    for k in 1..1_200 {
        run_all(k, 150).await;
    }
}

#[tokio::test]
async fn frames_that_are_not_copied_together_are_whole_and_in_order() {
    for k in (1..30_000).step_by(997) {
        run_all(k, 5_000).await;
    }
}
