//! Clients behind TLS, where only the session's task writes: what holds on a bare connection holds there.

use std::time::Duration;

use koio::{CloseReason, Context, Io, handlers, on};
use koio_tests::{
    Certificate, Client, Http, Polling, Running, Target, Transport, Tunnel, WebSocket,
};
use koio_tests::{client, run, tunnel, until, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::tls::{tls_of, tls_server};
use super::{Folder, assert_serves, koio};

/// A server that speaks TLS, and the way of plain clients to it.
async fn tunnelled(io: Io) -> (Running, Tunnel, Certificate) {
    let certificate = Certificate::new();
    let server = tls_server(io, tls_of(&certificate)).await;
    let tunnel = Tunnel::to_tls(server.addr, &certificate).await;
    (server, tunnel, certificate)
}

#[on("secure")]
async fn secure(ctx: Context) -> bool {
    ctx.handshake().is_secure()
}

#[tokio::test]
async fn over_tls_a_handshake_is_secure() {
    let io = || Io::new().handlers(handlers![secure]);
    let plain = koio_tests::serve(io()).await;
    let (_server, tunnel, _) = tunnelled(io()).await;
    for (target, expected) in [(tunnel.target(), true), (plain.target(), false)] {
        for transport in client::BOTH {
            let mut client = Client::connect(target, transport).await;
            client.send(r#"421["secure"]"#).await;
            client.expect(&format!("431[{expected}]")).await;
        }
    }
}

#[tokio::test]
async fn over_tls_both_transports_and_the_upgrade_work() {
    let (io, _reasons) = koio();
    let (_server, tunnel, _) = tunnelled(io).await;
    assert_serves(tunnel.target()).await;
    let mut client = Client::connect(tunnel.target(), Transport::WebSocket).await;
    client.send(r#"421["address"]"#).await;
    client.expect(r#"431["127.0.0.1"]"#).await;
}

/// A page of `https://host:port`, whose browser leaves out the port if it is 443.
#[tokio::test]
async fn over_tls_a_page_of_the_same_origin_connects_by_default() {
    let (io, _reasons) = koio();
    let (_server, tunnel, _) = tunnelled(io).await;
    let path = tunnel.target().polling();
    for (host, origin, status) in [
        ("chat.example", "https://chat.example", 200),
        ("chat.example:8443", "https://chat.example:8443", 200),
        ("chat.example", "https://evil.example", 403),
        ("chat.example:8443", "https://chat.example", 403),
    ] {
        let mut http = Http::connect(tunnel.addr).await;
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n\r\n");
        http.write(head).await;
        let answer = http.response().await.expect("an answer");
        assert_eq!(answer.status, status, "{origin} at {host}");
    }
}

/// Sends more than fits anywhere, as the client takes it.
#[on("history")]
async fn history(ctx: Context, count: u32) -> koio::Result<u32> {
    for number in 0..count {
        ctx.socket().ready().await?;
        ctx.emit("line", (number, "x".repeat(20_000)))?;
    }
    Ok(count)
}

#[tokio::test]
async fn over_tls_ready_waits_for_a_slow_reader_and_all_arrives() {
    let (io, _reasons) = koio();
    let (server, tunnel, _) = tunnelled(io.handlers(handlers![history])).await;
    for transport in client::BOTH {
        let mut client = Client::connect(tunnel.target(), transport).await;
        // 8 MB, with the marks at 1 and 8 MiB.
        client.send(r#"421["history",400]"#).await;
        for number in 0..400 {
            let line = client.text().await;
            let begin = format!(r#"42["line",[{number},"xxx"#);
            assert!(line.starts_with(&begin), "{number}");
            if number % 40 == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        client.expect("431[400]").await;
    }
    assert_eq!(server.handle.counts().slow_consumers, 0);
}

#[tokio::test]
async fn over_tls_a_client_that_does_not_read_is_cut() {
    let certificate = Certificate::new();
    let (io, mut reasons) = koio();
    let io = io.config(|config| config.engine.write_timeout = Duration::from_millis(500));
    let server = tls_server(io, tls_of(&certificate)).await;
    let connector = certificate.connector(&[]);
    let mut stream = tunnel::tls(server.addr, &connector).await.expect("TLS");
    let path = Target::socket_io(server.addr).websocket();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("a server");
    let connect = koio_tests::Frame::text("40").bytes();
    stream.write_all(&connect).await.expect("a server");
    until("a socket", || !server.handle.sockets().is_empty()).await;
    // More than the system and the TLS connection keep.
    let text = "x".repeat(500_000);
    let reason = within("its end", async {
        loop {
            server.handle.broadcast("news", &text).expect("an emit");
            tokio::select! {
                reason = reasons.recv() => return reason,
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        }
    });
    assert_eq!(reason.await, Some(CloseReason::SlowConsumer));
    assert_eq!(server.handle.counts().slow_consumers, 1);
}

#[tokio::test]
async fn over_tls_a_session_closes_with_words_and_then_the_connection() {
    let (io, _reasons) = koio();
    let (server, tunnel, _) = tunnelled(io).await;
    let (mut socket, _) = WebSocket::session(tunnel.target()).await;
    socket.send("40").await;
    socket.text().await;
    let handle = server.handle.clone();
    let ending = tokio::spawn(async move { handle.shutdown(Duration::from_secs(20)).await });
    assert_eq!(socket.ended().await, Some(1001));
    let drained = ending.await.expect("a shutdown");
    assert_eq!((drained.answered, drained.cut), (1, 0));
    server.ended().await.expect("an end in order");
}

/// Many clients end their connection without TLS's own goodbye: between two polls that ends nothing.
#[tokio::test]
async fn over_tls_a_connection_that_ends_without_a_goodbye_is_no_reset() {
    let (io, mut reasons) = koio();
    let (server, tunnel, certificate) = tunnelled(io).await;
    let mut session = Polling::connect(tunnel.target()).await;
    let connector = certificate.connector(&[]);
    for number in 0..3 {
        server.handle.broadcast("news", number).expect("an emit");
        let mut stream = tunnel::tls(server.addr, &connector).await.expect("TLS");
        let get = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", session.path());
        stream.write_all(get.as_bytes()).await.expect("a server");
        let mut answer = Vec::new();
        let expected = format!(r#"42["news",{number}]"#);
        while !String::from_utf8_lossy(&answer).contains(&expected) {
            let read = within("an answer", stream.read_buf(&mut answer)).await;
            assert!(read.expect("an answer") > 0);
        }
        // The socket goes, with no `close_notify` before it.
        let (mut socket, _) = stream.into_inner();
        socket.shutdown().await.expect("a socket");
        let mut rest = Vec::new();
        within("the server's end", socket.read_to_end(&mut rest))
            .await
            .ok();
    }
    server.handle.broadcast("news", "last").expect("an emit");
    assert_eq!(session.get().await.text(), r#"42["news","last"]"#);
    assert!(reasons.try_recv().is_err());
    assert_eq!(server.handle.counts().answers_cut, 0);
}

#[tokio::test]
async fn tls_on_a_unix_socket_works_as_well() {
    let certificate = Certificate::new();
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.socket()).expect("a socket");
    let (io, _reasons) = koio();
    let server = io.serve(tls_of(&certificate).over(listener));
    let _server = run(server.expect("a server"), ([127, 0, 0, 1], 0).into());
    let stream = tokio::net::UnixStream::connect(folder.socket()).await;
    let name = "localhost".try_into().expect("a name");
    let connector = certificate.connector(&[]);
    let mut stream = connector
        .connect(name, stream.expect("a socket"))
        .await
        .expect("TLS");
    let get =
        b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(get).await.expect("a server");
    let mut answer = String::new();
    let read = within("an answer", stream.read_to_string(&mut answer)).await;
    read.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
