//! Clients of another kind, and answers that are errors.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use koio::{Ack, Error, Io, handlers, on};
use koio_tests::{Client, Frame, RawWebSocket, Transport, serve, until};

use crate::logs::Heard;

#[tokio::test]
async fn a_client_of_another_parser_is_told_apart_by_its_first_packet() {
    let server = serve(Io::new()).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    let (mut socket, _) = RawWebSocket::session(server.target()).await;
    // CONNECT as socket.io-msgpack-parser writes it.
    socket
        .send(&Frame::binary(b"\x82\xa4type\x00\xa3nsp\xa1/"))
        .await;
    socket.ended().await;
    let words = "packet of another parser";
    until(words, || heard.says(words).is_some()).await;
    let (_, line) = heard.says(words).expect("a line");
    assert!(line.contains("socket.io-msgpack-parser"), "{line}");
}

#[on("fails")]
async fn fails(ack: Ack) {
    ack.fail(std::io::Error::other("the disk is full"));
}

#[on("drops")]
async fn drops(ack: Ack) {
    drop(ack);
}

#[on("drops later")]
async fn drops_later(ack: Ack) {
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        drop(ack);
    });
}

#[tokio::test]
async fn each_answer_that_is_an_error_is_reported() {
    let codes = Arc::new(Mutex::new(Vec::new()));
    let reported = Arc::clone(&codes);
    let io = Io::new()
        .handlers(handlers![fails, drops, drops_later])
        .on_error(move |error: &Error, ctx| {
            let line = format!("{}: {}", ctx.event(), error.code());
            reported.lock().expect("codes").push(line);
        });
    let server = serve(io).await;
    let mut client = Client::connect(server.target(), Transport::WebSocket).await;
    for (event, code) in [
        ("fails", "internal"),
        ("drops", "unanswered"),
        ("drops later", "unanswered"),
        ("nobody", "no_handler"),
    ] {
        client.send(format!(r#"421["{event}"]"#)).await;
        let answer = client.text().await;
        assert!(answer.contains(&format!(r#""code":"{code}""#)), "{answer}");
        let expected = format!("{event}: {code}");
        let all = codes.lock().expect("codes").clone();
        assert_eq!(all.last(), Some(&expected), "{all:?}");
    }
    client.close().await;
}

#[tokio::test]
async fn an_address_that_can_not_be_bound_is_named() {
    let refused = Io::new().bind("no.such.host.invalid:0").await;
    let error = refused.expect_err("no such host");
    assert!(
        error.message().contains("no.such.host.invalid:0"),
        "{error:?}"
    );
    let server = serve(Io::new()).await;
    let taken = Io::new().bind(server.addr).await;
    let error = taken.expect_err("a port that is in use");
    let port = server.addr.port().to_string();
    assert!(error.message().contains(&port), "{error:?}");
}
