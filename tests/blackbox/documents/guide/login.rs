//! The one with a login in axum.

use axum::{Router, http::Request, response::IntoResponse, routing::post};
use koio::testing::{TestClient, TestServer};
use koio::{Context, Error, Io, IoHandle, Next, Reply, Result};
use serde_json::{Value, json};

async fn login(name: String) -> impl IntoResponse {
    (
        [("set-cookie", format!("name={name}; HttpOnly"))],
        "welcome",
    )
}

async fn known(ctx: Context, next: Next) -> Result<Reply> {
    if ctx.handshake().headers().contains_key("cookie") {
        return next.run().await;
    }
    Err(Error::new("unauthorized", "log in first").data(json!({ "at": "/login" })))
}

fn app() -> (IoHandle, Router) {
    let io = Io::new().wrap(known);
    let handle = io.handle();
    let router = Router::new().route("/login", post(login));
    (handle, router.layer(io.into_layer()))
}

async fn person(server: &TestServer, name: &str) -> Result<TestClient> {
    let request = Request::post("/login").body(name.to_owned())?;
    let answer = server.request(request).await?;
    let cookie = answer.headers()["set-cookie"].to_str()?;
    let (cookie, _) = cookie.split_once(';').unwrap();
    server.connect("/").header("cookie", cookie).await
}

#[tokio::test]
async fn a_login_lets_a_client_in() -> Result<()> {
    let (handle, router) = app();
    let server = TestServer::of_service(handle, router).await?;
    let refused = server.connect("/").await.unwrap_err();
    assert_eq!(refused.code(), "unauthorized");
    let data: Value = refused.read_data()?.unwrap();
    assert_eq!(data, json!({ "at": "/login", "code": "unauthorized" }));
    let ann = person(&server, "ann").await?;
    assert!(ann.is_connected());
    Ok(())
}
