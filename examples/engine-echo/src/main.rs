//! Engine.IO without Socket.IO: every message comes back to the client that sent it.
//!
//! ```sh
//! cargo run -p engine-echo
//! ```
//!
//! It listens on `127.0.0.1:3000` (`PORT` overrides), under `/engine.io`, with the timing that the protocol's
//! own test suite asks for.

use std::{env, sync::Arc, task::Context, time::Duration};

use koio::{
    CloseReason, Result,
    engine::{Acceptor, Engine, EngineConfig, Opening, Session, Upstream},
    transport::{EngineService, Origins},
    wire::Message,
};
use tokio::net::TcpListener;

/// Takes every session.
struct Echoes;

/// One session.
struct Echo(Session);

impl Acceptor for Echoes {
    fn accept(&self, session: Session, _opening: Opening) -> Box<dyn Upstream> {
        Box::new(Echo(session))
    }
}

impl Upstream for Echo {
    fn on_message(&mut self, message: Message, _: &mut Context<'_>) {
        // A client that does not read what it is sent has nothing better to expect.
        if self.0.send(&message).is_err() {
            self.0.cut(CloseReason::SlowConsumer);
        }
    }

    fn on_close(&mut self, _reason: CloseReason) {}
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "tells where it listens")]
async fn main() -> Result<()> {
    let mut config = EngineConfig::default();
    config.ping_interval = Duration::from_millis(300);
    config.ping_timeout = Duration::from_millis(200);
    let engine = Engine::new(config, Arc::new(Echoes))?;

    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("http://{}/engine.io/", listener.local_addr()?);
    koio::server::serve(
        listener,
        EngineService::new(engine, "/engine.io", Origins::default()),
    )
    .await;
    Ok(())
}
