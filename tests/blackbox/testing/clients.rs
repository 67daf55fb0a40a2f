//! Connecting, emitting, asking and answering, over both transports.

use std::net::SocketAddr;

use koio::testing::TestServer;
use koio::{
    Args, Auth, Bytes, Context, Error, Handshake, Io, Namespace, Next, Params, Reply, Result, args,
    ensure, handlers, on,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::both_ways;

#[derive(Deserialize)]
struct Login {
    token: String,
}

#[derive(Deserialize, Serialize, PartialEq, Debug)]
struct Photo {
    name: String,
    pixels: Bytes,
}

#[on("connection", ns = "/members")]
async fn came(ctx: Context, _: Auth<Login>) -> Result<()> {
    ctx.socket().join("members")
}

/// Refuses clients without the token.
async fn has_token(ctx: Context, next: Next) -> Result<Reply> {
    let login: Login = ctx.handshake().auth()?;
    ensure!(login.token == "t", "token", "no such token");
    next.run().await
}

#[on("add")]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[on("divide")]
async fn divide(a: i64, b: i64) -> Result<i64> {
    a.checked_div(b)
        .ok_or_else(|| Error::new("no_quotient", "division by zero").data(json!({ "of": a })))
}

#[on("both")]
async fn both(args: Args) -> Args {
    args
}

#[on("shout")]
async fn shout(ctx: Context, args: Args) -> Result<()> {
    ctx.broadcast("heard", args)
}

#[on("doubled")]
async fn doubled(ctx: Context, number: i64) -> Result<i64> {
    let answer: i64 = ctx.socket().emit_with_ack("double", number).await?;
    Ok(answer)
}

#[on("who")]
async fn who(handshake: Handshake) -> Value {
    let header = |name| {
        handshake
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    json!({
        "room": handshake.query("room"),
        "cookie": header("cookie"),
        "host": header("host"),
        "address": handshake.address(),
        "just issued": handshake.issued().elapsed().is_ok_and(|age| age.as_secs() < 60),
    })
}

#[on("which")]
async fn which(room: Params<String>) -> String {
    room.0
}

fn app() -> Io {
    Io::new()
        .handlers(handlers![add, divide, both, shout, doubled, who, came])
        .namespace(
            "/room/{id}",
            Namespace::new().handlers(handlers![which, shout]),
        )
}

#[tokio::test]
async fn a_client_asks_emits_and_expects_over_both_transports() -> Result<()> {
    let server = TestServer::new(app()).await?;
    for connect in both_ways(|| server.connect("/")) {
        let mut ann = connect.await?;
        let mut ben = server.connect("/").polling().await?;
        assert_eq!(ann.ask::<i64>("add", args![2, 3]).await?, 5);
        ann.emit("shout", "hi").await?;
        assert_eq!(ben.expect("heard").await?.get::<String>(0)?, "hi");
        ben.expect_nothing().await;
        ann.expect_nothing().await;
        assert!(server.handle().socket(ann.id()).is_some());
    }
    Ok(())
}

#[tokio::test]
async fn an_error_answer_is_an_error_with_its_code_message_and_data() -> Result<()> {
    let server = TestServer::new(app()).await?;
    let mut ann = server.connect("/").await?;
    let error = ann.ask::<i64>("divide", args![1, 0]).await.unwrap_err();
    assert_eq!(error.code(), "no_quotient");
    assert_eq!(error.message(), "division by zero");
    assert_eq!(error.read_data::<Value>()?, Some(json!({ "of": 1 })));
    let error = ann.ask::<()>("nothing", ()).await.unwrap_err();
    assert_eq!(error.code(), Error::NO_HANDLER);
    let misfit = ann.ask::<String>("add", args![1, 1]).await.unwrap_err();
    assert!(misfit.is_bad_request(), "{misfit:?}");
    assert!(misfit.message().contains("add 2"), "{misfit:?}");
    Ok(())
}

#[tokio::test]
async fn an_answer_of_several_arguments_is_read_by_position() -> Result<()> {
    let server = TestServer::new(app()).await?;
    let mut ann = server.connect("/").await?;
    let answer = ann.ask_for_all("both", args!["a", 7]).await?;
    assert_eq!(answer.len(), 2);
    assert_eq!(
        (answer.get::<String>(0)?, answer.get::<u8>(1)?),
        ("a".to_owned(), 7)
    );
    assert_eq!(answer.get::<Option<u8>>(2)?, None);
    assert_eq!(answer.to_string(), r#"both "a",7"#);
    Ok(())
}

#[tokio::test]
async fn a_client_answers_what_the_server_asks_while_its_own_question_is_under_way() -> Result<()> {
    let server = TestServer::new(app()).await?;
    for connect in both_ways(|| server.connect("/")) {
        let mut ann = connect.await?;
        let asked = ann.ask::<i64>("doubled", 21);
        let question = ann.expect("double").await?;
        assert!(question.wants_reply());
        let number = question.get::<i64>(0)?;
        question.reply(number * 2).await?;
        assert_eq!(asked.await?, 42);
    }
    Ok(())
}

#[tokio::test]
async fn an_event_that_asks_for_nothing_can_not_be_answered() -> Result<()> {
    let server = TestServer::new(app()).await?;
    let mut ann = server.connect("/").await?;
    server.handle().broadcast("news", ())?;
    let news = ann.expect("news").await?;
    assert!(news.is_empty() && !news.wants_reply());
    let error = news.reply(1).await.unwrap_err();
    assert_eq!(error.code(), "not_asked");
    Ok(())
}

#[tokio::test]
async fn binary_travels_in_both_directions_at_any_depth() -> Result<()> {
    let server = TestServer::new(app()).await?;
    for connect in both_ways(|| server.connect("/")) {
        let mut ann = connect.await?;
        let mut ben = server.connect("/").polling().await?;
        let photo = |name: &str| Photo {
            name: name.to_owned(),
            pixels: Bytes::from(vec![0, 1, 255]),
        };
        ann.emit("shout", args![photo("a"), [photo("b")]]).await?;
        let heard = ben.expect("heard").await?;
        assert_eq!(heard.get::<Photo>(0)?, photo("a"));
        assert_eq!(heard.get::<Vec<Photo>>(1)?, [photo("b")]);
        let back = ann.ask_for_all("both", photo("c")).await?;
        assert_eq!(back.get::<Photo>(0)?, photo("c"));
    }
    Ok(())
}

#[tokio::test]
async fn a_client_has_several_namespaces_on_one_connection() -> Result<()> {
    let server = TestServer::new(app()).await?;
    for connect in both_ways(|| server.connect("/")) {
        let mut ann = connect.await?;
        let mut room = ann.connect("/room/7").await?;
        let mut ben = server.connect("/room/7").await?;
        let mut other = server.connect("/room/8").await?;
        assert_eq!(room.ask::<String>("which", ()).await?, "7");
        room.emit("shout", 1).await?;
        assert_eq!(ben.expect("heard").await?.get::<u8>(0)?, 1);
        for client in [&mut ann, &mut room, &mut other] {
            client.expect_nothing().await;
        }
        let twice = ann.connect("/room/7").await.unwrap_err();
        assert_eq!(twice.code(), "connected");
    }
    Ok(())
}

#[tokio::test]
async fn a_refused_client_gets_message_code_and_data() -> Result<()> {
    let full = |_: Context, _: Next| async {
        Err::<Reply, _>(
            Error::new("full", "come back later").data(json!({ "code": "full", "in": 5 })),
        )
    };
    let members = Namespace::new().wrap(has_token).handlers(handlers![came]);
    let io = Io::new()
        .namespace("/full", Namespace::new().wrap(full))
        .namespace("/members", members);
    let server = TestServer::new(io).await?;
    for connect in both_ways(|| server.connect("/full")) {
        let refused = connect.await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message()),
            ("full", "come back later")
        );
        assert_eq!(
            refused.read_data::<Value>()?,
            Some(json!({ "code": "full", "in": 5 }))
        );
    }
    let refused = server
        .connect("/members")
        .auth(json!({ "token": "x" }))
        .await;
    assert_eq!(refused.unwrap_err().message(), "no such token");
    server
        .connect("/members")
        .auth(json!({ "token": "t" }))
        .await?;
    let refused = server.connect("/nowhere").await.unwrap_err();
    assert_eq!(refused.message(), "Invalid namespace");
    Ok(())
}

#[tokio::test]
async fn query_headers_and_address_are_in_the_handshake() -> Result<()> {
    let server = TestServer::new(app()).await?;
    let address: SocketAddr = "203.0.113.7:5000".parse()?;
    let with_all = || {
        let connect = server
            .connect("/")
            .query("room", "a&b c")
            .header("cookie", "id=7");
        connect.address(address)
    };
    for connect in both_ways(with_all) {
        let mut ann = connect.await?;
        let told: Value = ann.ask("who", ()).await?;
        assert_eq!(
            told,
            json!({ "room": "a&b c", "cookie": "id=7", "host": "koio.test", "address": "203.0.113.7:5000", "just issued": true })
        );
    }
    let wrong = server
        .connect("/")
        .header("bad name", "x")
        .await
        .unwrap_err();
    assert!(wrong.message().contains("bad name"), "{wrong:?}");
    Ok(())
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused_with_the_status() -> Result<()> {
    let server = TestServer::new(app()).await?;
    for connect in both_ways(|| server.connect("/").header("origin", "https://evil.example")) {
        let refused = connect.await.unwrap_err();
        assert_eq!(refused.code(), "refused");
        assert!(refused.message().contains("40"), "{refused:?}");
    }
    server
        .connect("/")
        .header("origin", "http://koio.test")
        .await?;
    Ok(())
}

#[tokio::test]
async fn an_upgrade_keeps_the_order_and_the_socket() -> Result<()> {
    let server = TestServer::new(app()).await?;
    let mut ann = server.connect("/").polling().await?;
    let mut ben = server.connect("/").await?;
    let handle = server.handle();
    let emitted = (0..50).try_for_each(|number| handle.broadcast("count", number));
    emitted?;
    assert_eq!(ann.transport().to_string(), "polling");
    ann.upgrade().await?;
    assert_eq!(ann.transport().to_string(), "websocket");
    (50..100).try_for_each(|number| handle.broadcast("count", number))?;
    for expected in 0..100 {
        let counted = ann.expect_any().await?;
        assert_eq!(
            (counted.name(), counted.get::<u32>(0)?),
            ("count", expected)
        );
    }
    ann.emit("shout", "up").await?;
    ben.expect("heard").await?;
    let again = ann.upgrade().await.unwrap_err();
    assert_eq!(again.code(), "upgraded");
    Ok(())
}

#[tokio::test]
async fn what_is_emitted_behind_an_upgrade_comes_behind_what_was_emitted_before() -> Result<()> {
    let server = TestServer::new(app()).await?;
    let mut ann = server.connect("/").polling().await?;
    let mut ben = server.connect("/").await?;
    let first = (0..20).map(|n| ann.emit("shout", n)).collect::<Vec<_>>();
    ann.upgrade().await?;
    let then = (20..40).map(|n| ann.emit("shout", n)).collect::<Vec<_>>();
    for sent in first.into_iter().chain(then) {
        sent.await?;
    }
    for expected in 0..40 {
        assert_eq!(ben.expect_any().await?.get::<u32>(0)?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn rooms_and_sockets_are_looked_at_by_the_handle() -> Result<()> {
    let server = TestServer::new(app()).await?;
    let ann = server
        .connect("/members")
        .auth(json!({ "token": "t" }))
        .await?;
    let members = server.handle().of("/members");
    // The connection handler has run: it joined.
    assert_eq!(members.to("members").sockets().len(), 1);
    assert!(members.socket(ann.id()).is_some());
    Ok(())
}
