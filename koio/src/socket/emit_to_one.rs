//! The emits of [`Socket`] and [`RemoteSocket`], made of [`Emit`]: to that socket alone, or to all others.

use std::{sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tokio::task::consume_budget;

use super::{
    ack::{AckFuture, AckTime},
    emit::Emit,
    error::{closed, not_sent},
    remote::RemoteSocket,
    scope::NamespaceScope,
    socket::Socket,
};
use crate::{Result, ids::IntoRooms, wire};

impl Socket {
    /// Sends an event to this client.
    ///
    /// `args` is what the client's listener gets: `()` is no argument, [`args!`](crate::args)`[a, b]` are
    /// several, anything else is one: a tuple or a list is one array. Bytes ([`Bytes`](crate::Bytes), `serde_bytes`)
    /// at any depth travel as binary.
    ///
    /// # Errors
    /// [Full](crate::Error::is_full) if the client does not read fast enough: nothing was queued.
    /// [Closed](crate::Error::is_closed) if it is gone. Both are shown: a handler that returns one answers its own
    /// client with it. Otherwise a mistake of the caller's: a reserved name, a value that does not serialise, more than
    /// ten binaries.
    pub fn emit(&self, event: &str, args: impl Serialize) -> Result<()> {
        let draft = wire::event_draft(self.namespace(), None, event, &args).map_err(not_sent)?;
        self.deliver(draft)?;
        self.sent(event);
        Ok(())
    }

    /// Waits until an [`emit`](Self::emit) is not refused as [full](crate::Error::is_full): less than
    /// [`send_queue_bytes`](crate::config::EngineConfig::send_queue_bytes) waits for the client. Resolves at once if that is
    /// so already.
    ///
    /// Another task may fill the queue in between, so emit again in a loop:
    ///
    /// ```no_run
    /// # use koio::{Result, Socket};
    /// async fn send_history(socket: &Socket, history: &[String]) -> Result<()> {
    ///     for line in history {
    ///         while let Err(error) = socket.emit("line", line) {
    ///             if !error.is_full() {
    ///                 return Err(error);
    ///             }
    ///             socket.ready().await?;
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [Closed](crate::Error::is_closed) if the client is gone. One that takes nothing is
    /// [cut](crate::CloseReason::SlowConsumer) after [`write_timeout`](crate::config::EngineConfig::write_timeout), and one
    /// that polls no more after its missed ping, so the wait ends.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn ready(&self) -> Result<()> {
        // A loop in which the queue is never full for long must let other tasks run.
        consume_budget().await;
        if self.is_open() {
            self.session().ready_unless(|| !self.is_open()).await;
        }
        if self.is_open() {
            Ok(())
        } else {
            Err(closed())
        }
    }

    /// Waits until the client's connection has taken all that was queued for it before this call, by any socket of the client:
    /// over a WebSocket, until the operating system has it; over polling, until the client has polled again, which it does when
    /// it has the whole answer. It is the counterpart of Socket.IO's callback of `send`, and of its `flush` and `drain`. That
    /// the program of the client has handled an event is what an [answer](Self::emit_with_ack) says.
    ///
    /// What is queued later is not waited for, so that a busy socket does not make it wait for ever. Nothing is kept for it while nobody
    /// waits.
    ///
    /// ```
    /// use koio::{Context, Result, on};
    /// use std::time::Duration;
    ///
    /// #[on("export")]
    /// async fn export(ctx: Context, rows: u32) -> Result<()> {
    ///     for row in 0..rows {
    ///         ctx.emit("row", row)?;
    ///         if row % 100 == 99 {
    ///             ctx.socket().flushed().await?; // a hundred at a time
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [Closed](crate::Error::is_closed) if the client is gone, or its socket has closed meanwhile: then it is not known how much
    /// has been taken. The wait ends as that of [`ready`](Self::ready) does.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn flushed(&self) -> Result<()> {
        // A loop in which all is taken at once must let other tasks run.
        consume_budget().await;
        // The session may be over while the socket does not know it yet.
        let is_flushed = self.is_open() && self.session().flushed_unless(|| !self.is_open()).await;
        if is_flushed && self.is_open() {
            Ok(())
        } else {
            Err(closed())
        }
    }

    /// Sends an event to this client and waits for its answer, for at most
    /// [`ack_timeout`](crate::config::SocketConfig::ack_timeout); see [`timeout`](Self::timeout) for another time.
    ///
    /// The event is queued before this returns; the future only waits. For its errors, and for dropping it, see
    /// [`Emit::emit_with_ack`].
    ///
    /// # Panics
    /// Outside a tokio runtime, which keeps the time.
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> AckFuture<T> {
        let time = AckTime::Configured(self.core().config().ack_timeout);
        AckFuture::send(self, event, &args, false, time)
    }

    /// An emit to this client alone that can be [volatile](Emit::volatile) or have a
    /// [timeout](Emit::timeout).
    pub fn only(&self) -> Emit {
        Emit::to_socket(self.clone())
    }

    /// An emit to this client alone, with this time to wait for its answer.
    pub fn timeout(&self, time: Duration) -> Emit {
        self.only().timeout(time)
    }

    /// An emit to this client alone that is dropped if it can't go out at once.
    pub fn volatile(&self) -> Emit {
        self.only().volatile()
    }

    /// An emit to this client alone that may be compressed, or is not; see [`Emit::compress`].
    pub fn compress(&self, compress: bool) -> Emit {
        self.only().compress(compress)
    }

    /// An emit to a room or several, or to another socket by its id, of this namespace; never to this socket itself.
    pub fn to(&self, rooms: impl IntoRooms) -> Emit {
        self.others().to(rooms)
    }

    /// An emit to all sockets of this namespace but this one and those in the rooms.
    pub fn except(&self, rooms: impl IntoRooms) -> Emit {
        self.others().except(rooms)
    }

    /// An emit to all sockets of this namespace but this one.
    pub fn others(&self) -> Emit {
        let namespace = Arc::clone(&self.live_namespace().name);
        Emit::new(Arc::clone(self.core()), NamespaceScope::declared(namespace)).except(self.id())
    }

    /// Sends an event to all sockets of this namespace but this one.
    ///
    /// # Errors
    /// As [`Emit::emit`].
    pub fn broadcast(&self, event: &str, args: impl Serialize) -> Result<()> {
        self.others().emit(event, args)
    }
}

