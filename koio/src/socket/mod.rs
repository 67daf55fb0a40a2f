//! Socket.IO: what the packets of a session mean.
//!
//! A `Client` is one connection; it has a [`Socket`] for each namespace that it is connected to, and a `SocketDriver`
//! for each of those, which runs its handlers through [`Dispatch`]. What is sent goes through [`Emit`] to the adapter.

mod ack;
mod add_to_namespace;
mod add_to_socket;
mod additions;
mod answer_to_connect;
mod catch_unwind;
mod client;
mod concurrency;
mod config;
mod connection;
mod data;
mod declared;
mod dispatch;
mod driver;
mod emit;
mod emit_selected;
mod emit_to_one;
mod error;
mod event_queue;
mod extras;
mod handshake;
mod held_up;
mod in_rooms;
mod io_handle;
mod listener_id;
mod local;
mod namespace;
mod namespace_additions;
mod once;
mod outgoing;
mod overlap;
mod partial;
mod recovery;
mod remote;
mod running;
mod scope;
mod server_core;
mod server_event;
mod server_side;
mod shutdown;
#[allow(clippy::module_inception, reason = "the file of `Socket`")]
mod socket;
mod type_map;
mod watched;

pub use ack::{AckFuture, AcksFuture, ServerAcksFuture};
pub(crate) use add_to_socket::check_room;
pub(crate) use additions::IncomingAdditions;
pub(crate) use catch_unwind::caught;
pub(crate) use client::Clients;
pub(crate) use concurrency::Concurrency;
pub use config::SocketConfig;
pub(crate) use declared::{DeclaredNamespaces, speakable, with_slash};
pub(crate) use dispatch::{Accept, BoxFuture, Dispatch, Namespaces};
pub use emit::Emit;
pub use handshake::Handshake;
pub use io_handle::IoHandle;
pub use listener_id::ListenerId;
pub(crate) use namespace_additions::NamespaceAdditions;
pub(crate) use once::OnceRun;
pub use outgoing::OutgoingEvent;
pub(crate) use outgoing::event_of_frame;
pub use partial::PartialAnswer;
pub(crate) use recovery::ExpiredHook;
pub use recovery::{ExpiredSession, Recovery};
pub use remote::RemoteSocket;
pub(crate) use server_core::ServerCore;
pub use server_event::ServerEvent;
pub(crate) use server_event::{SentEvent, SharedStates};
pub(crate) use server_side::{ServerDispatch, ServerReply, is_reserved_between_servers};
pub use shutdown::Drained;
pub use socket::Socket;
pub(crate) use type_map::TypeMap;
