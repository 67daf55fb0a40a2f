//! What a handler sees as the address of its client.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::map_request;
use koio::engine::PeerAddr;
use koio_tests::{Client, Target, Tunnel, client, run, serve};
use tokio::net::{TcpListener, UnixListener};

use super::{Folder, koio};

async fn assert_address(target: Target, expected: &str) {
    for transport in client::BOTH {
        let mut client = Client::connect(target, transport).await;
        client.send(r#"421["address"]"#).await;
        client.expect(&format!("431[{expected}]")).await;
    }
}

/// A listener on `[::]` that also takes IPv4, as on most systems; and its port by IPv4.
async fn both_families() -> Option<(TcpListener, SocketAddr)> {
    // Without IPv6 there is nothing to see.
    let listener = TcpListener::bind("[::]:0").await.ok()?;
    let port = listener.local_addr().expect("an address").port();
    Some((listener, SocketAddr::from(([127, 0, 0, 1], port))))
}

#[tokio::test]
async fn on_a_listener_for_both_families_an_ipv4_client_has_its_ipv4_address() {
    let Some((listener, addr)) = both_families().await else {
        return;
    };
    let (io, _reasons) = koio();
    let page = tower::service_fn(
        |request: hyper::Request<hyper::body::Incoming>| async move {
            let peer = request.extensions().get::<PeerAddr>().expect("an address");
            Ok::<_, std::convert::Infallible>(hyper::Response::new(peer.0.ip().to_string()))
        },
    );
    let server = io.attach(page).serve(listener).expect("a server");
    let _server = run(server, addr);
    assert_address(Target::socket_io(addr), r#""127.0.0.1""#).await;
    let by_six = SocketAddr::new("::1".parse().expect("an address"), addr.port());
    assert_address(Target::socket_io(by_six), r#""::1""#).await;
    // What is attached sees the same.
    let seen = koio_tests::http::get(addr, "/page").await;
    assert_eq!(seen.text(), "127.0.0.1");
}

#[tokio::test]
async fn inside_axum_an_ipv4_client_has_its_ipv4_address() {
    async fn tell(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
        assert!(peer.is_ipv6(), "{peer}: the case of the test");
        request.extensions_mut().insert(PeerAddr(peer));
        request
    }
    let Some((listener, addr)) = both_families().await else {
        return;
    };
    let (io, _reasons) = koio();
    let app = Router::new()
        .layer(io.into_layer())
        .layer(map_request(tell));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let task = tokio::spawn(async move { axum::serve(listener, app).await });
    assert_address(Target::socket_io(addr), r#""127.0.0.1""#).await;
    task.abort();
}

/// What is counted for each address is one for both spellings.
#[tokio::test]
async fn both_spellings_of_an_address_are_counted_as_one() {
    let Some((listener, addr)) = both_families().await else {
        return;
    };
    let (io, _reasons) = koio();
    let io = io.config(|config| {
        config.engine.max_unconnected_per_address = Some(1);
    });
    let server = io.serve(listener).expect("a server");
    let other = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let other_addr = other.local_addr().expect("an address");
    let _server = run(server.and(other).expect("a server"), addr);
    let path = Target::socket_io(addr).polling();
    assert_eq!(koio_tests::http::get(addr, &path).await.status, 200);
    assert_eq!(koio_tests::http::get(other_addr, &path).await.status, 503);
}

#[tokio::test]
async fn a_client_of_a_unix_socket_has_no_address() {
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.socket()).expect("a socket");
    let (io, _reasons) = koio();
    let tunnel = Tunnel::to_unix(folder.socket()).await;
    let _server = run(io.serve(listener).expect("a server"), tunnel.addr);
    assert_address(tunnel.target(), "null").await;
}

#[tokio::test]
async fn a_plain_listener_tells_the_address() {
    let (io, _reasons) = koio();
    let server = serve(io).await;
    assert_address(server.target(), r#""127.0.0.1""#).await;
}
