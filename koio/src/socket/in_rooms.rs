//! The rooms of one socket.

use std::convert::Infallible;

use smallvec::SmallVec;

use super::{
    error::{not_joined, refused_room},
    socket::Socket,
};
use crate::{
    Result,
    adapter::RoomChange,
    ids::{IntoRooms, Room, SocketId},
    observe::Observation,
};

impl Socket {
    /// Puts this socket into a room, or into each of a list; being in it already is fine. A list is joined as a whole: in no
    /// order that another task could see, and none of it if one is refused.
    ///
    /// ```
    /// use koio::{Context, Result, on};
    ///
    /// #[on("enter")]
    /// async fn enter(ctx: Context, floor: u32) -> Result<()> {
    ///     ctx.socket().join("everybody")?;
    ///     ctx.socket().join([format!("floor {floor}"), format!("lift {floor}")])
    /// }
    /// ```
    ///
    /// # Errors
    /// [Closed](crate::Error::is_closed) if the socket is gone; code `room` if a name is too long (default 255
    /// bytes), if the socket would be in too many rooms (default 1,000), or if a name has the shape of another socket's id:
    /// such a room has that socket as its only member.
    pub fn join(&self, rooms: impl IntoRooms) -> Result<()> {
        let rooms: SmallVec<[Room; 1]> = rooms.into_rooms().collect();
        self.join_list(&rooms)
    }

    /// [`join`](Self::join) for a list that is there already.
    pub(super) fn join_list(&self, rooms: &[Room]) -> Result<()> {
        let config = self.core().config();
        for room in rooms {
            let (bytes, max) = (room.as_str().len(), config.room_name);
            if bytes > max {
                let why = format!("the name of the room has {bytes} bytes (room_name {max})");
                return Err(refused_room(why));
            }
            match SocketId::parse(room.as_str()) {
                Some(own) if own == self.id() => return self.join_others(rooms),
                Some(_) => return Err(refused_room("the room belongs to the socket of that id")),
                None => {}
            }
        }
        let join = || {
            let namespace = self.live_namespace();
            namespace.rooms.join_all(&self.id(), rooms, config.rooms)
        };
        let joined = match self.log() {
            Some(log) => self.change_rooms_in_order(log, join, |changes, stays, at| {
                for room in changed(rooms, changes) {
                    stays.enter(room.clone(), at);
                }
            }),
            None => join(),
        };
        let changes = joined.map_err(|why| not_joined(why, config.rooms))?;
        for (room, change) in rooms.iter().zip(changes) {
            self.joined(room, change);
        }
        Ok(())
    }

    /// [`join`](Self::join) for a list with the room of its own id, in which it is always, and which is in no table.
    #[cold]
    fn join_others(&self, rooms: &[Room]) -> Result<()> {
        let others = rooms
            .iter()
            .filter(|room| room.as_str() != self.id().as_str());
        let others: SmallVec<[Room; 1]> = others.cloned().collect();
        self.join_list(&others)
    }

    /// Notifies the observers if it has entered a room. No lock may be held.
    pub(super) fn joined(&self, room: &Room, change: RoomChange) {
        if change != RoomChange::None {
            self.observers().notify_added(|| Observation::Joined {
                namespace: self.namespace(),
                socket: self.id(),
                room,
                first: change == RoomChange::OfRoom,
            });
        }
    }

    /// Takes this socket out of a room, or out of each of a list; not being in it is fine. It never leaves the room of its own
    /// id.
    pub fn leave(&self, rooms: impl IntoRooms) {
        let rooms: SmallVec<[Room; 1]> = rooms.into_rooms().collect();
        self.leave_list(&rooms);
    }

    /// Takes this socket out of all rooms that it is in: Socket.IO's `leaveAll`. It stays in the room of its own id, and in the
    /// namespace. A room that another task puts it into meanwhile may stay.
    pub fn leave_all(&self) {
        if !self.is_closed() {
            self.leave_list(&self.rooms());
        }
    }

    /// [`leave`](Self::leave) for a list that is there already.
    pub(super) fn leave_list(&self, rooms: &[Room]) {
        let leave = || {
            let namespace = self.live_namespace();
            namespace.rooms.leave_all(&self.id(), rooms)
        };
        let changes = match self.log() {
            Some(log) => {
                let left = self.change_rooms_in_order(
                    log,
                    || Ok::<_, Infallible>(leave()),
                    |changes, stays, at| {
                        for room in changed(rooms, changes) {
                            stays.leave(room, at);
                        }
                    },
                );
                left.unwrap_or_default()
            }
            None => leave(),
        };
        for (room, change) in rooms.iter().zip(changes) {
            if change != RoomChange::None {
                self.observers().notify_added(|| Observation::Left {
                    namespace: self.namespace(),
                    socket: self.id(),
                    room,
                    last: change == RoomChange::OfRoom,
                });
            }
        }
    }

    /// Whether it is in a room; it never leaves that of its own id. In the disconnect handler: whether it was.
    ///
    /// ```
    /// use koio::{ensure, on, Context, Result};
    ///
    /// #[on("say")]
    /// async fn say(ctx: Context, room: String, text: String) -> Result<()> {
    ///     ensure!(ctx.socket().is_in(&room), "not_in_room", "join first");
    ///     ctx.to(room).emit("said", text)
    /// }
    /// ```
    #[must_use]
    pub fn is_in(&self, room: impl Into<Room>) -> bool {
        let room = room.into();
        if room.as_str() == self.id().as_str() {
            return true;
        }
        if self.is_closed() {
            let extras = self.extras();
            return extras
                .as_ref()
                .is_some_and(|extras| extras.left.contains(&room));
        }
        self.live_namespace().rooms.is_in(&self.id(), &room)
    }

    /// The rooms it is in, that of its own id aside. In the disconnect handler: those it was in.
    #[must_use]
    pub fn rooms(&self) -> Vec<Room> {
        if self.is_closed() {
            let extras = self.extras();
            return extras
                .as_ref()
                .map_or_else(Vec::new, |extras| extras.left.clone());
        }
        self.live_namespace().rooms.rooms_of(&self.id())
    }
}

/// Those of the rooms that it has entered or left.
fn changed<'a>(rooms: &'a [Room], changes: &[RoomChange]) -> impl Iterator<Item = &'a Room> {
    let changed = rooms.iter().zip(changes);
    changed
        .filter(|(_, change)| **change != RoomChange::None)
        .map(|(room, _)| room)
}
