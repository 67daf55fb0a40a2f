//! A socket as any node of the cluster sees it.

use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;

use super::{data::read_data, server_core::ServerCore, socket::Socket};
use crate::{
    Result,
    adapter::{HandshakeView, SocketView},
    ids::{Room, SocketId},
};

/// A socket of this node or of another one, as it was when it was [fetched](crate::IoHandle::fetch_sockets).
///
/// Its id, rooms, handshake and data are copies. Emits and changes reach the socket itself: on this node before the
/// call returns, on another node when the broker delivers the message.
#[derive(Clone)]
pub struct RemoteSocket {
    view: SocketView,
    pub(super) core: Arc<ServerCore<Socket>>,
    pub(super) namespace: Arc<str>,
}

impl RemoteSocket {
    pub(super) fn new(
        view: SocketView,
        core: &Arc<ServerCore<Socket>>,
        fetched: &Arc<str>,
    ) -> Self {
        // Of a family each socket has another.
        let namespace = match **fetched == *view.namespace {
            true => Arc::clone(fetched),
            false => view.namespace.as_str().into(),
        };
        Self {
            view,
            core: Arc::clone(core),
            namespace,
        }
    }

    /// The socket's public id.
    #[must_use]
    pub fn id(&self) -> SocketId {
        self.view.id
    }

    /// The namespace it is connected to.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What the client sent when it connected.
    #[must_use]
    pub fn handshake(&self) -> &HandshakeView {
        &self.view.handshake
    }

    /// The rooms it was in, that of its own id aside.
    #[must_use]
    pub fn rooms(&self) -> &[Room] {
        &self.view.rooms
    }

    /// Whether it was in a room; it is always in that of its own id.
    #[must_use]
    pub fn is_in(&self, room: impl Into<Room>) -> bool {
        let room = room.into();
        room.as_str() == self.view.id.as_str() || self.view.rooms.contains(&room)
    }

    /// The value that [`Socket::set_data`] had set, read into a type. `None` if none was set.
    ///
    /// # Errors
    /// Hidden from the client: the value does not fit `T`.
    pub fn data<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        read_data(self.view.data.as_deref())
    }
}

impl fmt::Debug for RemoteSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSocket")
            .field("id", &self.view.id)
            .field("namespace", &self.namespace)
            .field("rooms", &self.view.rooms)
            .finish_non_exhaustive()
    }
}
