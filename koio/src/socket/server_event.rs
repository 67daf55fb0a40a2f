//! [`ServerEvent`]: an event of another server, for its handler.

use std::{any::Any, fmt, sync::Arc};

use serde::de::{DeserializeOwned, IgnoredAny};

use super::{io_handle::IoHandle, type_map::TypeMap};
use crate::{
    Error, Result,
    adapter::{IncomingServerEvent, NodeId},
    wire::{ArgError, RawArgs},
};

/// An event that another server has sent by [`server_side_emit`](crate::IoHandle::server_side_emit), for the handler that was
/// given to [`Io::on_server_side`](crate::Io::on_server_side). Cloning costs a reference count.
///
/// ```
/// use koio::{Io, args, cluster::ServerEvent};
///
/// let io = Io::new().on_server_side("move", |event: ServerEvent| async move {
///     let (user, room): (String, String) = (event.get(0)?, event.get(1)?);
///     event.io().to(user).local().sockets_join(room)
/// });
/// # fn send(io: &koio::IoHandle) -> koio::Result<()> {
/// io.server_side_emit("move", args!["user:ann", "lobby"])
/// # }
/// ```
#[derive(Clone)]
pub struct ServerEvent(Arc<ServerEventData>);

struct ServerEventData {
    sent: SentEvent,
    states: SharedStates,
}

/// The values given to [`Io::state`](crate::Io::state).
pub(crate) type SharedStates = Arc<TypeMap<Arc<dyn Any + Send + Sync>>>;

/// An event of another server, for which no handler was found yet.
pub(crate) struct SentEvent {
    event: IncomingServerEvent,
    here: IoHandle,
}

impl SentEvent {
    /// `here`: a handle for the event's namespace.
    pub(super) fn new(event: IncomingServerEvent, here: IoHandle) -> Self {
        Self { event, here }
    }

    pub(crate) fn name(&self) -> &str {
        &self.event.name
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.event.namespace
    }

    /// For a handler.
    pub(crate) fn with_states(self, states: SharedStates) -> ServerEvent {
        ServerEvent(Arc::new(ServerEventData { sent: self, states }))
    }
}

impl ServerEvent {
    fn sent(&self) -> &IncomingServerEvent {
        &self.0.sent.event
    }

    pub(crate) fn states(&self) -> &SharedStates {
        &self.0.states
    }

    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.sent().name
    }

    /// The namespace that it was sent for; if it was sent for a family of them, the pattern.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.sent().namespace
    }

    /// The server that sent it. Servers of Node have no names: `a server of another kind`.
    #[must_use]
    pub fn from(&self) -> &NodeId {
        &self.sent().from
    }

    /// Whether the other server waits for an answer.
    #[must_use]
    pub fn wants_answer(&self) -> bool {
        self.sent().is_asked
    }

    /// This server: a handle for `/`, whichever namespace the event is of. [`here`](Self::here) is for that one.
    #[must_use]
    pub fn io(&self) -> IoHandle {
        self.0.sent.here.of("/")
    }

    /// A handle of this server for the event's [namespace](Self::namespace).
    #[must_use]
    pub fn here(&self) -> IoHandle {
        self.0.sent.here.clone()
    }

    /// How many arguments there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut reader = self.sent().args.reader();
        while let Ok(Some(IgnoredAny)) = reader.next() {}
        reader.position()
    }

    /// Whether there are no arguments.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sent().args.is_empty()
    }

    /// Reads the argument at this index, from zero. One that is missing counts as `null`, so that an `Option<T>` is
    /// `None`. Binary is read into [`Bytes`](crate::Bytes), at any depth.
    ///
    /// # Errors
    /// `bad_request`, if it is no `T`; the message names the argument and the reason.
    pub fn get<T: DeserializeOwned>(&self, index: usize) -> Result<T> {
        let mut reader = self.sent().args.reader();
        for _ in 0..index {
            if let Ok(None) = reader.next::<IgnoredAny>() {
                break;
            }
        }
        let number = index.saturating_add(1);
        let is_there = reader.position() == index;
        reader.next_or_null().map_err(|error| {
            let reason = match error {
                _ if !is_there || index >= self.len() => {
                    return Error::bad_request(format!("argument {number} is missing"));
                }
                ArgError::Type { reason, .. } => reason,
                syntax @ ArgError::Syntax(_) => syntax.to_string(),
            };
            Error::bad_request(format!("argument {number} does not fit: {reason}"))
        })
    }

    /// All arguments, undecoded: a value for `emit`, which passes them on as they came, binary included.
    #[must_use]
    pub fn args(&self) -> &RawArgs {
        &self.sent().args
    }
}

impl fmt::Debug for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerEvent")
            .field("name", &self.name())
            .field("namespace", &self.namespace())
            .field("from", &self.from())
            .finish_non_exhaustive()
    }
}
