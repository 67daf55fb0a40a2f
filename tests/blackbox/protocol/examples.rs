//! The examples of the two protocol papers, byte for byte, and the session that they end with.

use koio::{Args, Bytes, Context, Error, Io, Namespace, Next, Reply, args, handlers, on};
use koio_tests::{Client, Polling, Running, Transport, WebSocket, client, serve};

/// Sends back what a client says, under another name.
#[on("*")]
async fn heard(ctx: Context, args: Args) -> koio::Result<Reply> {
    let event = ctx.event().to_owned();
    ctx.emit(&format!("heard {event}"), args)?;
    Ok(match event.as_str() {
        "foo" => Reply::none(),
        "bar" => Reply::new("bar"),
        _ => Reply::new(args!["bar", Bytes::from(vec![1, 2, 3, 4])]),
    })
}

/// What the sample session asks the administrators.
#[on("tellme")]
async fn tell(_ctx: Context) -> Bytes {
    Bytes::from(vec![42])
}

async fn refuse(_ctx: Context, _next: Next) -> koio::Result<Reply> {
    Err(Error::new("unauthorized", "Not authorized"))
}

async fn server() -> Running {
    let io = Io::new()
        .handlers(handlers![heard])
        .namespace("/admin", Namespace::new().handlers(handlers![heard, tell]))
        .namespace("/closed", Namespace::new().wrap(refuse));
    serve(io).await
}

/// A connection to `/` and to `/admin`, and their sockets.
async fn connected(server: &Running, transport: Transport) -> (Client, [koio::Socket; 2]) {
    let mut client = Client::open(server.target(), transport).await;
    let root = client.join("40").await.parse().expect("an id");
    let admin = client.join("40/admin,").await.parse().expect("an id");
    let root = server.handle.socket(root).expect("a socket");
    let admin = server.handle.of("/admin").socket(admin).expect("a socket");
    (client, [root, admin])
}

