//! Listeners that the program has bound itself, or was given.

use koio_tests::{Tunnel, run};

use super::{Folder, assert_serves, koio};

#[tokio::test]
async fn a_tcp_listener_of_tokio_is_served() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let addr = listener.local_addr().expect("an address");
    let (io, _reasons) = koio();
    let server = io.serve(listener).expect("a server");
    assert_eq!(server.local_addr(), addr);
    let server = run(server, addr);
    assert_serves(server.target()).await;
}

/// As systemd's socket activation gives it, through std.
#[tokio::test]
async fn a_tcp_listener_of_std_is_served_though_it_blocks() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    let (io, _reasons) = koio();
    let server = run(io.serve(listener).expect("a server"), addr);
    assert_serves(server.target()).await;
}

#[tokio::test]
async fn a_unix_socket_is_served() {
    let folder = Folder::new();
    let listener = tokio::net::UnixListener::bind(folder.socket()).expect("a socket");
    let (io, _reasons) = koio();
    let server = io.serve(listener).expect("a server");
    assert_eq!(server.local_addr().as_pathname(), Some(&*folder.socket()));
    let tunnel = Tunnel::to_unix(folder.socket()).await;
    let _server = run(server, tunnel.addr);
    assert_serves(tunnel.target()).await;
}

#[tokio::test]
async fn a_unix_socket_of_std_is_served_though_it_blocks() {
    let folder = Folder::new();
    let listener = std::os::unix::net::UnixListener::bind(folder.socket()).expect("a socket");
    let (io, _reasons) = koio();
    let tunnel = Tunnel::to_unix(folder.socket()).await;
    let _server = run(io.serve(listener).expect("a server"), tunnel.addr);
    assert_serves(tunnel.target()).await;
}

#[test]
fn outside_a_runtime_a_given_listener_is_an_error_and_no_panic() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let (io, _reasons) = koio();
    let error = io.serve(listener).expect_err("no runtime");
    assert!(error.is_setup(), "{error}");
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}
