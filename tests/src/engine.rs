//! A raw Engine.IO server that sends every message back: what the Engine.IO suite is run against.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use koio::CloseReason;
use koio::engine::{Acceptor, Engine, EngineConfig, Opening, Session, Upstream};
use koio::transport::{EngineService, Origins};
use koio::wire::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::Target;

/// An echo server that runs until this is dropped.
#[derive(Debug)]
pub struct EngineServer {
    /// Where it listens.
    pub addr: SocketAddr,
    task: JoinHandle<()>,
}

struct Echo;

struct EchoSession(Session);

impl Acceptor for Echo {
    fn accept(&self, session: Session, _: Opening) -> Box<dyn Upstream> {
        Box::new(EchoSession(session))
    }
}

impl Upstream for EchoSession {
    fn on_message(&mut self, message: Message, _: &mut Context<'_>) {
        // A session that does not read its echoes is closed by its own rules.
        let _ = self.0.send(&message);
    }

    fn on_close(&mut self, _: CloseReason) {}
}

impl EngineServer {
    /// Starts one with these heartbeats.
    pub async fn echo(ping_interval: Duration, ping_timeout: Duration) -> Self {
        Self::with(ping_interval, ping_timeout, |_| {}).await
    }

    /// Starts one with these heartbeats, and other changes.
    pub async fn with(
        ping_interval: Duration,
        ping_timeout: Duration,
        change: impl FnOnce(&mut EngineConfig),
    ) -> Self {
        let mut config = EngineConfig::default();
        config.ping_interval = ping_interval;
        config.ping_timeout = ping_timeout;
        change(&mut config);
        let engine = Engine::new(config, Arc::new(Echo)).expect("limits that hold together");
        let service = EngineService::new(engine, "/engine.io", Origins::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        Self {
            addr,
            task: tokio::spawn(run(listener, service)),
        }
    }

    /// What the clients connect to.
    pub fn target(&self) -> Target {
        Target::engine_io(self.addr)
    }
}

impl Drop for EngineServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(listener: TcpListener, service: EngineService) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(service.clone());
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
    }
}
