//! Who is in which room: the table of one namespace.
//!
//! A plain value behind one lock that is never held while something is sent: a choice of recipients is copied
//! out first, so that a broadcast to ten thousand holds up no join.

use std::{
    collections::{HashMap, HashSet},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::Target;
use crate::ids::{Room, SocketId};

/// The members of one namespace and their rooms. `M` is whatever is delivered to.
///
/// The room of a socket's own id is not stored: an id that names a member is that member.
#[derive(Debug)]
pub(crate) struct Rooms<M>(RwLock<State<M>>);

#[derive(Debug)]
struct State<M> {
    members: HashMap<SocketId, Member<M>>,
    rooms: HashMap<Room, HashSet<SocketId>>,
}

#[derive(Debug)]
struct Member<M> {
    value: M,
    rooms: HashSet<Room>,
}

/// Why a socket may not join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotJoined {
    /// It is not, or no longer, a member.
    Gone,
    /// It is in as many rooms as one socket may be.
    TooMany,
}

impl<M> Default for Rooms<M> {
    fn default() -> Self {
        Self(RwLock::new(State {
            members: HashMap::new(),
            rooms: HashMap::new(),
        }))
    }
}

impl<M: Clone> Rooms<M> {
    fn read(&self) -> RwLockReadGuard<'_, State<M>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State<M>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a member, in no room but that of its own id.
    pub(crate) fn add(&self, id: SocketId, value: M) {
        let member = Member {
            value,
            rooms: HashSet::new(),
        };
        self.write().members.insert(id, member);
    }

    /// Takes a member out of everything. Returns the rooms that it was in.
    pub(crate) fn remove(&self, id: &SocketId) -> Vec<Room> {
        let mut state = self.write();
        let Some(member) = state.members.remove(id) else {
            return Vec::new();
        };
        for room in &member.rooms {
            state.leave(room, id);
        }
        member.rooms.into_iter().collect()
    }

    /// Puts a member into a room; being in it already is fine.
    pub(crate) fn join(&self, id: &SocketId, room: Room, limit: usize) -> Result<(), NotJoined> {
        let mut state = self.write();
        let member = state.members.get_mut(id).ok_or(NotJoined::Gone)?;
        if member.rooms.contains(&room) {
            return Ok(());
        }
        if member.rooms.len() >= limit {
            return Err(NotJoined::TooMany);
        }
        member.rooms.insert(room.clone());
        state.rooms.entry(room).or_default().insert(*id);
        Ok(())
    }

    /// Takes a member out of a room.
    pub(crate) fn leave(&self, id: &SocketId, room: &Room) {
        let mut state = self.write();
        if let Some(member) = state.members.get_mut(id)
            && member.rooms.remove(room)
        {
            state.leave(room, id);
        }
    }

    /// The rooms a member is in, without that of its own id.
    pub(crate) fn rooms_of(&self, id: &SocketId) -> Vec<Room> {
        let state = self.read();
        let member = state.members.get(id);
        member
            .map(|member| member.rooms.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// The member with this id.
    pub(crate) fn get(&self, id: &SocketId) -> Option<M> {
        let state = self.read();
        state.members.get(id).map(|member| member.value.clone())
    }

    /// Whom a target means, each once.
    pub(crate) fn select(&self, target: &Target) -> Vec<M> {
        let state = self.read();
        let except: HashSet<&SocketId> = target
            .except
            .iter()
            .flat_map(|room| state.in_room(room))
            .collect();
        let value = |id: &SocketId| {
            if !except.is_empty() && except.contains(id) {
                return None;
            }
            state.members.get(id).map(|member| member.value.clone())
        };
        match target.rooms.as_slice() {
            [] => {
                let members = state.members.iter();
                let chosen = members.filter(|(id, _)| except.is_empty() || !except.contains(id));
                chosen.map(|(_, member)| member.value.clone()).collect()
            }
            [room] => state.in_room(room).filter_map(value).collect(),
            rooms => {
                // In two of the rooms and yet only once.
                let ids: HashSet<&SocketId> =
                    rooms.iter().flat_map(|room| state.in_room(room)).collect();
                ids.into_iter().filter_map(value).collect()
            }
        }
    }

    /// The number of members.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.read().members.len()
    }
}

impl<M> State<M> {
    fn in_room<'a>(&'a self, room: &Room) -> impl Iterator<Item = &'a SocketId> + use<'a, M> {
        let own = SocketId::parse(room.as_str());
        let own = own.and_then(|id| self.members.get_key_value(&id));
        let own = own.map(|(id, _)| id);
        own.into_iter()
            .chain(self.rooms.get(room).into_iter().flatten())
    }

