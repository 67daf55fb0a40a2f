//! All sessions of a server that may be recovered, by their secrets. Pure: time is an argument.

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::record::SessionRecord;
use crate::{ids::Pid, socket::once::AwayMemory};

/// How long a socket is connected before its secret may take it over: of two connections that come with one secret at the same
/// time, one gets the session. The official client waits for at least twice as long before it comes back.
const MIN_CONNECTED: Duration = Duration::from_millis(250);

/// A session whose connection is lost. `N` is its namespace.
#[derive(Debug)]
pub(in crate::socket) struct WaitingSession<N> {
    pub(in crate::socket) record: SessionRecord,
    pub(in crate::socket) namespace: Arc<N>,
    /// The text of the socket's data.
    pub(in crate::socket) data: Option<Arc<str>>,
    /// Its events that are handled once for each key.
    pub(in crate::socket) once: AwayMemory,
    /// When it expires.
    pub(in crate::socket) until: Instant,
    /// Ends when the handlers have ended that ran when the connection was lost.
    pub(in crate::socket) handlers: Option<HandlersEnd>,
}

/// The end of the handlers of a socket: its sender is dropped.
pub(in crate::socket) type HandlersEnd = oneshot::Receiver<Infallible>;

/// The sessions of one server. `S` is a connected socket.
#[derive(Debug)]
pub(in crate::socket) struct SessionTable<S, N> {
    sessions: HashMap<Pid, TableEntry<S, N>>,
    /// The secrets of the sessions that wait, by their time.
    due: BTreeMap<(Instant, u64), Pid>,
    /// Numbers the entries of `due`.
    last: u64,
    /// Whether a task looks after the sessions that wait.
    pub(in crate::socket) is_swept: bool,
}

#[derive(Debug)]
enum TableEntry<S, N> {
    /// Since then.
    Connected(S, Instant),
    Waiting(Box<WaitingSession<N>>, u64),
}

/// What a client finds that comes with a secret.
#[derive(Debug)]
pub(in crate::socket) enum Claimed<S, N> {
    /// Its session, which is no longer in the table.
    Session(Box<WaitingSession<N>>),
    /// The socket, whose connection the server still believes to be alive.
    Connected(S),
}

impl<S, N> Default for SessionTable<S, N> {
    fn default() -> Self {
        Self {
            sessions: HashMap::new(),
            due: BTreeMap::new(),
            last: 0,
            is_swept: false,
        }
    }
}

impl<S: Clone, N> SessionTable<S, N> {
    /// A session is connected. Returns the socket that it had, to be dropped without the table's lock.
    #[must_use]
    pub(in crate::socket) fn connect(&mut self, pid: Pid, socket: S, now: Instant) -> Option<S> {
        match self
            .sessions
            .insert(pid, TableEntry::Connected(socket, now))?
        {
            TableEntry::Connected(before, _) => Some(before),
            TableEntry::Waiting(session, number) => {
                self.due.remove(&(session.until, number));
                None
            }
        }
    }

    /// A session waits for its client from here on. Returns the socket that it had, to be dropped without the table's lock.
    #[must_use]
    pub(in crate::socket) fn wait(&mut self, session: Box<WaitingSession<N>>) -> Option<S> {
        self.last += 1;
        let pid = session.record.pid;
        self.due.insert((session.until, self.last), pid);
        let waiting = TableEntry::Waiting(session, self.last);
        match self.sessions.insert(pid, waiting) {
            Some(TableEntry::Connected(socket, _)) => Some(socket),
            _ => None,
        }
    }

    /// A client comes with this secret, to a namespace that `is_its` knows.
    pub(in crate::socket) fn claim(
        &mut self,
        pid: &Pid,
        now: Instant,
        is_its: impl FnOnce(&N) -> bool,
    ) -> Option<Claimed<S, N>> {
        match self.sessions.get(pid)? {
            TableEntry::Connected(socket, since) => {
                let is_stale = now.saturating_duration_since(*since) >= MIN_CONNECTED;
                is_stale.then(|| Claimed::Connected(socket.clone()))
            }
            TableEntry::Waiting(session, number) => {
                if session.until <= now || !is_its(&session.namespace) {
                    return None;
                }
                let due = (session.until, *number);
                self.take(due).map(Claimed::Session)
            }
        }
    }

