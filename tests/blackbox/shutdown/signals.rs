//! `listen` in a process of its own, which is told to end.
//!
//! The process is this very test: it starts itself again, and by an environment variable knows that it is the
//! server.

use std::env;
use std::io::Write;
use std::time::Duration;

use koio::{CloseReason, Io, Result, handlers, on};
use koio_tests::{Client, Target, Transport};
use tokio::sync::oneshot;

use super::requests::refusing;
use crate::logs::Lines;
use crate::process::Process;

/// Set for the server's process.
const SERVER: &str = "KOIO_TESTS_SERVER";
const TEST: &str = "shutdown::signals::listen_drains_at_a_signal_and_the_process_ends";

/// Works until a line comes over standard input.
#[on("work")]
async fn work() -> Result<()> {
    println!("begin");
    let (done, waiting) = oneshot::channel();
    // A thread of its own: the runtime would wait for one of its blocking threads, also at the end.
    std::thread::spawn(move || {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).ok();
        done.send(()).ok();
    });
    waiting.await?;
    println!("end");
    Ok(())
}

#[on("disconnect")]
async fn left(reason: CloseReason) {
    println!("left: {reason}");
}

/// The server's process.
async fn serve() {
    let lines = Lines::to(|_, line| {
        if let Some((_, address)) = line.split_once("listening address=\"http://") {
            println!("address: {}", address.trim_end_matches('"'));
        }
    });
    tracing::subscriber::set_global_default(lines).expect("the only one");
    let io = Io::new().handlers(handlers![work, left]);
    io.listen("127.0.0.1:0")
        .await
        .expect("a server that ends in order");
    println!("ended");
}

/// A server whose only client's handler runs.
async fn busy() -> (Process, Target, Client) {
    let mut process = Process::start(TEST, &[(SERVER, "1")]);
    let address = process.line("address: ").await;
    let target = Target::socket_io(address.parse().expect("an address"));
    let mut client = Client::connect(target, Transport::WebSocket).await;
    client.send(r#"421["work"]"#).await;
    process.line("begin").await;
    (process, target, client)
}

#[tokio::test]
async fn listen_drains_at_a_signal_and_the_process_ends() {
    if env::var_os(SERVER).is_some() {
        return serve().await;
    }
    for signal in ["TERM", "INT"] {
        let (mut process, target, mut client) = busy().await;
        process.signal(signal);
        // New clients are refused; the handler goes on, and its client gets the answer.
        refusing(target).await;
        writeln!(process.stdin, "enough").expect("a pipe");
        process.line("end").await;
        assert_eq!(client.ended().await, ["431[]"]);
        drop(client);
        process.line("left: server shutting down").await;
        process.line("ended").await;
        assert!(process.exit().await, "{signal}");
    }
    // Who can't wait says it twice.
    let (mut process, target, mut client) = busy().await;
    process.signal("TERM");
    refusing(target).await;
    let asked = tokio::time::Instant::now();
    process.signal("TERM");
    assert_eq!(client.ended().await, [""; 0]);
    process.line("left: server shutting down").await;
    process.line("ended").await;
    assert!(process.exit().await);
    let took = asked.elapsed();
    assert!(
        took < Duration::from_secs(10),
        "{took:?}, less than any deadline of its own"
    );
}
