//! One client connection: the handshake, and frames both ways without waiting.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
};

use mio::{Interest, Registry, Token, net::TcpStream};

use crate::{
    failure::Failure,
    frames::{self, Frame, Template},
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

/// What a reader does with a frame; what it appends to the second argument is sent.
pub(crate) type Reader<'a> = &'a mut dyn FnMut(Frame<'_>, &mut Vec<u8>) -> Result<(), Failure>;

#[derive(Debug)]
pub(crate) struct Connection {
    index: usize,
    stream: TcpStream,
    stage: Stage,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Connection {
    /// Begins to connect.
    pub(crate) fn open(
        index: usize,
        address: SocketAddr,
        registry: &Registry,
    ) -> Result<Self, Failure> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        registry.register(
            &mut stream,
            Token(index),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\n\
             Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        Ok(Self {
            index,
            stream,
            stage: Stage::Http,
            rest: Vec::new(),
            outgoing: request.into_bytes(),
        })
    }

    /// Whether CONNECT has been answered.
    pub(crate) fn is_connected(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Sends bytes, as soon as the network takes them.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.outgoing.extend_from_slice(bytes);
        self.flush()
    }

    /// Goes on writing what waits.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(written) => {
                    self.outgoing.drain(..written);
                }
                Err(error) if is_not_now(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads what there is, hands on the frames, and sends what that made.
    pub(crate) fn read(&mut self, block: &mut [u8], reader: Reader<'_>) -> Result<(), Failure> {
        loop {
            let length = match self.stream.read(block) {
                Ok(0) => {
                    return Err(Failure::Closed {
                        connection: self.index,
                    });
                }
                Ok(length) => length,
                Err(error) if is_not_now(&error) => break,
                Err(error) => return Err(error.into()),
            };
            if self.rest.is_empty() {
                let used = self.take(&block[..length], reader)?;
                self.rest.extend_from_slice(&block[used..length]);
            } else {
                let mut bytes = std::mem::take(&mut self.rest);
                bytes.extend_from_slice(&block[..length]);
                let used = self.take(&bytes, reader)?;
                bytes.drain(..used);
                self.rest = bytes;
            }
            if length < block.len() {
                // There was no more, and more to come is a new event.
                break;
            }
        }
        self.flush()
    }

    /// Hands on the whole frames; says how many bytes they were.
    fn take(&mut self, bytes: &[u8], reader: Reader<'_>) -> Result<usize, Failure> {
        let mut used = 0;
        if self.stage == Stage::Http {
            let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
                return Ok(0);
            };
            if !bytes.starts_with(b"HTTP/1.1 101 ") {
                return Err(handshake(bytes));
            }
            self.stage = Stage::Open;
            used = end + 4;
        }
        while let Some((frame, length)) = frames::split(&bytes[used..]) {
            used += length;
            match (self.stage, frame.payload) {
                // Some servers ping right away.
                (Stage::Connect | Stage::Done, b"2") if frame.opcode == frames::TEXT => {
                    let mut pong = Template::default().frame(frames::TEXT, "3");
                    self.outgoing.extend_from_slice(pong.with(0));
                }
                (Stage::Done, _) => reader(frame, &mut self.outgoing)?,
                (Stage::Open, [b'0', b'{', ..]) => {
                    let mut connect = Template::default().frame(frames::TEXT, "40");
                    self.outgoing.extend_from_slice(connect.with(0));
                    self.stage = Stage::Connect;
                }
                (Stage::Connect, [b'4', b'0', b'{', ..]) => self.stage = Stage::Done,
                (_, answer) => return Err(handshake(answer)),
            }
        }
        Ok(used)
    }
}

fn handshake(answer: &[u8]) -> Failure {
    Failure::Handshake(String::from_utf8_lossy(answer).into_owned())
}

fn is_not_now(error: &io::Error) -> bool {
    // A socket that is still connecting is not connected yet.
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected | io::ErrorKind::Interrupted
    )
}