    fn leave(&mut self, room: &Room, id: &SocketId) {
        if let Some(ids) = self.rooms.get_mut(room) {
            ids.remove(id);
            if ids.is_empty() {
                self.rooms.remove(room);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(rooms: &[&str], except: &[&str]) -> Target {
        Target {
            rooms: rooms.iter().copied().map(Room::from).collect(),
            except: except.iter().copied().map(Room::from).collect(),
        }
    }

    fn three() -> (Rooms<u8>, [SocketId; 3]) {
        let rooms = Rooms::default();
        let ids = [1, 2, 3].map(|value| {
            let id = SocketId::random().unwrap();
            rooms.add(id, value);
            id
        });
        (rooms, ids)
    }

    fn chosen(rooms: &Rooms<u8>, target: &Target) -> Vec<u8> {
        let mut chosen = rooms.select(target);
        chosen.sort_unstable();
        chosen
    }

    #[test]
    fn no_room_means_everybody_and_an_id_means_that_one() {
        let (rooms, ids) = three();
        assert_eq!(chosen(&rooms, &target(&[], &[])), [1, 2, 3]);
        assert_eq!(chosen(&rooms, &target(&[ids[1].as_str()], &[])), [2]);
        assert_eq!(chosen(&rooms, &target(&[], &[ids[1].as_str()])), [1, 3]);
        assert_eq!(chosen(&rooms, &target(&["nowhere"], &[])), [0; 0]);
    }

    #[test]
    fn a_member_of_two_rooms_is_chosen_once() {
        let (rooms, ids) = three();
        for room in ["a", "b"] {
            rooms.join(&ids[0], room.into(), 10).unwrap();
        }
        rooms.join(&ids[1], "b".into(), 10).unwrap();
        let own = ids[0].as_str();
        assert_eq!(chosen(&rooms, &target(&["a", "b", own], &[])), [1, 2]);
        assert_eq!(chosen(&rooms, &target(&["a", "b"], &["a"])), [2]);
    }

    #[test]
    fn a_room_ends_with_its_last_member() {
        let (rooms, ids) = three();
        rooms.join(&ids[0], "a".into(), 10).unwrap();
        rooms.join(&ids[0], "a".into(), 10).unwrap();
        rooms.join(&ids[1], "a".into(), 10).unwrap();
        rooms.leave(&ids[0], &"a".into());
        rooms.leave(&ids[0], &"a".into());
        assert_eq!(rooms.remove(&ids[1]), ["a".into()]);
        assert!(rooms.read().rooms.is_empty());
        assert_eq!(rooms.len(), 2);
        assert_eq!(rooms.join(&ids[1], "a".into(), 10), Err(NotJoined::Gone));
    }

    #[test]
    fn the_number_of_rooms_is_limited() {
        let (rooms, ids) = three();
        rooms.join(&ids[0], "a".into(), 1).unwrap();
        assert_eq!(rooms.join(&ids[0], "b".into(), 1), Err(NotJoined::TooMany));
        assert_eq!(rooms.join(&ids[0], "a".into(), 1), Ok(()));
        assert_eq!(rooms.rooms_of(&ids[0]), ["a".into()]);
    }
}
