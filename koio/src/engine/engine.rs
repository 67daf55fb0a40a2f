//! The engine: opens sessions, finds them and ends them.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use super::{
    Acceptor, Admission, EngineConfig, LimitReached, Opening, Session, TransportKind, Upstream,
    config::BadConfig,
    machine::Machine,
    sessions::{Registration, Sessions},
    task::{SessionTask, send_handshake},
    transport::Transport,
};
use crate::{
    ids::{NoRandomness, Sid, SocketId},
    observe::{Observation, Observers},
    time::now,
    wire::{Frame, Revision},
};

/// All sessions of one server: opens them, finds them, ends them.
///
/// Outside the stability promise, like the whole [`engine`](crate::engine) module.
#[derive(Clone)]
pub struct Engine(Arc<EngineShared>);

struct EngineShared {
    config: Arc<EngineConfig>,
    /// The JSON of the handshake behind the session's id, for each [`TransportKind`].
    handshake_ends: Box<[String]>,
    acceptor: Arc<dyn Acceptor>,
    sessions: Arc<Sessions>,
}

/// Why no session could be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotOpened {
    /// The server is shutting down.
    Refusing,
    /// The operating system gave no randomness for an id.
    NoId,
    /// The id that the program has made is another session's.
    DuplicateId(Sid),
    /// There are too many sessions.
    Limit(LimitReached),
}

