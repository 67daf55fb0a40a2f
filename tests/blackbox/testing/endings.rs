//! How clients go, and what the server hears of it.

use std::time::Duration;

use koio::testing::TestServer;
use koio::{CloseReason, Context, Io, Result, State, handlers, on};

use super::both_ways;
use crate::record::Record;

#[on("disconnect")]
async fn left(ctx: Context, reason: CloseReason, record: State<Record>) {
    record.push(format!("{} {reason}", ctx.namespace()));
}

#[on("disconnect", ns = "/chat")]
async fn left_chat(ctx: Context, reason: CloseReason, record: State<Record>) {
    record.push(format!("{} {reason}", ctx.namespace()));
}

#[on("kick")]
async fn kick(ctx: Context) {
    ctx.socket().disconnect();
}

async fn app() -> Result<(TestServer, Record)> {
    let record = Record::default();
    let io = Io::new()
        .state(record.clone())
        .handlers(handlers![left, left_chat, kick]);
    Ok((TestServer::new(io).await?, record))
}

#[tokio::test]
async fn a_client_leaves_its_namespace_and_the_connection_stays() -> Result<()> {
    let (server, record) = app().await?;
    for connect in both_ways(|| server.connect("/")) {
        let mut ann = connect.await?;
        let mut chat = ann.connect("/chat").await?;
        ann.disconnect().await?;
        assert_eq!(record.take(), ["/ client namespace disconnect"]);
        assert!(!ann.is_connected() && chat.is_connected());
        assert!(ann.emit("kick", ()).await.unwrap_err().is_disconnected());
        chat.expect_nothing().await;
        ann.expect_nothing().await;
        let mut again = ann.connect("/").await?;
        again.emit("kick", ()).await?;
        assert_eq!(
            again.expect_disconnect().await?.reason(),
            "io server disconnect"
        );
        assert_eq!(record.take(), ["/ server namespace disconnect"]);
        chat.close().await;
        record.take();
    }
    Ok(())
}

#[tokio::test]
async fn a_closed_connection_takes_all_its_clients_with_it() -> Result<()> {
    let (server, record) = app().await?;
    for connect in both_ways(|| server.connect("/")) {
        let mut ann = connect.await?;
        let mut chat = ann.connect("/chat").await?;
        ann.close().await;
        let mut heard = record.take();
        heard.sort();
        assert_eq!(heard, ["/ transport close", "/chat transport close"]);
        chat.expect_disconnect().await?;
        assert!(chat.emit("x", ()).await.unwrap_err().is_disconnected());
    }
    Ok(())
}

#[tokio::test]
async fn a_lost_connection_is_heard_of_without_a_word() -> Result<()> {
    let (server, record) = app().await?;
    let mut ann = server.connect("/").await?;
    ann.lose().await;
    assert_eq!(record.take().len(), 1);
    // A client that polls is gone when it polls no more.
    let mut ben = server.connect("/").polling().await?;
    ben.lose().await;
    server.advance(Duration::from_secs(45)).await;
    assert_eq!(record.take().len(), 1);
    drop(server.connect("/").await?);
    server.settle().await;
    assert_eq!(record.take().len(), 1, "a dropped client is a lost one");
    Ok(())
}

#[tokio::test]
async fn a_frozen_client_is_given_up_by_the_heartbeat_and_not_before() -> Result<()> {
    let (server, record) = app().await?;
    for connect in both_ways(|| server.connect("/")) {
        let mut ann = connect.await?;
        ann.freeze();
        server.advance(Duration::from_secs(44)).await;
        assert_eq!(record.take().len(), 0);
        server.advance(Duration::from_secs(2)).await;
        assert_eq!(record.take(), ["/ ping timeout"]);
        ann.thaw();
        ann.expect_disconnect().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_frozen_client_that_thaws_in_time_gets_what_was_sent() -> Result<()> {
    let (server, record) = app().await?;
    for connect in both_ways(|| server.connect("/")) {
        let mut ann = connect.await?;
        ann.freeze();
        server.advance(Duration::from_secs(30)).await;
        server.handle().broadcast("news", 1)?;
        ann.expect_nothing().await;
        ann.thaw();
        ann.expect("news").await?;
        server.advance(Duration::from_secs(300)).await;
        assert!(ann.is_connected() && record.take().is_empty());
        ann.close().await;
        record.take();
    }
    Ok(())
}

#[tokio::test]
async fn a_question_ends_with_its_client() -> Result<()> {
    let io = Io::new().on("hang", |_: Context| std::future::pending::<Result<()>>());
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    let asked = ann.ask::<()>("hang", ());
    server.handle().disconnect_sockets()?;
    let error = asked.await.unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    assert!(
        error.message().contains("io server disconnect"),
        "{error:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_shutdown_drains_the_handlers_and_tells_the_clients() -> Result<()> {
    let io = Io::new().on("slow", |_: Context| async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok("done")
    });
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    let mut ben = server.connect("/").polling().await?;
    let asked = ann.ask::<String>("slow", ());
    server.settle().await;
    let drained = server.shutdown(Duration::from_secs(10)).await;
    assert_eq!(asked.await?, "done");
    assert_eq!(drained.cut, 0);
    for client in [&mut ann, &mut ben] {
        client.expect_disconnect().await?;
    }
    assert!(server.connect("/").await.is_err());
    Ok(())
}
