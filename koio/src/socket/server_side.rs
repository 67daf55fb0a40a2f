//! Events between servers: sending them, and the way to the handlers of this one.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::runtime::Handle;

use super::{
    ack::ServerAcksFuture, error::not_sent, io_handle::IoHandle, server_core::ServerCore,
    server_event::SentEvent, socket::Socket,
};
use crate::{
    Error, Result,
    adapter::{
        Adapter, Broker, Cluster, IncomingServerEvent, NeutralPacket, ServerFailure,
        ServerHandlers, ServerRun, Target, named,
    },
    time::now,
    wire::{self, EncodeError, Frame},
};

/// The names that Socket.IO's own server keeps for itself on a namespace: another server's event must not look like one of
/// those.
const RESERVED: [&str; 3] = ["connect", "connection", "new_namespace"];

/// Whether no event between servers may have this name.
pub(crate) fn is_reserved_between_servers(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Runs what the program declared for events of other servers. Implemented by the router.
pub(crate) trait ServerDispatch: Send + Sync + 'static {
    /// The handler of an event, which has not begun. `None` if there is none.
    fn server_event(&self, event: SentEvent) -> Option<ServerReply>;
}

/// A handler under way, and its answer: an encoded ack.
pub(crate) type ServerReply = Pin<Box<dyn Future<Output = Result<Frame>> + Send>>;

/// The handlers of a server as its cluster sees them. It keeps neither them nor the server: handlers may hold a handle, which
/// holds the server.
struct ServerDoor {
    core: Weak<ServerCore<Socket>>,
    dispatch: Weak<dyn ServerDispatch>,
}

impl ServerHandlers for ServerDoor {
    fn handle(&self, event: IncomingServerEvent) -> Option<ServerRun> {
        let (core, dispatch) = (self.core.upgrade()?, self.dispatch.upgrade()?);
        let here = IoHandle::root(core).of(&event.namespace);
        let reply = dispatch.server_event(SentEvent::new(event, here))?;
        Some(Box::pin(async move {
            match reply.await {
                Ok(answer) => Ok(arguments(&answer)),
                Err(error) => Err(failure(&error)),
            }
        }))
    }
}

impl IoHandle {
    /// Joins the other servers that the broker connects. Without effect if it has joined already. Their events go to `dispatch`.
    pub(crate) fn join_cluster(
        &self,
        broker: Arc<dyn Broker>,
        dispatch: Weak<dyn ServerDispatch>,
    ) -> Result<()> {
        if Handle::try_current().is_err() {
            let message = "a server in a cluster must start within a tokio runtime";
            return Err(Error::setup(message));
        }
        let local = Arc::clone(&self.core.local);
        let declared = self.core.declared().into_iter();
        let namespaces = declared.flat_map(|declared| declared.names().cloned());
        let handlers = Arc::new(ServerDoor {
            core: Arc::downgrade(&self.core),
            dispatch,
        });
        let limit = self.core.config().server_events;
        let cluster = Cluster::new(local, broker, namespaces.collect(), handlers, limit)
            .map_err(|_| Error::setup("the operating system has no randomness to give"))?;
        if self.core.set_cluster(Arc::clone(&cluster) as _) {
            cluster.join();
        }
        Ok(())
    }

    /// Sends an event to the other servers of the [cluster](crate::Io::cluster), not to clients: Socket.IO's `serverSideEmit`.
    /// Each runs the handler that it has [declared](crate::Io::on_server_side) for it in this namespace. This server does not,
    /// and without a cluster nothing happens.
    ///
    /// It is queued for the broker before this returns; delivery is at most once. `args` are as in [`Socket::emit`].
    ///
    /// ```
    /// # use koio::{Io, Result, cluster::ServerEvent};
    /// # fn set_up() -> Result<()> {
    /// let io = Io::new().on_server_side("flush", |event: ServerEvent| async move {
    ///     let cache: String = event.get(0)?;
    ///     println!("{} says: flush {cache}", event.from());
    ///     Ok(())
    /// });
    /// io.handle().server_side_emit("flush", "users")
    /// # }
    /// ```
    ///
    /// # Errors
    /// Only for a mistake of the caller's: a [namespace](Error::is_no_namespace) that is not declared, a value that does not
    /// serialise, more than ten binaries, or one of the names that Socket.IO keeps for itself here (`connect`, `connection`,
    /// `new_namespace`). A message that the broker does not take is counted
    /// ([`Counts::cluster_unpublished`](crate::observe::Counts::cluster_unpublished)) and is no error.
    pub fn server_side_emit(&self, event: &str, args: impl Serialize) -> Result<()> {
        let packet = self.server_packet(event, &args)?;
        if let Some(cluster) = self.core.cluster() {
            cluster.server_emit(self.scope.destination(&Target::default()), packet);
        }
        Ok(())
    }

