//! Sessions whose clients do not come back.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak, atomic::Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::sync::futures::OwnedNotified;

use super::{log::NamespaceLog, session::LostSession};
use crate::{
    Result,
    ids::{Room, SocketId},
    observe::Observation,
    socket::{data::read_data, server_core::ServerCore, socket::Socket},
    time::now,
};

/// How often logs are trimmed, at the least.
const TRIM_INTERVAL: Duration = Duration::from_secs(10);

/// How long a shutdown waits for the program's function for sessions that expire.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// A session whose client has not come back in time: the last that is known of its socket. See
/// [`Io::on_session_expired`](crate::Io::on_session_expired).
#[derive(Clone)]
#[non_exhaustive]
pub struct ExpiredSession {
    id: SocketId,
    namespace: Arc<str>,
    rooms: Vec<Room>,
    data: Option<Arc<str>>,
}

impl ExpiredSession {
    /// The id that the socket had.
    #[must_use]
    pub fn id(&self) -> SocketId {
        self.id
    }

    /// The namespace that it was connected to.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The rooms that it was in when its connection was lost, that of its own id aside.
    #[must_use]
    pub fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    /// Its [`data`](crate::Socket::data) at that time, read into a type. `None` if none was set.
    ///
    /// # Errors
    /// The value does not fit `T`.
    pub fn data<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        read_data(self.data.as_deref())
    }
}

impl fmt::Debug for ExpiredSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpiredSession")
            .field("id", &self.id)
            .field("namespace", &self.namespace)
            .field("rooms", &self.rooms)
            .finish_non_exhaustive()
    }
}

/// The program's function for sessions that expire.
pub(crate) type ExpiredHook = Arc<dyn Fn(ExpiredSession) + Send + Sync>;

/// A session has ended that was not connected, and whose client will not find it any more.
pub(in crate::socket) fn expire(
    core: &ServerCore<Socket>,
    hook: Option<&ExpiredHook>,
    session: LostSession,
) {
    let (id, namespace) = (session.record.id, session.namespace);
    if let Some(log) = &namespace.log {
        let rooms = log.lock().expire(id);
        let rooms = rooms.iter().map(Room::as_str).chain([id.as_str()]);
        rooms.for_each(|room| namespace.rooms.changed(room));
    }
    core.local.leave(&namespace);
    core.local.observers.notify(&Observation::SessionExpired {
        namespace: &namespace.name,
        socket: id,
    });
    let Some(hook) = hook else {
        return;
    };
    let expired = ExpiredSession {
        id,
        namespace: Arc::clone(&namespace.name),
        rooms: session.record.stays.rooms().cloned().collect(),
        data: session.data,
    };
    if catch_unwind(AssertUnwindSafe(|| hook(expired))).is_err() {
        tracing::error!(target: "koio::socket", socket = %id, "the function for expired sessions panicked");
    }
}

/// Makes sure that a task looks after the sessions that wait, and trims the logs. It ends when there is nothing to look after.
///
/// The task and not the server holds `hook`, which may hold a handle of the server.
pub(in crate::socket) fn ensure_swept(core: &Arc<ServerCore<Socket>>, hook: Option<&ExpiredHook>) {
    let Some(recovery) = core.local.recovery.get() else {
        return;
    };
    if !std::mem::replace(&mut recovery.table.lock().is_swept, true) {
        tokio::spawn(sweep(Arc::downgrade(core), hook.cloned()));
    }
}

async fn sweep(core: Weak<ServerCore<Socket>>, hook: Option<ExpiredHook>) {
    while let Some((at, woken)) = core.upgrade().and_then(|server| next_sweep(&server)) {
        // Without the server, which may be dropped meanwhile.
        let _ = tokio::time::timeout_at(at.into(), woken).await;
        let Some(server) = core.upgrade() else {
            return;
        };
        let Some(recovery) = server.local.recovery.get() else {
            return;
        };
        sweep_once(&server, hook.as_ref());
        if !is_needed(&server) {
            recovery.table.lock().is_swept = false;
            // A client may have been let in meanwhile that saw this task at work.
            let again =
                is_needed(&server) && !std::mem::replace(&mut recovery.table.lock().is_swept, true);
            if !again {
                return;
            }
        }
    }
}

