//! A line as a phone has it: every byte comes late, few come at once, and the connection may break at any time.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

/// What the line does to each connection, in each direction.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// How late a byte arrives.
    pub delay: Duration,
    /// Bytes a second.
    pub rate: usize,
}

/// The bytes that the operating system keeps for the line on either side.
const BUFFER: u32 = 16 * 1024;
/// The bytes that travel as one piece: a packet of the network.
const PIECE: usize = 1_400;
/// The pieces that the line itself holds, as the buffers of a radio network do.
const PIECES: usize = 32;

/// A proxy with such a line behind it, until it is dropped.
#[derive(Debug)]
pub struct SlowLine {
    /// Where clients connect to.
    pub addr: SocketAddr,
    cut: watch::Sender<u64>,
    task: JoinHandle<()>,
}

impl SlowLine {
    /// Starts a line to this server.
    pub async fn to(server: SocketAddr, line: Line) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Inherited by the connections that are accepted.
        socket.set_recv_buffer_size(BUFFER).expect("a buffer");
        socket
            .bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .expect("a port");
        let listener = socket.listen(1_024).expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let cut = watch::Sender::new(0);
        let task = tokio::spawn(accept(listener, server, line, cut.clone()));
        Self { addr, cut, task }
    }

    /// Breaks every connection. Later ones work.
    pub fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for SlowLine {
    fn drop(&mut self) {
        self.cut();
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, line: Line, cut: watch::Sender<u64>) {
    while let Ok((client, _)) = listener.accept().await {
        let mut cut = cut.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                () = carry(client, server, line) => {}
                _ = cut.changed() => {}
            }
        });
    }
}

async fn carry(client: TcpStream, server: SocketAddr, line: Line) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(BUFFER).expect("a buffer");
    let Ok(server) = socket.connect(server).await else {
        return;
    };
    for stream in [&client, &server] {
        stream.set_nodelay(true).ok();
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        one_way(from_client, to_server, line),
        one_way(from_server, to_client, line)
    );
}

/// Carries bytes in one direction, and then the end.
async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: Line) {
    let (sender, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES);
    let read = async move {
        let mut piece = [0; PIECE];
        while let Ok(length @ 1..) = from.read(&mut piece).await {
            let due = Instant::now() + line.delay;
            let bytes = piece[..length].to_vec();
            if sender.send((due, bytes)).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((due, bytes)) = pieces.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
            sleep(Duration::from_secs_f64(
                bytes.len() as f64 / line.rate as f64,
            ))
            .await;
        }
        to.shutdown().await.ok();
    };
    tokio::join!(read, write);
}
