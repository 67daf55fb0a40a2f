//! The servers that are measured: how they are built, started and ended.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{crowd::PATIENCE, failure::Failure, options::Options, process};

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Koio,
    Socketioxide,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Koio => "koio",
            Self::Socketioxide => "socketioxide",
        }
    }

    /// A server to compare with.
    pub(crate) fn peer(name: &str) -> Option<Self> {
        (name == Self::Socketioxide.name()).then_some(Self::Socketioxide)
    }

    fn binary(self) -> &'static str {
        match self {
            Self::Koio => "bench-server",
            Self::Socketioxide => "peer-socketioxide",
        }
    }
}

/// A server that has been built.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) kind: Kind,
    path: PathBuf,
}

impl Program {
    /// Builds a server, all of them with the same profile: as one would deploy it.
    pub(crate) fn build(kind: Kind) -> Result<Self, Failure> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = target_directory()?;
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args([
                "build",
                "--locked",
                "--profile",
                "served",
                "--bin",
                kind.binary(),
            ])
            .args(["--config", "profile.served.inherits='release'"])
            .args(["--config", "profile.served.lto='fat'"])
            .args(["--config", "profile.served.codegen-units=1"])
            .args(["--config", "profile.served.debug='line-tables-only'"])
            .arg("--target-dir")
            .arg(&target)
            .arg("--manifest-path")
            .arg(match kind {
                Kind::Koio => here.join("Cargo.toml"),
                Kind::Socketioxide => here.join("bench/peers/socketioxide/Cargo.toml"),
            });
        if !command.status()?.success() {
            return Err(Failure::Build(kind));
        }
        let path = target.join("served").join(kind.binary());
        Ok(Self { kind, path })
    }

    /// Starts a process of it, on a core of its own if `pinned`, under the tool that the options name.
    pub(crate) fn start(&self, pinned: bool, options: &Options) -> Result<Server, Failure> {
        let core = process::SERVER_CORE.to_string();
        let pin = ["taskset", "-c", &core];
        let words = pin.iter().filter(|_| pinned).map(OsStr::new);
        let mut words = words
            .chain(options.under.iter().map(OsStr::new))
            .chain([self.path.as_os_str()]);
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
                spin: options.spin && pinned,
            }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err(Failure::NotListening(line))
            }
        }
    }
}

/// The directory that this program itself was built into: TARGET/release/bench.
fn target_directory() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent);
    Ok(target.unwrap_or(Path::new("target")).to_owned())
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

    /// Memory that it has, in KiB.
    pub(crate) fn rss(&self) -> Result<f64, Failure> {
        process::rss(self.child.id())
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
