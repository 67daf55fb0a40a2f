//! The rooms of one namespace on this node.
//!
//! One lock, which is never held while something is sent. The members of a room are a vector in an `Arc`; a
//! [`Selection`] shares it, and a change to a vector that is shared is made in a copy (`Arc::make_mut`). So a broadcast
//! holds the lock for one reference count, and blocks no join.

use std::{
    borrow::Borrow,
    collections::{HashMap, HashSet},
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use foldhash::fast::RandomState;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use smallvec::SmallVec;

use super::{
    OccupancyWatcher, Selection, Target,
    member_list::{MemberList, Recipient, append, is_sparse, remove},
};
use crate::ids::{Room, SocketId};

/// The members of one namespace and their rooms.
///
/// The room of a socket's own id is not stored: a room name that is a member's id means that member.
#[derive(Debug)]
pub(crate) struct Rooms<M> {
    table: RwLock<RoomTable<M>>,
    watched: Option<WatchedRooms>,
}

/// The watcher that is told which rooms of a namespace have members.
struct WatchedRooms {
    namespace: Arc<str>,
    watcher: Arc<dyn OccupancyWatcher>,
}

#[derive(Debug)]
struct RoomTable<M> {
    members: HashMap<ById<M>, MemberEntry, RandomState>,
    all: MemberList<M>,
    /// With the standard hasher, whose keys are random, since clients may choose the names.
    rooms: HashMap<Room, MemberList<M>>,
}

/// A member as the key of its entry, hashed and compared by its id.
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

impl fmt::Debug for WatchedRooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedRooms")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct MemberEntry {
    /// Its index in the list of all members.
    at: usize,
    /// Boxed, since most members are in no room: 8 bytes instead of 24 for each.
    rooms: Option<Box<Memberships>>,
}

#[derive(Debug, Default)]
struct Memberships(Vec<Membership>);

/// A room that a member is in, and its index in the list of that room.
#[derive(Debug)]
struct Membership {
    room: Room,
    at: usize,
}

/// What has become of a member and a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoomChange {
    /// Nothing: the member was there already, or was not there.
    None,
    /// The member is in the room now, or not any more.
    OfMember,
    /// And it is the first, or was the last.
    OfRoom,
}

/// What has become of a member and each of a list of rooms, in the order of the list.
pub(crate) type RoomChanges = SmallVec<[RoomChange; 4]>;

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
        Self {
            table: RwLock::new(RoomTable {
                members: HashMap::default(),
                all: MemberList::default(),
                rooms: HashMap::new(),
            }),
            watched: None,
        }
    }
}

impl<M> Rooms<M> {
    /// The rooms of this namespace. The watcher is told of each, if it wants to be.
    pub(crate) fn watched(namespace: &Arc<str>, watcher: &Arc<dyn OccupancyWatcher>) -> Self {
        let watched = watcher.watches_rooms().then(|| WatchedRooms {
            namespace: Arc::clone(namespace),
            watcher: Arc::clone(watcher),
        });
        Self {
            watched,
            ..Self::default()
        }
    }

    /// A room has got its first member, or has lost its last, or the last client that may come back to it. Without the lock:
    /// the watcher has one of its own.
    pub(crate) fn changed(&self, room: &str) {
        if let Some(watched) = &self.watched {
            watched.watcher.changed(&watched.namespace, Some(room));
        }
    }
}

