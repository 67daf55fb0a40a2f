//! Messages over WebSocket that are compressed: permessage-deflate, and `compress` of an emit.

mod hosts;
mod received;
mod sent;

use koio::config::PerMessageDeflate;
use koio::{Args, Bytes, Context, Io, Result, handlers, on};
use koio_tests::{RawWebSocket, ServerFrame, Target};

use crate::scene::echo;

/// What a browser offers.
const BROWSER: &str = "permessage-deflate; client_max_window_bits";
/// What is answered to every offer that can be met.
const AGREED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

#[on("file")]
async fn file(bytes: Bytes) -> usize {
    bytes.len()
}

#[on("say")]
async fn say(ctx: Context, args: Args) -> Result<()> {
    ctx.io().broadcast("said", args)
}

#[on("join")]
async fn join(ctx: Context, room: String) -> Result<()> {
    ctx.socket().join(room)
}

fn handled() -> Io {
    Io::new().handlers(handlers![echo, file, say, join])
}

fn io() -> Io {
    handled().per_message_deflate(PerMessageDeflate::new())
}

/// Text as programs send it: `entries` of it have about 40 bytes each.
fn mixed(entries: usize) -> String {
    let entry = |number: usize| {
        let hash = number.wrapping_mul(2_654_435_761) % 1_000_003;
        format!("entry {number} has {hash:x} and {}, ", hash % 97)
    };
    (0..entries).map(entry).collect()
}

/// A client that takes compressed messages.
struct Peer {
    socket: RawWebSocket,
    agreed: Option<String>,
}

impl Peer {
    async fn open(target: Target, offers: &[&str]) -> Self {
        let path = target.websocket();
        let (socket, agreed) = RawWebSocket::offer(target, &path, offers).await;
        let mut peer = Self { socket, agreed };
        let open = peer.text().await;
        assert!(open.starts_with("0{"), "{open}");
        peer
    }

    async fn connect(target: Target, offers: &[&str]) -> Self {
        let mut peer = Self::open(target, offers).await;
        peer.join("40").await;
        peer
    }

    /// Returns the answer to CONNECT.
    async fn join(&mut self, connect: &str) -> String {
        self.send(connect).await;
        let answer = self.text().await;
        assert!(answer.starts_with("40"), "{answer}");
        answer
    }

    async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.socket.send(&koio_tests::Frame::text(text)).await;
    }

    /// The next frame, and how long it was on the wire if it was compressed.
    async fn next(&mut self) -> (ServerFrame, Option<usize>) {
        self.socket.next_inflated().await.expect("a frame")
    }

    async fn text(&mut self) -> String {
        text(self.next().await.0)
    }

    /// Expects a text that was compressed, and returns how long it was on the wire.
    async fn expect_compressed(&mut self, expected: &str) -> usize {
        let (frame, wire) = self.next().await;
        assert_eq!(text(frame), expected);
        let wire = wire.expect("a compressed message");
        assert!(wire < expected.len(), "{wire} of {}", expected.len());
        wire
    }

    async fn expect_plain(&mut self, expected: &str) {
        let (frame, wire) = self.next().await;
        assert_eq!((text(frame).as_str(), wire), (expected, None));
    }
}

fn text(frame: ServerFrame) -> String {
    assert_eq!(frame.opcode, 1, "{frame:?}");
    String::from_utf8(frame.payload).expect("a text")
}

/// A message, compressed as a client does it.
pub(crate) fn compressed(message: &[u8]) -> Vec<u8> {
    let mut compress = flate2::Compress::new(flate2::Compression::fast(), false);
    let mut bytes = Vec::with_capacity(message.len() + 100);
    let flush = flate2::FlushCompress::Sync;
    compress
        .compress_vec(message, &mut bytes, flush)
        .expect("a compressed message");
    assert_eq!(bytes.split_off(bytes.len() - 4), [0, 0, 0xff, 0xff]);
    bytes
}
