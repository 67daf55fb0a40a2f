//! The first program of the guide's section on tests, as it is printed there.

use koio::{Context, Io, Next, Reply, Result, args, ensure, handlers, on, testing::TestServer};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

#[derive(Deserialize)]
struct Login {
    token: String,
}

/// Around every namespace: refuses whoever has no token.
async fn members(ctx: Context, next: Next) -> Result<Reply> {
    let login: Login = ctx.handshake().auth()?;
    ensure!(login.token == "t", "token", "no such token");
    next.run().await
}

#[on("divide")]
async fn divide(a: i64, b: i64) -> Result<i64> {
    ensure!(b != 0, "no_quotient", "there is no quotient");
    Ok(a / b)
}

#[on("shout")]
async fn shout(ctx: Context, text: String) -> Result<()> {
    ctx.broadcast("heard", text)
}

fn app() -> Io {
    Io::new().wrap(members).handlers(handlers![divide, shout])
}

#[tokio::test]
async fn a_shout_is_heard_by_the_others() -> Result<()> {
    let server = TestServer::new(app()).await?;
    let mut ann = server.connect("/").auth(json!({ "token": "t" })).await?;
    let mut ben = server
        .connect("/")
        .auth(json!({ "token": "t" }))
        .polling()
        .await?;

    ann.emit("shout", "hi").await?;
    assert_eq!(ben.expect("heard").await?.get::<String>(0)?, "hi");
    ann.expect_nothing().await; // and this is exact

    server.advance(Duration::from_secs(3600)).await; // heartbeats come and are answered
    assert!(ben.is_connected());
    Ok(())
}

#[tokio::test]
async fn errors_are_told_by_their_code() -> Result<()> {
    let server = TestServer::new(app()).await?;
    let refused = server
        .connect("/")
        .auth(json!({ "token": "x" }))
        .await
        .unwrap_err();
    assert_eq!(refused.message(), "no such token");

    let mut ann = server.connect("/").auth(json!({ "token": "t" })).await?;
    assert_eq!(ann.ask::<i64>("divide", args![6, 3]).await?, 2);
    let error = ann.ask::<i64>("divide", args![6, 0]).await.unwrap_err();
    assert_eq!(error.code(), "no_quotient");
    Ok(())
}
