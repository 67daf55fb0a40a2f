//! A server in a process of its own that remembers the events that its handler ran for.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use koio::{Io, State, handlers, on};
use tokio::time::Instant;

use crate::process::Process;

/// Where the process listens. Set for it alone.
const ADDRESS: &str = "KOIO_TESTS_ROLLING_ADDRESS";
/// The file that it writes the numbers of its events to.
const RAN: &str = "KOIO_TESTS_ROLLING_RAN";

#[derive(Clone, Default)]
struct Ran(Arc<Mutex<Vec<String>>>);

/// Works for so many milliseconds, and answers.
#[on("save")]
async fn save(number: u64, milliseconds: u64, ran: State<Ran>) -> u64 {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    ran.0.lock().expect("numbers").push(number.to_string());
    number
}

/// Runs the server, if this is its process.
pub(super) async fn is_node() -> bool {
    let (Ok(address), Some(file)) = (env::var(ADDRESS), env::var_os(RAN)) else {
        return false;
    };
    let ran = Ran::default();
    let io = Io::new().state(ran.clone()).handlers(handlers![save]);
    let server = io.bind(address).await.expect("a server");
    let handle = server.handle();
    println!("address: {}", server.local_addr());
    let draining = async {
        koio::shutdown_signal().await;
        handle.shutdown(Duration::from_secs(10)).await
    };
    let (drained, ended) = tokio::join!(draining, server.run());
    ended.expect("an end in order");
    let numbers = ran.0.lock().expect("numbers").join(" ");
    fs::write(file, numbers).expect("a file");
    let counts = handle.counts();
    println!(
        "drained: {} answered, {} cut, {} abandoned; counted: {} {}; {} events dropped",
        drained.answered,
        drained.cut,
        drained.abandoned,
        counts.answers_lost,
        counts.sessions_abandoned,
        counts.events_dropped
    );
    true
}

/// Such a process.
pub(super) struct Node {
    process: Process,
    file: PathBuf,
    pub(super) addr: SocketAddr,
}

/// What is known of a node that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) took: Duration,
    pub(super) ran: Vec<u64>,
    /// How its sessions ended, in words.
    pub(super) drained: String,
}

impl Ended {
    /// Answers that the server knows to be lost. A client of this test waits for one at a time, so a session that was
    /// abandoned has lost one at most.
    pub(super) fn counted(&self) -> usize {
        let (_, rest) = self.drained.split_once("counted: ").expect("counts");
        let (counts, _) = rest.split_once(';').expect("counts");
        let counts = counts.split(' ').map(|count| count.parse::<usize>());
        counts.map(|count| count.expect("a count")).sum()
    }
}

impl Node {
    /// Starts a node: of `test`, which calls [`is_node`] first.
    pub(super) async fn start(test: &str, address: &str, file: &Path) -> Self {
        let file = file.to_owned();
        let name = file.to_str().expect("a name");
        let mut process = Process::start(test, &[(ADDRESS, address), (RAN, name)]);
        let addr = process.line("address: ").await;
        Self {
            process,
            file,
            addr: addr.parse().expect("an address"),
        }
    }

    /// Sends SIGTERM, and waits for the end.
    pub(super) async fn terminate(mut self) -> Ended {
        let asked = Instant::now();
        self.process.signal("TERM");
        let drained = self.process.line("drained: ").await;
        let took = asked.elapsed();
        assert!(self.process.exit().await, "an end in order");
        let numbers = fs::read_to_string(&self.file).expect("a file");
        let ran = numbers.split_whitespace();
        Ended {
            took,
            ran: ran
                .map(|number| number.parse().expect("a number"))
                .collect(),
            drained,
        }
    }
}
