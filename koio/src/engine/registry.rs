//! The sessions that exist, by id; and the engine that opens them.

use std::{
    borrow::Borrow,
    collections::HashSet,
    hash::{Hash, Hasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;
use tracing::debug;

use super::{
    Acceptor, CloseReason, EngineConfig, Opening, Session, Transport,
    config::BadConfig,
    duplex::Duplex,
    machine::Machine,
    task::{Link, SessionTask, send_handshake},
};
use crate::{
    ids::{ByRandomId, Sid},
    time::now,
    wire::Frame,
};

/// Parts of the session table, so that connects on different threads seldom meet.
const SHARDS: usize = 16;

/// All sessions of one server: opens them, finds them, ends them.
///
/// Outside the stability promise, like the whole [`engine`](crate::engine) module.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

/// An engine for as long as somebody else needs it: whoever serves its requests, and its open sessions.
#[derive(Clone, Debug)]
pub(crate) struct WeakEngine(Weak<Inner>);

impl WeakEngine {
    pub(crate) fn upgrade(&self) -> Option<Engine> {
        self.0.upgrade().map(Engine)
    }
}

struct Inner {
    config: Arc<EngineConfig>,
    /// What every handshake says of the limits, to the end of its JSON.
    limits: Box<str>,
    acceptor: Arc<dyn Acceptor>,
    shards: [Mutex<Shard>; SHARDS],
    /// Tasks that have not ended; more than the table's sessions while handlers of closed ones still run.
    tasks: AtomicUsize,
    refusing: AtomicBool,
    ended: Notify,
}

type Shard = HashSet<Listed, ByRandomId>;

/// A session as the table holds it: found by its id, which is not stored a second time.
struct Listed(Session);

impl Borrow<Sid> for Listed {
    fn borrow(&self) -> &Sid {
        self.0.sid_ref()
    }
}

impl Hash for Listed {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.sid_ref().hash(hasher);
    }
}

impl PartialEq for Listed {
    fn eq(&self, other: &Self) -> bool {
        self.0.sid_ref() == other.0.sid_ref()
    }
}

impl Eq for Listed {}

/// Counts a session's task for as long as it lives, and lists the session until its client can't reach it any more.
pub(crate) struct Registration {
    engine: Engine,
    listed: Option<Session>,
}

/// No session could be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotOpened {
    /// The server is shutting down.
    Refusing,
    /// The operating system gave no randomness for an id.
    NoId,
}

impl Engine {
    /// An engine without sessions.
    ///
    /// # Errors
    /// Says which limit contradicts itself.
    pub fn new(config: EngineConfig, acceptor: Arc<dyn Acceptor>) -> Result<Self, BadConfig> {
        config.check()?;
        let limits = format!(
            r#","pingInterval":{},"pingTimeout":{},"maxPayload":{}}}"#,
            config.ping_interval.as_millis(),
            config.ping_timeout.as_millis(),
            config.max_payload,
        );
        Ok(Self(Arc::new(Inner {
            config: Arc::new(config),
            limits: limits.into(),
            acceptor,
            shards: Default::default(),
            tasks: AtomicUsize::new(0),
            refusing: AtomicBool::new(false),
            ended: Notify::new(),
        })))
    }

    pub(crate) fn downgrade(&self) -> WeakEngine {
        WeakEngine(Arc::downgrade(&self.0))
    }

