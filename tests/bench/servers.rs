//! The servers that are measured: how they are started and ended.

mod build;

use std::{
    ffi::{OsStr, OsString},
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    failure::Failure,
    options::Options,
    process::{self, Memory},
    reactor::PATIENCE,
};

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Koio,
    Socketioxide,
    /// Socket.IO on Node.
    Node,
    /// tokio-tungstenite, and just enough to give the answers of the bench.
    FloorWs,
    /// tokio alone, and just enough to give the answers of the bench.
    FloorTokio,
    /// Not even that: one loop around epoll.
    FloorEpoll,
}

impl Kind {
    /// The servers to compare with.
    pub(crate) const PEERS: [Self; 5] = [
        Self::Socketioxide,
        Self::Node,
        Self::FloorWs,
        Self::FloorTokio,
        Self::FloorEpoll,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Koio => "koio",
            Self::Socketioxide => "socketioxide",
            Self::Node => "node",
            Self::FloorWs => "floor-ws",
            Self::FloorTokio => "floor-tokio",
            Self::FloorEpoll => "floor-epoll",
        }
    }

    /// A server to compare with.
    pub(crate) fn peer(name: &str) -> Option<Self> {
        Self::PEERS.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it is no Socket.IO server, but shows what one can't go below.
    pub(crate) fn is_floor(self) -> bool {
        matches!(self, Self::FloorWs | Self::FloorTokio | Self::FloorEpoll)
    }
}

/// Where a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cores {
    /// On a core of its own, while the load has another.
    Own,
    /// On both of these, one of which the load has as well.
    Both,
    /// Wherever the system likes.
    Any,
}

impl Cores {
    fn list(self) -> Option<&'static str> {
        match self {
            Self::Own => Some(process::SERVER_CORE),
            Self::Both => Some(process::BOTH_CORES),
            Self::Any => None,
        }
    }
}

/// A server that has been built.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) kind: Kind,
    command: Vec<OsString>,
}

impl Program {
    /// Builds a server, or installs what it needs.
    pub(crate) fn build(kind: Kind, options: &Options) -> Result<Self, Failure> {
        let command = build::command(kind, options.short)?;
        Ok(Self { kind, command })
    }

    /// Starts a process of it with these arguments, under the tool that the options name.
    pub(crate) fn start(
        &self,
        cores: Cores,
        arguments: &[String],
        options: &Options,
    ) -> Result<Server, Failure> {
        let pin = ["taskset", "-c", cores.list().unwrap_or_default()];
        let words = pin.iter().filter(|_| cores.list().is_some());
        let mut words = words
            .map(OsStr::new)
            .chain(options.under().map(OsStr::new))
            .chain(self.command.iter().map(OsString::as_os_str))
            .chain(arguments.iter().map(OsStr::new));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        // Its standard input ends with this process, however this process ends, and the server with it.
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let address = line
            .trim_end()
            .strip_prefix("listening on ")
            .and_then(|address| address.parse().ok());
        match address {
            Some(address) => Ok(Server {
                child,
                address,
                spin: options.spin && cores == Cores::Own,
            }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err(Failure::NotListening(line))
            }
        }
    }
}

/// A server that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Whether its clients never sleep.
    pub(crate) spin: bool,
}

impl Server {
    /// CPU time that it has used, in microseconds.
    pub(crate) fn cpu(&self) -> Result<f64, Failure> {
        process::cpu(self.child.id())
    }

    pub(crate) fn memory(&self) -> Result<Memory, Failure> {
        process::memory(self.child.id())
    }

    /// How many files it has open, its connections among them.
    pub(crate) fn open_files(&self) -> Result<usize, Failure> {
        process::open_files(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with its standard input. A tool that it runs under then writes what it has found.
        drop(self.child.stdin.take());
        let given_up = Instant::now() + PATIENCE;
        while Instant::now() < given_up {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
