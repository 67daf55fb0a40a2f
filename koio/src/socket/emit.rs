//! Emitting: encode once, and hand it to the adapter.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    ack::{AckFuture, AckTime, AcksFuture},
    error::{closed, not_one_socket, not_sent},
    local::{AskedSockets, volatile_dropped},
    scope::NamespaceScope,
    server_core::ServerCore,
    socket::Socket,
};
use crate::{
    Result,
    adapter::{AckCollector, Adapter, AskGuard, Destination, Target},
    ids::{IntoRooms, Room, SocketId},
    observe::Observation,
    wire::{self, Draft},
};

/// An emit before it is sent: its recipients and its options. A clone can be kept and used again.
///
/// A socket in two of the rooms gets the event once. The event is encoded once, whatever the number of recipients, and
/// queued for each recipient on this node before the call returns. In a [cluster](crate::Io::cluster) it is then
/// published to the other nodes.
#[derive(Clone)]
#[must_use = "nothing is sent until `emit` is called"]
pub struct Emit {
    pub(super) core: Arc<ServerCore<Socket>>,
    pub(super) scope: NamespaceScope<Socket>,
    target: Target,
    /// Whether rooms were named, if only an empty list of them: then the emit is for nobody, and not for everybody.
    is_named: bool,
    /// The only recipient, in place of `target`. It may still be connecting.
    pub(super) only: Option<Socket>,
    /// Whether the only room is the id of a socket that was fetched. Those of Node servers don't look like ids.
    is_fetched: bool,
    local: bool,
    volatile: bool,
    uncompressed: bool,
    pub(super) timeout: Option<Duration>,
}

/// The socket that an emit to one socket means.
enum SingleSocket {
    Here(Socket),
    /// Not on this node, but perhaps on another node of the cluster.
    Elsewhere,
    /// Its client is not connected, and may come back to it.
    Away,
    Closed,
}

impl Emit {
    pub(super) fn new(core: Arc<ServerCore<Socket>>, scope: NamespaceScope<Socket>) -> Self {
        Self {
            core,
            scope,
            target: Target::default(),
            is_named: false,
            only: None,
            is_fetched: false,
            local: false,
            volatile: false,
            uncompressed: false,
            timeout: None,
        }
    }

    pub(super) fn to_socket(socket: Socket) -> Self {
        let core = Arc::clone(socket.core());
        let namespace = Arc::clone(&socket.live_namespace().name);
        Self {
            only: Some(socket),
            ..Self::new(core, NamespaceScope::declared(namespace))
        }
    }

    /// To a socket that was fetched.
    pub(super) fn fetched(self, id: SocketId) -> Self {
        Self {
            is_fetched: true,
            ..self.to(id)
        }
    }

    /// Adds the sockets in this room, or in any of a list; a socket id is the room of that socket. An emit that names no room goes
    /// to all sockets of the namespace; one that names an empty list, and nothing else, to nobody. Behind [`Socket::only`] it
    /// goes to that socket, and to those in the rooms.
    ///
    /// ```
    /// use koio::{Context, Result, on};
    ///
    /// #[on("goal")]
    /// async fn goal(ctx: Context, teams: Vec<String>) -> Result<()> {
    ///     ctx.io().to(["press", "radio"]).to(&teams).except(&teams[1..]).emit("goal", &teams)
    /// }
    /// ```
    pub fn to(mut self, rooms: impl IntoRooms) -> Self {
        self.name_only();
        self.is_named = true;
        self.target.rooms.extend(rooms.into_rooms());
        self
    }

    /// Leaves out the sockets in this room, or in any of a list.
    pub fn except(mut self, rooms: impl IntoRooms) -> Self {
        self.name_only();
        self.target.except.extend(rooms.into_rooms());
        self
    }

    /// Whether an empty list of rooms is all that was named.
    pub(super) fn is_for_nobody(&self) -> bool {
        self.is_named && self.target.rooms.is_empty() && self.only.is_none()
    }

    /// The only recipient so far becomes one of those that are named: by its room, which bears its id.
    fn name_only(&mut self) {
        if let Some(socket) = self.only.take() {
            self.target.rooms.push(socket.id().into());
        }
    }

