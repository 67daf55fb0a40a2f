//! Who is in which room: the table of one namespace.
//!
//! A plain value behind one lock that is never held while something is sent. The members of a room stand side by side
//! in a list; a choice of recipients is a reference to such a list where it can be. Whoever changes a list that is
//! being read changes a copy of it, so a broadcast costs the lock one reference count, and holds up no join.

use std::{
    borrow::Borrow,
    collections::{HashMap, HashSet},
    hash::{Hash, Hasher},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::{Selection, Target};
use crate::ids::{ByRandomId, Room, SocketId};

/// What is delivered to.
pub(crate) trait Recipient: Clone {
    /// Its id, under which it is a member.
    fn id(&self) -> &SocketId;
}

/// The members of one namespace and their rooms.
///
/// The room of a socket's own id is not stored: an id that names a member is that member.
#[derive(Debug)]
pub(crate) struct Rooms<M>(RwLock<RoomTable<M>>);

#[derive(Debug)]
struct RoomTable<M> {
    members: HashMap<ById<M>, MemberEntry, ByRandomId>,
    everybody: MemberList<M>,
    rooms: HashMap<Room, MemberList<M>>,
}

/// A member, found by its id, which is not stored a second time.
#[derive(Debug)]
struct ById<M>(M);

impl<M: Recipient> Borrow<SocketId> for ById<M> {
    fn borrow(&self) -> &SocketId {
        self.0.id()
    }
}

impl<M: Recipient> Hash for ById<M> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.id().hash(hasher);
    }
}

impl<M: Recipient> PartialEq for ById<M> {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl<M: Recipient> Eq for ById<M> {}

/// Copied when it is changed while somebody reads it.
type MemberList<M> = Arc<Vec<M>>;

#[derive(Debug)]
struct MemberEntry {
    /// Its place in the list of everybody.
    at: usize,
    /// In a box: most members of most namespaces are in no room.
    places: Option<Box<Memberships>>,
}

#[derive(Debug, Default)]
struct Memberships(Vec<Membership>);

/// A member's place in the list of a room.
#[derive(Debug)]
struct Membership {
    room: Room,
    at: usize,
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
        Self(RwLock::new(RoomTable {
            members: HashMap::default(),
            everybody: MemberList::default(),
            rooms: HashMap::new(),
        }))
    }
}

impl<M: Recipient> Rooms<M> {
    fn read(&self) -> RwLockReadGuard<'_, RoomTable<M>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, RoomTable<M>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a member, in no room but that of its own id.
    pub(crate) fn add(&self, member: M) {
        let mut state = self.write();
        let at = append(&mut state.everybody, member.clone());
        let places = None;
        state
            .members
            .insert(ById(member), MemberEntry { at, places });
    }

    /// Takes a member out of everything. Returns the rooms that it was in.
    pub(crate) fn remove(&self, id: &SocketId) -> Vec<Room> {
        let mut state = self.write();
        let Some(member) = state.members.remove(id) else {
            return Vec::new();
        };
        state.take_out(member.at);
        let places = member.places.map(|places| places.0).unwrap_or_default();
        let left = places.into_iter().map(|place| {
            state.leave(&place);
            place.room
        });
        let left = left.collect();
        state.tidy();
        left
    }

    /// Puts a member into a room; being in it already is fine.
    pub(crate) fn join(&self, id: &SocketId, room: Room, limit: usize) -> Result<(), NotJoined> {
        let mut state = self.write();
        let RoomTable {
            members,
            everybody,
            rooms,
        } = &mut *state;
        let member = members.get_mut(id).ok_or(NotJoined::Gone)?;
        if member.place(&room).is_some() {
            return Ok(());
        }
        if member.places().len() >= limit {
            return Err(NotJoined::TooMany);
        }
        let value = everybody.get(member.at).ok_or(NotJoined::Gone)?;
        let at = append(rooms.entry(room.clone()).or_default(), value.clone());
        let places = &mut member.places.get_or_insert_default().0;
        if places.is_empty() {
            // Mostly there is one; a vector left to itself would begin with space for four.
            places.reserve_exact(1);
        }
        places.push(Membership { room, at });
        Ok(())
    }

    /// Takes a member out of a room.
    pub(crate) fn leave(&self, id: &SocketId, room: &Room) {
        let mut state = self.write();
        let Some(member) = state.members.get_mut(id) else {
            return;
        };
        if let Some(place) = member.place(room)
            && let Some(places) = &mut member.places
        {
            let place = places.0.swap_remove(place);
            if places.0.is_empty() {
                member.places = None;
            }
            state.leave(&place);
            state.tidy();
        }
    }

    /// The rooms a member is in, without that of its own id.
    pub(crate) fn rooms_of(&self, id: &SocketId) -> Vec<Room> {
        let state = self.read();
        let places = state.members.get(id).map(MemberEntry::places);
        let places = places.unwrap_or_default().iter();
        places.map(|place| place.room.clone()).collect()
    }

    /// Whether a member is in a room, that of its own id aside.
    pub(crate) fn is_in(&self, id: &SocketId, room: &Room) -> bool {
        let state = self.read();
        let member = state.members.get(id);
        member.is_some_and(|member| member.place(room).is_some())
    }

