//! Which nodes of koio's are there. They say so on a channel of their own.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{inbox::Inbox, message::ClusterMessage, node::NodeId};

/// How often a node says that it is there.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(5);

/// A node that has said nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(15);

/// The most nodes that are kept. A program that may publish to the broker may invent some.
const MOST_NODES: usize = 1_024;

/// What a node says of itself.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PresenceWord {
    pub(super) node: NodeId,
    pub(super) says: Saying,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Saying {
    /// It has come, and wants to know who is there.
    Hello,
    /// It is there.
    Here,
    /// It leaves.
    Bye,
}

/// What a word changes.
#[derive(Debug, PartialEq, Eq)]
enum PresenceChange {
    Up,
    Down,
    Nothing,
}

/// The other nodes, and when each was heard last.
#[derive(Debug, Default)]
pub(super) struct Presence {
    heard: HashMap<NodeId, Instant>,
}

impl PresenceWord {
    pub(super) fn encode(&self) -> Bytes {
        // Of text and a name: it can't fail.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    fn decode(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }

    /// Whether bytes are one. A message begins with its version, which is no brace.
    fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(b"{")
    }
}

/// What has come from a node of koio's: a word, or a message, which `inbox` gets. Returns the node that is to be told that
/// this one is there.
pub(super) fn hear(presence: &Mutex<Presence>, inbox: &Inbox, payload: Bytes) -> Option<NodeId> {
    if !PresenceWord::is_one(&payload) {
        match ClusterMessage::decode(payload) {
            Ok(message) => {
                // The inbox counts what it drops.
                let _ = inbox.deliver(message);
            }
            Err(error) => inbox.malformed(&error),
        }
        return None;
    }
    let word = match PresenceWord::decode(&payload) {
        Ok(word) => word,
        Err(error) => {
            inbox.malformed(&error);
            return None;
        }
    };
    if word.node == *inbox.node() {
        return None;
    }
    let change = presence.lock().heard(&word, Instant::now());
    match change {
        PresenceChange::Up => inbox.node_up(word.node.clone()),
        PresenceChange::Down => inbox.node_down(&word.node),
        PresenceChange::Nothing => {}
    }
    (word.says == Saying::Hello).then_some(word.node)
}

/// Tells `inbox` that the nodes have gone that were silent for too long.
pub(super) fn sweep(presence: &Mutex<Presence>, inbox: &Inbox, now: Instant) {
    let gone = presence.lock().sweep(now);
    for node in gone {
        inbox.node_down(&node);
    }
}

impl Presence {
    fn heard(&mut self, word: &PresenceWord, now: Instant) -> PresenceChange {
        if word.says == Saying::Bye {
            return match self.heard.remove(&word.node) {
                Some(_) => PresenceChange::Down,
                None => PresenceChange::Nothing,
            };
        }
        if let Some(heard) = self.heard.get_mut(&word.node) {
            *heard = now;
            return PresenceChange::Nothing;
        }
        if self.heard.len() >= MOST_NODES {
            return PresenceChange::Nothing;
        }
        self.heard.insert(word.node.clone(), now);
        PresenceChange::Up
    }

    /// How many other nodes there are.
    #[cfg_attr(
        not(feature = "redis"),
        allow(dead_code, reason = "NATS counts no nodes")
    )]
    pub(super) fn count(&self) -> usize {
        self.heard.len()
    }

    /// Forgets the nodes that were silent for too long, and returns them.
    fn sweep(&mut self, now: Instant) -> Vec<NodeId> {
        let silent = |heard: &Instant| now.duration_since(*heard) > SILENCE;
        let gone: Vec<_> = self
            .heard
            .iter()
            .filter(|(_, heard)| silent(heard))
            .map(|(node, _)| node.clone())
            .collect();
        self.heard.retain(|_, heard| !silent(heard));
        gone
    }

    /// This node could not hear: the silence of the other nodes does not count.
    pub(super) fn forgive(&mut self, now: Instant) {
        self.heard.values_mut().for_each(|heard| *heard = now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(node: &str, says: Saying) -> PresenceWord {
        PresenceWord {
            node: NodeId::new(node),
            says,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_is_there_from_its_first_word_until_it_leaves_or_is_silent() {
        let mut presence = Presence::default();
        let mut hear = |node, says| presence.heard(&word(node, says), Instant::now());
        assert_eq!(hear("one", Saying::Hello), PresenceChange::Up);
        assert_eq!(hear("two", Saying::Here), PresenceChange::Up);
        assert_eq!(hear("two", Saying::Here), PresenceChange::Nothing);
        assert_eq!(hear("one", Saying::Bye), PresenceChange::Down);
        assert_eq!(hear("one", Saying::Bye), PresenceChange::Nothing);
        tokio::time::advance(SILENCE).await;
        assert!(presence.sweep(Instant::now()).is_empty());
        tokio::time::advance(HEARTBEAT).await;
        presence.forgive(Instant::now());
        assert!(
            presence.sweep(Instant::now()).is_empty(),
            "nobody could be heard"
        );
        tokio::time::advance(SILENCE + HEARTBEAT).await;
        assert_eq!(presence.sweep(Instant::now()), [NodeId::new("two")]);
        assert!(presence.sweep(Instant::now()).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn invented_nodes_fill_no_memory() {
        let mut presence = Presence::default();
        for number in 0..5_000 {
            presence.heard(&word(&number.to_string(), Saying::Here), Instant::now());
        }
        assert_eq!(presence.heard.len(), MOST_NODES);
    }

    #[test]
    fn a_word_is_read_as_it_was_written() {
        let hello = word("one", Saying::Hello);
        let bytes = hello.encode();
        assert_eq!(bytes, r#"{"node":"one","says":"hello"}"#);
        assert!(PresenceWord::is_one(&bytes));
        assert_eq!(PresenceWord::decode(&bytes).unwrap(), hello);
        assert!(PresenceWord::decode(b"{}").is_err());
    }
}