impl RemoteSocket {
    /// [`Socket::ready`] for a client of this node. For a client of another node it resolves at once: its queue is there.
    ///
    /// # Errors
    /// As [`Socket::ready`], for a client of this node.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn ready(&self) -> Result<()> {
        match self.only().sockets().pop() {
            Some(socket) => socket.ready().await,
            None => Ok(()),
        }
    }

    /// An emit to this client alone that can be [volatile](Emit::volatile) or have a
    /// [timeout](Emit::timeout).
    pub fn only(&self) -> Emit {
        let scope = NamespaceScope::declared(Arc::clone(&self.namespace));
        Emit::new(Arc::clone(&self.core), scope).fetched(self.id())
    }

    /// Sends an event to this client.
    ///
    /// # Errors
    /// On this node as [`Socket::emit`]. For a socket of another node only for a mistake of the caller's: this node
    /// does not know whether it is still connected.
    pub fn emit(&self, event: &str, args: impl Serialize) -> Result<()> {
        self.only().emit(event, args)
    }

    /// Sends an event to this client and waits for its answer, for at most
    /// [`ack_timeout`](crate::config::SocketConfig::ack_timeout). For its errors, and for dropping it, see
    /// [`Emit::emit_with_ack`].
    ///
    /// # Panics
    /// Outside a tokio runtime, which keeps the time.
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> AckFuture<T> {
        self.only().emit_with_ack(event, args)
    }

    /// Puts the socket into a room, or into each of a list.
    ///
    /// # Errors
    /// As [`Emit::sockets_join`]. A refusal on another node is not known here.
    pub fn join(&self, rooms: impl IntoRooms) -> Result<()> {
        self.only().sockets_join(rooms)
    }

    /// Takes the socket out of a room, or out of each of a list.
    ///
    /// # Errors
    /// As [`Emit::sockets_leave`].
    pub fn leave(&self, rooms: impl IntoRooms) -> Result<()> {
        self.only().sockets_leave(rooms)
    }

    /// [Disconnects](Socket::disconnect) the socket from its namespace.
    ///
    /// # Errors
    /// As [`Emit::disconnect_sockets`].
    pub fn disconnect(&self) -> Result<()> {
        self.only().disconnect_sockets()
    }

    /// [Disconnects](Socket::disconnect_all) its client from all its namespaces, and closes the connection.
    ///
    /// # Errors
    /// As [`Emit::disconnect_sockets`].
    pub fn disconnect_all(&self) -> Result<()> {
        self.only().disconnect_all()
    }
}
