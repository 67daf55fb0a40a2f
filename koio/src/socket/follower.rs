//! Followers: clients of an event stream, which read what is emitted to some rooms. They are no sockets: nothing is asked of them,
//! and nobody finds them.

use std::fmt;

use crate::{
    adapter::{Recipient, Rooms, Target},
    engine::{Fanout, OrderedSends, Session},
    ids::SocketId,
    wire::{Frame, FrameForms},
};

/// A client of an event stream, among the members of its rooms.
#[derive(Clone)]
pub(crate) struct Follower {
    pub(super) id: SocketId,
    pub(super) session: Session,
}

impl Recipient for Follower {
    fn id(&self) -> &SocketId {
        &self.id
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Follower").field(&self.session).finish()
    }
}

/// The followers of one namespace, by room.
pub(crate) type Followers = Rooms<Follower>;

/// Queues an event, in the form of the default parser, for each follower that is meant. Returns how many there are.
pub(super) fn tell(followers: &Followers, target: &Target, event: &Frame, volatile: bool) -> usize {
    let mut fanout = Fanout::new(event);
    let meant = followers.select(target);
    for follower in meant.iter() {
        // One that can't take it is cut, or gone.
        if volatile {
            fanout.send_volatile(&follower.session);
        } else {
            let _ = fanout.send(&follower.session);
        }
    }
    fanout.finish();
    meant.iter().count()
}

/// As [`tell`], in the order of the namespace.
pub(super) fn tell_in_order(
    followers: &Followers,
    target: &Target,
    event: &Frame,
    volatile: bool,
    sends: &mut OrderedSends,
) -> usize {
    let meant = followers.select(target);
    let event = FrameForms::from(event.clone());
    for follower in meant.iter() {
        if volatile {
            sends.share_volatile(&follower.session, &event);
        } else {
            let _ = sends.share(&follower.session, &event);
        }
    }
    meant.iter().count()
}
