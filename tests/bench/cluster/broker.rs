//! What joins the servers: a Redis or a NATS of the bench's own.

use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{failure::Failure, process, reactor::PATIENCE};

/// What joins the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BrokerKind {
    Redis,
    Nats,
}

impl BrokerKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Redis => "Redis",
            Self::Nats => "NATS",
        }
    }
}

/// A broker that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Broker {
    kind: BrokerKind,
    child: Child,
    port: u16,
}

impl Broker {
    /// Starts it on a free port, and waits until it listens.
    pub(crate) fn start(kind: BrokerKind) -> Result<Self, Failure> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = free.local_addr()?.port();
        drop(free);
        let number = port.to_string();
        let (program, arguments): (_, &[&str]) = match kind {
            BrokerKind::Redis => {
                let own = ["--bind", "127.0.0.1", "--port", &number];
                let nothing_kept = ["--save", "", "--appendonly", "no"];
                ("redis-server", &[own, nothing_kept].concat())
            }
            BrokerKind::Nats => ("nats-server", &["--addr", "127.0.0.1", "--port", &number]),
        };
        let child = Command::new(program)
            .args(arguments)
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Failure::NotInstalled(program, error))?;
        let broker = Self { kind, child, port };
        let given_up = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > given_up {
                return Err(Failure::Stuck);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(broker)
    }

    /// What a server is started with that joins others here.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let (name, scheme) = match self.kind {
            BrokerKind::Redis => ("--redis", "redis"),
            BrokerKind::Nats => ("--nats", "nats"),
        };
        vec![
            name.to_owned(),
            format!("{scheme}://127.0.0.1:{}", self.port),
        ]
    }

    /// CPU time that it has used, in microseconds.
    pub(crate) fn cpu(&self) -> Result<f64, Failure> {
        process::cpu(self.child.id())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
