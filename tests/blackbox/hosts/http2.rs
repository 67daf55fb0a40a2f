//! HTTP/2: its requests have an `:authority` in place of `Host`, and its WebSockets are streams (RFC 8441).

use axum::Router;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::ext::Protocol;
use hyper::http::request::Builder;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use koio::{Context, Io, on};
use koio_tests::polling::Open;
use koio_tests::{Target, within};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

use super::{assert_serves, auto_server, axum_target, koio};

/// The page that the client shows, and the host that it asks.
const PAGE: &str = "https://chat.example";
const OTHER_PAGE: &str = "https://evil.example";

/// A browser's connection.
struct Http2 {
    send: SendRequest<Full<Bytes>>,
    target: Target,
}

impl Http2 {
    async fn connect(target: Target) -> Self {
        let stream = TcpStream::connect(target.addr).await.expect("a server");
        let connection = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (send, connection) = within("a handshake", connection).await.expect("HTTP/2");
        tokio::spawn(connection);
        Self { send, target }
    }

    fn request(&self, method: Method, path: &str) -> Builder {
        let builder = Request::builder().method(method);
        builder.uri(format!("{PAGE}{path}"))
    }

    async fn answer(&mut self, request: Builder, body: &str) -> Response<Incoming> {
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        let answer = self
            .send
            .send_request(request.body(body).expect("a request"));
        within("an answer", answer).await.expect("an answer")
    }

    async fn ask(&mut self, request: Builder, body: &str) -> (u16, String) {
        let answer = self.answer(request, body).await;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body");
        let body = String::from_utf8(body.to_bytes().to_vec()).expect("UTF-8");
        (status, body)
    }

    /// Opens a session as a page does: browsers name no origin in a GET of the same one.
    async fn open(&mut self) -> String {
        let opening = self.request(Method::GET, &self.target.polling());
        let (status, body) = self.ask(opening, "").await;
        assert_eq!(status, 200, "{body}");
        self.target.polling_of(&Open::read(&body).sid)
    }

    /// The same, and connects to `/`.
    async fn join(&mut self) -> String {
        let session = self.open().await;
        self.post(&session, "40").await;
        assert!(self.poll(&session).await.starts_with("40{"));
        session
    }

    async fn post(&mut self, path: &str, body: &str) {
        let request = self.request(Method::POST, path).header("origin", PAGE);
        let (status, answer) = self.ask(request, body).await;
        assert_eq!((status, answer.as_str()), (200, "ok"));
    }

    async fn poll(&mut self, path: &str) -> String {
        let (status, body) = self.ask(self.request(Method::GET, path), "").await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Opens a WebSocket on a stream.
    async fn websocket(&mut self, path: &str, origin: &str) -> Result<Http2WebSocket, u16> {
        let request = self
            .request(Method::CONNECT, path)
            .header("origin", origin)
            .header("sec-websocket-version", "13")
            .extension(Protocol::from_static("websocket"));
        let answer = self.answer(request, "").await;
        if answer.status() != 200 {
            return Err(answer.status().as_u16());
        }
        let stream = hyper::upgrade::on(answer);
        let stream = within("a stream", stream).await.expect("a stream");
        let stream = TokioIo::new(stream);
        let socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        Ok(Http2WebSocket(socket))
    }
}

struct Http2WebSocket(WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>);

impl Http2WebSocket {
    async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("a server");
    }

    async fn next(&mut self) -> Message {
        let next = within("a message", self.0.next()).await;
        next.expect("a message").expect("a message")
    }

    async fn text(&mut self) -> String {
        self.next().await.into_text().expect("a text").to_string()
    }

    /// Reads the handshake of its session and connects to `/`.
    async fn join(&mut self) {
        assert!(self.text().await.starts_with("0{"));
        self.send("40").await;
        assert!(self.text().await.starts_with("40{"));
    }

    async fn expect(&mut self, text: &str) {
        assert_eq!(self.text().await, text);
    }

