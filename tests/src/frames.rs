//! A WebSocket client that breaks the rules: frames are written bit by bit.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::polling::Open;
use crate::{Http, Response, Target, within};

/// The key of RFC 6455's example.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A frame to send; every bit can be wrong.
#[derive(Debug, Clone)]
pub struct Frame {
    first: u8,
    mask: Option<[u8; 4]>,
    length: Option<Vec<u8>>,
    payload: Vec<u8>,
}

impl Frame {
    /// A whole message of this opcode.
    pub fn new(opcode: u8, payload: impl AsRef<[u8]>) -> Self {
        let payload = payload.as_ref().to_owned();
        Self {
            first: 0x80 | opcode,
            mask: Some([1, 2, 3, 4]),
            length: None,
            payload,
        }
    }

    /// A text message.
    pub fn text(payload: impl AsRef<[u8]>) -> Self {
        Self::new(1, payload)
    }

    /// A binary message.
    pub fn binary(payload: impl AsRef<[u8]>) -> Self {
        Self::new(2, payload)
    }

    /// More of the message to come.
    pub fn unfinished(mut self) -> Self {
        self.first &= 0x7f;
        self
    }

    /// Sets these of the reserved bits: 4 is RSV1, 2 is RSV2, 1 is RSV3.
    pub fn reserved(mut self, bits: u8) -> Self {
        self.first |= bits << 4;
        self
    }

    /// Without a mask, which a client must not do.
    pub fn unmasked(mut self) -> Self {
        self.mask = None;
        self
    }

    /// Says this in the 16 bits of the length, whatever the payload is.
    pub fn length16(mut self, length: u16) -> Self {
        self.length = Some([&[126], &length.to_be_bytes()[..]].concat());
        self
    }

    /// Says this in the 64 bits of the length, whatever the payload is.
    pub fn length64(mut self, length: u64) -> Self {
        self.length = Some([&[127], &length.to_be_bytes()[..]].concat());
        self
    }

    /// The bytes of the frame.
    pub fn bytes(&self) -> Vec<u8> {
        let length = self
            .length
            .clone()
            .unwrap_or_else(|| match self.payload.len() {
                short @ 0..=125 => vec![short as u8],
                middle @ 126..=0xffff => [&[126], &(middle as u16).to_be_bytes()[..]].concat(),
                long => [&[127], &(long as u64).to_be_bytes()[..]].concat(),
            });
        let mut bytes = vec![self.first];
        bytes.extend(length);
        if let Some(mask) = self.mask {
            bytes[1] |= 0x80;
            bytes.extend(mask);
            bytes.extend(
                self.payload
                    .iter()
                    .zip(mask.iter().cycle())
                    .map(|(b, m)| b ^ m),
            );
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }
}

/// A frame from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFrame {
    /// 1 text, 2 binary, 8 close, 9 ping, 10 pong.
    pub opcode: u8,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// A connection that has been upgraded by hand.
#[derive(Debug)]
pub struct RawWebSocket {
    stream: TcpStream,
    ahead: Vec<u8>,
}

impl RawWebSocket {
    /// The headers of a correct upgrade request.
    pub const HEADERS: [(&'static str, &'static str); 4] = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
    ];

    /// Asks for an upgrade with these headers and reads the answer.
    pub async fn ask(
        target: Target,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (Http, Option<Response>) {
        let mut http = Http::connect(target.addr).await;
        http.head("GET", path, headers).await;
        let response = http.response().await;
        (http, response)
    }

    /// Opens a connection.
    pub async fn open(target: Target, path: &str) -> Self {
        let (http, response) = Self::ask(target, path, &Self::HEADERS).await;
        let response = response.expect("an answer to the upgrade");
        assert_eq!(response.status, 101, "{}", response.text());
        assert_eq!(
            response.header("sec-websocket-accept"),
            Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        );
        let (stream, ahead) = http.into_stream();
        Self { stream, ahead }
    }

    /// Opens a session and reads its handshake.
    pub async fn session(target: Target) -> (Self, Open) {
        let mut socket = Self::open(target, &target.websocket()).await;
        let frame = socket.next().await.expect("an open packet");
        let text = String::from_utf8(frame.payload).expect("text");
        (socket, Open::read(&text))
    }

    /// Goes on with a connection that has answered 101 already.
    pub fn upgraded(http: Http) -> Self {
        let (stream, ahead) = http.into_stream();
        Self { stream, ahead }
    }

    /// Sends a frame; the server may have hung up.
    pub async fn send(&mut self, frame: &Frame) -> bool {
        self.write(frame.bytes()).await
    }

    /// Sends bytes; the server may have hung up.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        within("writing a frame", self.stream.write_all(bytes.as_ref()))
            .await
            .is_ok()
    }