/// The JSON of a handshake behind the session's id: the upgrades and the limits.
fn handshake_end(kind: TransportKind, config: &EngineConfig) -> String {
    // The name of a transport has no character that JSON would escape.
    let upgrades: Vec<_> = kind
        .upgrades(config)
        .map(|kind| format!(r#""{kind}""#))
        .collect();
    format!(
        r#"","upgrades":[{}],"pingInterval":{},"pingTimeout":{},"maxPayload":{}}}"#,
        upgrades.join(","),
        config.ping_interval.as_millis(),
        config.ping_timeout.as_millis(),
        config.max_payload,
    )
}

/// The id of a session whose client speaks this revision.
pub(crate) fn random_id(revision: Revision) -> Result<Sid, NoRandomness> {
    match revision {
        Revision::Four => Sid::random(),
        // The client takes it for the id of its socket.
        Revision::Three { .. } => SocketId::random().map(Sid::from),
    }
}

impl Engine {
    /// An engine without sessions.
    ///
    /// # Errors
    /// A limit contradicts itself or another one.
    pub fn new(config: EngineConfig, acceptor: Arc<dyn Acceptor>) -> Result<Self, BadConfig> {
        Self::observed(config, acceptor, Observers::default())
    }

    /// [`new`](Self::new), with the observers of the server above it.
    pub(crate) fn observed(
        config: EngineConfig,
        acceptor: Arc<dyn Acceptor>,
        observers: Observers,
    ) -> Result<Self, BadConfig> {
        config.check()?;
        let kinds = TransportKind::ALL.iter();
        let handshake_ends = kinds.map(|kind| handshake_end(*kind, &config)).collect();
        Ok(Self(Arc::new(EngineShared {
            config: Arc::new(config),
            handshake_ends,
            acceptor,
            sessions: Arc::new(Sessions::new(observers)),
        })))
    }

    /// The sessions, for an owner that must not keep them alive.
    pub(crate) fn weak_sessions(&self) -> Weak<Sessions> {
        Arc::downgrade(&self.0.sessions)
    }

    /// The observers of its sessions.
    pub(crate) fn observers(&self) -> &Observers {
        self.0.sessions.observers()
    }

    /// The limits of its sessions.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.0.config
    }

    /// Admits a session that has not been opened, so that its handshake can be refused in words.
    pub(crate) fn admit(&self, opening: &Opening) -> Result<Admission, NotOpened> {
        self.admit_as(opening, None)
    }

    /// As [`admit`](Self::admit), with an id that the program has made, if it has.
    pub(crate) fn admit_as(
        &self,
        opening: &Opening,
        own: Option<Sid>,
    ) -> Result<Admission, NotOpened> {
        if self.0.sessions.is_refusing() {
            return Err(NotOpened::Refusing);
        }
        let admit = |sid| {
            let connects = self.0.acceptor.reports_connected();
            let (config, bytes) = (&self.0.config, opening.head_bytes());
            let admissions = self.0.sessions.admissions();
            admissions.admit(sid, config, connects, opening.remote, bytes)
        };
        let admitted = match own {
            Some(sid) => {
                let admitted = self.0.sessions.if_unknown(&sid, || admit(sid));
                admitted.ok_or(NotOpened::DuplicateId(sid))?
            }
            None => admit(random_id(opening.revision).map_err(|_| NotOpened::NoId)?),
        };
        admitted.map_err(NotOpened::Limit)
    }

    /// [Admits](Self::admit) a session and opens it.
    pub(crate) fn open(
        &self,
        opening: Opening,
        transport: Box<dyn Transport>,
    ) -> Result<Frame, NotOpened> {
        let admission = self.admit(&opening)?;
        self.open_admitted(admission, opening, transport)
    }

    /// Opens a session over this transport and spawns its task.
    ///
    /// Returns the frame of the handshake. Over a transport that waits for requests the caller sends it, as the answer to the
    /// request that opened the session; otherwise the session sends it.
    pub(crate) fn open_admitted(
        &self,
        admission: Admission,
        opening: Opening,
        transport: Box<dyn Transport>,
    ) -> Result<Frame, NotOpened> {
        let kind = transport.kind();
        let handshake = self.handshake(&admission.sid(), kind);
        let first = (!kind.capabilities().waits_for_requests).then(|| handshake.clone());
        let revision = opening.revision;
        self.spawn(admission, transport, revision, first, |session| {
            self.0.acceptor.accept(session.clone(), opening)
        })?;
        Ok(handshake)
    }

    /// Opens a session for a client that speaks no Engine.IO, and gets no handshake. `accept` gives the layer above it, in place of
    /// the acceptor.
    pub(crate) fn open_bare(
        &self,
        admission: Admission,
        transport: Box<dyn Transport>,
        accept: impl FnOnce(&Session) -> Box<dyn Upstream>,
    ) -> Result<Session, NotOpened> {
        self.spawn(admission, transport, Revision::Four, None, accept)
    }

    /// Opens a session, which sends `first` ahead of everything, and spawns its task.
    fn spawn(
        &self,
        admission: Admission,
        transport: Box<dyn Transport>,
        revision: Revision,
        first: Option<Frame>,
        accept: impl FnOnce(&Session) -> Box<dyn Upstream>,
    ) -> Result<Session, NotOpened> {
        if self.0.sessions.is_refusing() {
            return Err(NotOpened::Refusing);
        }
        let (sid, is_connected) = (admission.sid(), admission.is_connected);
        let kind = transport.kind();
        let config = &self.0.config;
        let session = Session::new(sid, config, kind, revision, transport.mailbox());
        session.begin_connected(is_connected);
        if let Some(first) = first {
            send_handshake(&session, first);
        }
        let sessions = Arc::clone(&self.0.sessions);
        let Some(registration) = Registration::new(sessions, &session, admission) else {
            return Err(NotOpened::DuplicateId(sid));
        };
        // Again, now that the session is in the table: a shutdown that began meanwhile either closes it or is seen here.
        if self.0.sessions.is_refusing() {
            return Err(NotOpened::Refusing);
        }
        let opened = Observation::SessionOpened {
            sid,
            transport: kind.as_str(),
            protocol: revision.number(),
        };
        self.observers().notify(&opened);
        let machine = Machine::new(Arc::clone(config), kind, revision, now());
        let upstream = accept(&session);
        let task = SessionTask::new(session.clone(), machine, upstream, transport, registration);
        tokio::spawn(task);
        Ok(session)
    }

    fn handshake(&self, sid: &Sid, kind: TransportKind) -> Frame {
        let end = self.0.handshake_ends.get(kind as usize);
        let end = end.map_or("", String::as_str);
        // An id has no character that JSON would escape.
        Frame::open(&[r#"{"sid":""#, sid.expose(), end])
    }

    /// The session with this id.
    #[must_use]
    pub fn get(&self, sid: &Sid) -> Option<Session> {
        self.0.sessions.get(sid)
    }

    /// Sessions that are open or still closing.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.sessions.len()
    }

    /// Whether there is no session.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether new sessions are refused.
    #[must_use]
    pub fn is_refusing(&self) -> bool {
        self.0.sessions.is_refusing()
    }

    /// The table of its sessions.
    #[cfg(test)]
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("sessions", &self.len())
            .finish_non_exhaustive()
    }
}
