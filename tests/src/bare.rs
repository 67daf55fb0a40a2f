//! A WebSocket client that allocates nothing once it is connected, and needs no task.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Frame, within};

/// One connection to `/`.
#[derive(Debug)]
pub struct Bare {
    stream: TcpStream,
    block: [u8; 4 * 1024],
    /// Bytes of the block that have come and were not taken.
    filled: usize,
}

impl Bare {
    /// So many of them.
    pub async fn crowd(addr: SocketAddr, count: usize) -> Vec<Self> {
        let mut crowd = Vec::with_capacity(count);
        for _ in 0..count {
            crowd.push(Self::connect(addr).await);
        }
        crowd
    }

    /// Connects.
    pub async fn connect(addr: SocketAddr) -> Self {
        let stream = within("connecting", TcpStream::connect(addr)).await;
        let stream = stream.expect("a connection");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        let mut client = Self {
            stream,
            block: [0; 4 * 1024],
            filled: 0,
        };
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\r\n",
            crate::frames::KEY
        );
        client.write(request.as_bytes()).await;
        client.until(b"\r\n\r\n").await;
        client.until(b"}").await;
        client.send(&["40"]).await;
        client.until(b"}").await;
        assert_eq!(client.filled, 0, "more than the answer to CONNECT");
        client
    }

    /// Sends these packets with one write.
    pub async fn send(&mut self, packets: &[&str]) {
        let frames = packets.iter().map(|packet| Frame::text(packet).bytes());
        self.write(&frames.collect::<Vec<_>>().concat()).await;
    }

    async fn write(&mut self, bytes: &[u8]) {
        let written = within("writing", self.stream.write_all(bytes)).await;
        written.expect("a server that reads");
    }

    /// Reads up to the end of these bytes.
    pub async fn until(&mut self, end: &[u8]) {
        loop {
            let filled = &self.block[..self.filled];
            if let Some(at) = filled.windows(end.len()).position(|bytes| bytes == end) {
                let taken = at + end.len();
                self.block.copy_within(taken..self.filled, 0);
                self.filled -= taken;
                return;
            }
            // Bytes that hold no end are not looked at again, but for those that may be the beginning of one.
            if self.filled == self.block.len() {
                let kept = end.len() - 1;
                self.block.copy_within(self.filled - kept.., 0);
                self.filled = kept;
            }
            let read = self.stream.read(&mut self.block[self.filled..]).await;
            let read = read.expect("a server that writes");
            assert!(read > 0, "the server hung up");
            self.filled += read;
        }
    }

    /// Reads and forgets, until the server hangs up.
    pub async fn drain(mut self) {
        while matches!(self.stream.read(&mut self.block).await, Ok(1..)) {}
    }

    /// What is left of it when it neither reads nor writes any more.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }
}
