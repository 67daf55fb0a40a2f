//! Clients of Socket.IO 2 (revision 3 of Engine.IO), byte by byte. The official client of that age is in `node/eio3.test.js`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use koio::cluster::Memory;
use koio::config::PerMessageDeflate;
use koio::observe::{Observation, Observer};
use koio::recovery::Recovery;
use koio::testing::TestServer;
use koio::{
    Args, Bytes, Context, Error, Io, Namespace, Next, Reply, Result, SocketId, args, handlers, on,
};
use koio_tests::polling::Open;
use koio_tests::{
    Client, Frame, Http, RawWebSocket, Received, Response, Running, Target, Transport, WebSocket,
    serve, until,
};
use serde_json::{Value, json};

use crate::compressed::compressed;

#[on("echo")]
async fn echo(args: Args) -> Args {
    args
}

#[on("shout")]
async fn shout(ctx: Context, args: Args) -> Result<()> {
    ctx.here().broadcast("heard", args)
}

#[on("whisper")]
async fn whisper(ctx: Context, to: String, text: String) -> Result<()> {
    ctx.to(to).emit("whispered", text)
}

#[on("who")]
async fn who(ctx: Context) -> (SocketId, u8, Value) {
    let handshake = ctx.handshake();
    let auth = handshake.auth().unwrap_or_default();
    (ctx.socket().id(), handshake.protocol(), auth)
}

#[on("asked")]
async fn asked(ctx: Context) -> Result<Bytes> {
    ctx.socket()
        .emit_with_ack("question", Bytes::from(vec![7]))
        .await
}

async fn guard(ctx: Context, next: Next) -> Result<Reply> {
    if ctx.event() != "connection" {
        return next.run().await;
    }
    let auth: Value = ctx.handshake().auth()?;
    match auth["as"].as_str() {
        Some("text") => Err(Error::new("no", "not you").data("go away")),
        Some("number") => Err(Error::new("no", "not you").data(7)),
        Some("data") => Err(Error::new("no", "not you").data(json!({ "why": 1 }))),
        Some("inside") => Err(std::io::Error::other("the password is 1234"))?,
        Some("friend") => next.run().await,
        _ => Err(Error::new("no", "not you")),
    }
}

fn io() -> Io {
    let all = || handlers![echo, shout, whisper, who, asked];
    Io::new()
        .allow_eio3(true)
        .handlers(all())
        .namespace("/chat", Namespace::new().handlers(all()))
        .namespace("/guarded", Namespace::new().wrap(guard).handlers(all()))
}

/// A session over polling, as engine.io-client 3 makes one.
struct Old {
    target: Target,
    open: Open,
    http: Http,
}

impl Old {
    async fn open(server: &Running, query: &str) -> Self {
        let target = server.target();
        let mut http = Http::connect(target.addr).await;
        let response = http.get(&target.with(query)).await;
        assert_eq!(response.status, 200, "{}", response.text());
        let open = only(&response);
        Self {
            target,
            open: Open::read(&open),
            http,
        }
    }

    /// Connected to `/`.
    async fn connect(server: &Running, query: &str) -> Self {
        let mut session = Self::open(server, query).await;
        session.expect("2:40").await;
        session
    }

    fn path(&self) -> String {
        let query = format!("EIO=3&transport=polling&sid={}", self.open.sid);
        self.target.with(&query)
    }

    async fn get(&mut self) -> Response {
        self.http.get(&self.path()).await
    }

    async fn expect(&mut self, payload: &str) {
        let response = self.get().await;
        assert_eq!((response.status, response.text()), (200, payload));
        let kind = response.header("content-type");
        assert_eq!(kind, Some("text/plain; charset=UTF-8"));
    }

    async fn expect_bytes(&mut self, payload: &[u8]) {
        let response = self.get().await;
        assert_eq!((response.status, &response.body[..]), (200, payload));
        let kind = response.header("content-type");
        assert_eq!(kind, Some("application/octet-stream"));
    }

