//! Servers that a real Redis joins. What servers of Node's make of them is in `tests/cluster`.

use std::net::SocketAddr;
use std::process::{Child, Stdio};

use koio::{Io, cluster::Redis};
use koio_tests::{Client, Running, Transport, serve};

use crate::programs::{Program, free_addr, listens};

pub(crate) const REDIS: Program = Program("redis-server");

/// It runs until this is dropped, and keeps nothing.
pub(crate) struct RedisProcess {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl RedisProcess {
    pub(crate) async fn start() -> Self {
        let addr = free_addr();
        let child = REDIS
            .command()
            .args(["--bind", &addr.ip().to_string()])
            .args(["--port", &addr.port().to_string()])
            .args(["--save", ""])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server");
        let redis = Self { child, addr };
        listens(&REDIS, addr).await;
        redis
    }

    async fn server(&self) -> Running {
        let redis = Redis::new(format!("redis://{}", self.addr));
        serve(Io::new().cluster(redis)).await
    }
}

impl Drop for RedisProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_request_of_a_server_asks_all_that_are_there() {
    if !REDIS.is_there() {
        return;
    }
    let redis = RedisProcess::start().await;
    let (mut servers, mut clients) = (Vec::new(), Vec::new());
    for there in 0..8 {
        let server = redis.server().await;
        let found = server.handle.fetch_sockets().await.expect("all answer");
        assert_eq!(found.len(), there);
        clients.push(Client::connect(server.target(), Transport::WebSocket).await);
        servers.push(server);
    }
}
