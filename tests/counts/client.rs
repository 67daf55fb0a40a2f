//! A WebSocket client that allocates nothing once it is connected, and needs no task.

use std::net::SocketAddr;

use koio::Io;
use koio_tests::{Frame, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    block: [u8; 16 * 1024],
    /// Bytes of the block that have come and were not taken.
    filled: usize,
}

impl Client {
    /// Connects to `/`.
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let stream = within("connecting", TcpStream::connect(addr)).await;
        let stream = stream.expect("a connection");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        let mut client = Self {
            stream,
            block: [0; 16 * 1024],
            filled: 0,
        };
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\r\n",
            koio_tests::frames::KEY
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
    pub(crate) async fn send(&mut self, packets: &[&str]) {
        let frames = packets.iter().map(|packet| Frame::text(packet).bytes());
        self.write(&frames.collect::<Vec<_>>().concat()).await;
    }

    async fn write(&mut self, bytes: &[u8]) {
        let written = within("writing", self.stream.write_all(bytes)).await;
        written.expect("a server that reads");
    }

    /// Reads up to the end of these bytes.
    pub(crate) async fn until(&mut self, end: &[u8]) {
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
}

/// So many clients of one server.
pub(crate) async fn connect_all(addr: SocketAddr, count: usize) -> Vec<Client> {
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        clients.push(Client::connect(addr).await);
    }
    clients
}

/// A server on koio's own listener that answers `echo`, and passes `cast` on to everybody.
pub(crate) fn io() -> Io {
    Io::new().handlers(koio::handlers![echo, cast])
}

#[koio::on("echo")]
async fn echo(text: String) -> String {
    text
}

#[koio::on("cast")]
async fn cast(ctx: koio::Context, text: String) -> koio::Result<()> {
    ctx.io().broadcast("news", text)
}
