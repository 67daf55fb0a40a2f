//! `listen` in a process of its own, which is told to end.
//!
//! The process is this very test: it starts itself again, and by an environment variable knows that it is the
//! server.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use koio::{CloseReason, Io, Result, handlers, on};
use koio_tests::{Client, Target, Transport, within};
use tokio::sync::{mpsc, oneshot};

use super::requests::refusing;
use crate::logs::Lines;

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
        if let Some((_, address)) = line.split_once("listening address=") {
            println!("address: {address}");
        }
    });
    tracing::subscriber::set_global_default(lines).expect("the only one");
    let io = Io::new().handlers(handlers![work, left]);
    io.listen("127.0.0.1:0")
        .await
        .expect("a server that ends in order");
    println!("ended");
}

/// The server's process, from outside.
struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Process {
    fn start() -> Self {
        let mut child = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", TEST, "--nocapture", "--test-threads=1"])
            .env(SERVER, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let stdin = child.stdin.take().expect("a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(std::io::Result::ok) {
                sender.send(line).ok();
            }
        });
        Self {
            child,
            stdin,
            lines,
        }
    }

    /// The rest of the next line that begins so; others are the test runner's.
    async fn line(&mut self, begin: &str) -> String {
        loop {
            let line = within(begin, self.lines.recv()).await;
            let line = line.unwrap_or_else(|| panic!("it ended before it said {begin}"));
            // The runner writes the name of the test in front of the first one.
            if let Some((_, rest)) = line.split_once(begin) {
                return rest.to_owned();
            }
        }
    }

    fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.expect("a shell").success(), "{kill}");
    }

    /// Waits until it is gone, and whether it went in order.
    async fn exit(mut self) -> bool {
        while within("the process to end", self.lines.recv())
            .await
            .is_some()
        {}
        self.child.wait().expect("a process").success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
    }
}

/// A server whose only client's handler runs.
async fn busy() -> (Process, Target, Client) {
    let mut process = Process::start();
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
