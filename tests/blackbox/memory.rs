//! A server without a network, and clients to it.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use koio::emit::{AckFuture, Emit};
use koio::observe::Counts;
use koio::{Io, IoHandle, Socket, SocketId, server::KoioService};
use koio_tests::{Received, Transport};
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};
use tower::ServiceExt;

/// What the pipe of a WebSocket holds in each direction, unless the test says otherwise.
const PIPE: usize = 64 * 1024;

/// How long a step may take. The clock stands still, so it costs nothing to be patient; what never comes fails
/// the test at once.
const PATIENCE: Duration = Duration::from_secs(3_600);

const PATH: &str = "/socket.io/?EIO=4&transport=";

/// Waits for `future`; the test fails if it does not come.
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("it does not come: {what}"),
    }
}

/// A server that is reached by function calls and pipes.
pub(crate) struct Memory {
    pub(crate) io: IoHandle,
    service: KoioService,
}

impl Memory {
    pub(crate) fn new(io: Io) -> Self {
        Self {
            io: io.handle(),
            service: io.into_service(),
        }
    }

    /// As [`new`](Self::new): for tests that [`two_nodes`](crate::two_nodes) run too.
    pub(crate) fn of(make: impl Fn() -> Io) -> Self {
        Self::new(make())
    }

    /// Connects to `/` and returns the server's end.
    pub(crate) async fn join(&self, peer: &mut Peer) -> Socket {
        peer.join(&self.io).await
    }

    /// The server's end of a socket in that namespace.
    pub(crate) fn find(&self, namespace: &str, id: SocketId) -> Socket {
        self.io.of(namespace).socket(id).expect("a socket")
    }

    pub(crate) fn count(&self, of: impl Fn(Counts) -> u64) -> u64 {
        of(self.io.counts())
    }

    /// An emit to one socket of `/`; `two_nodes` emits from the node that does not have it.
    pub(crate) fn to(&self, socket: &Socket) -> Emit {
        self.io.to(socket.id())
    }

    /// The same, that waits so long for an answer.
    pub(crate) fn timeout(&self, socket: &Socket, time: Duration) -> Emit {
        socket.timeout(time)
    }

    /// Asks one socket of `/`; `two_nodes` asks from the node that does not have it.
    pub(crate) fn ask<T: DeserializeOwned>(
        &self,
        socket: &Socket,
        event: &str,
        args: impl Serialize,
    ) -> AckFuture<T> {
        socket.emit_with_ack(event, args)
    }

    /// One request that is no upgrade: its status and its body.
    pub(crate) async fn request(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        request(&self.service, method, path, body).await
    }

