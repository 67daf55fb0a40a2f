//! The table of sessions, by id, and the count of their tasks.

use std::{
    borrow::Borrow,
    collections::HashSet,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::{
    admission::{Admission, Admissions},
    session::Session,
};
use crate::{close_reason::CloseReason, ids::Sid, observe::Observers, time::now};

/// Locks that the table is spread over, so that threads that open sessions rarely contend.
const SHARDS: usize = 16;

/// All sessions of one server, and whether it takes more.
#[derive(Default)]
pub(crate) struct Sessions {
    shards: [Mutex<Shard>; SHARDS],
    /// Tasks that have not ended. A closed session has left the table while its handlers still run in its task.
    tasks: AtomicUsize,
    refusing: AtomicBool,
    /// When the sessions of a server that shuts down are cut.
    cut_at: Mutex<Option<Instant>>,
    ended: EndedSessions,
    /// Notified when `tasks` falls to zero.
    drained: Notify,
    observers: Observers,
    admissions: Arc<Admissions>,
}

/// Sessions that have ended since new ones are refused. Written when their tasks end.
#[derive(Debug, Default)]
struct EndedSessions {
    answered: AtomicUsize,
    cut: AtomicUsize,
    abandoned: AtomicUsize,
}

/// How the session of a client ends when the server shuts down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionOutcome {
    /// The client got all that was meant for it.
    Answered,
    /// The session had not ended at the deadline of the shutdown.
    Cut,
    /// It ended before, because of its client.
    Abandoned,
}

impl EndedSessions {
    fn counter(&self, outcome: SessionOutcome) -> &AtomicUsize {
        match outcome {
            SessionOutcome::Answered => &self.answered,
            SessionOutcome::Cut => &self.cut,
            SessionOutcome::Abandoned => &self.abandoned,
        }
    }
}

type Shard = HashSet<ListedSession, foldhash::fast::RandomState>;

/// A session in the table, hashed and compared by its id.
struct ListedSession(Session);

impl Borrow<Sid> for ListedSession {
    fn borrow(&self) -> &Sid {
        self.0.sid_ref()
    }
}

impl Hash for ListedSession {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.sid_ref().hash(hasher);
    }
}

impl PartialEq for ListedSession {
    fn eq(&self, other: &Self) -> bool {
        self.0.sid_ref() == other.0.sid_ref()
    }
}

impl Eq for ListedSession {}

impl Sessions {
    /// An empty table.
    pub(crate) fn new(observers: Observers) -> Self {
        Self {
            observers,
            ..Self::default()
        }
    }

    /// The observers of the sessions.
    pub(crate) fn observers(&self) -> &Observers {
        &self.observers
    }

    /// The count of the sessions, for a handshake.
    pub(super) fn admissions(&self) -> &Arc<Admissions> {
        &self.admissions
    }

    fn shard(&self, sid: &Sid) -> MutexGuard<'_, Shard> {
        // `part` is below SHARDS.
        self.shards[sid.part(SHARDS)].lock()
    }

    /// The session with this id.
    pub(crate) fn get(&self, sid: &Sid) -> Option<Session> {
        self.shard(sid).get(sid).map(|listed| listed.0.clone())
    }

    /// Admits a handshake whose id the program has made; `None` if a session has it, or a handshake that is about to open one.
    /// No other handshake with the id is admitted, and no session listed, between the look and `admit`.
    pub(super) fn if_unknown<A>(&self, sid: &Sid, admit: impl FnOnce() -> A) -> Option<A> {
        let shard = self.shard(sid);
        let is_known = shard.contains(sid) || self.admissions.has(sid);
        (!is_known).then(admit)
    }

    /// Sessions that are open or still closing.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Sessions that the table has room for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        let shards = self.shards.iter();
        shards.map(|shard| shard.lock().capacity()).sum()
    }

    fn all(&self) -> Vec<Session> {
        let mut all = Vec::new();
        for shard in &self.shards {
            all.extend(shard.lock().iter().map(|listed| listed.0.clone()));
        }
        all
    }

    /// Whether new sessions are refused.
    pub(crate) fn is_refusing(&self) -> bool {
        self.refusing.load(Ordering::SeqCst)
    }

    /// Refuses new sessions from here on. The others are cut at this time, or at an earlier one that was given before.
    pub(crate) fn refuse(&self, cut_at: Instant) {
        let mut earliest = self.cut_at.lock();
        *earliest = Some(earliest.map_or(cut_at, |earlier| earlier.min(cut_at)));
        self.refusing.store(true, Ordering::SeqCst);
    }

    /// Whether the time has come at which the sessions are cut. Asked by the clock and not by what was done, so that a client
    /// whose patience ends at the same time counts alike on every thread.
    fn is_cutting(&self) -> bool {
        let cut_at = *self.cut_at.lock();
        cut_at.is_some_and(|cut_at| now() >= cut_at)
    }

    /// Closes every session when its running events are answered. Queued frames are delivered first.
    pub(crate) fn drain_all(&self) {
        for session in self.all() {
            session.drain();
        }
    }

    /// The sessions that have ended like this since new ones are refused.
    pub(crate) fn ended(&self, outcome: SessionOutcome) -> usize {
        self.ended.counter(outcome).load(Ordering::SeqCst)
    }

    /// Closes every session at once.
    pub(crate) fn cut_all(&self, reason: CloseReason) {
        for session in self.all() {
            session.cut(reason);
        }
    }

    /// Session tasks that have not ended.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.load(Ordering::SeqCst)
    }

    /// Waits until every session's task has ended, its handlers included.
    pub(crate) async fn drained(&self) {
        loop {
            let drained = self.drained.notified();
            tokio::pin!(drained);
            // Registered before the count is read. The last task can't end unnoticed between the two.
            drained.as_mut().enable();
            if self.tasks() == 0 {
                return;
            }
            drained.await;
        }
    }
}

