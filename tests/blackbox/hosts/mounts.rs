//! Where in axum's router koio is asked, and by which path. The guide has this as a table.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::http::StatusCode;
use axum::routing::get;
use koio_tests::client::BOTH;
use koio_tests::{Client, Polling, Target, http, within};
use tower::ServiceBuilder;
use tower::timeout::TimeoutLayer;

use super::{axum_target, koio};
use crate::logs::Heard;

fn io() -> koio::Io {
    koio(&Arc::default())
}

/// Clients connect at this path, over both transports.
async fn assert_reached(how: &str, app: Router, path: &'static str) {
    let target = axum_target(app).await;
    let target = Target { path, ..target };
    for (number, transport) in BOTH.into_iter().enumerate() {
        let answer = http::get(target.addr, &target.polling()).await;
        assert_eq!(answer.status, 200, "{how}");
        let mut client = Client::connect(target, transport).await;
        client.send(r#"421["hit"]"#).await;
        client.expect(&format!("431[{}]", number + 1)).await;
    }
}

async fn status(app: Router, path: &'static str) -> u16 {
    let target = axum_target(app).await;
    let target = Target { path, ..target };
    http::get(target.addr, &target.polling()).await.status
}

#[tokio::test]
async fn koio_is_reached_wherever_its_path_arrives() {
    let page = || Router::new().route("/page", get(|| async { "page" }));
    for (how, app, path) in [
        ("layer", page().layer(io().into_layer()), "/socket.io/"),
        (
            "fallback_service",
            page().fallback_service(io().into_service()),
            "/socket.io/",
        ),
        (
            "merge",
            page().merge(Router::new().layer(io().into_layer())),
            "/socket.io/",
        ),
        (
            "route_service",
            page().route_service("/socket.io/", io().into_service()),
            "/socket.io/",
        ),
        (
            "nest with a fallback_service",
            page().nest("/api", Router::new().fallback_service(io().into_service())),
            "/api/socket.io/",
        ),
        (
            "nest_service above the path",
            page().nest_service("/api", io().into_service()),
            "/api/socket.io/",
        ),
        (
            "layer with the whole path",
            page().layer(io().path("/api/socket.io").into_layer()),
            "/api/socket.io/",
        ),
        (
            "nest_service at the path",
            page().nest_service("/socket.io", io().path("/").into_service()),
            "/socket.io/",
        ),
    ] {
        assert_reached(how, app, path).await;
    }
}

#[tokio::test]
async fn a_layer_within_nest_is_never_asked() {
    let inner = Router::new().route("/page", get(|| async { "page" }));
    let app = Router::new().nest("/api", inner.layer(io().into_layer()));
    assert_eq!(status(app, "/api/socket.io/").await, 404);
}

#[tokio::test]
async fn a_client_that_asks_for_another_path_is_named_in_the_log_with_both_paths() {
    let layer = |io: koio::Io| Router::new().layer(io.into_layer());
    // There the prefix is cut off, and with it koio's path.
    let nested = Router::new().nest_service("/socket.io", io().into_service());
    for (app, path, seen, expected) in [
        (nested, "/socket.io/", "/", "/socket.io"),
        (layer(io()), "/socket.oi/", "/socket.oi/", "/socket.io"),
        (
            layer(io().path("/chat/")),
            "/socket.io/",
            "/socket.io/",
            "/chat",
        ),
    ] {
        let heard = Heard::default();
        let _listening = heard.listen();
        assert_eq!(status(app, path).await, 404);
        let line = heard.says("another path");
        let (_, line) = line.unwrap_or_else(|| panic!("{:?}", heard.lines()));
        let both = format!("path={seen:?} expected={expected:?}");
        assert!(line.contains(&both), "{line}");
    }
    // What is no client of Engine.IO is not koio's business.
    let target = axum_target(layer(io())).await;
    let heard = Heard::default();
    let _listening = heard.listen();
    http::get(target.addr, "/favicon.ico?x=EIO").await;
    assert_eq!(heard.says("another path"), None);
}

#[tokio::test]
async fn the_path_that_takes_everything_is_warned_of_where_something_else_is_to_be_served() {
    let io = |path: &str| io().path(path);
    for (starts, expected) in [
        (
            Box::new(|| drop(io("/").into_layer())) as Box<dyn Fn()>,
            true,
        ),
        (Box::new(|| drop(io("/").into_service())), false),
        (Box::new(|| drop(io("/socket.io/").into_layer())), false),
    ] {
        let heard = Heard::default();
        let _listening = heard.listen();
        starts();
        assert_eq!(heard.says("takes every request").is_some(), expected);
    }
    let heard = Heard::default();
    let _listening = heard.listen();
    let _server = io("/").bind("127.0.0.1:0").await;
    assert!(heard.says("takes every request").is_some());
}

/// A layer that gives each request this long.
fn impatient(io: koio::Io, time: Duration) -> Router {
    let timeout = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(|_| async {
            StatusCode::REQUEST_TIMEOUT
        }))
        .layer(TimeoutLayer::new(time));
    Router::new().layer(io.into_layer()).layer(timeout)
}

#[tokio::test]
async fn a_timeout_layer_that_is_shorter_than_a_poll_ends_sessions_over_polling() {
    let app = impatient(io(), Duration::from_millis(200));
    let target = axum_target(app).await;
    let session = Polling::connect(target).await;
    let answer = within("an answer", http::get(target.addr, &session.path())).await;
    assert_eq!(answer.status, 408);
    session.assert_gone().await;
    // A WebSocket is answered at once.
    let mut client = Client::connect(target, koio_tests::Transport::WebSocket).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    client.send(r#"421["hit"]"#).await;
    client.expect("431[1]").await;
}

#[tokio::test]
async fn a_timeout_layer_that_is_longer_than_the_time_between_two_pings_ends_nothing() {
    let io = io().ping_interval(Duration::from_millis(200));
    let target = axum_target(impatient(io, Duration::from_secs(5))).await;
    let mut session = Polling::connect(target).await;
    for _ in 0..3 {
        let answer = within("a ping", http::get(target.addr, &session.path())).await;
        assert_eq!((answer.status, answer.text()), (200, "2"));
        session.send("3").await;
    }
}
