//! The server that `main` serves, without a network, and a minute that costs no time: `cargo test -p auth`.

use std::time::Duration;

use koio::testing::{TestClient, TestServer};
use koio::{Result, args};
use serde_json::{Value, json};

use super::app;

const LIFETIME: Duration = Duration::from_secs(60);

/// Logs in, and connects with the token.
async fn user(server: &TestServer, name: &str, password: &str) -> Result<TestClient> {
    let mut login = server.connect("/login").await?;
    let ticket: Value = login.ask("login", args![name, password]).await?;
    server.connect("/").auth(ticket).await
}

#[tokio::test]
async fn who_has_no_token_is_told_where_to_get_one() -> Result<()> {
    let server = TestServer::new(app(LIFETIME)).await?;
    for auth in [json!({}), json!({ "token": "made up" })] {
        let refused = server.connect("/").auth(auth).await.unwrap_err();
        assert_eq!(refused.message(), "a token is needed");
        let data: Option<Value> = refused.read_data()?;
        assert_eq!(
            data.map(|data| data["login"].clone()),
            Some(json!("/login"))
        );
    }
    let wrong = user(&server, "ann", "guess").await.unwrap_err();
    assert_eq!(wrong.code(), "login");
    Ok(())
}

#[tokio::test]
async fn a_user_is_known_in_every_handler() -> Result<()> {
    let server = TestServer::new(app(LIFETIME)).await?;
    let mut ann = user(&server, "ann", "secret").await?;
    let mut ben = user(&server, "ben", "geheim").await?;
    assert_eq!(
        ann.ask::<Value>("whoami", ()).await?,
        json!({ "name": "ann" })
    );
    ann.emit("say", "hi").await?;
    let said = ben.expect("said").await?;
    assert_eq!(
        (said.get::<String>(0)?, said.get::<String>(1)?),
        ("ann".into(), "hi".into())
    );
    ann.expect_nothing().await;
    Ok(())
}

#[tokio::test]
async fn a_socket_does_not_outlive_its_token_unless_that_is_renewed() -> Result<()> {
    let server = TestServer::new(app(LIFETIME)).await?;
    let mut ann = user(&server, "ann", "secret").await?;
    let mut ben = user(&server, "ben", "geheim").await?;
    server.advance(LIFETIME / 2).await;
    ben.ask::<Value>("renew", ()).await?;
    server.advance(LIFETIME / 2).await;
    assert_eq!(
        ann.expect_disconnect().await?.reason(),
        "io server disconnect"
    );
    ben.expect_nothing().await;
    server.advance(LIFETIME / 2).await;
    ben.expect_disconnect().await?;
    Ok(())
}
