//! What clients may say and what they hear. A payload that does not fit its type, limits included,
//! is answered `bad_request` without a line of code here.

use crate::people::{Me, People};
use crate::text::Text;
use koio::{Bytes, Context, Error, Handlers, Result, Room, SocketId, State, ensure, handlers, on};
use serde::{Deserialize, Serialize};
use std::time::UNIX_EPOCH;

pub(crate) fn all() -> Handlers {
    handlers![
        login, disconnect, send_msg, private, join, leave, group, image
    ]
}

#[derive(Deserialize)]
struct Login {
    id: String,
}

#[derive(Serialize)]
struct Welcome {
    id: SocketId,
    users: Vec<String>,
}

#[on("login")]
async fn login(ctx: Context, login: Login, people: State<People>) -> Result<Welcome> {
    let id = ctx.socket().id();
    let mut online = people.lock();
    if online.enter(id, &login.id)? {
        ctx.io().broadcast("users", online.names())?;
    }
    let users = online.names();
    Ok(Welcome { id, users })
}

#[on("disconnect")]
async fn disconnect(ctx: Context, people: State<People>) -> Result<()> {
    let mut online = people.lock();
    if online.leave(ctx.socket().id()) {
        ctx.io().broadcast("users", online.names())?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct SendMsg {
    #[serde(rename = "newAccount")]
    text: Text<2000>,
}

#[derive(Serialize)]
struct Message {
    text: Text<2000>,
    at: u128, // milliseconds, as JavaScript counts
}

#[on("sendMsg")]
async fn send_msg(ctx: Context, me: Me, msg: SendMsg) -> Result<()> {
    let (text, at) = (msg.text, UNIX_EPOCH.elapsed()?.as_millis());
    ctx.io().broadcast("msg1", "I come from the server")?;
    ctx.io().broadcast("allmessage", &text)?;
    ctx.io().broadcast("message", me.says(Message { text, at }))
}

#[derive(Deserialize, Serialize)]
struct Private {
    #[serde(skip_serializing)]
    to: String,
    text: Text<2000>,
}

#[derive(Serialize)]
struct Receipt {
    delivered: bool,
}

#[on("private")]
async fn private(ctx: Context, me: Me, msg: Private, people: State<People>) -> Result<Receipt> {
    let to = people.lock().find(&msg.to);
    let delivered = to.is_some();
    if let Some(id) = to {
        ctx.io().to(id).emit("private", me.says(msg))?;
    }
    Ok(Receipt { delivered })
}

#[derive(Deserialize)]
struct Group {
    room: Text<32>,
}

#[on("join")]
async fn join(ctx: Context, _me: Me, group: Group) -> Result<()> {
    let (room, rooms) = (Room::from(group.room.0), ctx.socket().rooms());
    let fits = rooms.len() < 8 || rooms.contains(&room);
    ensure!(
        fits,
        "too_many_rooms",
        "Nobody can be in more than 8 groups."
    );
    ctx.socket().join(room)
}

#[on("leave")]
async fn leave(ctx: Context, _me: Me, group: Group) {
    ctx.socket().leave(group.room.0);
}

#[derive(Deserialize, Serialize)]
struct ToGroup {
    room: Text<32>,
    text: Text<2000>,
}

#[on("group")]
async fn group(ctx: Context, me: Me, msg: ToGroup) -> Result<()> {
    let room = Room::from(&msg.room.0);
    let member = ctx.socket().rooms().contains(&room);
    ensure!(member, "not_in_room", "Join the group first.");
    ctx.io().to(room).emit("group", me.says(msg))
}

#[derive(Deserialize, Serialize)]
struct Image {
    name: Text<100>,
    bytes: Bytes,
}

#[on("image")]
async fn image(ctx: Context, me: Me, image: Image) -> Result<()> {
    ensure!(
        !image.bytes.is_empty(),
        Error::BAD_REQUEST,
        "An image has bytes."
    );
    ctx.io().broadcast("image", me.says(image))
}
