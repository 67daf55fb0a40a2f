//! Coming and going.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use koio::observe::{Observation, Observer};
use koio::{
    CloseReason, Context, Handlers, Next, Reply, Result, Room, SocketId, State, args, handlers, on,
};

/// How many sockets are in each namespace.
#[derive(Default)]
pub(crate) struct Online(Mutex<HashMap<String, i64>>);

/// The sockets whose connection handler has finished.
#[derive(Default)]
pub(crate) struct Ready(pub(crate) Mutex<HashSet<SocketId>>);

/// Writes a line for each namespace that comes and goes.
pub(crate) struct Created;

impl Observer for Created {
    fn observe(&self, observation: &Observation<'_>) {
        match observation {
            Observation::NamespaceCreated { namespace, .. } => println!("created {namespace}"),
            Observation::NamespaceRemoved { namespace, .. } => println!("removed {namespace}"),
            _ => {}
        }
    }
}

pub(crate) fn all() -> Handlers {
    handlers![left, kick_me, count_and_kick, close_room, work, connections]
}

/// Counts who is there, whatever the namespace.
pub(crate) async fn watched(ctx: Context, next: Next) -> Result<Reply> {
    let change = match ctx.event() {
        "connection" if ctx.close_reason().is_none() && ctx.args()?.is_empty() => 1,
        "disconnect" => -1,
        _ => 0,
    };
    let online: State<Online> = ctx.state()?;
    let reply = next.run().await;
    // A connection that was refused does not count, and never disconnects.
    if reply.is_ok() && change != 0 {
        let mut online = online.0.lock().expect("a lock");
        *online.entry(ctx.namespace().to_owned()).or_default() += change;
    }
    reply
}

/// How many sockets are in a namespace.
#[on("online")]
pub(crate) async fn online(namespace: String, online: State<Online>) -> i64 {
    online
        .0
        .lock()
        .expect("a lock")
        .get(&namespace)
        .copied()
        .unwrap_or(0)
}

/// How often somebody has connected to this namespace.
#[on("connections")]
async fn connections(ctx: Context, online: State<Online>) -> i64 {
    online
        .0
        .lock()
        .expect("a lock")
        .get(ctx.namespace())
        .copied()
        .unwrap_or(0)
}

/// Tells the watchers who left and why.
#[on("disconnect")]
pub(crate) async fn left(ctx: Context, reason: CloseReason) -> Result<()> {
    let (id, watchers) = (ctx.socket().id(), ctx.io().of("/watch"));
    let rooms: Vec<_> = ctx.socket().rooms().iter().map(Room::to_string).collect();
    watchers.emit("disconnected", args![id, ctx.namespace(), reason.as_str()])?;
    watchers.emit("left rooms", args![id, rooms])
}

#[on("kick-me")]
async fn kick_me(ctx: Context) {
    ctx.socket().disconnect();
}

#[on("kick-connection")]
pub(crate) async fn kick_connection(ctx: Context) {
    ctx.socket().disconnect_all();
}

/// Closes the connections of everybody in a room, with a last word.
#[on("close-room")]
async fn close_room(ctx: Context, room: String) -> Result<()> {
    let everybody = ctx.here().to(room);
    everybody.emit("last word", "goodbye")?;
    everybody.disconnect_all()
}

#[on("count-and-kick")]
async fn count_and_kick(ctx: Context, to: u32) -> Result<()> {
    for number in 0..to {
        ctx.emit("number", number)?;
    }
    ctx.socket().disconnect();
    Ok(())
}

/// Goes on after its socket has left, and tells the watchers how its last emit went.
#[on("work")]
async fn work(ctx: Context, milliseconds: u64) -> Result<()> {
    ctx.emit("started", ())?;
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    let outcome = match ctx.emit("result", ()) {
        Ok(()) => "emitted".to_owned(),
        Err(error) => error.code().to_owned(),
    };
    ctx.io().of("/watch").emit("finished", outcome)
}