/// When to look again, and what wakes the task before that.
fn next_sweep(core: &ServerCore<Socket>) -> Option<(Instant, OwnedNotified)> {
    let recovery = core.local.recovery.get()?;
    let latest = now() + recovery.config.time.min(TRIM_INTERVAL);
    let next = recovery.table.lock().next();
    let at = next.map_or(latest, |next| next.min(latest));
    Some((at, Arc::clone(&recovery.sweep).notified_owned()))
}

/// Whether a session is connected, away, or about to come back.
fn is_needed(core: &ServerCore<Socket>) -> bool {
    any_log(core, NamespaceLog::has_sessions)
}

fn any_log(core: &ServerCore<Socket>, is: impl Fn(&NamespaceLog) -> bool) -> bool {
    let logs = core.local.all();
    let mut logs = logs.iter().filter_map(|namespace| namespace.log.as_deref());
    logs.any(|log| is(&log.lock()))
}

fn sweep_once(core: &ServerCore<Socket>, hook: Option<&ExpiredHook>) {
    let Some(recovery) = core.local.recovery.get() else {
        return;
    };
    let waiting_sessions = recovery.config.waiting_sessions;
    // Asked once: it says that all have expired only if this made all expire.
    let has_ended = recovery.has_ended.load(Ordering::Acquire);
    let most = if has_ended { 0 } else { waiting_sessions };
    let mut table = recovery.table.lock();
    let waiting = table.waiting();
    let expired = table.expired(now(), most);
    drop(table);
    if waiting > waiting_sessions {
        tracing::warn!(
            target: "koio::socket",
            waiting,
            waiting_sessions,
            "sessions expire early, because too many wait"
        );
    }
    for session in expired {
        expire(core, hook, session);
    }
    if has_ended {
        recovery.ended.notify_waiters();
    }
    trim_logs(core);
}

fn trim_logs(core: &ServerCore<Socket>) {
    let Some(recovery) = core.local.recovery.get() else {
        return;
    };
    for namespace in core.local.all() {
        if let Some(log) = &namespace.log {
            log.lock().trim_older(now(), recovery.keep);
        }
    }
}

/// Makes sure that a task trims the logs, and lets namespaces go that are followed no more. A task of its own, because nobody who
/// follows has the program's function for sessions that expire. It ends when nothing is followed.
pub(in crate::socket) fn ensure_trimmed(core: &Arc<ServerCore<Socket>>) {
    let Some(recovery) = core.local.recovery.get() else {
        return;
    };
    if !recovery.is_trimmed.swap(true, Ordering::AcqRel) {
        tokio::spawn(trim_followed(Arc::downgrade(core)));
    }
}

async fn trim_followed(core: Weak<ServerCore<Socket>>) {
    let interval = |server: Arc<ServerCore<Socket>>| {
        let recovery = server.local.recovery.get()?;
        Some(recovery.config.time.min(TRIM_INTERVAL))
    };
    while let Some(interval) = core.upgrade().and_then(interval) {
        // Without the server, which may be dropped meanwhile.
        tokio::time::sleep(interval).await;
        let Some(server) = core.upgrade() else {
            return;
        };
        let Some(recovery) = server.local.recovery.get() else {
            return;
        };
        trim_logs(&server);
        for namespace in server.local.all() {
            let lapses = |log: &Mutex<NamespaceLog>| log.lock().lapse(now(), recovery.keep);
            if namespace.log.as_deref().is_some_and(lapses) {
                server.local.leave(&namespace);
            }
        }
        if !any_log(&server, NamespaceLog::is_followed) {
            recovery.is_trimmed.store(false, Ordering::Release);
            // Somebody may have followed meanwhile who saw this task at work.
            let again = any_log(&server, NamespaceLog::is_followed)
                && !recovery.is_trimmed.swap(true, Ordering::AcqRel);
            if !again {
                return;
            }
        }
    }
}

impl ServerCore<Socket> {
    /// The server has shut down: no client comes back. Returns when all sessions that waited have expired.
    pub(in crate::socket) async fn end_recovery(&self) {
        let Some(recovery) = self.local.recovery.get() else {
            return;
        };
        let ended = recovery.ended.notified();
        recovery.has_ended.store(true, Ordering::Release);
        if recovery.table.lock().waiting() > 0 {
            recovery.sweep.notify_one();
            let _ = tokio::time::timeout(END_TIMEOUT, ended).await;
        }
    }
}
