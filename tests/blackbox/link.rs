//! A client's connection that may end at any time: every step says so instead of failing the test.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// The server, or the way to it, is gone.
#[derive(Debug)]
pub(crate) struct Gone;

/// How a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Polling,
    WebSocket,
    /// Long-polling first.
    Upgraded,
}

pub(crate) const WAYS: [Way; 3] = [Way::Polling, Way::WebSocket, Way::Upgraded];

/// How long a connection may take to open, which a proxy may hold up.
const OPENING: Duration = Duration::from_secs(10);

pub(crate) enum Link {
    Polling(Box<Requests>),
    WebSocket(Box<WebSocketStream<TcpStream>>),
}

/// A polling session: a connection for GETs and one for POSTs.
pub(crate) struct Requests {
    path: String,
    gets: Http,
    posts: Http,
    waiting: VecDeque<String>,
}

struct Http {
    addr: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Http {
    async fn connect(addr: SocketAddr) -> Result<Self, Gone> {
        let stream = TcpStream::connect(addr).await.map_err(|_| Gone)?;
        stream.set_nodelay(true).map_err(|_| Gone)?;
        let stream = BufReader::new(stream);
        Ok(Self { addr, stream })
    }

    /// Makes a request and returns the body of its answer, if that is 200.
    async fn request(&mut self, method: &str, path: &str, body: &str) -> Result<String, Gone> {
        let addr = self.addr;
        let length = match method {
            "POST" => format!("Content-Length: {}\r\n", body.len()),
            _ => String::new(),
        };
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {addr}\r\n{length}\r\n{body}");
        self.stream
            .write_all(request.as_bytes())
            .await
            .map_err(|_| Gone)?;
        let status = self.line().await?;
        let mut length = 0;
        loop {
            let line = self.line().await?.to_ascii_lowercase();
            if let Some(bytes) = line.strip_prefix("content-length:") {
                length = bytes.trim().parse().expect("a length");
            }
            assert!(!line.starts_with("transfer-encoding"), "{line}");
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.map_err(|_| Gone)?;
        if !status.contains(" 200 ") {
            return Err(Gone);
        }
        Ok(String::from_utf8(body).expect("text"))
    }

    async fn line(&mut self) -> Result<String, Gone> {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await {
            Ok(1..) => Ok(line.trim_end().to_owned()),
            Ok(0) | Err(_) => Err(Gone),
        }
    }
}

impl Link {
    /// Opens a session and connects to `/`. `user` is a parameter of each request, for a proxy to tell them apart by.
    pub(crate) async fn open(addr: SocketAddr, way: Way, user: usize) -> Result<Self, Gone> {
        tokio::time::timeout(OPENING, Self::try_open(addr, way, user))
            .await
            .unwrap_or(Err(Gone))
    }

    async fn try_open(addr: SocketAddr, way: Way, user: usize) -> Result<Self, Gone> {
        let base = format!("/socket.io/?EIO=4&user={user}&transport=");
        if way == Way::WebSocket {
            let mut link = Self::websocket(addr, &format!("{base}websocket")).await?;
            link.next().await?;
            link.join().await?;
            return Ok(link);
        }
        let mut gets = Http::connect(addr).await?;
        let handshake = gets.request("GET", &format!("{base}polling"), "").await?;
        let (_, sid) = handshake.split_once(r#""sid":""#).ok_or(Gone)?;
        let sid = sid.split('"').next().ok_or(Gone)?.to_owned();
        let mut link = Self::Polling(Box::new(Requests {
            path: format!("{base}polling&sid={sid}"),
            gets,
            posts: Http::connect(addr).await?,
            waiting: VecDeque::new(),
        }));
        link.join().await?;
        if way == Way::Polling {
            return Ok(link);
        }
        let path = format!("{base}websocket&sid={sid}");
        let mut probe = Self::websocket(addr, &path).await?;
        probe.send("2probe").await?;
        if probe.next().await? != "3probe" {
            return Err(Gone);
        }
        probe.send("5").await?;
        Ok(probe)
    }

    async fn websocket(addr: SocketAddr, path: &str) -> Result<Self, Gone> {
        let stream = TcpStream::connect(addr).await.map_err(|_| Gone)?;
        stream.set_nodelay(true).map_err(|_| Gone)?;
        let url = format!("ws://{addr}{path}");
        let (socket, _) = client_async(url, stream).await.map_err(|_| Gone)?;
        Ok(Self::WebSocket(Box::new(socket)))
    }

    async fn join(&mut self) -> Result<(), Gone> {
        self.send("40").await?;
        match self.next().await?.starts_with("40{") {
            true => Ok(()),
            false => Err(Gone),
        }
    }

    pub(crate) async fn send(&mut self, text: &str) -> Result<(), Gone> {
        match self {
            Self::Polling(requests) => {
                let path = requests.path.clone();
                requests.posts.request("POST", &path, text).await.map(drop)
            }
            Self::WebSocket(socket) => {
                let message = Message::text(text.to_owned());
                socket.send(message).await.map_err(|_| Gone)
            }
        }
    }

    /// The next packet that is neither a ping nor a noop.
    pub(crate) async fn next(&mut self) -> Result<String, Gone> {
        loop {
            let text = match self {
                Self::Polling(requests) => requests.next().await?,
                Self::WebSocket(socket) => match socket.next().await {
                    Some(Ok(Message::Text(text))) => text.as_str().to_owned(),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Gone),
                    Some(Ok(_)) => continue,
                },
            };
            match text.as_str() {
                "2" => self.send("3").await?,
                "1" => return Err(Gone),
                "6" => {}
                _ => return Ok(text),
            }
        }
    }

    /// Leaves on purpose.
    pub(crate) async fn leave(mut self) {
        let _ = self.send("1").await;
    }
}

impl Requests {
    async fn next(&mut self) -> Result<String, Gone> {
        while self.waiting.is_empty() {
            let payload = self.gets.request("GET", &self.path, "").await?;
            let packets = payload.split('\u{1e}').map(str::to_owned);
            self.waiting.extend(packets);
        }
        self.waiting.pop_front().ok_or(Gone)
    }
}