impl<M: Recipient> Rooms<M> {
    fn read(&self) -> RwLockReadGuard<'_, RoomTable<M>> {
        self.table.read()
    }

    fn write(&self) -> RwLockWriteGuard<'_, RoomTable<M>> {
        self.table.write()
    }

    /// Adds a member, in no room but that of its own id.
    pub(crate) fn add(&self, member: M) {
        let id = *member.id();
        let mut state = self.write();
        let at = append(&mut state.all, member.clone());
        state
            .members
            .insert(ById(member), MemberEntry { at, rooms: None });
        drop(state);
        self.changed(id.as_str());
    }

    /// Removes a member from the namespace and from its rooms, which are returned, each with whether it was the last in it.
    pub(crate) fn remove(&self, id: &SocketId) -> Vec<(Room, bool)> {
        let mut state = self.write();
        let Some(member) = state.members.remove(id) else {
            return Vec::new();
        };
        state.remove_from_all(member.at);
        let memberships = member
            .rooms
            .map(|memberships| memberships.0)
            .unwrap_or_default();
        let left = memberships.into_iter().map(|membership| {
            let is_emptied = state.leave(&membership);
            (membership.room, is_emptied)
        });
        let left: Vec<_> = left.collect();
        state.shrink();
        drop(state);
        self.changed(id.as_str());
        let emptied = left.iter().filter(|(_, is_emptied)| *is_emptied);
        emptied.for_each(|(room, _)| self.changed(room.as_str()));
        left
    }

    /// Puts a member into a room.
    pub(crate) fn join(
        &self,
        id: &SocketId,
        room: Room,
        limit: usize,
    ) -> Result<RoomChange, NotJoined> {
        let changes = self.join_all(id, &[room], limit)?;
        Ok(changes.first().copied().unwrap_or(RoomChange::None))
    }

    /// Puts a member into each of the rooms, or into none.
    pub(crate) fn join_all(
        &self,
        id: &SocketId,
        rooms: &[Room],
        limit: usize,
    ) -> Result<RoomChanges, NotJoined> {
        let mut state = self.write();
        if rooms.len() > 1 {
            let member = state.members.get(id).ok_or(NotJoined::Gone)?;
            let new = rooms.iter().filter(|room| member.position(room).is_none());
            let new = new.collect::<HashSet<_>>().len();
            if member.memberships().len().saturating_add(new) > limit {
                return Err(NotJoined::TooMany);
            }
        }
        let joined = rooms.iter().map(|room| state.join(id, room, limit));
        let changes = joined.collect::<Result<RoomChanges, _>>()?;
        drop(state);
        self.made_or_emptied(rooms, &changes);
        Ok(changes)
    }

    /// Takes a member out of a room.
    #[cfg(test)]
    pub(crate) fn leave(&self, id: &SocketId, room: &Room) -> RoomChange {
        let changes = self.leave_all(id, std::slice::from_ref(room));
        changes.first().copied().unwrap_or(RoomChange::None)
    }

    /// Takes a member out of each of the rooms.
    pub(crate) fn leave_all(&self, id: &SocketId, rooms: &[Room]) -> RoomChanges {
        let mut state = self.write();
        let left = rooms.iter().map(|room| state.leave_room(id, room));
        let changes: RoomChanges = left.collect();
        state.shrink();
        drop(state);
        self.made_or_emptied(rooms, &changes);
        changes
    }

    /// Tells the watcher of the rooms that were made, or have lost their last member.
    fn made_or_emptied(&self, rooms: &[Room], changes: &[RoomChange]) {
        for (room, change) in rooms.iter().zip(changes) {
            if *change == RoomChange::OfRoom {
                self.changed(room.as_str());
            }
        }
    }

    /// The rooms a member is in, without that of its own id.
    pub(crate) fn rooms_of(&self, id: &SocketId) -> Vec<Room> {
        let state = self.read();
        let memberships = state.members.get(id).map(MemberEntry::memberships);
        let memberships = memberships.unwrap_or_default().iter();
        memberships
            .map(|membership| membership.room.clone())
            .collect()
    }

    /// Whether a member is in a room, that of its own id aside.
    pub(crate) fn is_in(&self, id: &SocketId, room: &Room) -> bool {
        let state = self.read();
        let member = state.members.get(id);
        member.is_some_and(|member| member.position(room).is_some())
    }

    /// The member with this id.
    pub(crate) fn get(&self, id: &SocketId) -> Option<M> {
        let state = self.read();
        state.member(id).first().cloned()
    }

    /// The members that a target means, each once.
    pub(crate) fn select(&self, target: &Target) -> Selection<M> {
        let state = self.read();
        let list = match target.rooms.as_slice() {
            [] => Some(&state.all),
            [room] => state.rooms.get(room),
            _ => None,
        };
        match (list, target.except.as_slice()) {
            (Some(list), []) => Selection::all(Arc::clone(list)),
            (Some(list), [one]) if let Some(id) = SocketId::parse(one.as_str()) => {
                Selection::all_except(Arc::clone(list), state.index_of(&id, target.rooms.first()))
            }
            _ => Selection::all(Arc::new(state.collect(target))),
        }
    }

    /// The rooms that have a member, in no order.
    pub(crate) fn names(&self) -> Vec<Room> {
        self.read().rooms.keys().cloned().collect()
    }

    /// The rooms that have a member, in no order, each with the number of its members.
    pub(crate) fn sizes(&self) -> Vec<(Room, usize)> {
        let state = self.read();
        let rooms = state.rooms.iter();
        rooms
            .map(|(room, members)| (room.clone(), members.len()))
            .collect()
    }

    /// Whether a room has a member.
    pub(crate) fn has_room(&self, room: &str) -> bool {
        self.read().rooms.contains_key(room)
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
    fn memberships(&self) -> &[Membership] {
        self.rooms
            .as_ref()
            .map_or(&[], |memberships| &memberships.0)
    }

    /// Which of its memberships is that of this room.
    fn position(&self, room: &Room) -> Option<usize> {
        self.memberships()
            .iter()
            .position(|membership| membership.room == *room)
    }
}

