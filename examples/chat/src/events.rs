//! What clients may say and what they hear. A payload that does not fit its type, limits included,
//! is answered `bad_request` without a line of code here.

use crate::chat::{Chat, EVERYONE};
use crate::history::ByRoom;
use crate::message::{Kept, Message, Sent, Tag, What};
use crate::people::{Me, Person};
use crate::text::{Text, is_name};
use koio::extract::Auth;
use koio::{Bytes, Context, Error, Handlers, Result, Room, SocketId, State, ensure, handlers, on};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

pub(crate) fn all() -> Handlers {
    handlers![
        login, disconnect, send_msg, private, group, image, join, leave, typing, rtt, travel,
        postcard
    ]
}

#[derive(Serialize)]
struct Welcome {
    id: SocketId,
    name: String, // as it was written first
    users: Vec<String>,
    groups: BTreeMap<String, usize>,
    history: ByRoom,
}

#[on("login")]
async fn login(ctx: Context, login: Person, chat: State<Chat>) -> Result<Welcome> {
    let mut chat = chat.lock();
    let me = chat.people.enter(ctx.socket(), login)?;
    ctx.socket().join(EVERYONE)?;
    ctx.socket().join(me.room())?;
    chat.tell_people(&ctx.io())?;
    let mut groups = BTreeMap::new();
    for room in chat.people.rooms() {
        if let Some(group) = room.as_str().strip_prefix('#') {
            *groups.entry(group.to_owned()).or_default() += 1;
        }
    }
    let is_mine = |kept: &Kept| kept.message.room == EVERYONE || kept.is_private_of(&me);
    let mut history = chat.history.of(&me, is_mine);
    history.entry(EVERYONE.to_owned()).or_default();
    Ok(Welcome {
        id: ctx.socket().id(),
        name: me.name.clone(),
        users: chat.people.names(),
        groups,
        history,
    })
}

#[on("disconnect")]
async fn disconnect(ctx: Context, me: Me, chat: State<Chat>) -> Result<()> {
    let mut chat = chat.lock();
    chat.people.leave(&me);
    chat.tell_people(&ctx.io())
}

#[derive(Deserialize)]
struct SendMsg {
    #[serde(rename = "newAccount")]
    text: Text<1, 2000>,
    tag: Option<Tag>,
}

#[on("sendMsg")]
async fn send_msg(ctx: Context, me: Me, msg: SendMsg, chat: State<Chat>) -> Result<Sent> {
    let mut chat = chat.lock();
    let earlier = chat.history.find(EVERYONE, &me.person, msg.tag.as_ref());
    if earlier.is_none() {
        ctx.io().broadcast("msg1", "I come from the server")?;
        ctx.io().broadcast("allmessage", &msg.text)?;
    }
    chat.say(&me, EVERYONE, What::Text(msg.text), msg.tag)
}

#[derive(Deserialize)]
struct Said {
    #[serde(alias = "to")] // of one person
    room: String,
    text: Text<1, 2000>,
    tag: Option<Tag>,
}

#[on("private")]
async fn private(me: Me, said: Said, chat: State<Chat>) -> Result<Sent> {
    let key = format!("@{}", said.room);
    chat.lock().say(&me, &key, What::Text(said.text), said.tag)
}

#[on("group")]
async fn group(me: Me, said: Said, chat: State<Chat>) -> Result<Sent> {
    let key = format!("#{}", said.room);
    chat.lock().say(&me, &key, What::Text(said.text), said.tag)
}

#[derive(Deserialize)]
struct Image {
    room: Option<String>,
    name: Text<1, 100>,
    bytes: Bytes,
    tag: Option<Tag>,
}

#[on("image")]
async fn image(me: Me, image: Image, chat: State<Chat>) -> Result<Sent> {
    let fits = (1..=900_000).contains(&image.bytes.len());
    ensure!(fits, Error::BAD_REQUEST, "An image has 1 to 900,000 bytes.");
    let key = image.room.as_deref().unwrap_or(EVERYONE);
    let (name, bytes) = (image.name, image.bytes);
    let what = What::Image { name, bytes };
    chat.lock().say(&me, key, what, image.tag)
}

#[derive(Deserialize)]
struct InRoom {
    room: String,
}

#[derive(Serialize)]
struct Joined {
    room: String,
    history: Vec<Message>,
}

#[on("join")]
async fn join(me: Me, InRoom { room }: InRoom, chat: State<Chat>) -> Result<Joined> {
    ensure!(is_name(&room), Error::BAD_REQUEST, "A bad name.");
    let (chat, key, rooms) = (chat.lock(), format!("#{room}"), me.socket.rooms());
    let fits = rooms.len() < 10 || rooms.contains(&Room::from(&key)); // everyone, the own one, and 8 groups
    ensure!(fits, "too_many_rooms", "You are in 8 groups already.");
    me.socket.join(&key)?;
    let mut history = chat.history.of(&me.person, |kept| kept.message.room == key);
    let history = history.remove(&key).unwrap_or_default();
    Ok(Joined { room, history })
}

#[on("leave")]
async fn leave(me: Me, group: InRoom) {
    me.socket.leave(format!("#{}", group.room));
}

#[on("typing")]
async fn typing(me: Me, InRoom { room }: InRoom, chat: State<Chat>) -> Result<()> {
    let chat = chat.lock();
    let (to, person) = chat.find(&me, &room)?;
    let room = person.map_or(room, |_| format!("@{}", me.person.name));
    let who = json!({ "room": room, "from": me.person.name });
    me.socket.to(to).volatile().emit("typing", who)
}

/// The answer is all there is to it: the page measures the round trip.
#[on("rtt")]
async fn rtt() {}

/// Which page it is: a random name that no other page knows.
type Page = Text<16, 64>;

#[derive(Deserialize)]
struct Travel {
    page: Page,
}

/// One of the sessions with which a page watches how postcards travel, each over another transport.
#[on("connection", ns = "/travel")]
async fn travel(ctx: Context, to: Auth<Travel>) -> Result<()> {
    ctx.socket().join(&to.page.0)
}

#[derive(Deserialize)]
struct Postcard {
    page: Page,
    text: Text<1, 200>,
}

/// Goes to all of these sessions of a page, at once.
#[on("postcard")]
async fn postcard(ctx: Context, card: Postcard) -> Result<()> {
    let sessions = ctx.io().of("/travel");
    sessions.to(&card.page.0).emit("postcard", &card.text)
}
