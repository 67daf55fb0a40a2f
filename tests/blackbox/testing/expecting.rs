//! What a test says when something does not come, or comes.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use koio::testing::{TestClient, TestServer};
use koio::{Io, Result, args};

async fn two(io: Io) -> Result<(TestServer, TestClient, TestClient)> {
    let server = TestServer::new(io).await?;
    let (ann, ben) = (server.connect("/").await?, server.connect("/chat").await?);
    Ok((server, ann, ben))
}

fn io() -> Io {
    Io::new().namespace("/chat", koio::Namespace::new())
}

#[tokio::test]
async fn what_came_instead_is_in_the_error_with_the_line_of_the_test() -> Result<()> {
    let (server, mut ann, mut ben) = two(io()).await?;
    server.handle().broadcast("joined", args!["ben", 7])?;
    server
        .handle()
        .of("/chat")
        .broadcast("left", "x".repeat(300))?;
    let line = line!() + 1;
    let missed = ann.expect("heard").await.unwrap_err();
    assert_eq!(missed.code(), "not_received");
    let text = missed.message();
    assert!(
        text.starts_with(&format!("tests/blackbox/testing/expecting.rs:{line}:")),
        "{text}"
    );
    for part in [
        "the client of `/`",
        "expected `heard`",
        "within 10s",
        "\n    joined \"ben\",7",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let missed = ben
        .expect("heard")
        .within(Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(missed.message().ends_with("xxx…"), "{missed:?}");
    // It was kept.
    assert_eq!(ann.expect("joined").await?.get::<u8>(1)?, 7);
    let missed = ann.expect("joined").await.unwrap_err();
    assert!(
        missed.message().ends_with("nothing else has come"),
        "{missed:?}"
    );
    Ok(())
}

#[tokio::test]
async fn events_of_other_names_are_kept_for_later() -> Result<()> {
    let (server, mut ann, _ben) = two(io()).await?;
    for name in ["a", "b", "a"] {
        server.handle().broadcast(name, ())?;
    }
    ann.expect("b").await?;
    ann.expect("a").await?;
    assert_eq!(ann.expect_any().await?.name(), "a");
    ann.expect_nothing().await;
    Ok(())
}

#[tokio::test]
async fn what_does_not_fit_is_said_with_the_line_of_the_test_and_how_many_arguments_came()
-> Result<()> {
    let io = io().on("pair", |_| async { Ok((1, 2)) });
    let (server, mut ann, _ben) = two(io).await?;
    server.handle().broadcast("typing", (7, "eve"))?; // one argument, a list
    let typing = ann.expect("typing").await?;
    let line = line!() + 1;
    let error = typing.get::<String>(1).unwrap_err();
    let expected = format!(
        "tests/blackbox/testing/expecting.rs:{line}:{}: argument 2 of `typing [7,\"eve\"]` does not fit: invalid type: null, \
         expected a string; there is one argument: a list or a tuple is one, `args![..]` are several",
        error.message().split(':').nth(2).unwrap_or_default()
    );
    assert_eq!((error.code(), error.message()), ("bad_request", &*expected));

    server.handle().broadcast("typing", args![7, "eve"])?;
    let typing = ann.expect("typing").await?;
    assert_eq!(typing.get::<String>(1)?, "eve");
    let error = typing.get::<String>(2).unwrap_err();
    assert!(error.message().ends_with("; there are 2 arguments"));
    let error = typing.get::<u8>(1).unwrap_err();
    assert!(error.message().ends_with("\"eve\", expected u8"));

    let line = line!() + 1;
    let error = ann.ask::<bool>("pair", ()).await.unwrap_err();
    let place = format!("expecting.rs:{line}:");
    assert!(error.message().contains(&place), "{error}");
    let what = "argument 1 of `pair [1,2]` does not fit: invalid type: ";
    assert!(error.message().contains(what), "{error}");
    Ok(())
}

/// The message of a panic.
async fn panicked(client: &mut TestClient) -> String {
    let outcome = AssertUnwindSafe(client.expect_nothing())
        .catch_unwind()
        .await;
    let panic = outcome.expect_err("it should have panicked");
    *panic.downcast::<String>().expect("a text")
}

#[tokio::test]
async fn nothing_is_exact_and_says_what_came() -> Result<()> {
    let (server, mut ann, mut ben) = two(io()).await?;
    server.handle().broadcast("news", 1)?;
    ben.expect_nothing().await;
    let text = panicked(&mut ann).await;
    assert!(
        text.contains("expected nothing, and this has come:\n    news 1"),
        "{text}"
    );
    let news: Vec<_> = ann
        .received()
        .await
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(news, ["news 1"]);
    ann.expect_nothing().await;
    Ok(())
}

#[tokio::test]
async fn nothing_waits_for_all_that_is_under_way_in_the_program() -> Result<()> {
    let io = Io::new().on("work", |ctx: koio::Context| async move {
        // Hops between tasks and threads, and no time.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let ctx = tokio::spawn(async move { ctx }).await?;
        let slow = || std::thread::sleep(Duration::from_millis(50));
        tokio::task::spawn_blocking(slow).await?;
        ctx.broadcast("done", ())
    });
    let server = TestServer::new(io).await?;
    let (mut ann, mut ben) = (server.connect("/").await?, server.connect("/").await?);
    let sent = ann.emit("work", ());
    let text = panicked(&mut ben).await;
    assert!(text.ends_with("\n    done"), "{text}");
    sent.await
}

#[tokio::test]
async fn a_disconnect_that_the_test_did_not_expect_is_something() -> Result<()> {
    let (server, mut ann, mut ben) = two(io()).await?;
    server.handle().disconnect_sockets()?;
    let text = panicked(&mut ann).await;
    assert!(
        text.ends_with("the client was disconnected: io server disconnect"),
        "{text}"
    );
    let missed = ann.expect("heard").await.unwrap_err();
    assert!(
        missed
            .message()
            .ends_with("disconnected: io server disconnect"),
        "{missed:?}"
    );
    assert_eq!(
        ann.expect_disconnect().await?.reason(),
        "io server disconnect"
    );
    ann.expect_nothing().await;
    let still = ben.expect_disconnect().await.unwrap_err();
    assert!(
        still.is_timeout() && still.message().contains("still connected"),
        "{still:?}"
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_that_does_not_come_names_the_event_and_the_line() -> Result<()> {
    let io = Io::new().on("hang", |_: koio::Context| {
        std::future::pending::<Result<()>>()
    });
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    let line = line!() + 1;
    let asked = ann.ask::<()>("hang", ()).within(Duration::from_secs(3));
    let late = asked.await.unwrap_err();
    assert!(late.is_timeout());
    let text = late.message();
    assert!(text.contains(&format!("expecting.rs:{line}:")), "{text}");
    assert!(text.contains("has not answered `hang` within 3s"), "{text}");
    Ok(())
}

#[test]
fn without_a_runtime_that_can_stand_still_the_error_says_what_to_write() {
    let new = || TestServer::new(Io::new());
    let error = new().now_or_never().expect("it does not wait").unwrap_err();
    assert!(
        error.is_setup() && error.message().contains("#[tokio::test]"),
        "{error:?}"
    );
    let threads = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let error = threads.expect("a runtime").block_on(new()).unwrap_err();
    assert!(
        error.is_setup() && error.message().contains("multi_thread"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_set_up_that_contradicts_itself_is_an_error_as_in_bind() {
    let io = Io::new().path("nowhere");
    let error = TestServer::new(io).await.unwrap_err();
    assert!(
        error.is_setup() && error.message().contains("nowhere"),
        "{error:?}"
    );
}