impl<M: Recipient> RoomTable<M> {
    /// The room of a socket id: that member alone.
    fn member(&self, id: &SocketId) -> &[M] {
        let member = self.members.get(id);
        let member = member.and_then(|member| self.all.get(member.at..=member.at));
        member.unwrap_or_default()
    }

    fn in_room(&self, room: &Room) -> &[M] {
        match self.rooms.get(room) {
            Some(list) => list,
            None => SocketId::parse(room.as_str()).map_or(&[], |id| self.member(&id)),
        }
    }

    /// The index of a member in the list of a room, or of all.
    fn index_of(&self, id: &SocketId, room: Option<&Room>) -> Option<usize> {
        let member = self.members.get(id)?;
        match room {
            Some(room) => Some(member.memberships().get(member.position(room)?)?.at),
            None => Some(member.at),
        }
    }

    /// The members that any target means, each once, in a list of its own.
    fn collect(&self, target: &Target) -> Vec<M> {
        let ids = |room| self.in_room(room).iter().map(M::id);
        // Members that are left out, and those collected already: a member may be in two of the rooms.
        let mut done: HashSet<&SocketId> = target.except.iter().flat_map(ids).collect();
        match target.rooms.as_slice() {
            [] => {
                let members = self.all.iter();
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

    /// Puts a member into a room.
    fn join(&mut self, id: &SocketId, room: &Room, limit: usize) -> Result<RoomChange, NotJoined> {
        let Self {
            members,
            all,
            rooms,
        } = self;
        let member = members.get_mut(id).ok_or(NotJoined::Gone)?;
        if member.position(room).is_some() {
            return Ok(RoomChange::None);
        }
        if member.memberships().len() >= limit {
            return Err(NotJoined::TooMany);
        }
        let value = all.get(member.at).ok_or(NotJoined::Gone)?;
        let list = rooms.entry(room.clone()).or_default();
        let is_first = list.is_empty();
        let at = append(list, value.clone());
        let memberships = &mut member.rooms.get_or_insert_default().0;
        if memberships.is_empty() {
            // Most members are in one room; `Vec::push` alone would allocate space for four.
            memberships.reserve_exact(1);
        }
        let room = room.clone();
        memberships.push(Membership { room, at });
        Ok(match is_first {
            true => RoomChange::OfRoom,
            false => RoomChange::OfMember,
        })
    }

    /// Takes a member out of a room.
    fn leave_room(&mut self, id: &SocketId, room: &Room) -> RoomChange {
        let Some(member) = self.members.get_mut(id) else {
            return RoomChange::None;
        };
        let position = member.position(room);
        let (Some(position), Some(memberships)) = (position, &mut member.rooms) else {
            return RoomChange::None;
        };
        let membership = memberships.0.swap_remove(position);
        if memberships.0.is_empty() {
            member.rooms = None;
        }
        match self.leave(&membership) {
            true => RoomChange::OfRoom,
            false => RoomChange::OfMember,
        }
    }

    /// Removes the member at this index of the list of all. The last one moves to its index.
    fn remove_from_all(&mut self, at: usize) {
        if let Some(moved) = remove(&mut self.all, at)
            && let Some(member) = self.members.get_mut(&moved)
        {
            member.at = at;
        }
    }

    /// Removes a member from the list of a room. The last one moves to its index. Returns whether the room has no
    /// member any more.
    fn leave(&mut self, left: &Membership) -> bool {
        let Some(list) = self.rooms.get_mut(&left.room) else {
            return false;
        };
        let moved = remove(list, left.at);
        let is_emptied = list.is_empty();
        if is_emptied {
            self.rooms.remove(&left.room);
        }
        if let Some(moved) = moved
            && let Some(member) = self.members.get_mut(&moved)
            && let Some(index) = member.position(&left.room)
            && let Some(memberships) = &mut member.rooms
            && let Some(its) = memberships.0.get_mut(index)
        {
            its.at = left.at;
        }
        is_emptied
    }

    /// Shrinks tables that are under a quarter full: amortised O(1) for each member that leaves.
    fn shrink(&mut self) {
        let (members, rooms) = (self.members.len(), self.rooms.len());
        if is_sparse(members, self.members.capacity()) {
            self.members.shrink_to(2 * members);
        }
        if is_sparse(rooms, self.rooms.capacity()) {
            self.rooms.shrink_to(2 * rooms);
        }
    }
}

#[cfg(test)]
#[path = "rooms_tests.rs"]
mod tests;
