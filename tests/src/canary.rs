//! Connections that go about their business while a test misbehaves beside them.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Client, Target, Transport, within};

/// How often a canary asks.
const PACE: Duration = Duration::from_millis(20);

/// What a canary may have to wait for an answer. Far above what it takes, far below what it would
/// take if a neighbour could block the server until one of its deadlines.
const NOTICEABLE: Duration = Duration::from_secs(3);

/// One canary on each transport.
#[derive(Debug)]
pub struct Canaries {
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<usize>>,
}

impl Canaries {
    /// Connects them to a server that answers the event `echo` with its arguments, and waits until
    /// each has had its first answer.
    pub async fn fly(target: Target) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut running = Vec::new();
        for transport in crate::client::BOTH {
            let mut client = Client::connect(target, transport).await;
            ask(&mut client, 0).await;
            running.push(tokio::spawn(sing(client, transport, stopped.clone())));
        }
        Self { stop, running }
    }

    /// Asks for one more answer each, and returns how many they had.
    ///
    /// # Panics
    /// If a canary lost an answer, waited noticeably or was disconnected.
    pub async fn land(self) -> usize {
        self.stop.send_replace(true);
        let mut answers = 0;
        for canary in self.running {
            answers += within("a canary to land", canary)
                .await
                .expect("a canary that lives");
        }
        answers
    }
}

async fn sing(mut client: Client, transport: Transport, stopped: watch::Receiver<bool>) -> usize {
    let mut pace = tokio::time::interval(PACE);
    for number in 1.. {
        // The flag is read before asking, so that one answer comes after the misbehaviour.
        let last = *stopped.borrow();
        let started = Instant::now();
        ask(&mut client, number).await;
        let took = started.elapsed();
        assert!(
            took < NOTICEABLE,
            "the {transport:?} canary waited {took:?}"
        );
        if last {
            client.close().await;
            return number;
        }
        pace.tick().await;
    }
    0
}

async fn ask(client: &mut Client, number: usize) {
    client.send(format!(r#"42{number}["echo",{number}]"#)).await;
    client.expect(&format!("43{number}[{number}]")).await;
}
