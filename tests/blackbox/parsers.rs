//! Servers with `Parser::Msgpack`, whose clients speak `socket.io-msgpack-parser`. The official client with that parser is in
//! `node/msgpack.test.js`.

use std::collections::BTreeMap;
use std::time::Duration;

use koio::cluster::Memory;
use koio::config::Parser;
use koio::recovery::Recovery;
use koio::testing::TestServer;
use koio::{Args, Bytes, Context, Io, Namespace, Result, args, ensure, handlers, on};
use koio_tests::{Frame, RawWebSocket, serve, until};
use serde_json::{Value, json};

use super::logs::Heard;

#[on("both")]
async fn both(args: Args) -> Args {
    args
}

#[on("fails")]
async fn fails(wanted: u8) -> Result<()> {
    ensure!(wanted == 0, "wanted", "not zero");
    Ok(())
}

#[on("shout")]
async fn shout(ctx: Context, args: Args) -> Result<()> {
    ctx.io().broadcast("heard", args)
}

#[on("asked")]
async fn asked(ctx: Context, number: i64) -> Result<i64> {
    ctx.socket().emit_with_ack("double", number).await
}

fn io(parser: Parser) -> Io {
    Io::new()
        .parser(parser)
        .handlers(handlers![both, fails, shout, asked])
}

