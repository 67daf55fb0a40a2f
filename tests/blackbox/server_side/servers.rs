//! The servers of these tests, and what their handlers have in common.

use std::sync::Arc;
use std::time::Duration;

use koio::cluster::{self, NodeId, ServerEvent};
use koio::{Error, Io, IoHandle, Result};
use tokio::sync::Notify;

use crate::memory::Memory as Node;
use crate::record::Record;

/// Three servers in one cluster, of which each is made with its number.
pub(super) fn three(make: impl Fn(usize) -> Io) -> [Node; 3] {
    let broker = cluster::Memory::new();
    [0, 1, 2].map(|number| Node::new(make(number).cluster(broker.clone())))
}

/// Lets the servers' tasks do what was asked of them.
pub(super) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Takes what the handlers have recorded, sorted, since servers do that in any order.
pub(super) fn take_sorted(heard: &Record) -> Vec<String> {
    let mut lines = heard.take();
    lines.sort();
    lines
}

pub(super) fn values<T: Ord>(answers: Vec<(NodeId, Result<T>)>) -> Vec<T> {
    let mut values: Vec<_> = answers
        .into_iter()
        .map(|(_, answer)| answer.expect("an answer"))
        .collect();
    values.sort();
    values
}

/// The error of the only other server that answers.
pub(super) async fn failure_of(io: &IoHandle, event: &str, args: impl serde::Serialize) -> Error {
    let answers = io.server_side_emit_with_ack::<u8>(event, args);
    let mut answers = answers.await.expect("the other server answers");
    assert_eq!(answers.len(), 1, "{event}");
    let error = answers.remove(0).1.expect_err(event);
    assert!(!error.is_shown(), "{event}: it is between servers");
    error
}

/// A handler that answers when it is told to, and never before.
pub(super) fn waits(go: &Arc<Notify>) -> impl Fn(ServerEvent) -> Waiting + Send + Sync + 'static {
    let go = Arc::clone(go);
    move |_| {
        let go = Arc::clone(&go);
        Box::pin(async move {
            go.notified().await;
            Ok(5)
        })
    }
}

pub(super) type Waiting = std::pin::Pin<Box<dyn Future<Output = Result<u8>> + Send>>;
