//! Which revisions of the protocol a server speaks.

use super::Io;

impl Io {
    /// Whether clients of Socket.IO 2 and 1 are let in, which speak revision 3 of Engine.IO (`EIO=3`): Socket.IO's `allowEIO3`.
    /// Default no; they are refused with code 5, `Unsupported protocol version`.
    ///
    /// They mix with later clients on one server: in rooms, broadcasts and clusters, over long-polling, WebSocket and the upgrade,
    /// with binary data and acks both ways. Handlers see no difference but
    /// [`Handshake::protocol`](crate::Handshake::protocol). An event is encoded once for all; only binary data is framed again for
    /// them, once for each emit.
    ///
    /// ```
    /// let io = koio::Io::new().allow_eio3(true);
    /// ```
    ///
    /// What their protocol has otherwise:
    ///
    /// - A client is connected to `/` without having asked, and so is in `/` also if it wants another namespace alone.
    ///   [`Handshake::auth`](crate::Handshake::auth) is the `query` that the client gives with a namespace: texts. That of the
    ///   connection is [`Handshake::query`](crate::Handshake::query).
    /// - An error of the middleware arrives as the event `error`, with the error's [`data`](crate::Error::data) if that is text, an
    ///   object or a list, and otherwise with its message alone. A namespace that is not declared is `"Invalid namespace"`.
    /// - The client sends the pings, and has `ping_interval + ping_timeout` from one to the next.
    /// - The client's own `socket.id` is the id of its session, and in `/` that is its [`id`](crate::Socket::id) here. In another
    ///   namespace the client writes that before it (`/chat#_PXlOQPBAfo4TyTYLGQi`). Here its socket has an id of its own, and
    ///   both name it wherever a room is asked for. [`SocketId::parse`](crate::SocketId::parse) makes the one of the other, and
    ///   has to on a sharded Redis, where the long form finds no socket of another node.
    ///   The id in `/` is drawn for each session (114 random bits), or [made](Self::generate_id), but is shown to handlers: whoever
    ///   learns that of a client that is polling can take its place. So show the ids of such clients in `/` to nobody who should
    ///   not have that power, or let them in over WebSocket alone.
    /// - There is no [recovery](Self::recovery), and events carry no position.
    /// - `socket.io-client` 2 keeps some names of events for itself: `error`, `ping`, `pong`, `reconnect` and the like.
    ///
    /// JSONP (`j` in the query) is refused. With `Parser::Msgpack` this is an error at the
    /// start: those clients speak JSON.
    #[track_caller]
    pub fn allow_eio3(self, allowed: bool) -> Self {
        self.config(|config| config.engine.allow_eio3 = allowed)
    }
}
