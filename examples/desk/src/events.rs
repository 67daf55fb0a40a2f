//! The events of customers, in `/`, and of agents, in `/agents`. Most are the same for both.

use std::sync::Arc;

use koio::{Bytes, Context, Io, IoHandle, Namespace, Result, State, args, ensure, handlers, on};
use serde::Serialize;

use crate::{
    desk::{Desk, DeskError, FileInfo, Message, Ticket, User},
    guards::{self, Me, at_most},
    presence::Online,
};

pub(crate) const AGENTS: &str = "/agents";

/// Above `MAX_FILE`, so that a file that is too large is answered. What is larger than this ends the session.
const MAX_PAYLOAD: usize = 8_000_000;

fn room(ticket: u32) -> String {
    format!("ticket:{ticket}")
}

/// A user is a room, which each of their tabs joins.
pub(crate) fn user_room(name: &str) -> String {
    format!("user:{name}")
}

/// Tells all who joined a ticket. Rooms belong to a namespace: its customer is in `/`, agents are in `/agents`.
fn tell(io: &IoHandle, ticket: u32, event: &str, what: &impl Serialize) -> Result<()> {
    io.to(room(ticket)).emit(event, what)?;
    io.of(AGENTS).to(room(ticket)).emit(event, what)
}

fn ensure_joined(ctx: &Context, ticket: u32) -> Result<(), DeskError> {
    match ctx.socket().is_in(room(ticket)) {
        true => Ok(()),
        false => Err(DeskError::NotJoined(ticket)),
    }
}

#[on("connection")]
async fn arrived(ctx: Context, me: Me, online: State<Online>) -> Result<()> {
    tracing::debug!(name = me.0.name, address = ?ctx.handshake().address(), "arrived");
    online.opened(&me.0, &ctx.io())?;
    ctx.socket().join(user_room(&me.0.name))?;
    ctx.emit("welcome", &me.0)
}

/// It runs for each socket whose `arrived` ran.
#[on("disconnect")]
async fn left(ctx: Context, me: Me, online: State<Online>) -> Result<()> {
    online.closed(&me.0, &ctx.io())
}

#[on("online")]
async fn online(me: Me, online: State<Online>) -> Vec<String> {
    online.seen_by(&me.0)
}

/// Customers only.
#[on("open")]
async fn open(ctx: Context, me: Me, subject: String, desk: State<Desk>) -> Result<Ticket> {
    let subject = subject.trim();
    let fits = (1..=200).contains(&subject.len());
    ensure!(fits, "bad_subject", "a subject has 1 to 200 bytes");
    let ticket = desk.open(&me.0, subject.to_owned())?;
    let tabs = ctx.io().to(user_room(&me.0.name));
    tabs.sockets_join(room(ticket.id))?;
    tabs.except(ctx.socket().id()).emit("opened", &ticket)?;
    ctx.io().of(AGENTS).broadcast("opened", &ticket)?;
    Ok(ticket)
}

/// Agents only.
#[on("close")]
async fn close(ctx: Context, me: Me, ticket: u32, desk: State<Desk>) -> Result<()> {
    desk.close(ticket, &me.0)?;
    tell(&ctx.io(), ticket, "closed", &ticket)
}

#[on("tickets")]
async fn tickets(me: Me, desk: State<Desk>) -> Vec<Ticket> {
    desk.tickets(&me.0)
}

/// Joins a ticket, and answers with its history. The room comes first, so that nothing is said between the two.
#[on("join")]
async fn join(ctx: Context, me: Me, ticket: u32, desk: State<Desk>) -> Result<Vec<Message>> {
    desk.history(ticket, &me.0)?;
    ctx.socket().join(room(ticket))?;
    Ok(desk.history(ticket, &me.0)?)
}

#[on("say")]
async fn say(ctx: Context, me: Me, ticket: u32, text: String, desk: State<Desk>) -> Result<()> {
    let fits = (1..=4_000).contains(&text.len());
    ensure!(fits, "bad_text", "a text has 1 to 4000 bytes");
    ensure_joined(&ctx, ticket)?;
    let message = Message {
        ticket,
        from: me.0.name.clone(),
        text,
        file: None,
    };
    desk.add(&message, &me.0)?;
    tell(&ctx.io(), ticket, "said", &message)
}

/// The room hears that there is a file, and its bytes go to the clients that send `file`.
#[on("upload", wrap = [at_most::<3>])]
async fn upload(
    ctx: Context,
    me: Me,
    ticket: u32,
    name: String,
    bytes: Bytes,
    desk: State<Desk>,
) -> Result<Option<FileInfo>> {
    ensure!(name.len() <= 200, "bad_name", "a name has up to 200 bytes");
    ensure_joined(&ctx, ticket)?;
    let message = desk.upload((ticket, name, bytes), &me.0)?;
    tell(&ctx.io(), ticket, "said", &message)?;
    Ok(message.file)
}

/// Its errors are the desk's own: `map_error` gives them their codes.
#[on("file")]
async fn file(me: Me, id: u32, desk: State<Desk>) -> Result<Bytes, DeskError> {
    desk.file(id, &me.0)
}

/// Volatile: who can't take it at once has no use for it later.
#[on("typing")]
async fn typing(ctx: Context, me: Me, ticket: u32) -> Result<()> {
    ensure_joined(&ctx, ticket)?;
    let (room, me_too) = (room(ticket), ctx.socket().id());
    for namespace in [ctx.io(), ctx.io().of(AGENTS)] {
        let others = namespace.to(&room).except(me_too).volatile();
        others.emit("typing", args![ticket, &me.0.name])?;
    }
    Ok(())
}

/// The sockets' half of the desk; the routes share `desk` with it.
pub(crate) fn io(desk: Arc<Desk>) -> Io {
    let shared = || {
        handlers![
            arrived, left, online, tickets, join, say, upload, file, typing
        ]
    };
    let agents = Namespace::new()
        .wrap(guards::staff_only)
        .handlers(handlers![shared(), close]);
    Io::new()
        .state(desk)
        .state(Online::default())
        .keep_extension::<User>()
        .map_error(guards::code)
        .max_payload(MAX_PAYLOAD)
        .wrap(guards::logged)
        .wrap(guards::logged_in)
        .wrap(at_most::<20>)
        .handlers(handlers![shared(), open])
        .namespace(AGENTS, agents)
}
