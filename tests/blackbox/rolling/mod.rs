//! Servers that are restarted one after the other while clients of all transports send acked events: every event whose
//! handler ran is answered, or counted.
//!
//! `KOIO_ROLLING_CLIENTS=1000` is the long form.

mod clients;
pub(crate) mod nginx;
mod node;

use std::collections::HashSet;
use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::clients::{Client, Clients};
use self::nginx::{NGINX, Nginx};
use self::node::{Ended, Node};

/// A server whose handlers take 50 ms at most ends within this time.
const END: Duration = Duration::from_secs(2);

fn clients() -> usize {
    env::var("KOIO_ROLLING_CLIENTS").map_or(60, |count| count.parse().expect("a count"))
}

/// A folder of its own, which is removed at the end.
pub(super) struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("koio-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    fn file(&self, number: usize) -> PathBuf {
        self.0.join(format!("ran-{number}"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Restarts both nodes, one after the other, and ends both when the clients have left.
async fn roll(test: &str, folder: &Folder, nodes: [Node; 2], clients: Clients) -> Outcome {
    let mut ended = Vec::new();
    let mut running = Vec::new();
    clients.until_connected().await;
    for node in nodes {
        let address = node.addr.to_string();
        ended.push(node.terminate().await);
        let file = folder.file(ended.len() + 2);
        running.push(Node::start(test, &address, &file).await);
        clients.until_connected().await;
        // Some events on the way before the next one goes.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let clients = clients.stop().await;
    for node in running {
        ended.push(node.terminate().await);
    }
    Outcome { ended, clients }
}

struct Outcome {
    ended: Vec<Ended>,
    clients: Vec<Client>,
}

impl Outcome {
    fn check(&self, name: &str) {
        let ran: HashSet<u64> = self.ended.iter().flat_map(|end| end.ran.clone()).collect();
        let acked: Vec<u64> = self.clients.iter().flat_map(|c| c.acked.clone()).collect();
        let unacked: Vec<u64> = self
            .clients
            .iter()
            .flat_map(|c| c.unacked.clone())
            .collect();
        for end in &self.ended {
            println!("{name}: ended in {:?}; {}", end.took, end.drained);
            assert!(end.took < END, "{name}: {end:?}");
        }
        let unanswered = unacked.iter().filter(|number| ran.contains(number)).count();
        let counted: usize = self.ended.iter().map(Ended::counted).sum();
        println!(
            "{name}: {} clients, {} events ran, {} answered, {} unanswered, {counted} counted; {} did not run",
            self.clients.len(),
            ran.len(),
            acked.len(),
            unanswered,
            unacked.len() - unanswered
        );
        assert!(acked.iter().all(|number| ran.contains(number)));
        assert!(unanswered <= counted, "{name}: {unanswered} > {counted}");
        for client in &self.clients {
            assert!(!client.acked.is_empty(), "{name}: {:?}", client.way);
        }
        let returned = self.clients.iter().filter(|client| client.returns > 1);
        assert!(returned.count() >= self.clients.len() / 2, "{name}");
    }
}

const DIRECT: &str = "rolling::a_rolling_restart_under_load_answers_every_event_whose_handler_ran";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_under_load_answers_every_event_whose_handler_ran() {
    if node::is_node().await {
        return;
    }
    let folder = Folder::new("rolling");
    let any = "127.0.0.1:0";
    let nodes = [
        Node::start(DIRECT, any, &folder.file(1)).await,
        Node::start(DIRECT, any, &folder.file(2)).await,
    ];
    let addrs: Vec<SocketAddr> = nodes.iter().map(|node| node.addr).collect();
    let clients = Clients::start(clients(), addrs);
    roll(DIRECT, &folder, nodes, clients).await.check("direct");
}

const BEHIND_NGINX: &str =
    "rolling::behind_nginx_a_rolling_restart_answers_every_event_whose_handler_ran";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_nginx_a_rolling_restart_answers_every_event_whose_handler_ran() {
    if node::is_node().await {
        return;
    }
    if !NGINX.is_there() {
        return;
    }
    // With connections to koio that are kept, as is recommended, and with nginx's defaults: HTTP/1.0, one request each.
    for keepalive in [true, false] {
        let folder = Folder::new(if keepalive { "nginx-keep" } else { "nginx" });
        let any = "127.0.0.1:0";
        let nodes = [
            Node::start(BEHIND_NGINX, any, &folder.file(1)).await,
            Node::start(BEHIND_NGINX, any, &folder.file(2)).await,
        ];
        let nginx = Nginx::start(&folder, [nodes[0].addr, nodes[1].addr], keepalive).await;
        let clients = Clients::start(clients(), vec![nginx.addr]);
        let outcome = roll(BEHIND_NGINX, &folder, nodes, clients).await;
        outcome.check(if keepalive {
            "nginx, keep-alive"
        } else {
            "nginx, defaults"
        });
    }
}
