//! The server that `main` serves, with its login, without a network: `cargo test -p desk`.

use std::time::Duration;

use axum::http::{Request, StatusCode};
use koio::testing::{TestClient, TestServer};
use koio::{Bytes, Result, args};
use serde_json::{Value, json};

use crate::{app, desk::MAX_FILE};

async fn start() -> Result<TestServer> {
    let (handle, router) = app("/support");
    TestServer::of_service(handle, router).await
}

/// Sends the form of the page; the cookie, if the password was right.
async fn login(server: &TestServer, name: &str, password: &str) -> Result<Option<String>> {
    let form = format!("name={name}&password={password}");
    let request = Request::post("/support/login")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)?;
    let answer = server.request(request).await?;
    let Some(cookie) = answer.headers().get("set-cookie") else {
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        return Ok(None);
    };
    let cookie = cookie.to_str()?.split(';').next();
    Ok(cookie.map(str::to_owned))
}

/// Where clients find koio.
const PATH: &str = "/support/socket.io";

/// A tab of somebody who has logged in, welcomed.
async fn tab(server: &TestServer, name: &str) -> Result<TestClient> {
    let (password, namespace) = match name {
        "ann" | "ben" => ("tea", "/"),
        _ => ("staff", "/agents"),
    };
    let cookie = login(server, name, password).await?.expect("a cookie");
    let mut client = server
        .connect(namespace)
        .path(PATH)
        .header("cookie", &cookie)
        .await?;
    client.expect("welcome").await?;
    Ok(client)
}

#[tokio::test]
async fn a_ticket_is_opened_seen_and_talked_about() -> Result<()> {
    let server = start().await?;
    let (mut ann, mut eve) = (tab(&server, "ann").await?, tab(&server, "eve").await?);
    let ticket: Value = ann.ask("open", " the tea is cold ").await?;
    assert_eq!(ticket["subject"], "the tea is cold");
    assert_eq!(eve.expect("opened").await?.get::<Value>(0)?, ticket);

    ann.ask::<()>("say", args![1, "hello?"]).await?;
    let history: Vec<Value> = eve.ask("join", 1).await?;
    assert_eq!(history[0]["text"], "hello?");

    eve.ask::<()>("typing", 1).await?;
    let typing = ann.expect("typing").await?;
    assert_eq!((typing.get(0)?, typing.get(1)?), (1, "eve".to_owned()));
    eve.ask::<()>("say", args![1, "warm it"]).await?;
    for expected in ["hello?", "warm it"] {
        assert_eq!(ann.expect("said").await?.get::<Value>(0)?["text"], expected);
    }

    eve.ask::<()>("close", 1).await?;
    assert_eq!(ann.expect("closed").await?.get::<u32>(0)?, 1);
    let late = ann.ask::<()>("say", args![1, "thanks"]).await.unwrap_err();
    assert_eq!(late.code(), "ticket_closed");
    Ok(())
}

#[tokio::test]
async fn who_may_not_come_is_refused_with_a_code() -> Result<()> {
    let server = start().await?;
    let refused = server.connect("/").path(PATH).await.unwrap_err();
    assert_eq!(refused.code(), "unauthorized");
    assert_eq!(login(&server, "ann", "coffee").await?, None);

    let cookie = login(&server, "ann", "tea").await?.expect("a cookie");
    let agents = server
        .connect("/agents")
        .path(PATH)
        .header("cookie", &cookie);
    let refused = agents.await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        ("forbidden", "this is for the staff")
    );
    Ok(())
}

#[tokio::test]
async fn a_ticket_is_for_its_customer_and_the_staff() -> Result<()> {
    let server = start().await?;
    let (mut ann, mut ben) = (tab(&server, "ann").await?, tab(&server, "ben").await?);
    ann.ask::<Value>("open", "mine").await?;
    assert_eq!(ben.ask::<Value>("tickets", ()).await?, json!([]));
    let code = |answer: Result<()>| answer.unwrap_err().code().to_owned();
    assert_eq!(code(ben.ask("join", 1).await), "not_yours");
    assert_eq!(code(ben.ask("join", 2).await), "no_ticket");
    let say = args![1, "hi"];
    assert_eq!(code(ben.ask("say", say).await), "not_joined");
    assert_eq!(code(ben.ask("typing", 1).await), "not_joined");
    assert_eq!(code(ben.ask("close", 1).await), "no_handler");
    assert_eq!(code(ben.ask("join", "one").await), "bad_request");
    ann.expect_nothing().await;
    Ok(())
}