    async fn post(&self, payload: impl AsRef<[u8]>) -> Response {
        koio_tests::http::post(self.target.addr, &self.path(), payload).await
    }

    async fn send(&self, payload: impl AsRef<[u8]>) {
        let response = self.post(payload).await;
        assert_eq!((response.status, response.text()), (200, "ok"));
    }

    async fn post_bytes(&self, payload: &[u8]) -> Response {
        let mut http = Http::connect(self.target.addr).await;
        let length = payload.len().to_string();
        let kind = ("Content-type", "application/octet-stream");
        let headers = [kind, ("Content-Length", length.as_str())];
        http.head("POST", &self.path(), &headers).await;
        http.write(payload).await;
        http.response().await.expect("an answer to a POST")
    }

    async fn gone(&mut self) {
        let path = self.path();
        let gone = || async { koio_tests::http::get(self.target.addr, &path).await.status == 400 };
        koio_tests::until_async("the session to be gone", gone).await;
    }
}

/// The id of the socket in this namespace.
fn id_in(namespace: &str, open: &Open) -> SocketId {
    let id = SocketId::parse(&format!("{namespace}#{}", open.sid));
    id.expect("an id")
}

/// The only packet of a payload.
fn only(response: &Response) -> String {
    let (length, packet) = response.text().split_once(':').expect("a length");
    assert_eq!(length.parse(), Ok(packet.encode_utf16().count()));
    packet.to_owned()
}

/// A payload of these packets.
fn payload(packets: &[&str]) -> String {
    let framed = packets
        .iter()
        .map(|packet| format!("{}:{packet}", packet.encode_utf16().count()));
    framed.collect()
}

async fn websocket(server: &Running, query: &str) -> (WebSocket, Open) {
    let target = server.target();
    let mut socket = WebSocket::open(target, &target.with(query)).await;
    let open = Open::read(&socket.text().await);
    socket.expect("40").await;
    (socket, open)
}

const POLLING: &str = "EIO=3&transport=polling";
const WEBSOCKET: &str = "EIO=3&transport=websocket";