    /// The limits of its sessions.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.0.config
    }

    fn shard(&self, sid: &Sid) -> MutexGuard<'_, Shard> {
        #[allow(clippy::indexing_slicing, reason = "a part of SHARDS")]
        let shard = &self.0.shards[sid.part(SHARDS)];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session and spawns its task. Returns the frame of the handshake, which a polling session's first
    /// response carries; a WebSocket session sends it itself.
    pub(crate) fn open(
        &self,
        opening: Opening,
        websocket: Option<Box<dyn Duplex>>,
    ) -> Result<Frame, NotOpened> {
        self.open_with(opening, websocket, Vec::new())
    }

    /// Opens a session over a WebSocket to which these bytes are written ahead of the first frame.
    pub(crate) fn open_behind(
        &self,
        first: Vec<u8>,
        opening: Opening,
        websocket: Box<dyn Duplex>,
    ) -> Result<Frame, NotOpened> {
        self.open_with(opening, Some(websocket), first)
    }

    fn open_with(
        &self,
        opening: Opening,
        websocket: Option<Box<dyn Duplex>>,
        first: Vec<u8>,
    ) -> Result<Frame, NotOpened> {
        if self.0.refusing.load(Ordering::Acquire) {
            return Err(NotOpened::Refusing);
        }
        let sid = Sid::random().map_err(|_| NotOpened::NoId)?;
        let link = Link::from(websocket);
        let transport = link.transport();
        let config = &self.0.config;
        let session = Session::new(sid, config, transport);
        let handshake = self.handshake(&sid, transport);
        if transport == Transport::WebSocket {
            send_handshake(&session, handshake.preceded_by(first));
        }
        let registration = Registration::new(self.clone(), &session);
        // Once more, now that it can be seen: a shutdown that began meanwhile has either found it, or refuses here.
        if self.0.refusing.load(Ordering::SeqCst) {
            return Err(NotOpened::Refusing);
        }
        debug!(?sid, %transport, "session opened");
        let now = now();
        let machine = Machine::new(Arc::clone(config), transport, now);
        let upstream = self.0.acceptor.accept(session.clone(), opening);
        let task = SessionTask::new(session, machine, upstream, link, registration);
        tokio::spawn(task);
        Ok(handshake)
    }

    fn handshake(&self, sid: &Sid, transport: Transport) -> Frame {
        let upgrades = if transport == Transport::Polling && self.0.config.websocket {
            r#"["websocket"]"#
        } else {
            "[]"
        };
        // No id has a character that JSON would escape.
        Frame::open(&[
            r#"{"sid":""#,
            sid.expose(),
            r#"","upgrades":"#,
            upgrades,
            &self.0.limits,
        ])
    }

    /// The session with this id.
    #[must_use]
    pub fn get(&self, sid: &Sid) -> Option<Session> {
        self.shard(sid).get(sid).map(|listed| listed.0.clone())
    }

    /// Sessions that are open or still closing.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0
            .shards
            .iter()
            .map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len())
            .sum()
    }

    /// Whether there is no session.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sessions that the table has room for.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        let shards = self.0.shards.iter();
        shards.map(|shard| shard.lock().unwrap().capacity()).sum()
    }

    fn sessions(&self) -> Vec<Session> {
        let mut all = Vec::new();
        for shard in &self.0.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(shard.iter().map(|listed| listed.0.clone()));
        }
        all
    }

    /// Whether new sessions are refused.
    #[must_use]
    pub fn is_refusing(&self) -> bool {
        self.0.refusing.load(Ordering::Acquire)
    }

    /// Refuses new sessions from here on.
    pub(crate) fn refuse(&self) {
        self.0.refusing.store(true, Ordering::SeqCst);
    }

    /// Ends every session, delivering what is queued first.
    pub(crate) fn close_all(&self, reason: CloseReason) {
        for session in self.sessions() {
            session.close(reason);
        }
    }

    /// Ends every session at once.
    pub(crate) fn cut_all(&self, reason: CloseReason) {
        for session in self.sessions() {
            session.cut(reason);
        }
    }

    /// Tasks of sessions that have not ended.
    pub(crate) fn tasks(&self) -> usize {
        self.0.tasks.load(Ordering::SeqCst)
    }

    /// Waits until every session's task has ended, its handlers included.
    pub(crate) async fn drained(&self) {
        loop {
            let ended = self.0.ended.notified();
            tokio::pin!(ended);
            // Registered before the count is read, so the last end can't fall between the two.
            ended.as_mut().enable();
            if self.tasks() == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("sessions", &self.len())
            .finish_non_exhaustive()
    }
}

impl Registration {
    fn new(engine: Engine, session: &Session) -> Self {
        engine.0.tasks.fetch_add(1, Ordering::SeqCst);
        let listed = Listed(session.clone());
        engine.shard(session.sid_ref()).insert(listed);
        Self {
            engine,
            listed: Some(session.clone()),
        }
    }

    /// Takes the session out of the table.
    pub(crate) fn end(&mut self) {
        let Some(session) = self.listed.take() else {
            return;
        };
        let sid = session.sid_ref();
        let mut shard = self.engine.shard(sid);
        shard.remove(sid);
        // A crowd that has left leaves no table of its size behind. Done when most of it is gone, so that it costs
        // each of them next to nothing; and when all are gone, since the last table was made while they left, and
        // lies where the allocator could otherwise give back what is before it.
        let (left, capacity) = (shard.len(), shard.capacity());
        if left == 0 || capacity > 64 && left < capacity / 4 {
            shard.shrink_to(2 * left);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.end();
        if self.engine.0.tasks.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.engine.0.ended.notify_waiters();
        }
    }
}
