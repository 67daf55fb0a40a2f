//! Servers that are more than koio: an attached service, axum around it, requests and bytes by hand.

use std::convert::Infallible;

use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Router, body::Bytes};
use futures_util::StreamExt;
use hyper::body::Incoming;
use koio::testing::TestServer;
use koio::{Context, Io, Next, Result, ensure};
use tokio_tungstenite::client_async;

use super::both_ways;

/// Lets in clients with the cookie of the login.
fn members() -> Io {
    Io::new().wrap(|ctx: Context, next: Next| async move {
        let cookie = ctx.handshake().headers().get("cookie");
        ensure!(
            cookie.is_some_and(|cookie| cookie == "session=7"),
            "login",
            "log in first"
        );
        next.run().await
    })
}

async fn log_in() -> impl IntoResponse {
    ([("set-cookie", "session=7")], "welcome")
}

#[tokio::test]
async fn a_login_in_axum_gives_the_cookie_that_the_client_connects_with() -> Result<()> {
    let io = members();
    let handle = io.handle();
    let app = Router::new()
        .route("/login", post(log_in))
        .route("/health", get(async || "well"))
        .layer(io.into_layer());
    let server = TestServer::of_service(handle, app).await?;
    let refused = server.connect("/").await.unwrap_err();
    assert_eq!(refused.message(), "log in first");
    let login = Request::post("/login").body("ann")?;
    let welcome = server.request(login).await?;
    let cookie = welcome
        .headers()
        .get("set-cookie")
        .and_then(|cookie| cookie.to_str().ok());
    let with_cookie = || {
        let connect = server.connect("/");
        connect.header("cookie", cookie.unwrap_or_default())
    };
    for connect in both_ways(with_cookie) {
        let mut ann = connect.await?;
        ann.expect_nothing().await;
    }
    let health = server
        .request(Request::get("/health").body(Bytes::new())?)
        .await?;
    assert_eq!(
        (health.status(), &health.body()[..]),
        (StatusCode::OK, &b"well"[..])
    );
    Ok(())
}

#[tokio::test]
async fn an_attached_service_and_a_path_of_its_own_are_served_too() -> Result<()> {
    let page = tower::service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new("the page".to_owned()))
    });
    let server = TestServer::new(Io::new().path("/realtime").attach(page)).await?;
    let page = server.request(Request::get("/").body("")?).await?;
    assert_eq!(&page.body()[..], b"the page");
    let mut ann = server.connect("/").await?;
    ann.expect_nothing().await;
    let lost = server.connect("/").path("/socket.io").await.unwrap_err();
    assert!(lost.message().contains("200"), "{lost:?}");
    Ok(())
}

#[tokio::test]
async fn a_client_that_asks_for_the_wrong_path_is_told_which_and_how_to_ask_for_another()
-> Result<()> {
    let io = Io::new().path("/support/socket.io");
    let handle = io.handle();
    let app = Router::new().layer(io.into_layer());
    let server = TestServer::of_service(handle, app).await?;
    for connect in both_ways(|| server.connect("/")) {
        let lost = connect.await.unwrap_err();
        assert!(lost.message().contains("404 to the "), "{lost}");
        let hint =
            "handshake at `/socket.io/`; a client asks for another path by `.path(\"..\")`: ";
        assert!(lost.message().ends_with(hint), "{lost}");
    }
    for connect in both_ways(|| server.connect("/").path("/support/socket.io")) {
        connect.await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_headers_of_the_handshakes_answer_can_be_looked_at() -> Result<()> {
    let server = TestServer::new(Io::new()).await?;
    let ann = server.connect("/").polling().await?;
    let kind = ann.response_headers().get("content-type");
    assert!(kind.is_some_and(|kind| {
        kind.to_str()
            .is_ok_and(|kind| kind.starts_with("text/plain"))
    }));
    let ben = server.connect("/").await?;
    assert!(ben.response_headers().contains_key("sec-websocket-accept"));
    Ok(())
}

#[tokio::test]
async fn a_client_of_ones_own_speaks_bytes() -> Result<()> {
    let server = TestServer::new(Io::new()).await?;
    let url = "ws://koio.test/socket.io/?EIO=4&transport=websocket";
    let (mut client, _) = client_async(url, server.pipe(1024)).await?;
    let handshake = client.next().await.expect("a handshake")?.into_text()?;
    assert!(handshake.starts_with("0{"), "{handshake}");
    Ok(())
}
