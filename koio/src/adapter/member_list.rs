//! The list of the members of a room.

use std::sync::Arc;

use crate::ids::SocketId;

/// A member of rooms.
pub(crate) trait Recipient: Clone {
    /// The id of the member.
    fn id(&self) -> &SocketId;
}

/// The members of a room, or of the namespace.
pub(super) type MemberList<M> = Arc<Vec<M>>;

pub(super) fn append<M: Clone>(list: &mut MemberList<M>, member: M) -> usize {
    let list = Arc::make_mut(list);
    list.push(member);
    list.len() - 1
}

/// Removes the member at an index. Returns the id of the one that has moved there.
pub(super) fn remove<M: Recipient>(list: &mut MemberList<M>, at: usize) -> Option<SocketId> {
    let list = Arc::make_mut(list);
    if at < list.len() {
        list.swap_remove(at);
    }
    if is_sparse(list.len(), list.capacity()) {
        list.shrink_to(2 * list.len());
    }
    list.get(at).map(|moved| *moved.id())
}

/// Whether a table should shrink. Up to 64 entries are not worth it, unless the table is empty. (The capacity that a
/// hash table reports leaves out the slots of removed entries, so for an empty one it says nothing.)
pub(super) fn is_sparse(used: usize, capacity: usize) -> bool {
    used == 0 || capacity > 64 && used < capacity / 4
}