#[tokio::test]
async fn the_clients_of_a_test_speak_the_parser_of_their_server() -> Result<()> {
    let server = TestServer::new(io(Parser::Msgpack)).await?;
    for polling in [false, true] {
        let connect = server.connect("/").auth(json!({ "token": "t" }));
        let mut client = match polling {
            true => connect.polling().await?,
            false => connect.await?,
        };
        let bytes = Bytes::from(vec![1, 2]);
        let answer = client.ask_for_all("both", args![1.5, &bytes, "é"]).await?;
        assert_eq!(answer.get::<f64>(0)?, 1.5);
        assert_eq!(answer.get::<Bytes>(1)?, bytes);
        assert_eq!(answer.get::<String>(2)?, "é");
        let refused = client.ask::<()>("fails", 1).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), ("wanted", "not zero"));
        let wrong = client.ask::<()>("fails", "text").await.unwrap_err();
        assert_eq!(wrong.code(), "bad_request");
        let double = client.ask::<i64>("asked", 21);
        let question = client.expect("double").await?;
        let number = question.get::<i64>(0)?;
        question.reply(number * 2).await?;
        assert_eq!(double.await?, 42);
        let missing = server.connect("/nowhere").await.unwrap_err();
        assert_eq!(missing.message(), "Invalid namespace");
        client.disconnect().await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_event_reaches_the_clients_of_every_node_in_the_form_of_its_node() -> Result<()> {
    let broker = Memory::new();
    let json = TestServer::new(io(Parser::Json).cluster(broker.clone())).await?;
    let msgpack = TestServer::new(io(Parser::Msgpack).cluster(broker)).await?;
    let (mut one, mut other) = (json.connect("/").await?, msgpack.connect("/").await?);
    for (number, from_json) in [true, false].into_iter().enumerate() {
        let bytes = Bytes::from(vec![7; 3]);
        let sent = args![number, &bytes, BTreeMap::from([("deep", [&bytes])])];
        match from_json {
            true => one.emit("shout", sent).await?,
            false => other.emit("shout", sent).await?,
        };
        for client in [&mut one, &mut other] {
            let heard = client.expect("heard").await?;
            assert_eq!(heard.get::<usize>(0)?, number);
            assert_eq!(heard.get::<Bytes>(1)?, bytes);
            let deep: BTreeMap<String, Vec<Bytes>> = heard.get(2)?;
            assert_eq!(deep["deep"], std::slice::from_ref(&bytes));
        }
    }
    // An answer of a client of another node, to a question that waits for it.
    let answers = json
        .handle()
        .timeout(Duration::from_secs(5))
        .emit_with_acks::<Value>("question", "who?");
    let (mine, theirs) = (
        one.expect("question").await?,
        other.expect("question").await?,
    );
    mine.reply("the one").await?;
    theirs.reply(args![json!({ "a": [1, null] })]).await?;
    let mut values = Vec::new();
    for (_, answer) in answers.await? {
        values.push(answer?.to_string());
    }
    values.sort();
    assert_eq!(values, [r#""the one""#, r#"{"a":[1,null]}"#]);
    Ok(())
}

#[tokio::test]
async fn what_is_nested_too_deep_fails_where_it_is_emitted() -> Result<()> {
    let server = TestServer::new(io(Parser::Msgpack)).await?;
    let mut client = server.connect("/").await?;
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let handle = server.handle();
    let socket = handle.sockets().pop().expect("the client");
    for emitted in [
        handle.broadcast("deep", &deep),
        socket.emit("deep", &deep),
        socket.volatile().emit("deep", &deep),
        socket.emit_with_ack::<()>("deep", &deep).await,
        handle
            .except("nobody")
            .emit_with_acks::<()>("deep", &deep)
            .await
            .map(drop),
    ] {
        let error = emitted.expect_err("nothing was sent");
        assert!(
            format!("{error:?}").contains("nested too deep"),
            "{error:?}"
        );
    }
    client.expect_nothing().await;
    // A client of the test says so as well.
    for refused in [
        client.emit("deep", &deep).await,
        client.ask("deep", &deep).await,
        server.connect("/").auth(&deep).await.map(drop),
    ] {
        let error = refused.expect_err("nothing was sent");
        assert!(
            format!("{error:?}").contains("nested too deep"),
            "{error:?}"
        );
    }
    Ok(())
}

/// What the client is sent after its first packet, and the line of the log.
async fn refused(parser: Parser, first: Frame) -> (Vec<u8>, String) {
    let server = serve(io(parser)).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    let (mut socket, _) = RawWebSocket::session(server.target()).await;
    socket.send(&first).await;
    let answer = socket.next().await.expect("CONNECT_ERROR").payload;
    socket.ended().await;
    let words = "packet of another parser";
    until(words, || heard.says(words).is_some()).await;
    (answer, heard.says(words).expect("a line").1)
}

#[tokio::test]
async fn a_client_of_another_parser_is_refused_in_its_own_language() {
    let (answer, line) = refused(Parser::Msgpack, Frame::text("40/chat,{}")).await;
    let text = String::from_utf8(answer).expect("text");
    let expected = r#"44/chat,{"message":"this server's parser is msgpack"#;
    assert!(text.starts_with(expected), "{text}");
    assert!(text.ends_with(r#""data":{"code":"parser"}}"#), "{text}");
    assert!(line.contains("`Io::parser`"), "{line}");

    let connect = Frame::binary(b"\x82\xa4type\x00\xa3nsp\xa5/chat");
    let (answer, line) = refused(Parser::Json, connect).await;
    assert!(answer.starts_with(b"\x83\xa4type\x04\xa4data\x82\xa7message"));
    assert!(answer.ends_with(b"\xa3nsp\xa5/chat"));
    assert!(line.contains("`socket.io-msgpack-parser`"), "{line}");
}

#[tokio::test]
async fn a_packet_above_a_limit_ends_the_session_and_names_the_limit() {
    let io = io(Parser::Msgpack).config(|config| config.socket.packets.depth = 3);
    let server = serve(io).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    for (packet, words) in [
        // {type: 2, data: ["both", [[[]]]], nsp: "/"}
        (
            &b"\x83\xa4type\x02\xa4data\x92\xa4both\x91\x91\x90\xa3nsp\xa1/"[..],
            "packets.depth 3",
        ),
        // Eleven attachments.
        (
            b"\x83\xa4type\x02\xa4data\x9c\xa4both\xc4\x00\xc4\x00\xc4\x00\xc4\x00\xc4\x00\xc4\x00\xc4\x00\xc4\x00\xc4\x00\xc4\x00\xc4\x00\xa3nsp\xa1/",
            "packets.attachments 10",
        ),
        (b"\x82\xa4type\x02", "invalid msgpack"),
    ] {
        let (mut socket, _) = RawWebSocket::session(server.target()).await;
        socket.send(&Frame::binary(b"\x82\xa4type\x00\xa3nsp\xa1/")).await;
        let connected = socket.next().await.expect("CONNECT");
        assert!(connected.payload.starts_with(b"\x83\xa4type\x00\xa4data\x81\xa3sid"));
        socket.send(&Frame::binary(packet)).await;
        socket.ended().await;
        until(words, || heard.says(words).is_some()).await;
    }
}

#[tokio::test]
async fn a_connect_with_too_much_binary_is_refused_like_one_with_too_much_text() {
    let server = serve(io(Parser::Msgpack)).await;
    let (mut socket, _) = RawWebSocket::session(server.target()).await;
    // {type: 0, data: {b: 70,000 bytes}, nsp: "/"}
    let mut connect = b"\x83\xa4type\x00\xa4data\x81\xa1b\xc6\x00\x01\x11\x70".to_vec();
    connect.extend([0; 70_000]);
    connect.extend(b"\xa3nsp\xa1/");
    socket.send(&Frame::binary(&connect)).await;
    let refusal = socket.next().await.expect("CONNECT_ERROR").payload;
    let words = String::from_utf8_lossy(&refusal);
    assert!(words.contains("(packets.auth 65536)"), "{words}");
    socket
        .send(&Frame::binary(b"\x82\xa4type\x00\xa3nsp\xa1/"))
        .await;
    let connected = socket.next().await.expect("CONNECT").payload;
    assert!(connected.starts_with(b"\x83\xa4type\x00\xa4data\x81\xa3sid"));
}

#[tokio::test]
async fn a_family_has_no_namespace_for_which_the_server_has_no_name() {
    let io = io(Parser::Msgpack).namespace("/room/{id}", Namespace::new());
    let server = serve(io).await;
    let (mut socket, _) = RawWebSocket::session(server.target()).await;
    let connect = |name: &str| {
        let mut packet = b"\x82\xa4type\x00\xa3nsp".to_vec();
        packet.push(0xa0 | u8::try_from(name.len()).expect("a short name"));
        packet.extend(name.bytes());
        Frame::binary(packet)
    };
    for name in ["room/5", "/room/a,b", "/room/a?b"] {
        socket.send(&connect(name)).await;
        let refusal = socket.next().await.expect("CONNECT_ERROR").payload;
        let words = String::from_utf8_lossy(&refusal);
        assert!(words.contains("Invalid namespace"), "{name}: {words}");
    }
    socket.send(&connect("/room/5[")).await;
    let connected = socket.next().await.expect("CONNECT").payload;
    assert!(connected.starts_with(b"\x83\xa4type\x00\xa4data\x81\xa3sid"));

    // The one that the default parser can say too.
    let server = serve(Io::new().namespace("/room/{id}", Namespace::new())).await;
    let (mut socket, _) = RawWebSocket::session(server.target()).await;
    socket.send(&Frame::text("40/room/a?b,")).await;
    let refusal = socket.next().await.expect("CONNECT_ERROR").payload;
    assert_eq!(refusal, br#"44/room/a?b,{"message":"Invalid namespace"}"#);
}

#[tokio::test]
async fn the_clients_of_a_test_take_what_is_above_the_limits_of_a_server() -> Result<()> {
    for parser in [Parser::Json, Parser::Msgpack] {
        let server = TestServer::new(io(parser)).await?;
        let mut client = server.connect("/").await?;
        let bytes = Bytes::from(vec![7; 1_200_000]);
        server.handle().broadcast("large", &bytes)?;
        assert_eq!(client.expect("large").await?.get::<Bytes>(0)?, bytes);
    }
    Ok(())
}

#[tokio::test]
async fn an_event_of_another_node_that_is_nested_too_deep_is_dropped_with_a_line_of_the_log()
-> Result<()> {
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    for recovers in [false, true] {
        let heard = Heard::default();
        let _guard = heard.listen();
        let broker = Memory::new();
        let json = TestServer::new(io(Parser::Json).cluster(broker.clone())).await?;
        let mut msgpack = io(Parser::Msgpack).cluster(broker);
        if recovers {
            msgpack = msgpack.recovery(Recovery::new(Duration::from_secs(60)));
        }
        let msgpack = TestServer::new(msgpack).await?;
        let mut client = msgpack.connect("/").await?;
        json.handle().broadcast("deep", &deep)?;
        json.handle().broadcast("next", ())?;
        client.expect("next").await?;
        let words = "an event of another node is dropped";
        until(words, || heard.says(words).is_some()).await;
    }
    Ok(())
}