    /// Drops the event for every recipient that can't take it at once: its network is busy, or it polls and has no
    /// request waiting. Drops are counted ([`Counts::volatile_dropped`](crate::observe::Counts::volatile_dropped)).
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Whether the event may be compressed over WebSocket, where that is switched on and the client takes it. Default yes. It is
    /// no promise: a short event is not, nor one that would not become smaller. On the other nodes of a
    /// [cluster](crate::Io::cluster) too. Answers to polls are compressed whole, if at all (`Io::http_compression`).
    pub fn compress(mut self, compress: bool) -> Self {
        self.uncompressed = !compress;
        self
    }

    /// Only the sockets of this node. Without a [cluster](crate::Io::cluster) those are all.
    pub fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// How long [`emit_with_ack`](Self::emit_with_ack) and [`emit_with_acks`](Self::emit_with_acks) wait for answers
    /// (default [`ack_timeout`](crate::config::SocketConfig::ack_timeout)), and [`fetch_sockets`](Self::fetch_sockets)
    /// for other nodes (default 5 s).
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    pub(super) fn adapter(&self) -> &dyn Adapter {
        match self.core.cluster() {
            Some(cluster) if !self.local => cluster,
            _ => &*self.core.local,
        }
    }

    pub(super) fn destination(&self) -> Destination<'_> {
        self.scope.destination(&self.target)
    }

    /// The adapter, if a client can be where the emit goes.
    pub(super) fn checked(&self) -> Result<&dyn Adapter> {
        self.scope.check(&self.core)?;
        Ok(self.adapter())
    }

    fn ack_time(&self) -> AckTime {
        let configured = AckTime::Configured(self.core.config().ack_timeout);
        self.timeout.map_or(configured, AckTime::Own)
    }

    /// Sends an event. For `args` see [`Socket::emit`].
    ///
    /// # Errors
    /// To a single socket of this node (a [`Socket`], or one id as the only room): [full](crate::Error::is_full) if it
    /// does not read fast enough (nothing was queued), [closed](crate::Error::is_closed) if it is gone. To rooms, to
    /// all sockets, or in a cluster to an id that this node does not have, it fails only for a mistake of the caller's:
    /// a [namespace](crate::Error::is_no_namespace) that is not declared, a reserved name, a value that does not serialise, more than ten binaries. A recipient that is full is then
    /// closed as a [slow consumer](crate::CloseReason::SlowConsumer), and the others are not held up. A message that
    /// the broker does not take is counted
    /// ([`Counts::cluster_unpublished`](crate::observe::Counts::cluster_unpublished)) and is no error.
    pub fn emit(&self, event: &str, args: impl Serialize) -> Result<()> {
        self.scope.check(&self.core)?;
        let single = self.single();
        // A socket that a family was searched for gets the event in its own namespace.
        let namespace = match &single {
            Some(SingleSocket::Here(socket)) => socket.namespace(),
            _ => &self.scope.name,
        };
        let mut draft = wire::event_draft(namespace, None, event, &args).map_err(not_sent)?;
        if self.is_for_nobody() {
            return self.core.check_packet(&draft, &self.scope.name);
        }
        if self.uncompressed {
            draft.leave_uncompressed();
        }
        match single {
            Some(SingleSocket::Here(socket)) => {
                self.deliver(&socket, draft)?;
                self.sent(event, 1);
            }
            Some(SingleSocket::Closed) => return Err(closed()),
            single @ (Some(SingleSocket::Elsewhere | SingleSocket::Away) | None) => {
                let is_away = matches!(single, Some(SingleSocket::Away));
                self.core.check_packet(&draft, &self.scope.name)?;
                let (to, frame) = (self.destination(), draft.into_frame());
                let recipients = self.adapter().broadcast(to, &frame, self.volatile);
                self.sent(event, recipients);
                if recipients == 0 && !is_away {
                    self.had_no_recipient(event);
                }
            }
        }
        Ok(())
    }

    /// No socket got an emit to rooms: logs the namespace that it was most likely meant for.
    #[cold]
    fn had_no_recipient(&self, event: &str) {
        // Sockets of other nodes may have got it.
        if self.core.cluster().is_some() {
            return;
        }
        let Some((namespace, room)) = self.scope.meant_instead(&self.target.rooms) else {
            return;
        };
        let emitted = &*self.scope.name;
        let hint = "nobody got an emit of `io()`, which means `/`: the room is one of the handler's own namespace, which \
                    is `ctx.here()`";
        // One line that cannot be overlooked; a program that means it is not told again.
        if self.core.first_misdirected() {
            tracing::warn!(event, %room, emitted, namespace, "{hint}");
        } else {
            tracing::debug!(event, %room, emitted, namespace, "{hint}");
        }
    }

    fn sent(&self, event: &str, recipients: usize) {
        let observers = &self.core.local.observers;
        observers.notify_added(|| Observation::EventSent {
            namespace: &self.scope.name,
            event,
            recipients,
        });
    }

    /// Sends an event to a single socket and waits for its answer.
    ///
    /// `T` is the first argument of the answer; `()` takes any. The event is queued before this returns; the
    /// future only waits, and ends exactly once.
    ///
    /// # Errors
    /// What [`emit`](Self::emit) says, and: [timeout](crate::Error::is_timeout),
    /// [disconnected](crate::Error::is_disconnected) if the socket closes before it has answered, `bad_request` if the
    /// answer does not fit `T`, and [full](crate::Error::is_full) if too many answers are waited for. Code
    /// `not_one_socket` if this emit means anything but one socket. In a cluster, code `partial_answer` if no node
    /// answered for the socket, and some nodes did not answer at all.
    ///
    /// # Panics
    /// Outside a tokio runtime, which keeps the time.
    ///
    /// # Cancel safety
    /// Dropping the future drops the answer and frees its place among the
    /// [`pending_acks`](crate::config::SocketConfig::pending_acks). The event is sent all the same.
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> AckFuture<T> {
        if let Err(error) = self.scope.check(&self.core) {
            return AckFuture::failed(error);
        }
        match self.single() {
            Some(SingleSocket::Here(socket)) => {
                AckFuture::send(&socket, event, &args, self.uncompressed, self.ack_time())
            }
            Some(SingleSocket::Elsewhere) => {
                let answers = Arc::new(AckCollector::new());
                match self.ask(event, &args, &answers) {
                    Ok(guard) => AckFuture::remote(answers, guard, self.ack_time()),
                    Err(error) => AckFuture::failed(error),
                }
            }
            Some(SingleSocket::Closed | SingleSocket::Away) => AckFuture::failed(closed()),
            None => AckFuture::failed(not_one_socket()),
        }
    }

    /// Sends an event to all sockets that are meant and waits for the answer of each.
    ///
    /// `T` is the first argument of an answer; `()` takes any. The event is encoded once and queued for all before
    /// this returns; the future only waits, until all have answered or [`timeout`](Self::timeout) has passed. It
    /// gives the answers in no particular order, each with the id of its socket: what
    /// [`emit_with_ack`](Self::emit_with_ack) says of one holds for each of them. If no socket is meant, the list is
    /// empty. [`volatile`](Self::volatile) changes nothing here.
    ///
    /// # Errors
    /// As [`emit`](Self::emit) to many: only for a mistake of the caller's. A recipient that is full or closed, or does
    /// not answer, has its error in the list. In a cluster, code `partial_answer` if a node has not named the sockets
    /// that it asked in time; its source is a [`PartialAnswer`](crate::cluster::PartialAnswer), which names the nodes and has the answers of the
    /// others.
    ///
    /// # Panics
    /// Outside a tokio runtime, which keeps the time.
    ///
    /// # Cancel safety
    /// Dropping the future drops the answers. The event is sent all the same.
    ///
    /// ```no_run
    /// # use koio::{Context, Result, on};
    /// # use std::time::Duration;
    /// #[on("vote")]
    /// async fn vote(ctx: Context, question: String) -> Result<usize> {
    ///     let everybody = ctx.io().timeout(Duration::from_secs(5));
    ///     let answers = everybody.emit_with_acks::<bool>("question", question).await?;
    ///     Ok(answers.iter().filter(|(_, answer)| matches!(answer, Ok(true))).count())
    /// }
    /// ```
    pub fn emit_with_acks<T: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> AcksFuture<T> {
        let answers = Arc::new(AckCollector::new());
        match self.ask(event, &args, &answers) {
            Ok(guard) => AcksFuture::new(answers, guard, self.ack_time()),
            Err(error) => AcksFuture::failed(error),
        }
    }

    fn ask(
        &self,
        event: &str,
        args: &impl Serialize,
        answers: &Arc<AckCollector>,
    ) -> Result<AskGuard> {
        self.scope.check(&self.core)?;
        let name = &self.scope.name;
        // In a family each namespace has ack ids of its own, with which the event is encoded again.
        let ack = self.adapter().next_ack(name);
        let mut draft = wire::event_draft(name, Some(ack), event, args).map_err(not_sent)?;
        if self.uncompressed {
            draft.leave_uncompressed();
        }
        self.core.check_packet(&draft, name)?;
        let packet = draft.into_frame();
        let (guard, recipients) = match &self.only {
            only if only.is_some() || self.is_for_nobody() => {
                let spoken = self.core.parser().frame(&packet, name).map_err(not_sent)?;
                let mut asking = AskedSockets::new(ack, &packet, &spoken, answers);
                only.iter().for_each(|socket| asking.ask(socket));
                asking.finish()
            }
            _ => {
                let (to, wait) = (self.destination(), self.ack_time().duration());
                self.adapter().ask(to, &packet, ack, wait, answers)
            }
        };
        self.sent(event, recipients);
        Ok(guard)
    }

    /// `Some` if the emit names one socket: then the caller gets its outcome.
    fn single(&self) -> Option<SingleSocket> {
        if let Some(socket) = &self.only {
            return Some(SingleSocket::Here(socket.clone()));
        }
        let [room] = self.target.rooms.as_slice() else {
            return None;
        };
        let id = match SocketId::parse(room.as_str()) {
            Some(id) => id,
            None if self.is_fetched && self.target.except.is_empty() => {
                return Some(SingleSocket::Elsewhere);
            }
            None => return None,
        };
        let except = &self.target.except;
        let mut namespaces = self.core.local.meant(self.destination());
        let socket = namespaces.find_map(|namespace| namespace.rooms.get(&id));
        let is_in = |room| {
            let rooms = socket.as_ref().map(|socket| &socket.live_namespace().rooms);
            rooms.is_some_and(|rooms| rooms.is_in(&id, room))
        };
        let is_named = |room: &Room| SocketId::parse(room.as_str()) == Some(id);
        if except.iter().any(|room| is_named(room) || is_in(room)) {
            // It is left out, so no socket is meant.
            return None;
        }
        Some(match socket {
            Some(socket) if socket.is_connected() => SingleSocket::Here(socket),
            _ if self.is_away(&id) => SingleSocket::Away,
            None if !self.local && self.core.cluster().is_some() => SingleSocket::Elsewhere,
            _ => SingleSocket::Closed,
        })
    }

    /// Whether the client of this socket may come back to it.
    fn is_away(&self, id: &SocketId) -> bool {
        let local = &self.core.local;
        local.recovery.get().is_some()
            && local.meant(self.destination()).any(|namespace| {
                let log = namespace.log.as_ref();
                log.is_some_and(|log| log.lock().is_away(id))
            })
    }

    fn deliver(&self, socket: &Socket, draft: Draft) -> Result<()> {
        if !self.volatile {
            return socket.deliver(draft);
        }
        let watched = socket.watched(&draft);
        match socket.deliver_volatile(draft)? {
            true => socket.tell_watched(watched),
            false => volatile_dropped(socket),
        }
        Ok(())
    }
}

impl fmt::Debug for Emit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emit")
            .field("namespace", &self.scope.name)
            .field("rooms", &self.target.rooms)
            .field("except", &self.target.except)
            .finish_non_exhaustive()
    }
}
