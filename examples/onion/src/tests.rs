//! The server that `main` serves, without a network: `cargo test -p onion`.

use std::time::Duration;

use koio::testing::TestServer;
use koio::{Result, args};
use serde_json::json;

use super::app;

async fn server() -> Result<TestServer> {
    TestServer::new(app(Duration::from_secs(1))).await
}

#[tokio::test]
async fn three_greetings_in_a_second_are_enough() -> Result<()> {
    let server = server().await?;
    let mut ann = server.connect("/").await?;
    for _ in 0..3 {
        assert_eq!(ann.ask::<String>("greet", ()).await?, "hello");
    }
    let caught: String = ann.ask("greet", ()).await?;
    assert_eq!(caught, "sorry: 3 in a second are enough");
    server.advance(Duration::from_secs(1)).await;
    assert_eq!(ann.ask::<String>("greet", ()).await?, "hello");
    Ok(())
}

#[tokio::test]
async fn an_error_of_the_program_has_a_code_and_any_other_is_hidden() -> Result<()> {
    let server = server().await?;
    let mut ann = server.connect("/").await?;
    assert_eq!(ann.ask::<i32>("divide", args![6, 3]).await?, 2);
    let error = ann.ask::<i32>("divide", args![6, 0]).await.unwrap_err();
    assert_eq!(error.code(), "no_quotient");
    let hidden = ann.ask::<u32>("number", "six").await.unwrap_err();
    assert_eq!(
        (hidden.code(), hidden.message()),
        ("internal", "internal error")
    );
    Ok(())
}

#[tokio::test]
async fn an_event_may_take_a_second() -> Result<()> {
    let server = server().await?;
    let mut ann = server.connect("/").await?;
    ann.ask::<()>("sleep", 999).await?;
    let error = ann.ask::<()>("sleep", 60_000).await.unwrap_err();
    assert_eq!(error.code(), "timeout");
    Ok(())
}

#[tokio::test]
async fn the_admins_have_a_key() -> Result<()> {
    let server = server().await?;
    let ann = server.connect("/").await?;
    let refused = ann.connect("/admin").await.unwrap_err();
    assert_eq!(refused.message(), "the key does not fit");
    let mut admin = ann
        .connect("/admin")
        .auth(json!({ "key": "sesame" }))
        .await?;
    assert_eq!(admin.ask::<usize>("count", ()).await?, 1);
    Ok(())
}
