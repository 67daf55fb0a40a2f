//! Clients that read slowly and never stop are neither slow consumers nor dead.

use std::time::Duration;

use koio::Io;
use koio_tests::{Bare, Frame, Polling, serve, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::{Instant, sleep, sleep_until};

/// What the client reads in each step.
const STEP: usize = 50_000;

const LENGTH: usize = 4_000_000;

#[tokio::test]
async fn an_event_of_4_mb_reaches_a_client_that_takes_eight_write_timeouts_for_it() {
    let io = Io::new()
        .ping_interval(Duration::from_secs(1))
        .ping_timeout(Duration::from_secs(2))
        .config(|config| config.engine.write_timeout = Duration::from_secs(1));
    let server = serve(io).await;
    let mut stream = Bare::connect(server.addr).await.into_stream();
    // Otherwise the client's kernel takes megabytes before the client does.
    let small = socket2::SockRef::from(&stream).set_recv_buffer_size(64 * 1024);
    small.expect("a small buffer");
    let socket = server.handle.sockets().pop().expect("a socket");
    socket.emit("large", "x".repeat(LENGTH)).expect("room");
    let started = Instant::now();
    let mut block = vec![0; STEP];
    let (mut read, mut pings) = (0, 0);
    while pings == 0 || read < LENGTH {
        let mut filled = 0;
        // No faster than 500 kB in a second.
        while filled < STEP {
            let more = within("more bytes", stream.read(&mut block[filled..])).await;
            let more = more.expect("a connection");
            assert!(more > 0, "cut after {read} bytes, {:?}", started.elapsed());
            filled += more;
            read += more;
            if block[..filled].ends_with(&[0x81, 1, b'2']) {
                pings += 1;
                let pong = stream.write_all(&Frame::text("3").bytes()).await;
                pong.expect("a server that reads");
                break;
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert!(started.elapsed() > Duration::from_secs(7));
    assert!(socket.is_connected());
    assert_eq!(server.handle.counts().slow_consumers, 0);
}

/// The kernel says that there is room when about 80 kB have left, which takes this client longer than `write_timeout`.
#[tokio::test]
async fn an_answer_to_a_poll_reaches_a_client_that_the_kernel_reports_too_late() {
    const RATE: f64 = 60_000.0;
    const LENGTH: usize = 400_000;
    for way in ["X-Way: short", "Access-Control-Request-Method: POST"] {
        let io = Io::new().config(|config| config.engine.write_timeout = Duration::from_secs(1));
        let server = serve(io).await;
        let mut session = Polling::connect(server.target()).await;
        let socket = server.handle.sockets().pop().expect("a socket");
        socket.emit("large", "x".repeat(LENGTH)).expect("room");
        let small = TcpSocket::new_v4().expect("a socket");
        small.set_recv_buffer_size(16 * 1024).expect("SO_RCVBUF");
        let mut stream = small.connect(server.addr).await.expect("a connection");
        let path = session.path();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{way}\r\n\r\n");
        let sent = stream.write_all(request.as_bytes()).await;
        sent.expect("a server that reads");
        let started = Instant::now();
        let (mut block, mut read) = ([0; 2_000], 0);
        while read < LENGTH {
            let more = within("more bytes", stream.read(&mut block)).await;
            let more = more.unwrap_or(0);
            assert!(
                more > 0,
                "{way}: cut after {read} bytes, {:?}",
                started.elapsed()
            );
            read += more;
            sleep_until(started + Duration::from_secs_f64(read as f64 / RATE)).await;
        }
        session.send("41").await;
        assert_eq!(server.handle.counts().answers_cut, 0);
    }
}

/// Those who never read are cut by `write_timeout`, and the others notice nothing.
#[tokio::test]
async fn clients_that_never_read_are_cut_and_delay_nobody() {
    const EACH: usize = 20;
    #[koio::on("echo")]
    async fn echo(number: u64) -> u64 {
        number
    }
    let io = Io::new()
        .handlers(koio::handlers![echo])
        .config(|config| config.engine.write_timeout = Duration::from_secs(1));
    let server = serve(io).await;
    let silent = Bare::crowd(server.addr, EACH).await;
    let silent: Vec<_> = silent.into_iter().map(Bare::into_stream).collect();
    let everybody = server.handle.local();
    everybody.sockets_join("noisy").expect("they are there");
    let mut asking = Bare::crowd(server.addr, EACH).await;
    let started = Instant::now();
    let text = "x".repeat(100_000);
    let mut took = Vec::new();
    while server.handle.counts().slow_consumers < EACH as u64 {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "they are not cut"
        );
        server
            .handle
            .to("noisy")
            .emit("noise", &text)
            .expect("nobody's fault");
        for client in &mut asking {
            let asked = Instant::now();
            client.send(&[r#"421["echo",1]"#]).await;
            within("an answer", client.until(b"431[1]")).await;
            took.push(asked.elapsed());
        }
    }
    took.sort();
    let p99 = took[took.len() * 99 / 100];
    assert!(p99 < Duration::from_millis(100), "{p99:?}");
    assert_eq!(server.handle.counts().slow_consumers, EACH as u64);
    drop(silent);
}
