//! What clients may say, and what they hear. Limits are part of the types: a payload that does not
//! fit them is answered `bad_request` and no handler runs.

use crate::people::{Me, People};
use crate::text::Text;
use koio::{Bytes, Context, Error, Handlers, Result, SocketId, State, ensure, handlers, on};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

const ROOMS: usize = 8;

pub(crate) fn all() -> Handlers {
    handlers![
        login,
        send_msg,
        private,
        join,
        leave,
        group,
        image,
        disconnected
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
    if online.enter(id, login.id)? {
        ctx.io().broadcast("users", online.names())?;
    }
    Ok(Welcome {
        id,
        users: online.names(),
    })
}

#[on("disconnect")]
async fn disconnected(ctx: Context, people: State<People>) -> Result<()> {
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
    from: String,
    text: Text<2000>,
    /// Milliseconds since 1970, as JavaScript counts.
    at: u128,
}

#[on("sendMsg")]
async fn send_msg(ctx: Context, me: Me, msg: SendMsg) -> Result<()> {
    let at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    ctx.io().broadcast("msg1", "I come from the server")?;
    ctx.io().broadcast("allmessage", &msg.text)?;
    ctx.io().broadcast(
        "message",
        Message {
            from: me.0,
            text: msg.text,
            at,
        },
    )
}

#[derive(Deserialize)]
struct Private {
    to: String,
    text: Text<2000>,
}

#[derive(Serialize)]
struct Whisper {
    from: String,
    text: Text<2000>,
}

#[derive(Serialize)]
struct Receipt {
    delivered: bool,
}

#[on("private")]
async fn private(ctx: Context, me: Me, msg: Private, people: State<People>) -> Result<Receipt> {
    let Some(to) = people.lock().find(&msg.to) else {
        return Ok(Receipt { delivered: false });
    };
    ctx.io().to(to).emit(
        "private",
        Whisper {
            from: me.0,
            text: msg.text,
        },
    )?;
    Ok(Receipt { delivered: true })
}

#[derive(Deserialize)]
struct Named {
    room: Text<32>,
}

#[on("join")]
async fn join(ctx: Context, _: Me, named: Named) -> Result<()> {
    let (socket, room) = (ctx.socket(), named.room.as_room());
    let groups = socket
        .rooms()
        .into_iter()
        .filter(|other| *other != room)
        .count()
        - 1; // its own room is none
    ensure!(
        groups < ROOMS,
        "too_many_rooms",
        "Nobody can be in more than {ROOMS} groups."
    );
    socket.join(room)
}

#[on("leave")]
async fn leave(ctx: Context, _: Me, named: Named) {
    ctx.socket().leave(named.room.as_room());
}

#[derive(Deserialize)]
struct ToGroup {
    room: Text<32>,
    text: Text<2000>,
}

#[derive(Serialize)]
struct InGroup {
    room: Text<32>,
    from: String,
    text: Text<2000>,
}

#[on("group")]
async fn group(ctx: Context, me: Me, msg: ToGroup) -> Result<()> {
    let ToGroup { room, text } = msg;
    ensure!(
        ctx.socket().rooms().contains(&room.as_room()),
        "not_in_room",
        "Join the group first."
    );
    ctx.io().to(room.as_room()).emit(
        "group",
        InGroup {
            room,
            from: me.0,
            text,
        },
    )
}

#[derive(Deserialize)]
struct Image {
    name: Text<100>,
    bytes: Bytes,
}

#[derive(Serialize)]
struct Picture {
    from: String,
    name: Text<100>,
    bytes: Bytes,
}

#[on("image")]
async fn image(ctx: Context, me: Me, image: Image) -> Result<()> {
    let Image { name, bytes } = image;
    ensure!(!bytes.is_empty(), Error::BAD_REQUEST, "An image has bytes.");
    ctx.io().broadcast(
        "image",
        Picture {
            from: me.0,
            name,
            bytes,
        },
    )
}
