//! What is remembered of one session, connected or not.

use super::stays::Stays;
use crate::{
    adapter::Target,
    ids::{Pid, Room, SocketId},
};

/// What a session needs to be recovered, beside its data.
#[derive(Clone, Debug)]
pub(in crate::socket) struct SessionRecord {
    pub(in crate::socket) id: SocketId,
    pub(in crate::socket) pid: Pid,
    /// The client has everything up to this offset: it is that of its CONNECT, or of the last event that it said it has.
    pub(in crate::socket) since: u64,
    pub(in crate::socket) stays: Stays,
}

impl SessionRecord {
    /// Whether an event was for this session when it got this offset.
    pub(super) fn was_meant(&self, target: &Target, offset: u64) -> bool {
        let was_in = |room: &Room| self.is_own(room) || self.stays.were_in(room, offset);
        let is_meant = target.rooms.is_empty() || target.rooms.iter().any(was_in);
        is_meant && !target.except.iter().any(was_in)
    }

    /// Whether this is the room of its own id.
    pub(super) fn is_own(&self, room: &Room) -> bool {
        room.as_str() == self.id.as_str()
    }
}
