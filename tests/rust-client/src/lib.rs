//! The server that rust_socketio talks to: koio-fixture, in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a test waits for what has to come: continuous integration is slow.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running koio-fixture, which ends with this.
#[derive(Debug)]
pub struct Server {
    process: Child,
    /// Where it listens.
    pub port: u16,
}

impl Server {
    /// Starts one on a port that the system chooses.
    pub fn start() -> Self {
        Self::at(0)
    }

    /// Starts one on this port. A connection of another test may have it for a moment.
    pub fn at(port: u16) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(server) = Self::try_at(port) {
                return server;
            }
            assert!(Instant::now() < deadline, "a server that listens");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn try_at(port: u16) -> Option<Self> {
        let mut process = Command::new(program())
            .args(["--port", &port.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("koio-fixture, which `cargo build --workspace --bins` makes");
        let lines = BufReader::new(process.stderr.take().expect("a pipe")).lines();
        let mut server = Self { process, port };
        let (sender, receiver) = mpsc::channel();
        // All of it is read: a full pipe would stop the server.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                match line.strip_prefix("listening on http://127.0.0.1:") {
                    Some(port) => drop(sender.send(port.parse().expect("a port"))),
                    None => eprintln!("koio-fixture: {line}"),
                }
            }
        });
        // The channel ends with the process.
        server.port = receiver.recv_timeout(PATIENCE).ok()?;
        Some(server)
    }

    /// The address for a client.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks it to end, as a service manager does, and waits until it has.
    pub fn stop(mut self) -> u16 {
        let pid = self.process.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(asked.expect("kill").success());
        let deadline = Instant::now() + PATIENCE;
        while self.process.try_wait().expect("a child").is_none() {
            assert!(Instant::now() < deadline, "the server ends");
            std::thread::sleep(Duration::from_millis(10));
        }
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn program() -> PathBuf {
    let folder = std::env::var_os("KOIO_BINARIES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/debug"),
        PathBuf::from,
    );
    folder.join("koio-fixture")
}

/// Runs the test that calls it once more, in a process that has nothing else to do and ends with it.
pub fn in_a_process_of_its_own(test: impl FnOnce()) {
    const ALONE: &str = "KOIO_RUST_CLIENT_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return test();
    }
    let name = std::thread::current().name().expect("a test").to_owned();
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .args(["--exact", &name, "--nocapture"])
        .env(ALONE, "1")
        .output()
        .expect("another process");
    assert!(output.status.success(), "{output:?}");
}