#[tokio::test]
async fn connection_to_a_namespace() {
    let server = server().await;
    for transport in client::BOTH {
        let mut client = Client::open(server.target(), transport).await;
        for (connect, answer) in [
            ("40", r#"40{"sid":""#),
            ("40/admin,{\"token\":\"123\"}", r#"40/admin,{"sid":""#),
        ] {
            client.send(connect).await;
            let text = client.text().await;
            let id = text
                .strip_prefix(answer)
                .and_then(|rest| rest.strip_suffix(r#""}"#));
            assert_eq!(id.map(str::len), Some(20), "{text}");
        }
        client.send("40/closed,").await;
        client
            .expect(r#"44/closed,{"message":"Not authorized","data":{"code":"unauthorized"}}"#)
            .await;
    }
}

#[tokio::test]
async fn sending_and_receiving_data() {
    let server = server().await;
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    let second = r#"{"_placeholder":true,"num":1}"#;
    for transport in client::BOTH {
        let (mut client, [root, admin]) = connected(&server, transport).await;
        // What the server sends.
        root.emit("foo", ()).expect("an emit");
        client.expect(r#"42["foo"]"#).await;
        admin.emit("bar", ()).expect("an emit");
        client.expect(r#"42/admin,["bar"]"#).await;
        root.emit("baz", Bytes::from(vec![1, 2, 3, 4]))
            .expect("an emit");
        client
            .expect(&format!(r#"451-["baz",{placeholder}]"#))
            .await;
        client.expect_binary(&[1, 2, 3, 4]).await;
        let (one, two) = (Bytes::from(vec![1, 2]), Bytes::from(vec![3, 4]));
        admin.emit("baz", args![one, two]).expect("an emit");
        client
            .expect(&format!(r#"452-/admin,["baz",{placeholder},{second}]"#))
            .await;
        client.expect_binary(&[1, 2]).await;
        client.expect_binary(&[3, 4]).await;
        // What the client sends.
        client.send(r#"42["foo"]"#).await;
        client.expect(r#"42["heard foo"]"#).await;
        client.send(r#"42/admin,["bar"]"#).await;
        client.expect(r#"42/admin,["heard bar"]"#).await;
        client
            .send_with(&format!(r#"451-["baz",{placeholder}]"#), &[&[1, 2, 3, 4]])
            .await;
        client
            .expect(&format!(r#"451-["heard baz",{placeholder}]"#))
            .await;
        client.expect_binary(&[1, 2, 3, 4]).await;
        let two = format!(r#"452-/admin,["baz",{placeholder},{second}]"#);
        client.send_with(&two, &[&[1, 2], &[3, 4]]).await;
        client
            .expect(&format!(
                r#"452-/admin,["heard baz",{placeholder},{second}]"#
            ))
            .await;
        client.expect_binary(&[1, 2]).await;
        client.expect_binary(&[3, 4]).await;
    }
}

#[tokio::test]
async fn acknowledgement() {
    let server = server().await;
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    for transport in client::BOTH {
        let (mut client, [_, admin]) = connected(&server, transport).await;
        client.send(r#"4212["foo"]"#).await;
        client.expect(r#"42["heard foo"]"#).await;
        client.expect("4312[]").await;
        client.send(r#"42/admin,13["bar"]"#).await;
        client.expect(r#"42/admin,["heard bar"]"#).await;
        client.expect(r#"43/admin,13["bar"]"#).await;
        client
            .send_with(&format!(r#"451-15["baz",{placeholder}]"#), &[&[1, 2, 3, 4]])
            .await;
        client
            .expect(&format!(r#"451-["heard baz",{placeholder}]"#))
            .await;
        client.expect_binary(&[1, 2, 3, 4]).await;
        client
            .expect(&format!(r#"461-15["bar",{placeholder}]"#))
            .await;
        client.expect_binary(&[1, 2, 3, 4]).await;
        // And the server asks.
        let answer = admin.emit_with_ack::<String>("foo", ());
        let question = client.text().await;
        let id = question
            .strip_prefix("42/admin,")
            .and_then(|rest| rest.strip_suffix(r#"["foo"]"#));
        let id: u64 = id.expect("a question").parse().expect("an id");
        client.send(format!(r#"43/admin,{id}["bar"]"#)).await;
        assert_eq!(
            koio_tests::within("an answer", answer)
                .await
                .expect("an answer"),
            "bar"
        );
        let answer = admin.emit_with_ack::<Bytes>("foo", ());
        client.text().await;
        let binary = format!("461-/admin,{}[{placeholder}]", id + 1);
        client.send_with(&binary, &[&[1, 2, 3, 4]]).await;
        let bytes = koio_tests::within("an answer", answer)
            .await
            .expect("an answer");
        assert_eq!(&bytes[..], [1, 2, 3, 4]);
    }
}

#[tokio::test]
async fn disconnection_from_a_namespace() {
    let server = server().await;
    for transport in client::BOTH {
        let (mut client, [root, admin]) = connected(&server, transport).await;
        client.send("41").await;
        client.send(r#"42/admin,["foo"]"#).await;
        client.expect(r#"42/admin,["heard foo"]"#).await;
        assert!(!root.is_connected());
        admin.disconnect();
        client.expect("41/admin,").await;
    }
}

#[tokio::test]
async fn the_sample_session() {
    let server = server().await;
    let target = server.target();
    let mut session = Polling::open(target).await;
    assert_eq!(
        (session.open.ping_interval, session.open.max_payload),
        (25_000, 1_000_000)
    );
    session.send("40").await;
    let answer = session.get().await;
    let id = answer
        .text()
        .strip_prefix(r#"40{"sid":""#)
        .and_then(|rest| rest.strip_suffix(r#""}"#));
    let id = id.expect("a sid").parse().expect("an id");
    let socket = server.handle.socket(id).expect("a socket");
    socket.emit("hey", "Jude").expect("an emit");
    session.expect(r#"42["hey","Jude"]"#).await;
    session.send("42[\"hello\"]\x1e42[\"world\"]").await;
    session
        .expect("42[\"heard hello\"]\x1e42[\"heard world\"]")
        .await;

    let mut socket = WebSocket::open(target, &target.websocket_of(&session.open.sid)).await;
    socket.send("2probe").await;
    socket.expect("3probe").await;
    socket.send("5").await;
    socket.send(r#"42["hello"]"#).await;
    socket.send(r#"42["world"]"#).await;
    socket.send("40/admin,").await;
    socket.expect(r#"42["heard hello"]"#).await;
    socket.expect(r#"42["heard world"]"#).await;
    assert!(socket.text().await.starts_with(r#"40/admin,{"sid":""#));
    socket.send(r#"42/admin,1["tellme"]"#).await;
    socket
        .expect(r#"461-/admin,1[{"_placeholder":true,"num":0}]"#)
        .await;
    socket.expect_binary(&[42]).await;
    socket.send("1").await;
    socket.ended().await;
}