#[tokio::test]
async fn a_file_goes_to_whoever_asks_and_has_a_limit() -> Result<()> {
    let server = start().await?;
    let (mut ann, mut ben) = (tab(&server, "ann").await?, tab(&server, "ben").await?);
    let mut eve = tab(&server, "eve").await?;
    ann.ask::<Value>("open", "a picture").await?;
    eve.ask::<Value>("join", 1).await?;
    let bytes = |size| Bytes::from(vec![7; size]);

    let largest = args![1, "a.png", bytes(MAX_FILE)];
    let file: Value = ann.ask("upload", largest).await?;
    assert_eq!(file, json!({ "id": 1, "name": "a.png", "size": MAX_FILE }));
    assert_eq!(eve.expect("said").await?.get::<Value>(0)?["file"], file);
    assert_eq!(eve.ask::<Bytes>("file", 1).await?, bytes(MAX_FILE));
    let error = ben.ask::<Bytes>("file", 1).await.unwrap_err();
    assert_eq!(error.code(), "not_yours");

    let larger = args![1, "b.png", bytes(MAX_FILE + 1)];
    let error = ann.ask::<Value>("upload", larger).await.unwrap_err();
    assert_eq!(error.code(), "too_large");
    assert_eq!(error.read_data()?, Some([MAX_FILE, MAX_FILE + 1]));
    Ok(())
}

#[tokio::test]
async fn a_user_is_online_from_the_first_tab_to_the_last() -> Result<()> {
    let server = start().await?;
    let mut eve = tab(&server, "eve").await?;
    eve.expect("presence").await?; // her own
    let mut first = tab(&server, "ann").await?;
    let came: Value = eve.expect("presence").await?.get(0)?;
    assert_eq!(
        came,
        json!({ "name": "ann", "role": "customer", "online": true })
    );
    let mut second = tab(&server, "ann").await?;
    first.close().await;
    eve.expect_nothing().await;
    assert_eq!(eve.ask::<Value>("online", ()).await?, json!(["ann", "eve"]));
    assert_eq!(second.ask::<Value>("online", ()).await?, json!(["eve"]));
    second.lose().await; // its program was killed, or its line cut
    let went: Value = eve.expect("presence").await?.get(0)?;
    assert_eq!(went["online"], false);
    Ok(())
}

#[tokio::test]
async fn who_is_too_fast_is_told_and_may_go_on_a_second_later() -> Result<()> {
    let server = start().await?;
    let mut ann = tab(&server, "ann").await?;
    for _ in 0..20 {
        ann.ask::<Value>("tickets", ()).await?;
    }
    let error = ann.ask::<Value>("tickets", ()).await.unwrap_err();
    assert_eq!(error.code(), "too_fast");
    server.advance(Duration::from_secs(1)).await;
    ann.ask::<Value>("tickets", ()).await?;
    Ok(())
}

#[tokio::test]
async fn a_logout_disconnects_every_tab() -> Result<()> {
    let server = start().await?;
    let cookie = login(&server, "eve", "staff").await?.expect("a cookie");
    let agents = || {
        server
            .connect("/agents")
            .path(PATH)
            .header("cookie", &cookie)
    };
    let (mut first, mut second) = (agents().await?, agents().await?);
    let request = Request::post("/support/logout").header("cookie", &cookie);
    server.request(request.body("")?).await?;
    for tab in [&mut first, &mut second] {
        let how = tab.expect_disconnect().await?;
        assert_eq!(how.to_string(), "io server disconnect");
    }
    assert_eq!(agents().await.unwrap_err().code(), "unauthorized");
    Ok(())
}