    /// The member with this id.
    pub(crate) fn get(&self, id: &SocketId) -> Option<M> {
        let state = self.read();
        state.member(id).first().cloned()
    }

    /// Whom a target means, each once.
    pub(crate) fn choose(&self, target: &Target) -> Selection<M> {
        let state = self.read();
        let list = match target.rooms.as_slice() {
            [] => Some(&state.everybody),
            [room] => state.rooms.get(room),
            _ => None,
        };
        match (list, target.except.as_slice()) {
            (Some(list), []) => Selection::all(Arc::clone(list)),
            (Some(list), [one]) if let Some(id) = SocketId::parse(one.as_str()) => {
                Selection::all_but(Arc::clone(list), state.place_of(&id, target.rooms.first()))
            }
            _ => Selection::all(Arc::new(state.pick(target))),
        }
    }

    /// Whether there is no member.
    pub(crate) fn is_empty(&self) -> bool {
        self.read().members.is_empty()
    }

    /// The number of members.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.read().members.len()
    }
}

impl MemberEntry {
    fn places(&self) -> &[Membership] {
        self.places.as_ref().map_or(&[], |places| &places.0)
    }

    /// Which of its places is in this room.
    fn place(&self, room: &Room) -> Option<usize> {
        self.places().iter().position(|place| place.room == *room)
    }
}

impl<M: Recipient> RoomTable<M> {
    /// The member of this id, as the room that it is.
    fn member(&self, id: &SocketId) -> &[M] {
        let member = self.members.get(id);
        let member = member.and_then(|member| self.everybody.get(member.at..=member.at));
        member.unwrap_or_default()
    }

    fn in_room(&self, room: &Room) -> &[M] {
        match self.rooms.get(room) {
            Some(list) => list,
            None => SocketId::parse(room.as_str()).map_or(&[], |id| self.member(&id)),
        }
    }

    /// Where a member stands in the list of a room, or in that of everybody.
    fn place_of(&self, id: &SocketId, room: Option<&Room>) -> Option<usize> {
        let member = self.members.get(id)?;
        match room {
            Some(room) => Some(member.places().get(member.place(room)?)?.at),
            None => Some(member.at),
        }
    }

    /// Whom any target means, member by member.
    fn pick(&self, target: &Target) -> Vec<M> {
        let ids = |room| self.in_room(room).iter().map(M::id);
        // Whoever is here is not chosen, or not again: it may be in two of the rooms.
        let mut done: HashSet<&SocketId> = target.except.iter().flat_map(ids).collect();
        match target.rooms.as_slice() {
            [] => {
                let members = self.everybody.iter();
                members
                    .filter(|member| !done.contains(member.id()))
                    .cloned()
                    .collect()
            }
            rooms => {
                let members = rooms.iter().flat_map(|room| self.in_room(room));
                members
                    .filter(|member| done.insert(member.id()))
                    .cloned()
                    .collect()
            }
        }
    }

    /// Takes somebody out of the list of everybody; the last one moves to its place.
    fn take_out(&mut self, at: usize) {
        if let Some(moved) = remove(&mut self.everybody, at)
            && let Some(member) = self.members.get_mut(&moved)
        {
            member.at = at;
        }
    }

    /// Takes somebody out of the list of a room; the last one moves to its place.
    fn leave(&mut self, place: &Membership) {
        let Some(list) = self.rooms.get_mut(&place.room) else {
            return;
        };
        let moved = remove(list, place.at);
        if list.is_empty() {
            self.rooms.remove(&place.room);
        }
        if let Some(moved) = moved
            && let Some(member) = self.members.get_mut(&moved)
            && let Some(index) = member.place(&place.room)
            && let Some(places) = &mut member.places
            && let Some(its) = places.0.get_mut(index)
        {
            its.at = place.at;
        }
    }

    /// Gives back what a crowd that has left has taken. Done when most of it is gone, so it costs each of them next to
    /// nothing.
    fn tidy(&mut self) {
        let (members, rooms) = (self.members.len(), self.rooms.len());
        if is_sparse(members, self.members.capacity()) {
            self.members.shrink_to(2 * members);
        }
        if is_sparse(rooms, self.rooms.capacity()) {
            self.rooms.shrink_to(2 * rooms);
        }
    }
}

fn append<M: Clone>(list: &mut MemberList<M>, member: M) -> usize {
    let list = Arc::make_mut(list);
    list.push(member);
    list.len() - 1
}

/// Returns who has moved to the place that has become free.
fn remove<M: Recipient>(list: &mut MemberList<M>, at: usize) -> Option<SocketId> {
    let list = Arc::make_mut(list);
    if at < list.len() {
        list.swap_remove(at);
    }
    if is_sparse(list.len(), list.capacity()) {
        list.shrink_to(2 * list.len());
    }
    list.get(at).map(|moved| *moved.id())
}

/// Whether too much room is kept: what is small is left alone, unless all of it is for nothing. (What a hash table says
/// that it has room for leaves out the places of those who were removed, so it is no measure of an empty one.)
fn is_sparse(used: usize, capacity: usize) -> bool {
    used == 0 || capacity > 64 && used < capacity / 4
}

#[cfg(test)]
#[path = "rooms_tests.rs"]
mod tests;