    /// Opens a session, without connecting to any namespace.
    pub(crate) async fn open(&self, transport: Transport) -> Peer {
        match transport {
            Transport::Polling => {
                let (status, handshake) = self.request("GET", &format!("{PATH}polling"), "").await;
                assert_eq!(status, 200, "{handshake}");
                let (_, sid) = handshake.split_once(r#""sid":""#).expect("a sid");
                let sid = sid.split('"').next().expect("a sid");
                Peer::Polling(Polling {
                    service: self.service.clone(),
                    path: format!("{PATH}polling&sid={sid}"),
                    waiting: VecDeque::new(),
                })
            }
            Transport::WebSocket => self.websocket(PIPE).await.expect("an open server"),
        }
    }

    /// Opens a WebSocket session over a pipe of that size; or the status that refused it.
    pub(crate) async fn websocket(&self, pipe: usize) -> Result<Peer, u16> {
        let mut socket = self.upgraded(&format!("{PATH}websocket"), pipe).await?;
        let handshake = next(&mut socket).await;
        assert!(
            matches!(&handshake, Received::Text(text) if text.starts_with('0')),
            "{handshake:?}"
        );
        Ok(Peer::WebSocket(Box::new(socket)))
    }

    /// A WebSocket that comes for a polling session.
    pub(crate) async fn probe(&self, session: &Polling) -> Peer {
        let path = session.path.replace("polling", "websocket");
        let socket = self.upgraded(&path, PIPE).await.expect("an upgrade");
        Peer::WebSocket(Box::new(socket))
    }

    async fn upgraded(
        &self,
        path: &str,
        pipe: usize,
    ) -> Result<WebSocketStream<DuplexStream>, u16> {
        use tokio_tungstenite::tungstenite::Error;
        let (ours, theirs) = tokio::io::duplex(pipe);
        let service = TowerToHyperService::new(self.service.clone());
        tokio::spawn(
            http1::Builder::new()
                .serve_connection(TokioIo::new(theirs), service)
                .with_upgrades(),
        );
        let url = format!("ws://koio.test{path}");
        match within("the WebSocket handshake", client_async(url, ours)).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens a session and connects to `/`.
    pub(crate) async fn client(&self, transport: Transport) -> Peer {
        self.socket(transport).await.0
    }

    /// The same, with the server's end of it.
    pub(crate) async fn socket(&self, transport: Transport) -> (Peer, Socket) {
        let mut peer = self.open(transport).await;
        let socket = peer.join(&self.io).await;
        (peer, socket)
    }
}

async fn request(service: &KoioService, method: &str, path: &str, body: &str) -> (u16, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "koio.test")
        .body(Full::new(Bytes::from(body.to_owned())))
        .expect("a request");
    let answer = within("an answer", service.clone().oneshot(request)).await;
    let (head, body) = answer.unwrap_or_else(|never| match never {}).into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let response = Response::from_parts(head, body);
    let text = String::from_utf8_lossy(response.body()).into_owned();
    (response.status().as_u16(), text)
}

/// A client that answers pings and keeps everything else.
pub(crate) enum Peer {
    Polling(Polling),
    WebSocket(Box<WebSocketStream<DuplexStream>>),
}

/// A polling session; a request is a call.
pub(crate) struct Polling {
    service: KoioService,
    path: String,
    waiting: VecDeque<Received>,
}

impl Polling {
    /// The session's id.
    pub(crate) fn sid(&self) -> &str {
        self.path.rsplit('=').next().unwrap_or_default()
    }

    /// Polls, and returns the status and the payload.
    pub(crate) async fn get(&self) -> (u16, String) {
        request(&self.service, "GET", &self.path, "").await
    }

    /// Posts, and returns the status and the answer.
    pub(crate) async fn post(&self, payload: &str) -> (u16, String) {
        request(&self.service, "POST", &self.path, payload).await
    }
}

impl Clone for Polling {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            path: self.path.clone(),
            waiting: VecDeque::new(),
        }
    }
}

impl Peer {
    /// Connects to `/` and returns the server's end.
    pub(crate) async fn join(&mut self, io: &IoHandle) -> Socket {
        let id = self.join_as("40").await;
        io.socket(id.parse().expect("an id")).expect("a socket")
    }

