//! The part of a socket that is allocated on its first use.

use std::{any::Any, convert::Infallible, sync::Arc};

use tokio::sync::oneshot;

use super::{additions::Additions, once::OnceMemory, recovery::SocketRecovery, type_map::TypeMap};
use crate::ids::Room;

/// Values that most sockets do not have. Boxed: 8 bytes in a socket without them.
#[derive(Default)]
pub(super) struct SocketExtras {
    /// The values that were [set](crate::Socket::set).
    pub(super) values: TypeMap<Arc<dyn Any + Send + Sync>>,
    /// The text of [`Socket::data`](crate::Socket::data).
    pub(super) data: Option<Arc<str>>,
    /// What recovery knows of it.
    pub(super) recovery: Option<Box<SocketRecovery>>,
    /// Dropped when the handlers of a socket have ended whose connection was lost.
    pub(super) handlers: Option<oneshot::Sender<Infallible>>,
    /// See [`Socket::recovered`](crate::Socket::recovered).
    pub(super) recovered: bool,
    /// The rooms it was in when it closed, for the disconnect handler.
    pub(super) left: Vec<Room>,
    /// Listeners, middleware and observers of this socket alone.
    pub(super) additions: Option<Box<Additions>>,
    /// Its events that are handled once for each key.
    pub(super) once: Option<Arc<OnceMemory>>,
}
