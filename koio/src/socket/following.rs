//! [`Following`]: the layer above a session that follows.

use std::{sync::Arc, task::Context};

use parking_lot::MutexGuard;

use super::{
    follower::Follower,
    namespace::LiveNamespace,
    recovery::{MissedEvents, NamespaceLog, ensure_trimmed},
    server_core::ServerCore,
    socket::Socket,
};
use crate::{
    adapter::Rooms,
    engine::{CloseReason, Session, Upstream},
    ids::{Room, SocketId},
    observe::Observation,
    time::now,
    wire::{self, Frame, Message, Parser},
};

/// The name of the event that says that something is missed.
const GAP: &str = "koio.gap";

/// A session that follows.
pub(crate) struct Following {
    core: Arc<ServerCore<Socket>>,
    namespace: Arc<LiveNamespace<Socket>>,
    follower: Follower,
}

impl Following {
    /// The session follows these rooms from here on. With recovery it is sent first what came behind the event that it has seen
    /// last.
    pub(crate) fn begin(
        core: &Arc<ServerCore<Socket>>,
        namespace: &str,
        rooms: &[Room],
        id: SocketId,
        session: &Session,
        last_event: Option<&str>,
    ) -> Self {
        let follower = Follower {
            id,
            session: session.clone(),
        };
        let watcher = core.local.watcher.get();
        let namespace = core.local.enter(namespace, |namespace| {
            namespace.followers.get_or_init(|| {
                Box::new(match watcher {
                    Some(watcher) => Rooms::watched(&namespace.name, watcher),
                    None => Rooms::default(),
                })
            });
            match &namespace.log {
                // It keeps the namespace until the follower is in it.
                Some(log) => log.lock().follow(),
                None => enter(&namespace, &follower, rooms),
            }
            namespace
        });
        if let Some(log) = &namespace.log {
            let mut log = log.lock();
            let last_event = last_event.map(|last| missed(&mut log, last, rooms, core));
            let position = log.position();
            let position = str::from_utf8(&position).unwrap_or_default();
            match last_event {
                Some(Some(missed)) => {
                    for frame in missed {
                        let _ = session.reply(frame);
                    }
                }
                Some(None) => {
                    let gap = wire::event(&namespace.name, None, GAP, &position);
                    let _ = gap.map(|gap| session.reply(gap));
                }
                None => {
                    let _ = session.reply(Frame::open(&[position]));
                }
            }
            enter(&namespace, &follower, rooms);
            drop(log);
            ensure_trimmed(core);
        }
        // It waits for no CONNECT.
        session.set_connected(true);
        Self {
            core: Arc::clone(core),
            namespace,
            follower,
        }
    }
}

/// The follower is in these rooms of the namespace from here on.
fn enter(namespace: &LiveNamespace<Socket>, follower: &Follower, rooms: &[Room]) {
    if let Some(followers) = namespace.followers.get() {
        followers.add(follower.clone());
        for room in rooms {
            let _ = followers.join(&follower.id, room.clone(), usize::MAX);
        }
    }
}

/// What came behind this event for somebody in these rooms, oldest first. `None` if the event is none of this log, or something
/// behind it is gone.
fn missed(
    log: &mut MutexGuard<'_, NamespaceLog>,
    last_event: &str,
    rooms: &[Room],
    core: &ServerCore<Socket>,
) -> Option<Vec<Frame>> {
    let seen = log.offset_of(last_event)?;
    if core.local.parser() != Parser::Json {
        // The log has its events in the form of the sockets' parser alone.
        return (seen == log.last()).then(Vec::new);
    }
    let mut missed = MissedEvents::default();
    while !log.collect_for_stream(seen, rooms, &mut missed) {
        // An emit meanwhile waits for a part of it at most. Its event is collected as well.
        MutexGuard::bump(log);
    }
    (!missed.has_gap).then_some(missed.frames)
}

impl Upstream for Following {
    fn on_message(&mut self, _: Message, _: &mut Context<'_>) {}

    fn on_close(&mut self, reason: CloseReason) {
        let Follower { id, session } = &self.follower;
        if let Some(followers) = self.namespace.followers.get() {
            followers.remove(id);
        }
        if let Some(log) = &self.namespace.log {
            log.lock().unfollow(now());
        }
        self.core.local.leave(&self.namespace);
        if reason == CloseReason::SlowConsumer {
            let cause = session.slow_cause();
            let observers = &self.core.local.observers;
            observers.notify(&Observation::SlowConsumer {
                sid: session.sid(),
                limit: cause.limit(),
                cause: format_args!("{cause}"),
            });
        }
    }
}
