//! A server that reads more slowly than NATS sends.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use koio::Io;
use koio_tests::{serve, until};

use super::{NATS, NatsProcess};

/// Publishes so many messages, and returns when NATS has them all.
fn flood(addr: SocketAddr, messages: usize) {
    let stream = TcpStream::connect(addr).expect("NATS");
    let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
    let mut publish = stream;
    let message = "PUB koio.all.nobody 5\r\nhello\r\n".repeat(messages);
    write!(
        publish,
        "CONNECT {{\"verbose\":false}}\r\n{message}PING\r\n"
    )
    .expect("NATS");
    let pong = lines.any(|line| line.expect("NATS") == "PONG");
    assert!(pong, "NATS reads it all");
}

/// Its only thread stands still, while NATS fills the buffers of the connection.
#[tokio::test]
async fn what_a_server_that_stands_still_can_not_take_is_counted() {
    if !NATS.is_there() {
        return;
    }
    const MESSAGES: usize = 50_000;
    let nats = NatsProcess::start(&[]).await;
    let server = serve(Io::new().cluster(nats.broker())).await;
    flood(nats.0.addr, MESSAGES);
    // NATS says what it has read, and not when the buffers towards the server are full.
    std::thread::sleep(Duration::from_millis(300));
    // None of them is a message of koio's. What the server says itself comes back to it, and some of that may be dropped as well.
    let counted = || {
        let counts = server.handle.counts();
        let known = counts.cluster_malformed + counts.cluster_dropped;
        (MESSAGES..MESSAGES + 5).contains(&usize::try_from(known).expect("a count"))
    };
    until("every message to be counted", counted).await;
    let counts = server.handle.counts();
    assert!(counts.cluster_dropped > 0, "{counts:?}");
    assert_eq!(counts.cluster_gaps, 0);
    assert_eq!(server.handle.alone_since(), None);
}