    /// A connected session has ended. Returns its socket, to be dropped without the table's lock.
    #[must_use]
    pub(in crate::socket) fn end(&mut self, pid: &Pid) -> Option<S> {
        match self.sessions.get(pid)? {
            TableEntry::Waiting(..) => None,
            TableEntry::Connected(..) => match self.sessions.remove(pid)? {
                TableEntry::Connected(socket, _) => {
                    self.shrink();
                    Some(socket)
                }
                TableEntry::Waiting(..) => None,
            },
        }
    }

    fn shrink(&mut self) {
        let len = self.sessions.len();
        if self.sessions.capacity() > 64 && len < self.sessions.capacity() / 4 {
            self.sessions.shrink_to(2 * len);
        }
    }

    /// Takes out the session that waits and is due then.
    fn take(&mut self, due: (Instant, u64)) -> Option<Box<WaitingSession<N>>> {
        let pid = self.due.remove(&due)?;
        match self.sessions.remove(&pid)? {
            TableEntry::Waiting(session, _) => Some(session),
            TableEntry::Connected(..) => None,
        }
    }

    /// The sessions whose time is over, and those that are next if more than `most` wait.
    pub(in crate::socket) fn expired(
        &mut self,
        now: Instant,
        most: usize,
    ) -> Vec<WaitingSession<N>> {
        let mut expired = Vec::new();
        while let Some((&due, _)) = self.due.first_key_value()
            && (self.due.len() > most || due.0 <= now)
        {
            expired.extend(self.take(due).map(|session| *session));
        }
        self.shrink();
        expired
    }

    /// When the next session expires.
    pub(in crate::socket) fn next(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// How many sessions wait.
    pub(in crate::socket) fn waiting(&self) -> usize {
        self.due.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::SocketId, socket::recovery::stays::Stays};

    type Table = SessionTable<u32, ()>;

    fn session(pid: Pid, until: Instant) -> Box<WaitingSession<()>> {
        Box::new(WaitingSession {
            record: SessionRecord {
                id: SocketId::random().unwrap(),
                pid,
                since: 0,
                stays: Stays::default(),
            },
            namespace: Arc::new(()),
            data: None,
            once: AwayMemory::default(),
            until,
            handlers: None,
        })
    }

    #[test]
    fn a_secret_finds_its_session_once() {
        let (mut table, pid, now) = (Table::default(), Pid::random().unwrap(), Instant::now());
        assert_eq!(table.connect(pid, 7, now), None);
        assert!(
            table.claim(&pid, now, |()| true).is_none(),
            "it has just come"
        );
        assert!(matches!(
            table.claim(&pid, now + MIN_CONNECTED, |()| true),
            Some(Claimed::Connected(7))
        ));
        assert_eq!(
            table.wait(session(pid, now + Duration::from_secs(1))),
            Some(7)
        );
        assert!(
            table
                .claim(&Pid::random().unwrap(), now, |()| true)
                .is_none()
        );
        assert!(
            table.claim(&pid, now, |()| false).is_none(),
            "another namespace"
        );
        assert!(matches!(
            table.claim(&pid, now, |()| true),
            Some(Claimed::Session(_))
        ));
        assert!(table.claim(&pid, now, |()| true).is_none());
        assert_eq!((table.waiting(), table.next()), (0, None));
    }

    #[test]
    fn sessions_expire_in_the_order_of_their_times_and_the_next_ones_when_too_many_wait() {
        let (mut table, start) = (Table::default(), Instant::now());
        let pids: Vec<Pid> = (0..5).map(|_| Pid::random().unwrap()).collect();
        for (pid, second) in pids.iter().zip([3, 1, 2, 5, 4]) {
            assert_eq!(
                table.wait(session(*pid, start + Duration::from_secs(second))),
                None
            );
        }
        let mut expired = |seconds, most| {
            let expired = table.expired(start + Duration::from_secs(seconds), most);
            let pids = expired.iter().map(|session| session.record.pid);
            pids.collect::<Vec<_>>()
        };
        assert_eq!(expired(0, 9), []);
        assert_eq!(expired(2, 9), [pids[1], pids[2]]);
        assert_eq!(expired(2, 1), [pids[0], pids[4]]);
        assert!(
            table
                .claim(&pids[3], start + Duration::from_secs(5), |()| true)
                .is_none()
        );
        let all = table.expired(start, 0);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].record.pid, pids[3]);
    }

    #[test]
    fn a_session_that_has_ended_is_not_found() {
        let (mut table, pid, now) = (Table::default(), Pid::random().unwrap(), Instant::now());
        assert_eq!(table.connect(pid, 7, now), None);
        assert_eq!(table.end(&pid), Some(7));
        assert!(table.claim(&pid, now, |()| true).is_none());
        assert_eq!(table.end(&pid), None);
    }
}
