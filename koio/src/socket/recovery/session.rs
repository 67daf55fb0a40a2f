//! How a socket begins, is lost, returns and ends in the order of its namespace.

use std::{sync::Arc, time::Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::{
    in_socket::{Returning, SocketRecovery},
    log::{MissedEvents, NamespaceLog},
    record::SessionRecord,
    stays::Stays,
    table::{HandlersEnd, WaitingSession},
};
use crate::{
    adapter::RoomChange,
    engine::{CloseReason, OrderedSends},
    ids::Pid,
    observe::Observation,
    socket::{namespace::LiveNamespace, once::AwayMemory, socket::Socket},
    time::{after, now},
    wire,
};

/// A session of a [`Socket`], while it waits.
pub(in crate::socket) type LostSession = WaitingSession<LiveNamespace<Socket>>;

/// Whether a client whose socket ends like this may come back to it: the reasons of the reference, and a client that is slow.
fn is_recoverable(reason: CloseReason) -> bool {
    matches!(
        reason,
        CloseReason::TransportClose
            | CloseReason::TransportError
            | CloseReason::PingTimeout
            | CloseReason::SlowConsumer
            | CloseReason::ForcedClose
            | CloseReason::ForcedServerClose
    )
}

/// How the answer to a CONNECT went.
enum Opened {
    /// With so many missed events.
    Connected(usize),
    /// The connection is gone.
    Closed,
    /// Something that the client has missed has been trimmed since it asked.
    Gap,
}

impl Socket {
    /// Whether the client has come back to this socket after a lost connection (Socket.IO's `socket.recovered`): it has its id,
    /// its rooms and its [`data`](Self::data) of before, and has been sent all events that it had missed, each once. False
    /// without [recovery](crate::Io::recovery).
    ///
    /// Middleware sees it too, before the client is let in. Values that were [set](Self::set) are not kept.
    ///
    /// ```
    /// # use koio::{on, Context, Result};
    /// #[on("connection")]
    /// async fn connection(ctx: Context) -> Result<()> {
    ///     if !ctx.socket().recovered() {
    ///         ctx.socket().join("lobby")?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn recovered(&self) -> bool {
        let extras = self.extras();
        extras.as_ref().is_some_and(|extras| extras.recovered)
    }

    /// Its handlers have ended: what was added for them goes, and those of the socket that its client comes back to may start.
    pub(in crate::socket) fn handlers_ended(&self) {
        self.drop_additions();
        if self.log().is_some() {
            let mut extras = self.extras();
            let running = extras.as_mut().and_then(|extras| extras.handlers.take());
            drop(extras);
            drop(running);
        }
    }

    /// Whether its connection handler runs without middleware: its client has come back.
    pub(crate) fn skips_middleware(&self) -> bool {
        let recovery = self.core().local.recovery.get();
        recovery.is_some_and(|all| all.config.skips_middleware) && self.recovered()
    }

    /// The order of the events of its namespace, with recovery. A client of Socket.IO 2 does not come back, and would take a
    /// position for an argument.
    pub(in crate::socket) fn log(&self) -> Option<&Mutex<NamespaceLog>> {
        let log = self.live_namespace().log.as_deref()?;
        (!self.is_of_2()).then_some(log)
    }

    /// A new socket takes over a session whose client has returned. Returns the end of the handlers that the session had before:
    /// those of the new socket start behind it.
    pub(in crate::socket) fn restore(&self, session: LostSession) -> Option<HandlersEnd> {
        let log = self.log()?;
        let order = log.lock();
        let rooms = &self.live_namespace().rooms;
        let entered = session.record.stays.rooms().map(|room| {
            // It was in no more rooms than one may be.
            let entered = rooms.join(&self.id(), room.clone(), usize::MAX);
            (room.clone(), entered.unwrap_or(RoomChange::None))
        });
        let entered: Vec<_> = entered.collect();
        let mut locked = self.extras();
        let extras = locked.get_or_insert_default();
        extras.data.clone_from(&session.data);
        extras.once = session.once.in_use();
        extras.recovered = true;
        extras.recovery = Some(Box::new(SocketRecovery {
            returning: Some(Box::new(Returning {
                stays: session.record.stays.clone(),
                data: session.data,
                until: session.until,
            })),
            record: session.record,
        }));
        drop(locked);
        drop(order);
        for (room, change) in entered {
            self.joined(&room, change);
        }
        session.handlers
    }

    /// Changes the rooms of the socket by `change`, and notes the place of that in the order of events.
    pub(in crate::socket) fn change_rooms_in_order<C, E>(
        &self,
        log: &Mutex<NamespaceLog>,
        change: impl FnOnce() -> Result<C, E>,
        note: impl FnOnce(&C, &mut Stays, u64),
    ) -> Result<C, E> {
        let log = log.lock();
        let changed = change()?;
        let mut extras = self.extras();
        let recovery = extras.as_mut().and_then(|extras| extras.recovery.as_mut());
        // A new socket notes its rooms when it is let in.
        if let Some(recovery) = recovery {
            note(&changed, &mut recovery.record.stays, log.last());
        }
        drop(extras);
        Ok(changed)
    }

    /// Answers CONNECT, with what the client has missed behind it. False if it can't be let in.
    pub(in crate::socket) fn open_in_order(&self, log: &Mutex<NamespaceLog>) -> bool {
        let Ok(fresh) = Pid::random() else {
            return false;
        };
        let mut sends = OrderedSends::default();
        let mut missed = MissedEvents::default();
        missed.takes_compressed = self.session().deflate().is_some();
        let mut order = log.lock();
        while !self.collect_missed(&order, &mut missed) {
            // An emit meanwhile waits for a part of it at most. Its event is collected as well.
            MutexGuard::bump(&mut order);
        }
        let (opened, before) = self.open_under(&mut order, fresh, missed, &mut sends);
        // Before connections are written to.
        drop(order);
        drop(before);
        sends.finish();
        match opened {
            Opened::Connected(missed) if self.recovered() => {
                self.observers().notify(&Observation::Recovered {
                    namespace: self.namespace(),
                    socket: self.id(),
                    missed,
                });
                true
            }
            Opened::Connected(_) => true,
            Opened::Closed => false,
            Opened::Gap => {
                self.give_up_session();
                // The client comes back by itself, and is connected as a new one.
                self.session().lost(CloseReason::TransportClose);
                false
            }
        }
    }

    /// Collects some of what the client has missed, if it has come back. True when that is all.
    fn collect_missed(&self, log: &NamespaceLog, missed: &mut MissedEvents) -> bool {
        let extras = self.extras();
        let recovery = extras.as_ref().and_then(|extras| extras.recovery.as_ref());
        recovery.is_none_or(|recovery| log.collect(&recovery.record, missed))
    }

    /// The end of [`open_in_order`](Self::open_in_order). `missed` is complete.
    fn open_under(
        &self,
        log: &mut NamespaceLog,
        fresh: Pid,
        missed: MissedEvents,
        sends: &mut OrderedSends,
    ) -> (Opened, Option<Self>) {
        let (id, at) = (self.id(), log.last());
        let mut extras = self.extras();
        let extras = extras.get_or_insert_default();
        let recovery = extras.recovery.get_or_insert_with(|| {
            let rooms = self.live_namespace().rooms.rooms_of(&id);
            Box::new(SocketRecovery {
                record: SessionRecord {
                    id,
                    pid: fresh,
                    since: at,
                    stays: Stays::begin(rooms, at),
                },
                returning: None,
            })
        });
        let is_new = recovery.returning.is_none();
        if missed.has_gap {
            return (Opened::Gap, None);
        }
        let pid = recovery.record.pid;
        let connected = wire::connect_with(self.namespace(), id.as_str(), Some(pid.expose()));
        let connected = self.core().parser().control(connected, self.namespace());
        let count = missed.frames.len();
        // CONNECT comes first: the official client does not note the offsets of events that come before it.
        let sent = sends.reply(self.session(), connected, missed.frames);
        if sent.is_err() || !self.mark_connected() {
            if is_new {
                extras.recovery = None;
            }
            return (Opened::Closed, None);
        }
        recovery.returning = None;
        for room in log.enter(id) {
            // It may have left the room since it has come back.
            self.live_namespace().rooms.changed(room.as_str());
        }
        let table = self.core().local.recovery.get();
        let before = table.and_then(|recovery| {
            let mut table = recovery.table.lock();
            table.connect(pid, self.clone(), now())
        });
        (Opened::Connected(count), before)
    }

    /// The session of this socket, which is not connected, can't be recovered any more: it expires.
    fn give_up_session(&self) {
        let Some(log) = self.log() else {
            return;
        };
        let order = log.lock();
        if let Some(recovery) = self.take_recovery() {
            let before = self.wait(recovery.record, None, now(), None);
            drop(order);
            drop(before);
        }
        if let Some(recovery) = self.core().local.recovery.get() {
            self.observers().notify(&Observation::NotRecovered {
                namespace: self.namespace(),
                cause: &recovery.config.gap(),
            });
            recovery.sweep.notify_one();
        }
    }

    fn take_recovery(&self) -> Option<Box<SocketRecovery>> {
        self.extras().as_mut()?.recovery.take()
    }

    /// The session waits for its client. Returns the socket that the table had.
    fn wait(
        &self,
        record: SessionRecord,
        data: Option<Arc<str>>,
        until: Instant,
        handlers: Option<HandlersEnd>,
    ) -> Option<Self> {
        let recovery = self.core().local.recovery.get()?;
        // Also if there is none yet: an event that waits for its handler may be the first one.
        let once = AwayMemory::new(self.once_memory(), &recovery.once);
        let session = Box::new(WaitingSession {
            record,
            namespace: Arc::clone(self.live_namespace()),
            data,
            once,
            until,
            handlers,
        });
        let mut table = recovery.table.lock();
        let before = table.wait(session);
        let is_over = table.waiting() > recovery.config.waiting_sessions;
        drop(table);
        if is_over {
            recovery.sweep.notify_one();
        }
        before
    }

    /// The socket ends for this reason: its session waits for its client, or ends too.
    pub(in crate::socket) fn close_because(&self, reason: CloseReason) {
        if is_recoverable(reason) {
            self.lose();
        } else {
            self.close();
        }
    }

    /// The connection is lost: as [`close`](Self::close), and the session waits for its client.
    pub(in crate::socket) fn lose(&self) -> bool {
        let (Some(log), Some(recovery)) = (self.log(), self.core().local.recovery.get()) else {
            return self.close();
        };
        let until = after(recovery.config.time);
        self.end_in_order(log, |socket, log, recovery| {
            // Other nodes send to its rooms as long as this one says that it has them.
            let is_watched = socket.core().local.watcher.get().is_some();
            let stays = &recovery.record.stays;
            let rooms = is_watched.then(|| stays.rooms().cloned().collect());
            log.lose(socket.id(), rooms.unwrap_or_default());
            let data = socket.data_text();
            let (running, ended) = oneshot::channel();
            socket.extras().get_or_insert_default().handlers = Some(running);
            socket.wait(recovery.record, data, until, Some(ended))
        })
    }

    /// [`close`](Self::close) in a namespace with a log: the session ends. One whose client is not let in waits on.
    pub(in crate::socket) fn close_in_order(&self, log: &Mutex<NamespaceLog>) -> bool {
        self.end_in_order(log, |socket, log, recovery| {
            let id = socket.id();
            log.end(id);
            let table = socket.core().local.recovery.get()?;
            table.table.lock().end(&recovery.record.pid)
        })
    }

    fn end_in_order(
        &self,
        log: &Mutex<NamespaceLog>,
        end: impl FnOnce(&Self, &mut NamespaceLog, Box<SocketRecovery>) -> Option<Self>,
    ) -> bool {
        let mut order = log.lock();
        if !self.mark_closed() {
            return false;
        }
        let rooms = self.live_namespace().rooms.remove(&self.id());
        let before = match self.take_recovery() {
            // It was never let in.
            None => None,
            Some(mut recovery) => match recovery.returning.take() {
                Some(as_it_was) => {
                    let Returning { stays, data, until } = *as_it_was;
                    recovery.record.stays = stays;
                    self.wait(recovery.record, data, until, None)
                }
                None => end(self, &mut order, recovery),
            },
        };
        drop(order);
        drop(before);
        self.trim_once_memory();
        self.closed(rooms);
        true
    }
}
