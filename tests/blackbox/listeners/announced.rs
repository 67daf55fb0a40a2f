//! What a server says when it listens.

use std::env;
use std::net::SocketAddr;

use koio::Io;
use koio::server::Tls;
use koio_tests::{Certificate, Client, Target, Transport};
use tokio::net::UnixListener;

use super::Folder;
use crate::process::Process;

/// Set for the server's process: the folder of its files.
const SERVER: &str = "KOIO_TESTS_ANNOUNCED";
const LISTEN: &str = "listeners::announced::without_a_log_listen_prints_its_address";
const SEVERAL: &str =
    "listeners::announced::without_a_log_each_listener_is_printed_with_its_scheme";

async fn connects(addr: &str) {
    let addr: SocketAddr = addr.parse().expect("an address");
    Client::connect(Target::socket_io(addr), Transport::WebSocket).await;
}

#[tokio::test]
async fn without_a_log_listen_prints_its_address() {
    if env::var_os(SERVER).is_some() {
        Io::new().listen("127.0.0.1:0").await.expect("an end");
        return;
    }
    let mut process = Process::start(LISTEN, &[(SERVER, "")]);
    connects(&process.line("listening on http://").await).await;
    process.signal("TERM");
    assert!(process.exit().await);
}

#[tokio::test]
async fn without_a_log_each_listener_is_printed_with_its_scheme() {
    if let Some(folder) = env::var_os(SERVER) {
        let folder = std::path::Path::new(&folder);
        let (cert, key) = Certificate::new().write(folder);
        let tls = Tls::from_pem_files(cert, key).expect("a certificate");
        let tls = tls.bind("127.0.0.1:0").await.expect("a port");
        let unix = UnixListener::bind(folder.join("koio.sock")).expect("a socket");
        let server = Io::new().bind("127.0.0.1:0").await.expect("a server");
        let server = server.and(unix).and_then(|server| server.and(tls));
        let server = server.expect("listeners");
        server.run_until_signal().await.expect("an end");
        return;
    }
    let folder = Folder::new();
    let path = folder.path().to_str().expect("a path");
    let mut process = Process::start(SEVERAL, &[(SERVER, path)]);
    connects(&process.line("listening on http://").await).await;
    let unix = process.line("listening on http://unix:").await;
    assert_eq!(unix, folder.socket().to_str().expect("a path"));
    let tls = process.line("listening on https://").await;
    assert!(tls.starts_with("127.0.0.1:"), "{tls}");
    process.signal("INT");
    assert!(process.exit().await);
}