    /// Sends this CONNECT and returns the id of the socket.
    pub(crate) async fn join_as(&mut self, connect: &str) -> String {
        self.send(connect).await;
        let answer = self.text().await;
        let (_, id) = answer
            .split_once(r#""sid":""#)
            .unwrap_or_else(|| panic!("{connect} was answered {answer}"));
        id.trim_end_matches(['"', '}']).to_owned()
    }

    /// Sends an Engine.IO packet; says whether it was taken.
    pub(crate) async fn try_send(&mut self, text: &str) -> bool {
        match self {
            Self::Polling(session) => session.post(text).await.0 == 200,
            Self::WebSocket(socket) => {
                let sent = socket.send(Message::text(text.to_owned()));
                within("sending", sent).await.is_ok()
            }
        }
    }

    /// Sends an Engine.IO packet that is taken.
    pub(crate) async fn send(&mut self, text: &str) {
        assert!(self.try_send(text).await, "{text} was not taken");
    }

    /// Sends these packets at once: over polling in one POST.
    pub(crate) async fn send_at_once(&mut self, packets: &[impl AsRef<str>]) {
        let packets: Vec<_> = packets.iter().map(AsRef::as_ref).collect();
        match self {
            Self::Polling(_) => self.send(&packets.join("\u{1e}")).await,
            Self::WebSocket(_) => {
                for packet in packets {
                    self.send(packet).await;
                }
            }
        }
    }

    /// Sends a packet with one attachment.
    pub(crate) async fn send_with(&mut self, text: &str, bytes: &[u8]) {
        match self {
            Self::Polling(_) => {
                let payload = format!("{text}\u{1e}b{}", STANDARD.encode(bytes));
                self.send(&payload).await;
            }
            Self::WebSocket(socket) => {
                let messages = [
                    Message::text(text.to_owned()),
                    Message::binary(bytes.to_vec()),
                ];
                for message in messages {
                    within("sending", socket.send(message))
                        .await
                        .expect("a server that reads");
                }
            }
        }
    }

    /// The next packet that is not a ping, or the end.
    pub(crate) async fn next(&mut self) -> Received {
        loop {
            let received = match self {
                Self::WebSocket(socket) => next(socket).await,
                Self::Polling(session) => {
                    while session.waiting.is_empty() {
                        let (status, payload) = session.get().await;
                        if status != 200 {
                            return Received::End(None);
                        }
                        session.waiting.extend(read(&payload));
                    }
                    session.waiting.pop_front().unwrap_or(Received::End(None))
                }
            };
            if received != Received::Text("2".to_owned()) {
                return received;
            }
            self.try_send("3").await;
        }
    }

    /// The next packet, which is text.
    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Received::Text(text) => text,
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// Expects exactly this text next.
    pub(crate) async fn expect(&mut self, text: &str) {
        assert_eq!(self.next().await, Received::Text(text.to_owned()));
    }

    /// Waits for a ping and answers it, over a WebSocket.
    pub(crate) async fn expect_ping_and_answer(&mut self) {
        let Self::WebSocket(socket) = self else {
            panic!("a polling session");
        };
        assert_eq!(next(socket).await, Received::Text("2".to_owned()));
        let pong = socket.send(Message::text("3"));
        within("sending", pong).await.expect("a server that reads");
    }

    /// Reads up to the end and returns the texts before it, and the WebSocket's close code.
    pub(crate) async fn ended(&mut self) -> (Vec<String>, Option<u16>) {
        let mut texts = Vec::new();
        loop {
            match self.next().await {
                Received::Text(text) => texts.push(text),
                Received::Binary(_) => {}
                Received::End(code) => return (texts, code),
            }
        }
    }

    /// Goes away on purpose.
    pub(crate) async fn close(self) {
        match self {
            Self::Polling(session) => {
                session.post("1").await;
            }
            Self::WebSocket(mut socket) => {
                within("closing", WebSocketStream::close(&mut socket, None))
                    .await
                    .ok();
            }
        }
    }

    /// The polling session that this is.
    pub(crate) fn polling(&self) -> Polling {
        match self {
            Self::Polling(session) => session.clone(),
            Self::WebSocket(_) => panic!("a WebSocket session"),
        }
    }
}

async fn next(socket: &mut WebSocketStream<DuplexStream>) -> Received {
    loop {
        return match within("a message", socket.next()).await {
            Some(Ok(Message::Text(text))) => Received::Text(text.as_str().to_owned()),
            Some(Ok(Message::Binary(bytes))) => Received::Binary(bytes.to_vec()),
            Some(Ok(Message::Close(frame))) => Received::End(frame.map(|f| f.code.into())),
            Some(Ok(_)) => continue,
            Some(Err(_)) | None => Received::End(None),
        };
    }
}

/// The packets of a payload, as they would look on a WebSocket.
pub(crate) fn read(payload: &str) -> impl Iterator<Item = Received> {
    payload
        .split('\u{1e}')
        .filter_map(|packet| match packet.strip_prefix('b') {
            Some(bytes) => Some(Received::Binary(STANDARD.decode(bytes).expect("base64"))),
            None if packet == "1" => Some(Received::End(None)),
            None if packet == "6" => None,
            None => Some(Received::Text(packet.to_owned())),
        })
}
