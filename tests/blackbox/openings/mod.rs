//! How clients other than the JavaScript one open their connection, byte by byte, and a conversation behind it: connect, an
//! event with an answer, bytes, the upgrade where the client has one, the end. Each file says what was read in the client's
//! public source, and what was not.

mod arduino;
mod cpp;
mod csharp;
mod dart;
mod go;
mod java;
mod php;
mod swift;

use koio::CloseReason;
use koio_tests::polling::Open;
use koio_tests::{Frame, Http, RawWebSocket, Response};

use crate::scene::{Report, Scene};

/// A text with what changes filled in: `{host}`, the server's address; `{key}`, 16 bytes in base64; `{sid}`; `{length}`,
/// that of a body. Its lines end as those of HTTP do.
fn filled(scene: &Scene, head: &str, sid: &str, length: usize) -> String {
    head.replace('\n', "\r\n")
        .replace("{host}", &scene.server.addr.to_string())
        .replace("{key}", "dGhlIHNhbXBsZSBub25jZQ==")
        .replace("{sid}", sid)
        .replace("{length}", &length.to_string())
}

/// Sends this head and reads the answer.
async fn ask(http: &mut Http, scene: &Scene, head: &str, sid: &str) -> Response {
    http.write(filled(scene, head, sid, 0)).await;
    http.response().await.expect("an answer")
}

/// Opens a WebSocket with this head, connects with this packet, and has events come back. The caller ends it.
async fn conversation(scene: &Scene, head: &str, packet: &str) -> RawWebSocket {
    let mut http = Http::connect(scene.server.addr).await;
    let answer = ask(&mut http, scene, head, "").await;
    assert_eq!(answer.status, 101, "{}", answer.text());
    let mut socket = RawWebSocket::upgraded(http);
    let open = socket.next().await.expect("a handshake");
    assert!(open.payload.starts_with(br#"0{"sid":""#));
    socket.send(&Frame::text(packet)).await;
    let answer = socket.next().await.expect("an answer to CONNECT");
    let answer = String::from_utf8(answer.payload).expect("text");
    assert!(answer.starts_with(r#"40{"sid":""#), "{answer}");
    echo(&mut socket).await;
    socket
}

/// An event and its answer, and one whose bytes come back.
async fn echo(socket: &mut RawWebSocket) {
    socket
        .send(&Frame::text(r#"420["echo",{"count":1.0},"ü"]"#))
        .await;
    socket.expect(r#"430[{"count":1.0},"ü"]"#).await;
    socket
        .send(&Frame::text(
            r#"451-["bounce",{"_placeholder":true,"num":0}]"#,
        ))
        .await;
    socket.send(&Frame::binary([0, 1, 255])).await;
    bounced(socket).await;
}

async fn bounced(socket: &mut RawWebSocket) {
    socket
        .expect(r#"451-["bounced",{"_placeholder":true,"num":0}]"#)
        .await;
    let bytes = socket.next().await.expect("bytes");
    assert_eq!(bytes.payload, [0, 1, 255]);
}

async fn end(mut scene: Scene, reason: CloseReason) {
    let Report { reason: given, .. } = scene.report().await;
    assert_eq!(given, reason);
    assert_eq!(scene.server.handle.counts().protocol_errors, 0);
    scene.end().await;
}

/// The heads of a client's requests over polling.
struct Heads {
    open: &'static str,
    poll: &'static str,
    post: &'static str,
}

/// A polling session. Polls and posts have a connection each, as with a client that keeps several.
struct Session<'a> {
    scene: &'a Scene,
    heads: Heads,
    sid: String,
    reader: Http,
    writer: Http,
}

impl<'a> Session<'a> {
    async fn open(scene: &'a Scene, heads: Heads) -> Self {
        let mut reader = Http::connect(scene.server.addr).await;
        let answer = ask(&mut reader, scene, heads.open, "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let sid = Open::read(answer.text()).sid;
        let writer = Http::connect(scene.server.addr).await;
        Self {
            scene,
            heads,
            sid,
            reader,
            writer,
        }
    }

    async fn connect(&mut self, packet: &str) {
        self.post(packet).await;
        let answer = self.poll().await;
        assert!(answer.starts_with(r#"40{"sid":""#), "{answer}");
    }

    /// Sends a poll whose answer [`Session::polled`] reads.
    async fn begin_poll(&mut self) {
        let head = filled(self.scene, self.heads.poll, &self.sid, 0);
        self.reader.write(head).await;
    }

    async fn polled(&mut self) -> String {
        let answer = self.reader.response().await.expect("an answer to a poll");
        assert_eq!(answer.status, 200, "{}", answer.text());
        // Clients read the type to know text from bytes.
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("text/plain; charset=UTF-8"));
        answer.text().to_owned()
    }

    async fn poll(&mut self) -> String {
        self.begin_poll().await;
        self.polled().await
    }

    fn head_of_post(&self, body: &str) -> String {
        filled(self.scene, self.heads.post, &self.sid, body.len())
    }

    async fn post(&mut self, body: &str) {
        let head = self.head_of_post(body);
        self.writer.write(head + body).await;
        self.posted().await;
    }

    async fn posted(&mut self) {
        let answer = self.writer.response().await.expect("an answer to a POST");
        assert_eq!((answer.status, answer.text()), (200, "ok"));
    }

    /// An event and its answer, and one whose bytes come back: text and bytes in these payloads.
    async fn echo(&mut self, with_bytes: &[&str]) {
        self.post(r#"420["echo",{"count":1.0},"ü"]"#).await;
        assert_eq!(self.poll().await, r#"430[{"count":1.0},"ü"]"#);
        for payload in with_bytes {
            self.post(payload).await;
        }
        let bounced = "451-[\"bounced\",{\"_placeholder\":true,\"num\":0}]\x1ebAAH/";
        assert_eq!(self.poll().await, bounced);
    }

    /// Opens a WebSocket with this head, probes it while a poll waits, and moves the session.
    async fn upgrade(&mut self, head: &str) -> RawWebSocket {
        self.begin_poll().await;
        let mut http = Http::connect(self.scene.server.addr).await;
        let answer = ask(&mut http, self.scene, head, &self.sid).await;
        assert_eq!(answer.status, 101, "{}", answer.text());
        let mut socket = RawWebSocket::upgraded(http);
        socket.send(&Frame::text("2probe")).await;
        socket.expect("3probe").await;
        assert_eq!(self.polled().await, "6");
        socket.send(&Frame::text("5")).await;
        socket
    }
}

/// An event with bytes in one payload.
const BYTES: &str = "451-[\"bounce\",{\"_placeholder\":true,\"num\":0}]\x1ebAAH/";
