//! The trait [`Adapter`], between emits and delivery.

use std::{
    any::Any,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    AckCollector, NeutralPacket, OccupancyWatcher, SocketView, Target,
    cluster::{AskedServers, NodeId},
};
use crate::{
    Result,
    ids::{Pattern, Room},
    observe::Observers,
    wire::Frame,
};

/// Whom an emit means: a target in a namespace, or in each namespace of a family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Destination<'a> {
    /// The namespace; of a family its pattern.
    pub(crate) namespace: &'a str,
    /// The pattern, if a family is meant: all namespaces that it matches. A packet for it is encoded with the pattern for
    /// its namespace, and encoded again for each namespace that has sockets.
    pub(crate) family: Option<&'a Pattern>,
    pub(crate) target: &'a Target,
}

/// What `fetch` found, and which nodes did not answer in time.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    pub(crate) sockets: Vec<SocketView>,
    pub(crate) missing: Vec<NodeId>,
}

/// The future of [`Adapter::fetch`].
pub(crate) type FetchFuture = Pin<Box<dyn Future<Output = Fetched> + Send>>;

/// Dropping it gives up the answers that [`Adapter::ask`] has not collected yet.
pub(crate) type AskGuard = Box<dyn Any + Send + Sync>;

/// Finds the sockets that an emit means and reaches them, on this node and on others.
///
/// One for each server, behind a reference, so that no user's signature names it. No method waits for another node:
/// what is meant for sockets of this node has happened when the method returns.
pub(crate) trait Adapter: Send + Sync + 'static {
    /// A fresh ack id of the namespace, as the sockets of this node will see it.
    fn next_ack(&self, namespace: &str) -> u64;

    /// Queues a packet for each socket meant. `volatile`: only where it can be sent at once. Returns the number of
    /// sockets of this node.
    fn broadcast(&self, to: Destination<'_>, packet: &Frame, volatile: bool) -> usize;

    /// Queues a packet that carries `ack` for each socket meant. The answers go to `answers`; other nodes send theirs
    /// for as long as `wait`. Returns the number of sockets of this node too.
    fn ask(
        &self,
        to: Destination<'_>,
        packet: &Frame,
        ack: u64,
        wait: Duration,
        answers: &Arc<AckCollector>,
    ) -> (AskGuard, usize);

    /// Describes each socket meant. Other nodes have `wait` to answer.
    fn fetch(&self, to: Destination<'_>, wait: Duration) -> FetchFuture;

    /// Puts each socket meant into the rooms.
    ///
    /// # Errors
    /// The first refusal of a socket of this node, after all have been tried; or the broker refused the message.
    fn join(&self, to: Destination<'_>, rooms: &[Room]) -> Result<()>;

    /// Takes each socket meant out of the rooms.
    ///
    /// # Errors
    /// The broker refused the message.
    fn leave(&self, to: Destination<'_>, rooms: &[Room]) -> Result<()>;

    /// Disconnects each socket meant from the namespace; `all`: its client from all namespaces.
    ///
    /// # Errors
    /// The broker refused the message.
    fn disconnect(&self, to: Destination<'_>, all: bool) -> Result<()>;

    /// The rooms of a namespace that have a socket of this node, those of its sockets' ids included.
    fn rooms(&self, namespace: &str) -> Vec<Room>;

    /// Whether a room of a namespace has a socket of this node, or is named like one, or is awaited by a client that may come
    /// back to it; if `room` is empty, whether the namespace has any.
    fn has_room(&self, namespace: &str, room: &str) -> bool;

    /// The namespaces that have a socket of this node, in no order (`/`: if it ever had one).
    fn live_namespaces(&self) -> Vec<Arc<str>> {
        Vec::new()
    }

    /// From here on, `watcher` is told where this node has sockets. It has none yet.
    fn watch_occupancy(&self, watcher: Arc<dyn OccupancyWatcher>) {
        drop(watcher);
    }

    /// Sends an event to the handlers of the other servers, for a namespace. It need not arrive.
    fn server_emit(&self, to: Destination<'_>, packet: NeutralPacket) {
        let _ = (to, packet);
    }

    /// The same, and waits for their answers. `None` if there is no other server.
    fn server_ask(&self, to: Destination<'_>, packet: NeutralPacket) -> Option<AskedServers> {
        let _ = (to, packet);
        None
    }

    /// From here on no handler starts for an event of another server. Resolves when those that run have ended.
    fn server_events_ended(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(ready(()))
    }

    /// Since when the other nodes can't be heard, if that is so.
    fn alone_since(&self) -> Option<Instant> {
        None
    }

    /// Resolves when what other nodes send to the sockets of this one arrives, wherever those are at the call.
    fn subscribed(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(ready(Ok(())))
    }

    /// The observers of this server.
    fn observers(&self) -> &Observers;

    /// Leaves the other nodes. The sockets of this node stay.
    fn close(&self) {}

    /// Resolves when the other nodes have been told so.
    fn closed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(ready(()))
    }
}
