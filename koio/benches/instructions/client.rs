//! Clients over plain TCP that send and read whole frames and whole HTTP answers, one after another.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::Result;

/// The opcode of a text frame.
pub(crate) const TEXT: u8 = 1;
/// The opcode of a binary frame.
pub(crate) const BINARY: u8 = 2;
/// Any mask but zeros, which would save the server work.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x96, 0x3c];

/// A client's frame.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | short as u8),
        middle @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((middle as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    let masked = payload.iter().zip(MASK.iter().cycle());
    bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A TCP connection and what was read from it too early.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    used: usize,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
            used: 0,
        })
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    fn unread(&self) -> &[u8] {
        &self.buffer[self.used..]
    }

    fn read_more(&mut self) -> Result<()> {
        self.buffer.drain(..self.used);
        self.used = 0;
        let mut block = [0; 65_536];
        let length = self.stream.read(&mut block)?;
        if length == 0 {
            return Err("the server has closed a connection".into());
        }
        self.buffer.extend_from_slice(&block[..length]);
        Ok(())
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.unread().len() < length {
            self.read_more()?;
        }
        let taken = self.unread()[..length].to_vec();
        self.used += length;
        Ok(taken)
    }

    /// The head of an HTTP answer.
    fn head(&mut self) -> Result<String> {
        loop {
            let end = self.unread().windows(4).position(|end| end == b"\r\n\r\n");
            if let Some(end) = end {
                return Ok(String::from_utf8(self.take(end + 4)?)?);
            }
            self.read_more()?;
        }
    }
}

/// A connection that speaks WebSocket.
pub(crate) struct WebSocket(Connection);

impl WebSocket {
    /// Connects to the default namespace.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let mut client = Self::open(address, "")?;
        client.expect(b"0{")?;
        client.send(&frame(TEXT, b"40"))?;
        client.expect(b"40{")?;
        Ok(client)
    }

    /// Takes over the polling session `sid`.
    pub(crate) fn upgrade(address: SocketAddr, polling: &mut Polling) -> Result<Self> {
        let mut client = Self::open(address, &format!("&sid={}", polling.sid))?;
        polling.poll()?;
        client.send(&frame(TEXT, b"2probe"))?;
        client.expect(b"3probe")?;
        polling.expect("6")?;
        client.send(&frame(TEXT, b"5"))?;
        Ok(client)
    }

    fn open(address: SocketAddr, query: &str) -> Result<Self> {
        let mut connection = Connection::open(address)?;
        connection.send(
            format!(
                "GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: {address}\r\n\
                 Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            .as_bytes(),
        )?;
        let head = connection.head()?;
        if !head.starts_with("HTTP/1.1 101 ") {
            return Err(head.into());
        }
        Ok(Self(connection))
    }

    /// Sends frames in one write.
    pub(crate) fn send(&mut self, frames: &[u8]) -> Result<()> {
        self.0.send(frames)
    }

    /// The payload of the next frame.
    pub(crate) fn read(&mut self) -> Result<Vec<u8>> {
        let head = self.0.take(2)?;
        let length = match head[1] & 0x7f {
            126 => usize::from(u16::from_be_bytes(self.0.take(2)?.as_slice().try_into()?)),
            127 => u64::from_be_bytes(self.0.take(8)?.as_slice().try_into()?) as usize,
            short => usize::from(short),
        };
        self.0.take(length)
    }

    /// Reads a frame that begins so.
    pub(crate) fn expect(&mut self, start: &[u8]) -> Result<()> {
        let payload = self.read()?;
        if payload.starts_with(start) {
            return Ok(());
        }
        let [payload, start] = [&payload, start].map(|text| String::from_utf8_lossy(text));
        Err(format!("{start} was expected, {payload} came").into())
    }
}

/// A session over HTTP long-polling: one connection for the polls, one for the POSTs.
pub(crate) struct Polling {
    polls: Connection,
    posts: Connection,
    sid: String,
}

impl Polling {
    /// Connects to the default namespace.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let mut client = Self {
            polls: Connection::open(address)?,
            posts: Connection::open(address)?,
            sid: String::new(),
        };
        client.get()?;
        let opened = answer(&mut client.polls)?;
        let sid = opened.split('"').nth(3).ok_or("no session was opened")?;
        client.sid = sid.to_owned();
        client.post("40")?;
        client.get()?;
        client.expect("40{")?;
        Ok(client)
    }

    /// Sends a poll, and gives the server the time to let it wait.
    pub(crate) fn poll(&mut self) -> Result<()> {
        self.get()?;
        std::thread::sleep(Duration::from_millis(4));
        Ok(())
    }

    fn get(&mut self) -> Result<()> {
        let query = match self.sid.as_str() {
            "" => String::new(),
            sid => format!("&sid={sid}"),
        };
        self.polls.send(
            format!(
                "GET /socket.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nHost: localhost\r\n\
                 Accept: */*\r\n\r\n"
            )
            .as_bytes(),
        )
    }

    /// Sends a packet, which the server takes.
    pub(crate) fn post(&mut self, packet: &str) -> Result<()> {
        self.posts.send(
            format!(
                "POST /socket.io/?EIO=4&transport=polling&sid={} HTTP/1.1\r\nHost: localhost\r\n\
                 Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{packet}",
                self.sid,
                packet.len()
            )
            .as_bytes(),
        )?;
        match answer(&mut self.posts)?.as_str() {
            "ok" => Ok(()),
            other => Err(other.into()),
        }
    }

    /// Reads the answer to a poll, which begins so.
    pub(crate) fn expect(&mut self, start: &str) -> Result<()> {
        let body = answer(&mut self.polls)?;
        if body.starts_with(start) {
            return Ok(());
        }
        Err(format!("{start} was expected, {body} came").into())
    }
}

/// The body of an HTTP answer with a length.
fn answer(connection: &mut Connection) -> Result<String> {
    let head = connection.head()?.to_ascii_lowercase();
    let (_, length) = head.split_once("content-length:").ok_or("no length")?;
    let length = length.split("\r\n").next().unwrap_or_default().trim();
    let body = connection.take(length.parse()?)?;
    Ok(String::from_utf8(body)?)
}
