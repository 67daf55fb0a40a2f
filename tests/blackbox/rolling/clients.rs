//! Clients that send acked events without a pause, and come back when their server goes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::link::{Gone, Link, WAYS, Way};

/// How long a client waits for an answer before the test fails.
const ANSWER: Duration = Duration::from_secs(30);

/// Many clients, on all ways.
pub(super) struct Clients {
    tasks: JoinSet<Client>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
}

struct Shared {
    /// The servers, or the proxy in front of them.
    addrs: Vec<SocketAddr>,
    numbers: AtomicU64,
    connected: AtomicUsize,
}

/// What one client has seen.
pub(super) struct Client {
    pub(super) way: Way,
    user: usize,
    shared: Arc<Shared>,
    /// Events whose answer came.
    pub(super) acked: Vec<u64>,
    /// Events whose answer did not come before the connection ended.
    pub(super) unacked: Vec<u64>,
    /// How often it had to come back.
    pub(super) returns: usize,
}

impl Clients {
    pub(super) fn start(count: usize, addrs: Vec<SocketAddr>) -> Self {
        let shared = Arc::new(Shared {
            addrs,
            numbers: AtomicU64::new(1),
            connected: AtomicUsize::new(0),
        });
        let stop = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for (user, way) in WAYS.iter().cycle().take(count).enumerate() {
            let client = Client {
                way: *way,
                user,
                shared: Arc::clone(&shared),
                acked: Vec::new(),
                unacked: Vec::new(),
                returns: 0,
            };
            tasks.spawn(client.run(stop.subscribe()));
        }
        Self {
            tasks,
            shared,
            stop,
        }
    }

    /// Waits until all are connected.
    pub(super) async fn until_connected(&self) {
        let count = self.tasks.len();
        let waited = tokio::time::timeout(2 * ANSWER, async {
            while self.shared.connected.load(Ordering::SeqCst) < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let connected = || self.shared.connected.load(Ordering::SeqCst);
        assert!(waited.await.is_ok(), "{} of {count} are back", connected());
    }

    /// Lets each finish its event and leave.
    pub(super) async fn stop(self) -> Vec<Client> {
        self.stop.send_replace(true);
        self.tasks.join_all().await
    }
}

impl Client {
    async fn run(mut self, stop: watch::Receiver<bool>) -> Self {
        while !*stop.borrow() {
            // Another server than the last one, if the test has no proxy.
            let addr = self.shared.addrs[(self.user + self.returns) % self.shared.addrs.len()];
            self.returns += 1;
            let Ok(link) = Link::open(addr, self.way, self.user).await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            self.shared.connected.fetch_add(1, Ordering::SeqCst);
            self.talk(link, &stop).await;
            self.shared.connected.fetch_sub(1, Ordering::SeqCst);
        }
        self
    }

    async fn talk(&mut self, mut link: Link, stop: &watch::Receiver<bool>) {
        while !*stop.borrow() {
            let number = self.shared.numbers.fetch_add(1, Ordering::SeqCst);
            let answer = tokio::time::timeout(ANSWER, ask(&mut link, number));
            match answer.await {
                Ok(Ok(())) => self.acked.push(number),
                Ok(Err(Gone)) => {
                    self.unacked.push(number);
                    return;
                }
                Err(_) => panic!("no answer and no end over {:?}", self.way),
            }
            tokio::time::sleep(Duration::from_millis(number % 200)).await;
        }
        link.leave().await;
    }
}

async fn ask(link: &mut Link, number: u64) -> Result<(), Gone> {
    let milliseconds = number % 50;
    let event = format!(r#"42{number}["save",{number},{milliseconds}]"#);
    link.send(&event).await?;
    let answer = format!("43{number}[{number}]");
    while link.next().await? != answer {}
    Ok(())
}
