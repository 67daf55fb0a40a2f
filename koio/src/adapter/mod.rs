//! Rooms and delivery: whom an emit means, and how it gets there.
//!
//! Emits go through the trait [`Adapter`]. The socket layer implements it for this node, over [`Rooms`]; [`Cluster`]
//! for this node and the others behind a [`Broker`].

mod ack_collector;
#[allow(clippy::module_inception, reason = "the file of the trait `Adapter`")]
mod adapter;
mod cluster;
mod member_list;
mod occupancy;
mod packet;
mod rooms;
mod selection;
mod server_side;
mod socket_view;
mod target;

pub(crate) use ack_collector::{AckCollector, AckOutcome, NoAnswer};
pub(crate) use adapter::{Adapter, AskGuard, Destination, FetchFuture, Fetched};
#[cfg(feature = "nats")]
pub use cluster::Nats;
#[cfg(all(fuzzing, feature = "redis"))]
pub use cluster::fuzz_node_wire;
pub(crate) use cluster::{AskedServers, Cluster};
pub use cluster::{
    Broker, ClusterMessage, Connecting, Departing, Inbox, Lagging, MalformedMessage, Memory,
    NodeId, PublishError, Topic,
};
#[cfg(feature = "redis")]
pub use cluster::{Redis, SubscriptionMode};
pub(crate) use member_list::Recipient;
pub(crate) use occupancy::OccupancyWatcher;
pub(crate) use packet::NeutralPacket;
pub(crate) use rooms::{NotJoined, RoomChange, Rooms};
pub(crate) use selection::Selection;
pub(crate) use server_side::{
    IncomingServerEvent, ServerAnswer, ServerFailure, ServerHandlers, ServerRun, named,
};
pub use socket_view::HandshakeView;
pub(crate) use socket_view::SocketView;
pub(crate) use target::Target;
