//! An HTTP/1.1 client that sends exactly the bytes it is told to, over one connection.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::within;

/// One connection to an HTTP server.
#[derive(Debug)]
pub struct Http {
    addr: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Response {
    /// `200`.
    pub status: u16,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body, chunks joined.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of this name, which is written in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in UTF-8")
    }

    /// Fails the test unless this is the refusal of that number, byte for byte.
    #[track_caller]
    pub fn assert_refused(&self, code: u8, message: &str) {
        let status = if code == 4 { 403 } else { 400 };
        let body = format!(r#"{{"code":{code},"message":"{message}"}}"#);
        assert_eq!((self.status, self.text()), (status, body.as_str()));
        assert_eq!(self.header("content-type"), Some("application/json"));
    }
}

impl Http {
    /// Opens a connection.
    pub async fn connect(addr: SocketAddr) -> Self {
        let stream = within("connecting", TcpStream::connect(addr))
            .await
            .expect("a connection");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Self {
            addr,
            stream: BufReader::new(stream),
        }
    }

    /// Writes these bytes as they are.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = within("writing", self.stream.write_all(bytes.as_ref())).await;
        sent.expect("the server to read");
    }

    /// Writes these bytes; the server may have hung up.
    pub async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        within("writing", self.stream.write_all(bytes.as_ref()))
            .await
            .is_ok()
    }

    /// Writes the head of a request: `Host` and then these headers.
    pub async fn head(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) {
        self.write(self.head_of(method, target, headers)).await;
    }

    fn head_of(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Vec<u8> {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", self.addr);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// Sends a GET, without waiting for its answer.
    pub async fn send_get(&mut self, target: &str) {
        self.head("GET", target, &[]).await;
    }

    /// Sends a POST as the official client does, its body in one piece with its head, without waiting for its answer.
    pub async fn send_post(&mut self, target: &str, body: impl AsRef<[u8]>) {
        let length = body.as_ref().len().to_string();
        let kind = ("Content-type", "text/plain;charset=UTF-8");
        let mut bytes = self.head_of("POST", target, &[kind, ("Content-Length", &length)]);
        bytes.extend_from_slice(body.as_ref());
        self.write(bytes).await;
    }

    /// Sends a GET and waits for its answer.
    pub async fn get(&mut self, target: &str) -> Response {
        self.send_get(target).await;
        self.response().await.expect("an answer to a GET")
    }

    /// Sends a GET and waits for its answer; `None` if the server hung up instead.
    pub async fn try_get(&mut self, target: &str) -> Option<Response> {
        let head = self.head_of("GET", target, &[]);
        self.try_write(head).await;
        self.response().await
    }

    /// Sends a POST and waits for its answer.
    pub async fn post(&mut self, target: &str, body: impl AsRef<[u8]>) -> Response {
        self.send_post(target, body).await;
        self.response().await.expect("an answer to a POST")
    }

    /// Reads one answer; `None` if the connection ended before it.
    pub async fn response(&mut self) -> Option<Response> {
        within("an HTTP answer", self.read_response()).await
    }

    /// Waits for the server to hang up.
    pub async fn ended(&mut self) {
        let mut rest = Vec::new();
        // A reset is an end as well.
        within("the server to hang up", self.stream.read_to_end(&mut rest))
            .await
            .ok();
    }

    /// Takes the connection back, with what has been read ahead.
    pub fn into_stream(self) -> (TcpStream, Vec<u8>) {
        let ahead = self.stream.buffer().to_vec();
        (self.stream.into_inner(), ahead)
    }

    async fn read_response(&mut self) -> Option<Response> {
        let status_line = self.line().await?;
        let status = status_line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').expect("a header");
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut response = Response {
            status,
            headers,
            body: Vec::new(),
        };
        if matches!(status, 100 | 101 | 204 | 304) {
            return Some(response);
        }
        if response.header("transfer-encoding").is_some() {
            response.body = self.chunks().await?;
        } else if let Some(length) = response.header("content-length") {
            response.body = vec![0; length.parse().expect("a length")];
            self.stream.read_exact(&mut response.body).await.ok()?;
        } else {
            self.stream.read_to_end(&mut response.body).await.ok()?;
        }
        Some(response)
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.ok()?;
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(&self.line().await?, 16).ok()?;
            let mut chunk = vec![0; size];
            self.stream.read_exact(&mut chunk).await.ok()?;
            body.append(&mut chunk);
            self.line().await?;
            if size == 0 {
                return Some(body);
            }
        }
    }
}

impl From<TcpStream> for Http {
    fn from(stream: TcpStream) -> Self {
        Self {
            addr: stream.peer_addr().expect("a connection"),
            stream: BufReader::new(stream),
        }
    }
}

/// A GET over a connection of its own.
pub async fn get(addr: SocketAddr, target: &str) -> Response {
    Http::connect(addr).await.get(target).await
}

/// A POST over a connection of its own.
pub async fn post(addr: SocketAddr, target: &str, body: impl AsRef<[u8]>) -> Response {
    Http::connect(addr).await.post(target, body).await
}

/// A request of any method, without a body, over a connection of its own.
pub async fn request(
    addr: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Response {
    let mut http = Http::connect(addr).await;
    http.head(method, target, headers).await;
    http.response().await.expect("an answer")
}
