//! What is remembered of events that the log does not have any more: enough to know for which sessions one was.

use std::collections::HashMap;

use super::record::SessionRecord;
use crate::{
    adapter::Target,
    ids::{Room, SocketId},
};

/// Rooms that are remembered by name. About 100 bytes each.
const MAX_ROOMS: usize = 4_096;

/// The last offsets that were trimmed, by room.
#[derive(Debug, Default)]
pub(super) struct Trimmed {
    /// Of events for the whole namespace.
    all: LastOffsets,
    rooms: HashMap<Room, LastOffsets>,
    /// Events up to here may have been for any session.
    anybody: u64,
}

/// The last offset that was trimmed of one room.
#[derive(Clone, Copy, Debug, Default)]
struct LastOffsets {
    last: u64,
    /// The one socket that the event left out.
    except: Option<SocketId>,
    /// The last one that did not leave out that socket alone.
    other: u64,
}

impl LastOffsets {
    fn add(&mut self, offset: u64, except: Option<SocketId>) {
        if self.except != except {
            self.other = self.last;
            self.except = except;
        }
        self.last = offset;
    }

    /// The last one that was for this socket.
    fn of(&self, id: SocketId) -> u64 {
        if self.except == Some(id) {
            self.other
        } else {
            self.last
        }
    }
}

impl Trimmed {
    /// An event is trimmed. Those before it have been.
    pub(super) fn add(&mut self, target: &Target, offset: u64) {
        // Any other list counts as none: then a client may be told of a gap that is none, and never the other way.
        let except = match target.except.as_slice() {
            [one] => SocketId::parse(one.as_str()),
            _ => None,
        };
        if target.rooms.is_empty() {
            self.all.add(offset, except);
        }
        for room in &target.rooms {
            let offsets = self.rooms.entry(room.clone()).or_default();
            offsets.add(offset, except);
        }
        if self.rooms.len() > MAX_ROOMS {
            self.forget_older_half();
        }
    }

    fn forget_older_half(&mut self) {
        let mut offsets: Vec<u64> = self.rooms.values().map(|offsets| offsets.last).collect();
        let middle = offsets.len() / 2;
        let (_, median, _) = offsets.select_nth_unstable(middle);
        self.anybody = self.anybody.max(*median);
        let anybody = self.anybody;
        self.rooms.retain(|_, offsets| offsets.last > anybody);
    }

    /// A session has ended: nothing will be sent to its own room.
    pub(super) fn forget(&mut self, id: SocketId) {
        self.rooms.remove(id.as_str());
    }

    /// Whether an event was trimmed that was for this session, and that its client, which has everything up to `since`, does
    /// not have.
    pub(super) fn is_gap(&self, session: &SessionRecord, since: u64) -> bool {
        let last = |room: &str| self.rooms.get(room).map_or(0, |last| last.of(session.id));
        since < self.anybody
            || self.all.of(session.id) > since
            || last(session.id.as_str()) > since
            || session.stays.iter().any(|stay| {
                let since = since.max(stay.from);
                // Whether the last one came before it left is not known.
                stay.until.is_none_or(|until| until > since) && last(stay.room.as_str()) > since
            })
    }
}