#[tokio::test]
async fn revision_3_is_off_by_default_and_whatever_is_no_4_where_it_is_on() {
    let off = serve(Io::new()).await;
    for query in [POLLING, "transport=polling"] {
        let response = koio_tests::http::get(off.addr, &off.target().with(query)).await;
        response.assert_refused(5, "Unsupported protocol version");
    }
    let on = serve(io()).await;
    for query in [POLLING, "transport=polling", "EIO=2&transport=polling"] {
        let mut session = Old::connect(&on, query).await;
        assert_eq!(session.open.upgrades, ["websocket"]);
        session.send(r#"12:420["who",1]"#).await;
        let answer = only(&session.get().await);
        assert!(answer.contains(",3,{}]"), "{answer}");
    }
    let new = koio_tests::http::get(on.addr, &on.target().polling()).await;
    assert!(new.text().starts_with('0'), "{}", new.text());
    let jsonp = format!("{POLLING}&j=0&b64=1");
    let refused = koio_tests::http::get(on.addr, &on.target().with(&jsonp)).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_payload_has_the_length_of_each_packet_in_utf_16() {
    let server = serve(io()).await;
    // One that takes bytes gets such text as bytes.
    let mut session = Old::connect(&server, &format!("{POLLING}&b64=1")).await;
    let events = [
        r#"420["echo","é€"]"#,
        r#"421["echo","😀"]"#,
        "2",
        r#"422["echo"]"#,
    ];
    session.send(payload(&events)).await;
    let answers = [r#"430["é€"]"#, r#"431["😀"]"#, "3", "432[]"];
    session.expect(&payload(&answers)).await;
    // Nothing is nothing.
    session.send("0:").await;
}

/// Clients of Socket.IO 1 and 2 read it alike.
#[tokio::test]
async fn text_beyond_ascii_is_bytes_to_a_client_that_takes_bytes() {
    let server = serve(io()).await;
    let mut session = Old::connect(&server, POLLING).await;
    session
        .send(payload(&[r#"420["echo","é€"]"#, r#"421["echo"]"#]))
        .await;
    let answers = [r#"430["é€"]"#, "431[]"].map(str::as_bytes);
    assert_eq!(answers.map(<[u8]>::len), [12, 5]);
    let expected = [b"\x00\x01\x02\xff", answers[0], b"\x00\x05\xff", answers[1]];
    session.expect_bytes(&expected.concat()).await;
    session.send(payload(&[r#"420["echo"]"#])).await;
    session.expect("5:430[]").await;
}

#[tokio::test]
async fn binary_goes_both_ways_as_bytes_and_as_base64() {
    let server = serve(io()).await;
    let mut session = Old::connect(&server, POLLING).await;
    let event = r#"451-0["echo","é",{"_placeholder":true,"num":0}]"#;
    let sent = |kind: u8, length: &[u8], data: &[u8]| [&[kind], length, &[255], data].concat();
    let digits = |length: usize| -> Vec<u8> {
        length
            .to_string()
            .bytes()
            .map(|digit| digit - b'0')
            .collect()
    };
    let body = [
        sent(0, &digits(event.len()), event.as_bytes()),
        sent(1, &[4], &[4, 1, 2, 255]),
    ]
    .concat();
    let response = session.post_bytes(&body).await;
    assert_eq!((response.status, response.text()), (200, "ok"));
    let answer = r#"461-0["é",{"_placeholder":true,"num":0}]"#;
    let expected = [
        sent(0, &digits(answer.len()), answer.as_bytes()),
        sent(1, &[4], &[4, 1, 2, 255]),
    ]
    .concat();
    session.expect_bytes(&expected).await;
    // The same in text; the answer is bytes all the same, since the client takes them.
    session.send(payload(&[event, "b4AQL/"])).await;
    session.expect_bytes(&expected).await;

    let mut text_only = Old::connect(&server, &format!("{POLLING}&b64=1")).await;
    text_only.send(payload(&[event, "b4AQL/"])).await;
    text_only.expect(&payload(&[answer, "b4AQL/"])).await;
}

#[tokio::test]
async fn a_websocket_has_a_type_before_binary_messages() {
    let server = serve(io()).await;
    let event = r#"451-0["echo",{"_placeholder":true,"num":0}]"#;
    let answer = r#"461-0[{"_placeholder":true,"num":0}]"#;
    let (mut socket, open) = websocket(&server, WEBSOCKET).await;
    assert_eq!(open.upgrades, [""; 0]);
    socket.send(event).await;
    socket.send_binary([4, 1, 2, 3]).await;
    socket.expect(answer).await;
    socket.expect_binary(&[4, 1, 2, 3]).await;
    socket.send(event).await;
    socket.send("b4AQID").await;
    socket.expect(answer).await;
    socket.expect_binary(&[4, 1, 2, 3]).await;
    let (mut text_only, _) = websocket(&server, &format!("{WEBSOCKET}&b64=1")).await;
    text_only.send(event).await;
    text_only.send("b4AQID").await;
    text_only.expect(answer).await;
    text_only.expect("b4AQID").await;
    // Without a type, or of another.
    for wrong in [&[][..], &[1], &[2, 4]] {
        let (mut socket, _) = websocket(&server, WEBSOCKET).await;
        socket.send_binary(wrong).await;
        assert_eq!(socket.ended().await, Some(1002), "{wrong:?}");
    }
}

/// Those that koio compresses for have another form of each event.
#[tokio::test]
async fn what_a_client_compresses_is_read_and_what_it_is_sent_is_not_compressed() {
    let server = serve(io().per_message_deflate(PerMessageDeflate::new())).await;
    let target = server.target();
    let offer = |path: String| async move {
        let offers = ["permessage-deflate"];
        let (mut socket, agreed) = RawWebSocket::offer(target, &path, &offers).await;
        assert!(agreed.is_some());
        socket.next_inflated().await.expect("the handshake");
        socket
    };
    let mut old = offer(target.with(WEBSOCKET)).await;
    let mut new = offer(target.websocket()).await;
    new.send(&Frame::text("40")).await;
    for socket in [&mut old, &mut new] {
        socket.next_inflated().await.expect("the answer to CONNECT");
    }
    let event = compressed(br#"451-["shout",{"_placeholder":true,"num":0}]"#);
    old.send(&Frame::text(event).reserved(4)).await;
    let data = [vec![4], vec![7; 3_000]].concat();
    old.send(&Frame::binary(compressed(&data)).reserved(4))
        .await;
    for (socket, sent, is_compressed) in
        [(&mut old, &data[..], false), (&mut new, &data[1..], true)]
    {
        let (text, _) = socket.next_inflated().await.expect("the event");
        let heard = br#"451-["heard",{"_placeholder":true,"num":0}]"#;
        assert_eq!(text.payload, heard);
        let (binary, wire) = socket.next_inflated().await.expect("its data");
        assert_eq!((&binary.payload[..], binary.opcode), (sent, 2));
        assert_eq!(wire.is_some(), is_compressed);
    }
}

#[tokio::test]
async fn an_upgrade_loses_nothing_and_keeps_the_revision() {
    let server = serve(io()).await;
    let mut session = Old::connect(&server, POLLING).await;
    session.send(payload(&[r#"420["echo",0]"#])).await;
    let path = format!("EIO=3&transport=websocket&sid={}", session.open.sid);
    let mut socket = WebSocket::open(session.target, &session.target.with(&path)).await;
    socket.send("2probe").await;
    socket.expect("3probe").await;
    session.expect(&payload(&["430[0]"])).await;
    // The poll that waits is released.
    session.expect("1:6").await;
    socket.send("5").await;
    socket
        .send(r#"451-1["echo",{"_placeholder":true,"num":0}]"#)
        .await;
    socket.send_binary([4, 9]).await;
    socket
        .expect(r#"461-1[{"_placeholder":true,"num":0}]"#)
        .await;
    socket.expect_binary(&[4, 9]).await;
    socket.send("2").await;
    socket.expect("3").await;
}

#[tokio::test]
async fn the_client_pings_and_is_missed_after_interval_and_timeout() {
    let time = Duration::from_millis(200);
    let server = serve(io().ping_interval(time).ping_timeout(time)).await;
    let (mut socket, open) = websocket(&server, WEBSOCKET).await;
    assert_eq!((open.ping_interval, open.ping_timeout), (200, 200));
    for _ in 0..4 {
        tokio::time::sleep(time).await;
        socket.send("2").await;
        socket.expect("3").await;
    }
    let begun = std::time::Instant::now();
    assert_eq!(socket.ended().await, Some(1008));
    assert!(begun.elapsed() >= Duration::from_millis(390));
    let (mut socket, _) = websocket(&server, WEBSOCKET).await;
    socket.send("3").await;
    assert_eq!(socket.ended().await, Some(1002));
    let session = Old::open(&server, POLLING).await;
    session.send("1:2").await;
}

#[tokio::test]
async fn what_is_no_payload_ends_the_session() {
    let server = serve(io()).await;
    for body in [
        "",
        "2",
        "4a",
        "3:2",
        "x:2",
        "2:4",
        "-1:2",
        "1:9",
        "1:",
        "99999999999999999999999:2",
        "1:2\u{1e}1:2",
        "2:4😀",
        "3:b42",
    ] {
        let mut session = Old::connect(&server, POLLING).await;
        let response = session.post(body).await;
        assert!(matches!(response.status, 200 | 400), "{body}");
        session.gone().await;
    }
    for body in [
        &b""[..],
        b"\x02\x01\xff2",
        b"\x00\x01",
        b"\x00\x09\xff2",
        b"\x01\x02\xff\x02a",
    ] {
        let mut session = Old::connect(&server, POLLING).await;
        let response = session.post_bytes(body).await;
        assert!(matches!(response.status, 200 | 400), "{body:?}");
        session.gone().await;
    }
}

#[tokio::test]
async fn a_packet_may_be_as_long_as_max_payload() {
    let server = serve(io().max_payload(2_000)).await;
    let event = |length: usize| {
        let rest = length - r#"420["echo",""]"#.len();
        format!(r#"420["echo","{}"]"#, "x".repeat(rest))
    };
    let mut session = Old::connect(&server, POLLING).await;
    session.send(payload(&[&event(2_000)])).await;
    assert!(session.get().await.text().starts_with("1993:430["));
    let response = session.post(payload(&[&event(2_001)])).await;
    assert_eq!(response.status, 413);
    assert!(
        response.text().contains("max_payload"),
        "{}",
        response.text()
    );
}

#[tokio::test]
async fn namespaces_are_named_with_a_query_that_becomes_auth() {
    let server = serve(io()).await;
    let (mut socket, open) = websocket(&server, WEBSOCKET).await;
    socket.send("40/chat?token=a%20b&token=c,").await;
    socket.expect("40/chat,").await;
    // Older ones write it with every packet.
    socket.send(r#"42/chat?token=a,7["who"]"#).await;
    let id = id_in("/chat", &open);
    let expected = format!(r#"43/chat,7[["{id}",3,{{"token":["a b","c"]}}]]"#);
    socket.expect(&expected).await;
    socket.send(r#"428["who"]"#).await;
    socket
        .expect(&format!(r#"438[["{}",3,{{}}]]"#, open.sid))
        .await;
    socket
        .send(r#"451-/chat,9["echo",{"_placeholder":true,"num":0}]"#)
        .await;
    socket.send_binary([4, 5]).await;
    socket
        .expect(r#"461-/chat,9[{"_placeholder":true,"num":0}]"#)
        .await;
    socket.expect_binary(&[4, 5]).await;
    // Some ask for what they have.
    socket.send("40").await;
    socket.send("40/?a=1").await;
    socket.send("41/chat?token=a,").await;
    socket.send("40/chat").await;
    socket.expect("40/chat,").await;
    // The second one of another breaks the protocol, as always.
    socket.send("40/chat,").await;
    socket.ended().await;
}

#[tokio::test]
async fn a_refusal_says_one_thing() {
    let server = serve(io()).await;
    let (mut socket, _) = websocket(&server, WEBSOCKET).await;
    for (name, answer) in [
        ("/nowhere", r#"44/nowhere,"Invalid namespace""#),
        ("/guarded", r#"44/guarded,"not you""#),
        ("/guarded?as=text", r#"44/guarded,"go away""#),
        // Clients of Socket.IO 2 end the connection for a number.
        ("/guarded?as=number", r#"44/guarded,"not you""#),
        ("/guarded?as=data", r#"44/guarded,{"why":1}"#),
        ("/guarded?as=friend", "40/guarded,"),
    ] {
        socket.send(format!("40{name},")).await;
        socket.expect(answer).await;
    }
    socket.send("40/guarded?as=inside,").await;
    let (mut socket, _) = websocket(&server, WEBSOCKET).await;
    socket.send("40/guarded?as=inside,").await;
    let hidden = socket.text().await;
    assert!(
        hidden.starts_with(r#"44/guarded,""#) && !hidden.contains("1234"),
        "{hidden}"
    );
}

#[tokio::test]
async fn a_middleware_of_the_root_refuses_with_a_packet_that_was_not_asked_for() {
    let server = serve(Io::new().allow_eio3(true).wrap(guard)).await;
    let target = server.target();
    let mut socket = WebSocket::open(target, &target.with(WEBSOCKET)).await;
    Open::read(&socket.text().await);
    socket.expect(r#"44"not you""#).await;
}

#[tokio::test]
async fn a_client_that_leaves_the_root_is_out_of_it() {
    let server = serve(io()).await;
    let (mut socket, _) = websocket(&server, WEBSOCKET).await;
    assert_eq!(server.handle.count(), 1);
    socket.send("41").await;
    until("the socket to be gone", || server.handle.count() == 0).await;
    socket.send("40").await;
    socket.expect("40").await;
    server.handle.disconnect_sockets().expect("sockets");
    socket.expect("41").await;
}

#[tokio::test]
async fn old_and_new_clients_hear_one_another_in_one_room() {
    let server = serve(io()).await;
    let (mut old, open) = websocket(&server, WEBSOCKET).await;
    let mut polls = Old::connect(&server, POLLING).await;
    let mut text_only = Old::connect(&server, &format!("{POLLING}&b64=1")).await;
    let mut new = Client::connect(server.target(), Transport::WebSocket).await;
    let event = r#"451-["heard",{"_placeholder":true,"num":0},"é"]"#;
    new.send_with(
        r#"451-["shout",{"_placeholder":true,"num":0},"é"]"#,
        &[&[1, 2, 3]],
    )
    .await;
    old.expect(event).await;
    old.expect_binary(&[4, 1, 2, 3]).await;
    new.expect(event).await;
    new.expect_binary(&[1, 2, 3]).await;
    text_only.expect(&payload(&[event, "b4AQID"])).await;
    let mut bytes = vec![0, 4, 8, 255];
    bytes.extend_from_slice(event.as_bytes());
    bytes.extend_from_slice(&[1, 4, 255, 4, 1, 2, 3]);
    polls.expect_bytes(&bytes).await;
    // And to one.
    new.send(format!(r#"42["whisper","{}","psst"]"#, open.sid))
        .await;
    old.expect(r#"42["whispered","psst"]"#).await;
    // Its own is not meant by `to`.
    old.send(format!(r#"42["whisper","{}","me"]"#, open.sid))
        .await;
    old.send(r#"420["echo"]"#).await;
    old.expect("430[]").await;
}

#[tokio::test]
async fn an_id_with_its_namespace_names_the_socket() {
    let server = serve(io()).await;
    let (mut one, open) = websocket(&server, WEBSOCKET).await;
    let (mut other, _) = websocket(&server, WEBSOCKET).await;
    for socket in [&mut one, &mut other] {
        socket.send("40/chat,").await;
        socket.expect("40/chat,").await;
    }
    // As `socket.id` of the client.
    let id = format!("/chat#{}", open.sid);
    other
        .send(format!(r#"42/chat,["whisper","{id}","psst"]"#))
        .await;
    one.expect(r#"42/chat,["whispered","psst"]"#).await;
    one.send(format!(r#"42/chat,["whisper","{id}","me"]"#))
        .await;
    one.send(r#"42/chat,0["echo"]"#).await;
    one.expect("43/chat,0[]").await;
    // Each socket has an id of its own, which names it as well.
    let (chat, short) = (server.handle.of("/chat"), id_in("/chat", &open));
    assert_ne!(short, open.sid[..]);
    let named = |to: &str| chat.to(to).sockets();
    assert_eq!(named(&id), named(short.as_str()));
    assert_eq!(named(&open.sid), []);
    let [socket] = &named(&id)[..] else {
        panic!("one socket");
    };
    assert_eq!(socket.id(), short);
    socket.disconnect();
    one.expect("41/chat,").await;
    one.send(r#"421["echo"]"#).await;
    one.expect("431[]").await;
    assert_eq!((server.handle.count(), chat.count()), (2, 1));
}

#[tokio::test]
async fn the_sockets_of_a_client_in_a_family_of_namespaces_are_told_apart() {
    let rooms = Namespace::new().handlers(handlers![echo]);
    let server = serve(io().namespace("/room/{n}", rooms)).await;
    let (mut client, open) = websocket(&server, WEBSOCKET).await;
    for name in ["/room/1,", "/room/2,"] {
        client.send(format!("40{name}")).await;
        client.expect(&format!("40{name}")).await;
    }
    let family = server.handle.of("/room/{n}");
    let asked = family
        .timeout(Duration::from_secs(5))
        .emit_with_acks::<u32>("question", ());
    for _ in 0..2 {
        let question = client.text().await;
        let (event, _) = question.split_once('[').expect("an event");
        let number = event.split(['/', ',']).nth(2).expect("a number");
        let answer = event.replacen("42", "43", 1);
        client.send(format!("{answer}[{number}]")).await;
    }
    let answers = asked.await.expect("answers");
    let mut answers: Vec<_> = answers
        .into_iter()
        .map(|(id, answer)| (answer.expect("an answer"), id))
        .collect();
    answers.sort_unstable();
    let [one, two] = ["/room/1", "/room/2"].map(|name| id_in(name, &open));
    assert_eq!(answers, [(1, one), (2, two)]);
    family.to(two).emit("you", 2).expect("sent");
    client.expect(r#"42/room/2,["you",2]"#).await;
    family.to(two).disconnect_sockets().expect("sockets");
    client.expect("41/room/2,").await;
    let left = family.sockets();
    assert_eq!(left.iter().map(koio::Socket::id).collect::<Vec<_>>(), [one]);
}

#[tokio::test]
async fn a_handler_asks_an_old_client_with_bytes_both_ways() {
    let server = serve(io()).await;
    let (mut socket, _) = websocket(&server, WEBSOCKET).await;
    socket.send(r#"425["asked"]"#).await;
    let question = socket.text().await;
    let id = question
        .strip_prefix("451-")
        .and_then(|rest| rest.split_once('['));
    let (id, _) = id.expect("an id");
    socket.expect_binary(&[4, 7]).await;
    socket
        .send(format!(r#"461-{id}[{{"_placeholder":true,"num":0}}]"#))
        .await;
    socket.send_binary([4, 8, 9]).await;
    socket
        .expect(r#"461-5[{"_placeholder":true,"num":0}]"#)
        .await;
    socket.expect_binary(&[4, 8, 9]).await;
}

#[tokio::test]
async fn with_recovery_old_clients_get_no_positions_and_new_ones_do() {
    let server = serve(io().recovery(Recovery::new(Duration::from_secs(60)))).await;
    let (mut old, _) = websocket(&server, WEBSOCKET).await;
    let mut new = Client::connect(server.target(), Transport::WebSocket).await;
    old.send(r#"42["shout",1]"#).await;
    old.expect(r#"42["heard",1]"#).await;
    let heard = new.text().await;
    assert!(heard.starts_with(r#"42["heard",1,""#), "{heard}");
    let bytes = Bytes::from(vec![1]);
    server.handle.broadcast("bytes", &bytes).expect("sent");
    old.expect(r#"451-["bytes",{"_placeholder":true,"num":0}]"#)
        .await;
    old.expect_binary(&[4, 1]).await;
    let socket = server.handle.sockets();
    let socket = socket
        .iter()
        .find(|socket| socket.handshake().protocol() == 3);
    let socket = socket.expect("the old one");
    socket.emit("private", 2).expect("sent");
    old.expect(r#"42["private",2]"#).await;
    // The connection is free again once the client has answered.
    old.send(r#"420["echo"]"#).await;
    old.expect("430[]").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    socket.volatile().emit("volatile", 3).expect("sent");
    old.expect(r#"42["volatile",3]"#).await;
    socket.join("room").expect("joined");
    server.handle.to("room").emit("room", 4).expect("sent");
    old.expect(r#"42["room",4]"#).await;
    drop(old);
    until("the socket to be gone", || server.handle.count() == 1).await;
}

#[tokio::test]
async fn events_of_other_nodes_reach_old_clients() -> Result<()> {
    let broker = Memory::new();
    let server = serve(io().cluster(broker.clone())).await;
    let (mut old, open) = websocket(&server, WEBSOCKET).await;
    let other = TestServer::new(io().cluster(broker)).await?;
    let bytes = Bytes::from(vec![1, 2]);
    other.handle().broadcast("far", args![&bytes])?;
    old.expect(r#"451-["far",{"_placeholder":true,"num":0}]"#)
        .await;
    old.expect_binary(&[4, 1, 2]).await;
    other.handle().to(open.sid.as_str()).emit("you", 1)?;
    old.expect(r#"42["you",1]"#).await;
    Ok(())
}

#[derive(Clone, Default)]
struct Protocols(Arc<Mutex<Vec<u8>>>);

impl Observer for Protocols {
    fn observe(&self, observation: &Observation<'_>) {
        if let Observation::SessionOpened { protocol, .. } = observation {
            self.0.lock().expect("a lock").push(*protocol);
        }
    }
}

#[tokio::test]
async fn the_revision_of_a_session_is_observed() {
    let protocols = Protocols::default();
    let server = serve(io().observe(protocols.clone())).await;
    let (_old, _) = websocket(&server, WEBSOCKET).await;
    let _new = Client::connect(server.target(), Transport::WebSocket).await;
    assert_eq!(*protocols.0.lock().expect("a lock"), [3, 4]);
}

#[tokio::test]
async fn a_session_of_the_old_client_ends_as_any_other() {
    let server = serve(io()).await;
    let mut session = Old::connect(&server, POLLING).await;
    server.handle.disconnect_sockets().expect("sockets");
    session.expect("2:41").await;
    let mut session = Old::connect(&server, POLLING).await;
    server.handle.disconnect_all().expect("sockets");
    session.expect("2:41").await;
    session.expect("1:61:1").await;
    let mut session = Old::connect(&server, POLLING).await;
    session.send("1:1").await;
    session.gone().await;
    let (mut socket, _) = websocket(&server, WEBSOCKET).await;
    socket.send("41").await;
    socket.send("1").await;
    assert!(matches!(socket.next().await, Received::End(_)));
}

#[tokio::test]
async fn msgpack_and_old_clients_contradict_each_other() {
    let refused = Io::new()
        .parser(koio::config::Parser::Msgpack)
        .allow_eio3(true)
        .bind("127.0.0.1:0")
        .await
        .expect_err("a contradiction");
    let words = refused.to_string();
    assert!(
        words.contains("allow_eio3") && words.contains("eio3.rs:"),
        "{words}"
    );
}

#[tokio::test]
async fn the_program_makes_the_ids_of_sessions_and_so_those_of_their_sockets() {
    let server = serve(io().generate_id(|_, random| format!("n7-{}", &random[3..]))).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut session = Old::connect(&server, POLLING).await;
        session.send(payload(&[r#"420["who"]"#])).await;
        let answer = only(&session.get().await);
        assert!(
            answer.starts_with(&format!(r#"430[["{}",3,"#, session.open.sid)),
            "{answer}"
        );
        ids.push(session.open.sid);
        let (_socket, open) = websocket(&server, WEBSOCKET).await;
        ids.push(open.sid);
    }
    for id in &ids {
        assert!(id.starts_with("_n7-") && id.len() == 20, "{id}");
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    // Of revision 4 all is as it was.
    let opened = koio_tests::http::get(server.addr, &server.target().polling()).await;
    let sid = Open::read(opened.text()).sid;
    assert!(sid.starts_with("n7-") && sid.len() == 32, "{sid}");
}
