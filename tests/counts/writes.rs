//! How often a stream is written to that is not koio's own. What the system is asked for by koio's own listener is
//! counted from outside: `bench --calls`.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use koio_tests::Bare;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

use super::server::io;

/// Counts the writes that wrote something.
struct Counting {
    stream: TcpStream,
    writes: Arc<AtomicUsize>,
}

impl Counting {
    fn count(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.writes.fetch_add(1, Ordering::SeqCst);
        }
        written
    }
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Serves koio on streams that count. The server ends with the runtime of the test.
async fn counting() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    let writes = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&writes);
    let service = io().into_service();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = Counting {
                stream,
                writes: Arc::clone(&counter),
            };
            let service = TowerToHyperService::new(service.clone());
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection.with_upgrades());
        }
    });
    (addr, writes)
}

#[tokio::test]
async fn a_burst_is_answered_with_one_write() {
    let (addr, writes) = counting().await;
    let mut clients = Bare::crowd(addr, 1).await;
    for _ in 0..5 {
        let before = writes.load(Ordering::SeqCst);
        let burst: Vec<String> = (10..26)
            .map(|id| format!(r#"42{id}["echo","text"]"#))
            .collect();
        let burst: Vec<&str> = burst.iter().map(String::as_str).collect();
        clients[0].send(&burst).await;
        clients[0].until(br#"4325["text"]"#).await;
        assert_eq!(writes.load(Ordering::SeqCst) - before, 1);
    }
}

#[tokio::test]
async fn a_burst_of_broadcasts_is_one_write_for_each_recipient() {
    let (addr, writes) = counting().await;
    let mut clients = Bare::crowd(addr, 20).await;
    for count in [1, 8] {
        let before = writes.load(Ordering::SeqCst);
        let mut burst = vec![r#"42["cast","more"]"#; count - 1];
        burst.push(r#"42["cast","last"]"#);
        clients[0].send(&burst).await;
        for client in &mut clients {
            client.until(br#"42["news","last"]"#).await;
        }
        let writes = writes.load(Ordering::SeqCst) - before;
        assert_eq!(writes, clients.len(), "{count} broadcasts");
    }
}