    /// Is closed by the server, down to the end of the stream.
    async fn closed(&mut self) {
        assert!(matches!(self.next().await, Message::Close(_)));
        let end = within("the end of the stream", self.0.next()).await;
        assert!(!matches!(end, Some(Ok(_))), "{end:?}");
    }
}

async fn servers(io: impl Fn() -> Io) -> [Target; 2] {
    let app = Router::new().layer(io().into_layer());
    [axum_target(app).await, auto_server(io()).await]
}

#[tokio::test]
async fn over_http_2_a_page_of_the_same_host_connects_with_default_options() {
    for target in servers(|| koio(&Default::default())).await {
        let mut http = Http2::connect(target).await;
        let session = http.join().await;
        http.post(&session, r#"421["hit"]"#).await;
        assert_eq!(http.poll(&session).await, "431[1]");
        http.post(&session, "1").await;
    }
}

#[tokio::test]
async fn over_http_2_a_page_of_another_host_is_refused() {
    for target in servers(|| koio(&Default::default())).await {
        let mut http = Http2::connect(target).await;
        let session = http.open().await;
        for method in [Method::GET, Method::POST] {
            let request = http.request(method, &session).header("origin", OTHER_PAGE);
            // What the client says beside the authority does not count.
            let request = request.header("host", "evil.example");
            let (status, body) = http.ask(request, "").await;
            assert_eq!(status, 403, "{body}");
        }
        let path = target.websocket();
        assert_eq!(http.websocket(&path, OTHER_PAGE).await.err(), Some(400));
    }
}

#[tokio::test]
async fn on_a_port_with_both_versions_clients_of_http_1_are_served_too() {
    assert_serves(auto_server(koio(&Default::default())).await).await;
    let app = Router::new().layer(koio(&Default::default()).into_layer());
    assert_serves(axum_target(app).await).await;
}

#[tokio::test]
async fn over_http_2_a_websocket_is_a_stream_of_the_connection() {
    for target in servers(|| koio(&Default::default())).await {
        let mut http = Http2::connect(target).await;
        // Behind it the client knows the server's settings.
        http.open().await;
        let path = target.websocket();
        let mut one = http.websocket(&path, PAGE).await.expect("a WebSocket");
        let mut other = http.websocket(&path, PAGE).await.expect("a WebSocket");
        for (number, socket) in [&mut one, &mut other].into_iter().enumerate() {
            socket.join().await;
            socket.send(r#"421["hit"]"#).await;
            socket.expect(&format!("431[{}]", number + 1)).await;
        }
        one.send("1").await;
        one.closed().await;
        other.send(r#"422["hit"]"#).await;
        other.expect("432[3]").await;
    }
}

#[tokio::test]
async fn over_http_2_a_session_moves_from_polling_to_a_websocket() {
    for target in servers(|| koio(&Default::default())).await {
        let mut http = Http2::connect(target).await;
        let session = http.join().await;
        let path = session.replace("transport=polling", "transport=websocket");
        let mut socket = http.websocket(&path, PAGE).await.expect("a WebSocket");
        socket.send("2probe").await;
        socket.expect("3probe").await;
        socket.send("5").await;
        socket.send(r#"421["hit"]"#).await;
        socket.expect("431[1]").await;
        let (status, _) = http.ask(http.request(Method::GET, &session), "").await;
        assert_eq!(status, 400, "polling is over");
    }
}

#[tokio::test]
async fn a_big_answer_and_a_big_event_pass_over_a_stream() {
    #[on("echo")]
    async fn echo(text: String) -> String {
        text
    }
    let text = "x".repeat(900_000);
    for target in servers(|| Io::new().handlers(koio::handlers![echo])).await {
        let mut http = Http2::connect(target).await;
        http.open().await;
        let path = target.websocket();
        let mut socket = http.websocket(&path, PAGE).await.expect("a WebSocket");
        socket.join().await;
        socket.send(&format!(r#"421["echo","{text}"]"#)).await;
        assert!(socket.text().await == format!(r#"431["{text}"]"#));
    }
}

#[on("head")]
async fn head(ctx: Context) -> (String, String, String) {
    let header = |name| {
        let all = ctx.handshake().headers().get_all(name).iter();
        let all: Vec<_> = all.map(|value| value.to_str().expect("ASCII")).collect();
        all.join(" | ")
    };
    let uri = ctx.handshake().uri().to_string();
    (header("host"), header("cookie"), uri)
}

#[tokio::test]
async fn handlers_see_the_head_of_a_request_over_http_2_as_over_http_1() {
    for target in servers(|| Io::new().handlers(koio::handlers![head])).await {
        let mut http = Http2::connect(target).await;
        let path = target.polling();
        // As browsers split them.
        let request = http.request(Method::GET, &path);
        let request = request.header("cookie", "a=1").header("cookie", "b=2");
        let (_, body) = http.ask(request, "").await;
        let session = target.polling_of(&Open::read(&body).sid);
        http.post(&session, "40").await;
        http.poll(&session).await;
        http.post(&session, r#"421["head"]"#).await;
        let expected = format!(r#"431[["chat.example","a=1; b=2","{path}"]]"#);
        assert_eq!(http.poll(&session).await, expected);
    }
}

#[tokio::test]
async fn a_refusal_over_http_2_is_one_streams_and_the_connection_goes_on() {
    for target in servers(|| koio(&Default::default())).await {
        let mut http = Http2::connect(target).await;
        let refused = target.with("EIO=3&transport=polling");
        let answer = http.answer(http.request(Method::GET, &refused), "").await;
        assert_eq!(answer.status(), 400);
        assert!(answer.headers().get("connection").is_none());
        http.open().await;
    }
}

/// Reads a stream of events until it has this line.
async fn read_until(body: &mut Incoming, text: &mut String, line: &str) {
    while !text.contains(line) {
        let frame = within("bytes of a stream", body.frame()).await;
        let data = frame.expect("more").expect("a stream").into_data();
        text.push_str(str::from_utf8(&data.expect("bytes")).expect("UTF-8"));
    }
}

#[tokio::test]
async fn event_streams_are_streams_of_one_connection() {
    let io = Io::new()
        .config(|config| config.engine.event_source = true)
        .event_source("/news", |_| async { Ok("news") });
    let handle = io.handle();
    let mut client = Http2::connect(auto_server(io).await).await;
    let opening = "/socket.io/?EIO=4&transport=eventsource";
    let request = client.request(Method::GET, opening);
    let mut session = client.answer(request, "").await.into_body();
    let mut packets = String::new();
    read_until(&mut session, &mut packets, "}\n\n").await;
    let open = Open::read(packets.trim_start_matches(":\n\ndata: ").trim_end());
    client
        .post(&format!("{opening}&sid={}&received=1", open.sid), "40")
        .await;
    read_until(&mut session, &mut packets, "data: 40{").await;
    let request = client.request(Method::GET, "/news");
    let mut plain = client.answer(request, "").await.into_body();
    let mut events = String::new();
    read_until(&mut plain, &mut events, "retry").await;
    handle.emit("n", 1).expect("an emit");
    read_until(&mut session, &mut packets, "data: 42[\"n\",1]\n\n").await;
    read_until(&mut plain, &mut events, "event: n\ndata: 1\n\n").await;
    // One stream is reset, and the connection stays.
    drop(session);
    let request = client.request(
        Method::GET,
        &format!("{opening}&sid={}&received=3", open.sid),
    );
    let mut session = client.answer(request, "").await.into_body();
    handle.emit("n", 2).expect("an emit");
    read_until(&mut session, &mut String::new(), "data: 42[\"n\",2]\n\n").await;
    read_until(&mut plain, &mut events, "event: n\ndata: 2\n\n").await;
}
