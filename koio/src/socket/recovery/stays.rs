//! In which rooms a session was, and when.

use crate::ids::Room;

/// Rooms that a session has left and that are remembered.
const MAX_PAST: usize = 32;

/// The rooms of a session, each with the offset at which it entered, and left. That of its own id is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::socket) struct Stays {
    stays: Vec<Stay>,
    /// Stays that ended at or before this offset may have been forgotten.
    known_from: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stay {
    pub(super) room: Room,
    /// The last offset that was given before it entered.
    pub(super) from: u64,
    /// The last offset that was given before it left.
    pub(super) until: Option<u64>,
}

impl Stay {
    /// Whether it was in the room when this offset was given.
    fn covers(&self, offset: u64) -> bool {
        self.from < offset && self.until.is_none_or(|until| offset <= until)
    }
}

impl Stays {
    /// A session that is in these rooms from this offset on.
    pub(in crate::socket) fn begin(rooms: Vec<Room>, at: u64) -> Self {
        let stay = |room| Stay {
            room,
            from: at,
            until: None,
        };
        Self {
            stays: rooms.into_iter().map(stay).collect(),
            known_from: 0,
        }
    }

    /// It has entered a room that it was not in.
    pub(in crate::socket) fn enter(&mut self, room: Room, at: u64) {
        if self.stays.is_empty() {
            // Most sockets are in one room.
            self.stays.reserve_exact(1);
        }
        self.stays.push(Stay {
            room,
            from: at,
            until: None,
        });
    }

    /// It has left a room.
    pub(in crate::socket) fn leave(&mut self, room: &Room, at: u64) {
        let mut open = self.stays.iter_mut().filter(|stay| stay.until.is_none());
        if let Some(stay) = open.find(|stay| stay.room == *room) {
            stay.until = Some(at);
        }
        let past = self.stays.iter().filter_map(|stay| stay.until);
        if past.clone().count() > MAX_PAST {
            let oldest = past.min().unwrap_or_default();
            self.known_from = self.known_from.max(oldest);
            let known_from = self.known_from;
            let is_known = |until: u64| until > known_from;
            self.stays.retain(|stay| stay.until.is_none_or(is_known));
        }
    }

    /// Whether it was in this room when this offset was given.
    pub(super) fn were_in(&self, room: &Room, offset: u64) -> bool {
        let mut of_room = self.stays.iter().filter(|stay| stay.room == *room);
        of_room.any(|stay| stay.covers(offset))
    }

    /// Whether it is known in which rooms it was since this offset.
    pub(super) fn are_known_since(&self, offset: u64) -> bool {
        self.known_from <= offset
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Stay> {
        self.stays.iter()
    }

    /// The rooms that it is in.
    pub(in crate::socket) fn rooms(&self) -> impl Iterator<Item = &Room> {
        let open = self.stays.iter().filter(|stay| stay.until.is_none());
        open.map(|stay| &stay.room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stay_covers_what_was_sent_between_entering_and_leaving() {
        let (room, mut stays) = (Room::from("a"), Stays::default());
        stays.enter(room.clone(), 2);
        stays.leave(&room, 4);
        stays.enter(room.clone(), 6);
        let covered: Vec<_> = (0..9).filter(|at| stays.were_in(&room, *at)).collect();
        assert_eq!(covered, [3, 4, 7, 8]);
        assert_eq!(stays.rooms().collect::<Vec<_>>(), [&room]);
        assert!(!stays.were_in(&Room::from("b"), 3));
    }

    #[test]
    fn the_oldest_stays_are_forgotten_and_that_is_known() {
        let mut stays = Stays::default();
        let count = u64::try_from(MAX_PAST).unwrap() + 3;
        for at in 0..count {
            let room = Room::from(format!("room {at}"));
            stays.enter(room.clone(), at);
            stays.leave(&room, at + 1);
        }
        assert!(stays.stays.len() <= MAX_PAST);
        assert!(!stays.are_known_since(2));
        assert!(stays.are_known_since(3));
        let last = Room::from(format!("room {}", count - 1));
        assert!(stays.were_in(&last, count));
    }
}
