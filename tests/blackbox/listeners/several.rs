//! One server on several listeners.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use koio::{Io, State, handlers, on};
use koio_tests::{Certificate, Client, Target, Tunnel, client, run, until, within};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;

use super::Folder;
use crate::shutdown::requests::refusing;

#[derive(Clone)]
struct Gate(Arc<(AtomicUsize, Semaphore)>);

/// Answers when the test lets it.
#[on("wait")]
async fn wait(gate: State<Gate>) -> &'static str {
    let (running, open) = &*gate.0;
    running.fetch_add(1, Ordering::SeqCst);
    open.acquire().await.expect("a gate").forget();
    "done"
}

#[tokio::test]
async fn several_listeners_are_one_server_with_one_drain() {
    let folder = Folder::new();
    let certificate = Certificate::new();
    let (cert, key) = certificate.write(folder.path());
    let tls = koio::server::Tls::from_pem_files(cert, key).expect("a certificate");
    let tls = tls.bind("127.0.0.1:0").await.expect("a port");
    let tls_addr = koio::server::Listener::local_addr(&tls).expect("an address");
    let plain = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let plain_addr = plain.local_addr().expect("an address");
    let unix = UnixListener::bind(folder.socket()).expect("a socket");
    let gate = Gate(Arc::new((AtomicUsize::new(0), Semaphore::new(0))));
    let io = Io::new().state(gate.clone()).handlers(handlers![wait]);
    let server = io.bind("127.0.0.1:0").await.expect("a server");
    let first = server.local_addr();
    let server = server.and(plain).and_then(|server| server.and(unix));
    let server = server
        .and_then(|server| server.and(tls))
        .expect("listeners");
    assert_eq!(server.local_addr(), first);
    let server = run(server, first);
    let by_unix = Tunnel::to_unix(folder.socket()).await;
    let by_tls = Tunnel::to_tls(tls_addr, &certificate).await;
    let targets = [
        Target::socket_io(first),
        Target::socket_io(plain_addr),
        by_unix.target(),
        by_tls.target(),
    ];
    let mut clients = Vec::new();
    for target in targets {
        for transport in client::BOTH {
            clients.push(Client::connect(target, transport).await);
        }
    }
    // One table.
    server.handle.broadcast("news", 1).expect("an emit");
    for client in &mut clients {
        client.expect(r#"42["news",1]"#).await;
        client.send(r#"421["wait"]"#).await;
    }
    let all_run = || gate.0.0.load(Ordering::SeqCst) >= clients.len();
    until("all handlers to run", all_run).await;
    let handle = server.handle.clone();
    let ending = tokio::spawn(async move { handle.shutdown(Duration::from_secs(20)).await });
    // On each listener a new client is refused, and the answers come all the same.
    for target in targets {
        refusing(target).await;
    }
    gate.0.1.add_permits(clients.len());
    for client in &mut clients {
        assert_eq!(client.ended().await, [r#"431["done"]"#]);
    }
    drop(clients);
    let drained = within("the shutdown", ending).await.expect("a shutdown");
    assert_eq!((drained.answered, drained.cut), (8, 0));
    server.ended().await.expect("an end in order");
    for addr in [first, plain_addr, tls_addr] {
        assert!(tokio::net::TcpStream::connect(addr).await.is_err());
    }
    assert!(
        tokio::net::UnixStream::connect(folder.socket())
            .await
            .is_err()
    );
}
