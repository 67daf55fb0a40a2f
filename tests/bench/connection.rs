//! A client over WebSocket: the handshakes, and then frames.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Instant,
};

use mio::{Registry, event::Event};

use crate::{
    failure::Failure,
    frames::{self, Frame, Template},
    stream::Stream,
};

/// How far the handshake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The request is on its way, the head of the answer is not here.
    Http,
    /// The Engine.IO handshake is next.
    Open,
    /// The answer to CONNECT is next.
    Connect,
    /// Connected.
    Done,
}

/// What a reader does with a frame and the time it came at; what it appends to the last argument is sent.
pub(crate) type Reader<'a> =
    &'a mut dyn FnMut(Frame<'_>, Instant, &mut Vec<u8>) -> Result<(), Failure>;

#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    stage: Stage,
    opened: Instant,
    connected: Option<Instant>,
}

impl Connection {
    /// Begins to connect. `headers` are further lines of its request.
    pub(crate) fn open(
        index: usize,
        address: SocketAddr,
        headers: &str,
        source: Option<Ipv4Addr>,
        registry: &Registry,
    ) -> Result<Self, Failure> {
        let opened = Instant::now();
        let request = upgrade_request(address, "", headers);
        Ok(Self {
            stream: Stream::open(index, address, source, registry, request)?,
            stage: Stage::Http,
            opened,
            connected: None,
        })
    }

    /// When it began, and when CONNECT was answered; `None` before that.
    pub(crate) fn connected(&self) -> Option<(Instant, Instant)> {
        Some((self.opened, self.connected?))
    }

    /// Sends bytes, as soon as the network takes them.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.stream.send(bytes)
    }

    /// Does what an event asks for, and hands on the frames.
    pub(crate) fn on_event(
        &mut self,
        event: &Event,
        block: &mut [u8],
        reader: Reader<'_>,
    ) -> Result<(), Failure> {
        let Self { stream, stage, .. } = self;
        let mut last = None;
        stream.on_event(event, block, &mut |bytes, at, out| {
            last = Some(at);
            stage.take(bytes, at, out, reader)
        })?;
        if self.connected.is_none() && self.stage == Stage::Done {
            self.connected = last;
        }
        Ok(())
    }
}

impl Stage {
    /// Hands on the whole frames; says how many bytes they were.
    fn take(
        &mut self,
        bytes: &[u8],
        at: Instant,
        out: &mut Vec<u8>,
        reader: Reader<'_>,
    ) -> Result<usize, Failure> {
        let mut used = 0;
        if *self == Self::Http {
            match upgraded(bytes)? {
                None => return Ok(0),
                Some(head) => used = head,
            }
            *self = Self::Open;
        }
        while let Some((frame, length)) = frames::split(&bytes[used..]) {
            used += length;
            match (*self, frame.payload) {
                // Some servers ping right away.
                (Self::Connect | Self::Done, b"2") if frame.opcode == frames::TEXT => {
                    out.extend_from_slice(Template::text("3").with(0));
                }
                (Self::Done, _) => reader(frame, at, out)?,
                (Self::Open, [b'0', b'{', ..]) => {
                    out.extend_from_slice(Template::text("40").with(0));
                    *self = Self::Connect;
                }
                (Self::Connect, [b'4', b'0', b'{', ..]) => *self = Self::Done,
                (_, answer) => return Err(Failure::handshake(answer)),
            }
        }
        Ok(used)
    }
}

/// The request for a WebSocket; `query` is appended to the query, `headers` are further lines.
pub(crate) fn upgrade_request(address: SocketAddr, query: &str, headers: &str) -> String {
    format!(
        "GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: {address}\r\n\
         Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

/// The length of the head of the answer to that request; `None` if it is not all there.
pub(crate) fn upgraded(bytes: &[u8]) -> Result<Option<usize>, Failure> {
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n");
    match end {
        None => Ok(None),
        Some(end) if bytes.starts_with(b"HTTP/1.1 101 ") => Ok(Some(end + 4)),
        Some(_) => Err(Failure::handshake(bytes)),
    }
}
