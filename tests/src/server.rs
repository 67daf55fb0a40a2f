//! Servers under test, inside the process of the test.

use std::net::SocketAddr;

use koio::{Io, IoHandle};
use tokio::task::JoinHandle;

use crate::{Target, within};

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Its handle.
    pub handle: IoHandle,
    task: JoinHandle<koio::Result<()>>,
}

impl Running {
    /// What the clients connect to.
    pub fn target(&self) -> Target {
        Target::socket_io(self.addr)
    }

    /// Waits for the server to end by itself.
    pub async fn ended(mut self) -> koio::Result<()> {
        within("the server to end", &mut self.task)
            .await
            .expect("a server that does not panic")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a server that is bound. `addr` is where the clients of the test connect to.
pub fn run<A: Send + 'static>(server: koio::Server<A>, addr: SocketAddr) -> Running {
    let handle = server.handle();
    Running {
        addr,
        handle,
        task: tokio::spawn(server.run()),
    }
}

/// Starts a server on a port of its own.
pub async fn serve(io: Io) -> Running {
    let server = io.bind("127.0.0.1:0").await.expect("a server that starts");
    let addr = server.local_addr();
    run(server, addr)
}