    /// The next frame, or `None` at the end of the connection.
    ///
    /// # Panics
    /// If it is not what a server may send: whole, unmasked, no reserved bits.
    pub async fn next(&mut self) -> Option<ServerFrame> {
        within("a frame", self.read_frame()).await
    }

    /// Opens a connection that offers these extensions. Returns what the server says to that.
    ///
    /// # Panics
    /// If it does not open.
    pub async fn offer(target: Target, path: &str, extensions: &[&str]) -> (Self, Option<String>) {
        let mut headers = Self::HEADERS.to_vec();
        headers.extend(
            extensions
                .iter()
                .map(|offer| ("Sec-WebSocket-Extensions", *offer)),
        );
        let (http, response) = Self::ask(target, path, &headers).await;
        let response = response.expect("an answer to the upgrade");
        assert_eq!(response.status, 101, "{}", response.text());
        let agreed = response.header("sec-websocket-extensions");
        let agreed = agreed.map(str::to_owned);
        (Self::upgraded(http), agreed)
    }

    /// The next frame, which may be compressed: then inflated, and with the bytes that it had on the wire.
    ///
    /// # Panics
    /// As [`next`](Self::next), and if it can't be inflated.
    pub async fn next_inflated(&mut self) -> Option<(ServerFrame, Option<usize>)> {
        let (mut frame, reserved) = within("a frame", self.read_any_frame()).await?;
        if reserved == 0 {
            return Some((frame, None));
        }
        assert_eq!(reserved, 0x40, "a reserved bit that means nothing");
        assert!(frame.opcode < 8, "a control frame that is compressed");
        let wire = frame.payload.len();
        frame.payload.extend([0x00, 0x00, 0xff, 0xff]);
        let mut inflated = Vec::with_capacity(64 << 20);
        flate2::Decompress::new(false)
            .decompress_vec(&frame.payload, &mut inflated, flate2::FlushDecompress::Sync)
            .expect("a compressed message");
        frame.payload = inflated;
        Some((frame, Some(wire)))
    }

    /// Expects exactly this text next.
    pub async fn expect(&mut self, text: &str) {
        let frame = self.next().await.expect("a frame");
        assert_eq!(
            (
                frame.opcode,
                String::from_utf8_lossy(&frame.payload).as_ref()
            ),
            (1, text)
        );
    }

    /// Reads up to the close frame, answers it, and reads to the end of the connection. The code is
    /// 1005 for a close frame without one, and `None` if there was no close frame.
    pub async fn ended(&mut self) -> Option<u16> {
        self.end(true).await
    }

    /// As [`RawWebSocket::ended`], without answering.
    pub async fn abandoned(&mut self) -> Option<u16> {
        self.end(false).await
    }

    async fn end(&mut self, answer: bool) -> Option<u16> {
        let mut code = None;
        while let Some(frame) = self.next().await {
            if frame.opcode == 8 && code.is_none() {
                let said = frame
                    .payload
                    .first_chunk()
                    .map(|code| u16::from_be_bytes(*code));
                code = Some(said.unwrap_or(1005));
                if answer {
                    self.send(&Frame::new(8, frame.payload)).await;
                }
            }
        }
        code
    }

    /// Half-closes the connection.
    pub async fn finish(&mut self) {
        within("half-closing", self.stream.shutdown()).await.ok();
    }

    /// Ends the connection with a reset.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("SO_LINGER");
    }

    async fn read_frame(&mut self) -> Option<ServerFrame> {
        let (frame, reserved) = self.read_any_frame().await?;
        assert_eq!(reserved, 0, "a reserved bit is set");
        Some(frame)
    }

    /// A frame, and its reserved bits.
    async fn read_any_frame(&mut self) -> Option<(ServerFrame, u8)> {
        let [first, second] = self.array().await?;
        assert_eq!(first & 0x80, 0x80, "a fragment");
        assert_eq!(second & 0x80, 0, "a server must not mask");
        let length = match second {
            126 => u64::from(u16::from_be_bytes(self.array().await?)),
            127 => u64::from_be_bytes(self.array().await?),
            short => u64::from(short),
        };
        assert!(length < 64 << 20, "a frame of {length} bytes");
        let payload = self.take(length as usize).await?;
        let frame = ServerFrame {
            opcode: first & 0x0f,
            payload,
        };
        Some((frame, first & 0x70))
    }

    async fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N).await?.try_into().ok()
    }

    async fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < length {
            let mut block = [0; 16 * 1024];
            match self.stream.read(&mut block).await {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.ahead.extend(&block[..read]),
            }
        }
        Some(self.ahead.drain(..length).collect())
    }
}
