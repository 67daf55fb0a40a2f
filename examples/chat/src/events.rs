//! What clients may say and what they hear. A payload that does not fit its type, limits included,
//! is answered `bad_request` without a line of code here.

use crate::chat::{Chat, EVERYONE};
use crate::history::{Sent, Shown, What};
use crate::people::{Login, Me};
use crate::text::{Name, Tag, Text};
use koio::{Bytes, Context, Error, Handlers, Result, Room, SocketId, State, ensure, handlers, on};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

pub(crate) fn all() -> Handlers {
    handlers![
        login, disconnect, send_msg, private, join, leave, group, image, typing, rtt
    ]
}

#[derive(Serialize)]
struct Welcome {
    id: SocketId,
    users: Vec<String>,
    groups: BTreeMap<String, usize>,
    history: BTreeMap<String, Vec<Shown>>,
}

#[on("login")]
async fn login(ctx: Context, login: Login, chat: State<Chat>) -> Result<Welcome> {
    let mut chat = chat.lock();
    let me = chat.enter(ctx.socket(), login)?;
    let users: Vec<_> = chat.online().map(|(name, _)| name.to_owned()).collect();
    ctx.io().broadcast("users", &users)?;
    let mut history = BTreeMap::from([(EVERYONE.to_owned(), Vec::new())]);
    for message in chat.history(&me) {
        history
            .entry(message.room.clone())
            .or_insert_with(Vec::new)
            .push(message);
    }
    let mut groups = BTreeMap::new();
    for room in chat.online().flat_map(|(_, socket)| socket.rooms()) {
        if let Some(group) = room.as_str().strip_prefix('#') {
            *groups.entry(group.to_owned()).or_default() += 1;
        }
    }
    Ok(Welcome {
        id: ctx.socket().id(),
        users,
        groups,
        history,
    })
}

#[on("disconnect")]
async fn disconnect(ctx: Context, me: Me, chat: State<Chat>) -> Result<()> {
    let mut chat = chat.lock();
    if chat.leave(ctx.socket(), &me) {
        let users: Vec<_> = chat.online().map(|(name, _)| name).collect();
        ctx.io().broadcast("users", users)?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct SendMsg {
    #[serde(rename = "newAccount")]
    text: Text<1, 2000>,
    tag: Option<Tag>,
}

#[on("sendMsg")]
async fn send_msg(ctx: Context, me: Me, msg: SendMsg, chat: State<Chat>) -> Result<Sent> {
    let (mut chat, text) = (chat.lock(), msg.text.clone());
    let sent = chat.say(&ctx, &me, EVERYONE, What::Text(msg.text), msg.tag)?;
    if sent.is_new {
        ctx.io().broadcast("msg1", "I come from the server")?;
        ctx.io().broadcast("allmessage", text)?;
    }
    Ok(sent)
}

#[derive(Deserialize)]
struct Private {
    to: String,
    text: Text<1, 2000>,
    tag: Option<Tag>,
}

#[on("private")]
async fn private(ctx: Context, me: Me, msg: Private, chat: State<Chat>) -> Result<Sent> {
    let key = format!("@{}", msg.to);
    chat.lock()
        .say(&ctx, &me, &key, What::Text(msg.text), msg.tag)
}

#[derive(Deserialize)]
struct ToGroup {
    room: String,
    text: Text<1, 2000>,
    tag: Option<Tag>,
}

#[on("group")]
async fn group(ctx: Context, me: Me, msg: ToGroup, chat: State<Chat>) -> Result<Sent> {
    let key = format!("#{}", msg.room);
    chat.lock()
        .say(&ctx, &me, &key, What::Text(msg.text), msg.tag)
}

#[derive(Deserialize)]
struct Image {
    room: Option<String>,
    name: Text<1, 100>,
    bytes: Bytes,
    tag: Option<Tag>,
}

#[on("image")]
async fn image(ctx: Context, me: Me, image: Image, chat: State<Chat>) -> Result<Sent> {
    let Image {
        room,
        name,
        bytes,
        tag,
    } = image;
    let fits = (1..=900_000).contains(&bytes.len());
    ensure!(fits, Error::BAD_REQUEST, "An image has 1 to 900,000 bytes.");
    let key = room.unwrap_or_else(|| EVERYONE.to_owned());
    chat.lock()
        .say(&ctx, &me, &key, What::Image { name, bytes }, tag)
}

#[derive(Deserialize)]
struct Group {
    room: Name,
}

#[derive(Serialize)]
struct Joined {
    room: String,
    history: Vec<Shown>,
}

#[on("join")]
async fn join(ctx: Context, me: Me, group: Group, chat: State<Chat>) -> Result<Joined> {
    let (chat, rooms) = (chat.lock(), ctx.socket().rooms());
    let key = format!("#{}", group.room.0);
    let groups = rooms.iter().filter(|room| room.as_str().starts_with('#'));
    let fits = groups.count() < 8 || rooms.contains(&Room::from(&key));
    ensure!(
        fits,
        "too_many_rooms",
        "Nobody can be in more than 8 groups."
    );
    ctx.socket().join(&key)?;
    let history = chat.history_of(&me, &key);
    Ok(Joined {
        room: group.room.0,
        history,
    })
}

#[on("leave")]
async fn leave(ctx: Context, _me: Me, group: Group) {
    ctx.socket().leave(format!("#{}", group.room.0));
}

#[derive(Deserialize)]
struct Typing {
    room: String,
}

#[on("typing")]
async fn typing(ctx: Context, me: Me, typing: Typing, chat: State<Chat>) -> Result<()> {
    let place = chat.lock().place(&ctx, &me, &typing.room)?;
    let who = json!({ "room": place.theirs, "from": me.name });
    ctx.to(place.room).volatile().emit("typing", who)
}

/// Its answer is all there is to it: the page measures the round trip.
#[on("rtt")]
async fn rtt() {}
