//! What the server around koio, and the proxies in front of it, tell of a request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::map_request;
use koio::{Context, Io, handlers, on};
use koio_tests::polling::Open;
use koio_tests::{Client, Target, Transport, client::BOTH, http, serve};
use tracing::Level;

use super::{a_port, axum_target, koio};
use crate::logs::Heard;

/// With it a request is not plain, and hyper serves it.
const LONG_WAY: (&str, &str) = ("Access-Control-Request-Method", "POST");

/// A handshake with these headers, and the answer to an event of its session.
async fn answer(target: Target, headers: &[(&str, &str)], event: &str) -> String {
    let opened = http::request(target.addr, "GET", &target.polling(), headers).await;
    assert_eq!(opened.status, 200, "{headers:?}");
    let path = target.polling_of(&Open::read(opened.text()).sid);
    for packet in ["40", event] {
        let taken = http::post(target.addr, &path, packet).await;
        assert_eq!(taken.text(), "ok");
        let polled = http::get(target.addr, &path).await;
        if packet == event {
            return polled.text().to_owned();
        }
    }
    unreachable!("the event was answered")
}

fn told(io: impl FnOnce(Io) -> Io) -> Io {
    io(koio(&Arc::default()))
}

/// axum, with what it knows of connections.
async fn axum_with_connect_info(io: Io) -> Target {
    let app = Router::new().layer(io.into_layer());
    let (listener, target) = a_port().await;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    target
}

fn connect_info(parts: &hyper::http::request::Parts) -> Option<SocketAddr> {
    let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    info.map(|info| info.0)
}

