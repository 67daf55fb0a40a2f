//! [`Following`]: the layer above a session that follows.

use std::{sync::Arc, task::Context};

use super::{
    follower::Follower, namespace::LiveNamespace, server_core::ServerCore, socket::Socket,
};
use crate::{
    adapter::Rooms,
    engine::{CloseReason, Session, Upstream},
    ids::{Room, SocketId},
    observe::Observation,
    wire::{self, Frame, Message},
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
            let followers = namespace.followers.get_or_init(|| {
                Box::new(match watcher {
                    Some(watcher) => Rooms::watched(&namespace.name, watcher),
                    None => Rooms::default(),
                })
            });
            let add = || {
                followers.add(follower.clone());
                for room in rooms {
                    let _ = followers.join(&id, room.clone(), usize::MAX);
                }
            };
            let Some(log) = &namespace.log else {
                add();
                return namespace;
            };
            let mut log = log.lock();
            log.follow();
            let position = log.position();
            let position = str::from_utf8(&position).unwrap_or_default();
            match last_event.map(|last| log.since(last, rooms)) {
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
            add();
            drop(log);
            namespace
        });
        // It waits for no CONNECT.
        session.set_connected(true);
        Self {
            core: Arc::clone(core),
            namespace,
            follower,
        }
    }
}

impl Upstream for Following {
    fn on_message(&mut self, _: Message, _: &mut Context<'_>) {}

    fn on_close(&mut self, reason: CloseReason) {
        let Follower { id, session } = &self.follower;
        if let Some(followers) = self.namespace.followers.get() {
            followers.remove(id);
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