    /// Sends an event to the other servers, as [`server_side_emit`](Self::server_side_emit), and waits for the answer of each:
    /// what its handler returns. Socket.IO's `serverSideEmitWithAck`.
    ///
    /// `T` is the first argument of an answer; `()` takes any. The future gives the answers in no particular order, each with the
    /// [`NodeId`](crate::cluster::NodeId) of its server, when all have answered, or after 5 s
    /// ([`timeout`](ServerAcksFuture::timeout)). With no other server, and without a cluster, there are none, at once. A server
    /// that leaves meanwhile is not waited for.
    ///
    /// ```
    /// # use koio::{Io, Result, cluster::ServerEvent};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let io = Io::new().on_server_side("load", |event: ServerEvent| async move {
    ///     Ok(event.io().count())
    /// });
    /// let asked = io.handle().server_side_emit_with_ack::<usize>("load", ());
    /// let mut clients = io.handle().count();
    /// for (server, answer) in asked.timeout(Duration::from_secs(1)).await? {
    ///     match answer {
    ///         Ok(there) => clients += there,
    ///         Err(error) => eprintln!("{server}: {error}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`server_side_emit`](Self::server_side_emit). An error of one server is in the list: what its handler failed with
    /// ([hidden](Error::hide) from clients here), code `internal` if that was hidden there or a panic,
    /// [`no_handler`](Error::is_no_handler), [`overloaded`](Error::is_overloaded), or `bad_request` if the answer does not fit
    /// `T`. Code `partial_answer` if a server has not answered in time, or the broker did not take the event; its source is a
    /// [`PartialAnswer`](crate::cluster::PartialAnswer), which names the servers and has the answers of the others.
    ///
    /// # Panics
    /// In a cluster, outside a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropping the future drops the answers. The event is sent all the same, and its handlers run.
    pub fn server_side_emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> ServerAcksFuture<T> {
        let packet = match self.server_packet(event, &args) {
            Ok(packet) => packet,
            Err(error) => return ServerAcksFuture::failed(error),
        };
        let to = Target::default();
        let cluster = self.core.cluster();
        let asked = cluster.and_then(|cluster: &dyn Adapter| {
            cluster.server_ask(self.scope.destination(&to), packet)
        });
        ServerAcksFuture::new(asked, event, now())
    }

    fn server_packet(&self, event: &str, args: &impl Serialize) -> Result<NeutralPacket> {
        self.scope.check(&self.core)?;
        if is_reserved_between_servers(event) {
            return Err(not_sent(EncodeError::ReservedName));
        }
        let args = wire::ack("/", 0, args).map_err(not_sent)?;
        Ok(named(event, arguments(&args)))
    }
}

/// The arguments in an ack of `/`.
fn arguments(ack: &Frame) -> NeutralPacket {
    // Always one.
    NeutralPacket::of_frame(ack, "/").unwrap_or_default()
}

/// What other servers may know of an error: as much as a client.
fn failure(error: &Error) -> ServerFailure {
    let (code, message) = match error.is_shown() {
        true => (error.code(), error.message()),
        false => (
            Error::INTERNAL,
            "the handler of that server failed; its log says why",
        ),
    };
    ServerFailure::Failed {
        code: code.to_owned(),
        message: message.to_owned(),
    }
}