/// Counts a session's task for as long as it lives, and lists the session until its client can't reach it any more.
pub(crate) struct Registration {
    sessions: Arc<Sessions>,
    listed: Option<Session>,
}

impl Registration {
    /// The observers of the session.
    pub(crate) fn observers(&self) -> &Observers {
        &self.sessions.observers
    }

    /// Brings the count of unconnected sessions up to date with what the layer above has said.
    pub(super) fn set_connected(&mut self, connected: bool) {
        if let Some(session) = &self.listed {
            let admissions = &self.sessions.admissions;
            admissions.set_connected(session.sid_ref(), connected);
        }
    }

    /// The session closes: its client takes no place any more that another could have.
    pub(super) fn closing(&self) {
        if let Some(session) = &self.listed {
            self.sessions.admissions.closing(session.sid_ref());
        }
    }

    /// `None` if another session has the id: two handshakes with one id of the program's have overlapped.
    pub(crate) fn new(
        sessions: Arc<Sessions>,
        session: &Session,
        admission: Admission,
    ) -> Option<Self> {
        sessions.tasks.fetch_add(1, Ordering::SeqCst);
        let listed = ListedSession(session.clone());
        let is_new = sessions.shard(session.sid_ref()).insert(listed);
        // From here on the drop of the registration gives the place back.
        admission.opened();
        let registration = Self {
            sessions,
            listed: is_new.then(|| session.clone()),
        };
        is_new.then_some(registration)
    }

    /// Whether the server shuts down, and cuts its sessions now.
    pub(crate) fn is_cutting(&self) -> bool {
        self.sessions.is_refusing() && self.sessions.is_cutting()
    }

    /// Counts the session's end, if the server shuts down. Called once, before the task is counted as ended.
    pub(crate) fn count_end(&self, answered: bool) -> Option<SessionOutcome> {
        if !self.sessions.is_refusing() {
            return None;
        }
        let outcome = if answered {
            SessionOutcome::Answered
        } else if self.sessions.is_cutting() {
            SessionOutcome::Cut
        } else {
            SessionOutcome::Abandoned
        };
        let counter = self.sessions.ended.counter(outcome);
        counter.fetch_add(1, Ordering::SeqCst);
        Some(outcome)
    }

    /// Takes the session out of the table.
    pub(crate) fn end(&mut self) {
        let Some(session) = self.listed.take() else {
            return;
        };
        let sid = session.sid_ref();
        // Whether it was counted as unconnected or not.
        self.sessions.admissions.set_connected(sid, true);
        let mut shard = self.sessions.shard(sid);
        shard.remove(sid);
        // Shrink when under a quarter full (amortised O(1)), and when empty, so that the allocator can return memory.
        let (left, capacity) = (shard.len(), shard.capacity());
        if left == 0 || capacity > 64 && left < capacity / 4 {
            shard.shrink_to(2 * left);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.end();
        self.sessions.admissions.ended();
        if self.sessions.tasks.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.sessions.drained.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;
    use crate::engine::EngineConfig;

    #[test]
    fn of_two_handshakes_at_once_with_one_id_one_is_admitted_and_nothing_stays_counted() {
        let config = EngineConfig::default();
        let bytes = config.max_unconnected_head_bytes;
        let sessions = Sessions::default();
        let sid = Sid::random().unwrap();
        let admit = |bytes| sessions.admissions().admit(sid, &config, true, None, bytes);
        thread::scope(|scope| {
            let mut other = None;
            let first = sessions.if_unknown(&sid, || {
                other = Some(scope.spawn(|| sessions.if_unknown(&sid, || admit(1)).is_some()));
                // Enough for the other to look, if it could.
                thread::sleep(Duration::from_millis(50));
                admit(1)
            });
            assert_eq!(other.map(|other| other.join().unwrap()), Some(false));
            assert!(matches!(first, Some(Ok(_))));
        });
        assert!(matches!(
            sessions.if_unknown(&sid, || admit(bytes)),
            Some(Ok(_))
        ));
    }
}