#[tokio::test]
async fn in_axum_the_address_comes_from_where_the_program_says() {
    let target = axum_with_connect_info(told(|io| io.peer_address(connect_info))).await;
    for transport in BOTH {
        let mut client = Client::connect(target, transport).await;
        client.send(r#"421["address"]"#).await;
        client.expect(r#"431["127.0.0.1"]"#).await;
    }
}

#[tokio::test]
async fn a_trusted_proxy_tells_the_clients_address_on_every_way() {
    let trusting = |io: Io| io.trust_proxies(["127.0.0.0/8", "10.0.0.0/8"]);
    let own = serve(told(trusting)).await;
    let axum = axum_with_connect_info(told(|io| trusting(io).peer_address(connect_info))).await;
    for (header, value, expected) in [
        ("X-Forwarded-For", "192.0.2.1, 10.0.0.7", "192.0.2.1"),
        ("X-Forwarded-For", "127.0.0.1, 192.0.2.1:4711", "192.0.2.1"),
        ("X-Forwarded-For", "::ffff:192.0.2.1", "192.0.2.1"),
        ("Forwarded", r#"for="[2001:db8::1]:4711""#, "2001:db8::1"),
        ("X-Forwarded-For", "no address", "127.0.0.1"),
        ("Forwarded", "for=_secret", "127.0.0.1"),
        ("X-Other", "192.0.2.1", "127.0.0.1"),
    ] {
        let expected = format!(r#"431["{expected}"]"#);
        let told = (header, value);
        for target in [own.target(), axum] {
            for headers in [&[told][..], &[told, LONG_WAY][..]] {
                let answer = answer(target, headers, r#"421["address"]"#).await;
                assert_eq!(answer, expected, "{headers:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_peer_that_is_no_trusted_proxy_tells_nothing() {
    let told = [
        ("X-Forwarded-For", "192.0.2.1"),
        ("Forwarded", "for=192.0.2.1"),
    ];
    for trusted in [&[][..], &["10.0.0.0/8"], &["unix"]] {
        let server = serve(koio(&Arc::default()).trust_proxies(trusted)).await;
        for told in told {
            for headers in [&[told][..], &[told, LONG_WAY][..]] {
                let answer = answer(server.target(), headers, r#"421["address"]"#).await;
                assert_eq!(answer, r#"431["127.0.0.1"]"#);
            }
        }
    }
    // Inside another server that tells no address, `unix` stands for its connections.
    let app = Router::new().layer(koio(&Arc::default()).trust_proxies(["unix"]).into_layer());
    let target = axum_target(app).await;
    let answer = answer(target, &told[..1], r#"421["address"]"#).await;
    assert_eq!(answer, r#"431["192.0.2.1"]"#);
}

#[tokio::test]
async fn a_page_is_of_the_host_and_scheme_that_a_trusted_proxy_names() {
    let trusting = serve(told(|io| io.trust_proxies(["127.0.0.1"]))).await;
    let plain = serve(told(|io| io)).await;
    let origin = ("Origin", "https://chat.example");
    let host = ("X-Forwarded-Host", "chat.example");
    let forwarded = ("Forwarded", "for=192.0.2.1;host=chat.example;proto=https");
    for (headers, expected) in [
        (&[origin][..], 403),
        (&[origin, host], 200),
        (&[origin, host, ("X-Forwarded-Proto", "https")], 200),
        // As Traefik writes it for a WebSocket.
        (&[origin, host, ("X-Forwarded-Proto", "wss")], 200),
        (&[origin, host, ("X-Forwarded-Proto", "http")], 403),
        (&[origin, ("X-Forwarded-Host", "other.example")], 403),
        (&[origin, forwarded], 200),
    ] {
        for long in [false, true] {
            let mut headers = headers.to_vec();
            headers.extend(long.then_some(LONG_WAY));
            for (server, expected) in [(&trusting, expected), (&plain, 403)] {
                let path = server.target().polling();
                let answer = http::request(server.addr, "GET", &path, &headers).await;
                assert_eq!(answer.status, expected, "{headers:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_limit_of_an_address_is_that_of_the_client_behind_the_proxy() {
    let server = serve(told(|io| {
        io.trust_proxies(["127.0.0.1"]).config(|config| {
            config.engine.max_unconnected_per_address = Some(2);
            config.socket.connect_timeout = Duration::from_secs(60);
        })
    }))
    .await;
    let path = server.target().polling();
    let mut statuses = Vec::new();
    for client in ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"] {
        let headers = [("X-Forwarded-For", client)];
        statuses.push(
            http::request(server.addr, "GET", &path, &headers)
                .await
                .status,
        );
    }
    assert_eq!(statuses, [200, 200, 503, 200]);
}

#[tokio::test]
async fn what_names_no_proxy_is_an_error_at_the_start_with_the_text_and_the_line() {
    for text in ["localhost", "10.0.0.0/33", ""] {
        let io = Io::new().trust_proxies(["127.0.0.1", text]);
        let error = io.bind("127.0.0.1:0").await.expect_err("a mistake");
        assert!(error.is_setup());
        let error = error.to_string();
        assert!(error.contains(&format!("`{text}`")), "{error}");
        assert!(error.contains("told.rs:"), "{error}");
    }
}

#[derive(Clone)]
struct User(&'static str);

/// A login of axum's.
async fn log_in(mut request: Request) -> Request {
    let cookie = request.headers().get("cookie");
    if cookie.is_some_and(|cookie| cookie == "user=ann") {
        request.extensions_mut().insert(User("ann"));
    }
    request
}

#[on("user")]
async fn user(ctx: Context) -> Option<&'static str> {
    ctx.handshake().extension::<User>().map(|user| user.0)
}

#[tokio::test]
async fn what_a_middleware_of_axum_has_found_reaches_the_handlers() {
    let io = || Io::new().handlers(handlers![user]);
    let ann = [("Cookie", "user=ann")];
    for (io, headers, expected) in [
        (io().keep_extension::<User>(), &ann[..], r#"431["ann"]"#),
        (io().keep_extension::<User>(), &[], "431[null]"),
        // Without `keep_extension` none is kept.
        (io(), &ann, "431[null]"),
    ] {
        let app = Router::new().layer(io.into_layer());
        let target = axum_target(app.layer(map_request(log_in))).await;
        assert_eq!(answer(target, headers, r#"421["user"]"#).await, expected);
    }
}

#[tokio::test]
async fn an_extension_that_is_missing_is_named_in_the_log() {
    let heard = Heard::default();
    let _listening = heard.listen();
    let ann = [("Cookie", "user=ann")];
    for (io, missing) in [
        (Io::new().keep_extension::<User>(), false),
        (Io::new(), true),
    ] {
        let app = Router::new().layer(io.handlers(handlers![user]).into_layer());
        let target = axum_target(app.layer(map_request(log_in))).await;
        answer(target, &ann, r#"421["user"]"#).await;
        let said = heard.says("has no extension `blackbox::hosts::told::User`");
        assert_eq!(said.is_some(), missing);
        let names = |(level, line): (Level, String)| {
            level == Level::DEBUG
                && line.contains(".keep_extension::<blackbox::hosts::told::User>()")
        };
        assert_eq!(said.is_some_and(names), missing);
    }
}

/// It is the first request that counts, not the one that brings an event, nor the one that upgrades.
#[tokio::test]
async fn an_extension_is_that_of_the_request_that_opened_the_session() {
    let io = Io::new().handlers(handlers![user]).keep_extension::<User>();
    let found = |mut request: Request| async move {
        let query = request.uri().query().unwrap_or_default();
        let user = if query.contains("transport=websocket") {
            "websocket"
        } else {
            "polling"
        };
        request.extensions_mut().insert(User(user));
        request
    };
    let app = Router::new()
        .layer(io.into_layer())
        .layer(map_request(found));
    let target = axum_target(app).await;
    let mut client = Client::connect(target, Transport::WebSocket).await;
    client.send(r#"421["user"]"#).await;
    client.expect(r#"431["websocket"]"#).await;
    let mut socket = super::upgraded_with(target, r#"429["user"]"#, r#"439["polling"]"#).await;
    socket.send(r#"421["user"]"#).await;
    socket.expect(r#"431["polling"]"#).await;
}
