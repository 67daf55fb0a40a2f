//! [`IntoRooms`]: one room, or several.

use std::iter;

use super::room::Room;

/// One room, or several: what `join`, `leave`, `to` and `except` take.
///
/// One is text, a [`Room`] or a [`SocketId`](crate::SocketId), whatever converts into a [`Room`]. Several are an array, a slice
/// or a `Vec` of those. An empty list is no room: nothing is joined, and an emit to it has no recipient.
///
/// ```
/// use koio::{Context, Result, on};
///
/// #[on("join")]
/// async fn join(ctx: Context, teams: Vec<String>) -> Result<()> {
///     ctx.socket().join("everybody")?;
///     ctx.socket().join(&teams)?;
///     ctx.to(teams).except(["bots", "robots"]).emit("joined", ctx.socket().id())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no room",
    label = "neither a room nor a list of rooms",
    note = "a room is text, a `koio::Room` or a `koio::SocketId`; several are an array, a slice or a `Vec` of one of those"
)]
pub trait IntoRooms {
    /// The rooms, in the order of the list.
    fn into_rooms(self) -> impl Iterator<Item = Room>;
}

#[diagnostic::do_not_recommend]
impl<R: Into<Room>> IntoRooms for R {
    fn into_rooms(self) -> impl Iterator<Item = Room> {
        iter::once(self.into())
    }
}

#[diagnostic::do_not_recommend]
impl<R: Into<Room>, const N: usize> IntoRooms for [R; N] {
    fn into_rooms(self) -> impl Iterator<Item = Room> {
        self.into_iter().map(Into::into)
    }
}

#[diagnostic::do_not_recommend]
impl<R: Into<Room> + Clone, const N: usize> IntoRooms for &[R; N] {
    fn into_rooms(self) -> impl Iterator<Item = Room> {
        self.iter().cloned().map(Into::into)
    }
}

#[diagnostic::do_not_recommend]
impl<R: Into<Room> + Clone> IntoRooms for &[R] {
    fn into_rooms(self) -> impl Iterator<Item = Room> {
        self.iter().cloned().map(Into::into)
    }
}

#[diagnostic::do_not_recommend]
impl<R: Into<Room>> IntoRooms for Vec<R> {
    fn into_rooms(self) -> impl Iterator<Item = Room> {
        self.into_iter().map(Into::into)
    }
}

#[diagnostic::do_not_recommend]
impl<R: Into<Room> + Clone> IntoRooms for &Vec<R> {
    fn into_rooms(self) -> impl Iterator<Item = Room> {
        self.iter().cloned().map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(rooms: impl IntoRooms) -> Vec<String> {
        let rooms = rooms.into_rooms();
        rooms.map(|room| room.as_str().to_owned()).collect()
    }

    #[test]
    fn one_room_and_lists_of_rooms_are_rooms() {
        let (text, room) = (String::from("a"), Room::from("a"));
        for one in [names("a"), names(&text), names(text.clone()), names(&room)] {
            assert_eq!(one, ["a"]);
        }
        let list = vec![text, "b".to_owned()];
        let pair = ["a", "b"];
        let several = [
            names(["a", "b"]),
            names(pair.as_slice()),
            names(&list),
            names(&*list),
            names(list.clone()),
            names([room, "b".into()]),
        ];
        for several in several {
            assert_eq!(several, ["a", "b"]);
        }
        assert_eq!(names(Vec::<Room>::new()), [""; 0]);
    }
}
