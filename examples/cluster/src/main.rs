//! Two nodes of one cluster. Without anything installed they are in one process, joined by `Memory`:
//!
//! ```sh
//! cargo run -p cluster
//! ```
//!
//! With a Redis each is a process of its own, which is given its port and its name. The handlers are the same:
//!
//! ```sh
//! REDIS_URL=redis://127.0.0.1 cargo run -p cluster -- 3000 one
//! REDIS_URL=redis://127.0.0.1 cargo run -p cluster -- 3001 two    # in another terminal
//! ```
//!
//! ```js
//! const io = require('socket.io-client')
//! const ann = io('http://127.0.0.1:3000', { auth: { name: 'ann' } })
//! const ben = io('http://127.0.0.1:3001', { auth: { name: 'ben' } })
//! ben.on('said', (node, text) => console.log(node, text))
//! ben.on('question', (text, answer) => answer(text + ' yes'))
//! ben.on('connect', async () => {
//!   await ben.emitWithAck('join', 'tea')
//!   await ann.emitWithAck('say', 'to all')                       // ben hears: one to all
//!   await ann.emitWithAck('tell', 'tea', 'to the room')          // ben hears: one to the room
//!   console.log(await ann.emitWithAck('ask', ben.id, 'tea?'))    // tea? yes
//!   console.log(await ann.emitWithAck('who', 'tea'))             // [ { name: 'ben', node: 'two' } ]
//! })
//! ```
//!
//! `PORT` and the port behind it override 3000 and 3001 of the one process. What is promised across nodes:
//! `koio/docs/cluster.md`.

#[cfg(test)]
mod tests;

use std::{env, time::Duration};

use koio::{
    Auth, Context, Io, Result, SocketId, State, args,
    cluster::{Broker, Memory, PartialAnswer, Redis},
    ensure, handlers, on,
};
use serde::{Deserialize, Serialize};

/// The name of this node, for people.
struct Node(String);

#[derive(Deserialize)]
struct Login {
    name: String,
}

/// What other nodes may know of a socket: its data travels with `fetch_sockets`, what `socket.set` keeps does not.
#[derive(Deserialize, Serialize)]
struct Member {
    name: String,
    node: String,
}

fn room(name: &str) -> String {
    format!("room:{name}")
}

#[on("connection")]
async fn arrived(ctx: Context, login: Auth<Login>, node: State<Node>) -> Result<()> {
    ensure!(
        login.name.len() <= 40,
        "bad_name",
        "a name has up to 40 bytes"
    );
    ctx.socket().set_data(&Member {
        name: login.name.clone(),
        node: node.0.clone(),
    })
}

/// To everybody on both nodes.
#[on("say")]
async fn say(ctx: Context, text: String, node: State<Node>) -> Result<()> {
    ctx.io().broadcast("said", args![&node.0, text])
}

#[on("join")]
async fn join(ctx: Context, name: String) -> Result<()> {
    ctx.socket().join(room(&name))
}

/// To a room: its sockets may be on either node.
#[on("tell")]
async fn tell(ctx: Context, name: String, text: String, node: State<Node>) -> Result<()> {
    let room = ctx.io().to(room(&name));
    room.emit("said", args![&node.0, text])
}

/// To one socket, wherever it is. `ctx.io().socket(id)` would find those of this node only.
#[on("ask")]
async fn ask(ctx: Context, whom: SocketId, question: String) -> Result<String> {
    let other = ctx.io().to(whom).timeout(Duration::from_secs(2));
    other.emit_with_ack("question", question).await
}

/// Who is in a room, on both nodes. `count()` would say how many are on this one.
#[on("who")]
async fn who(ctx: Context, name: String) -> Result<Vec<Member>> {
    let sockets = match ctx.io().to(room(&name)).fetch_sockets().await {
        Ok(sockets) => sockets,
        // A node has not answered in time: those of the others are better than none.
        Err(error) => match error.downcast_ref::<PartialAnswer>() {
            Some(partial) => partial.sockets().to_vec(),
            None => return Err(error),
        },
    };
    // A node of another version may keep something else there.
    let members = sockets.iter().map(|socket| socket.data());
    Ok(members.filter_map(Result::ok).flatten().collect())
}

/// A node. All that makes it one of several is the last line.
fn node(name: &str, broker: impl Broker) -> Io {
    Io::new()
        .state(Node(name.to_owned()))
        .handlers(handlers![arrived, say, join, tell, ask, who])
        .cluster(broker)
}

#[tokio::main]
async fn main() -> Result<()> {
    match env::var("REDIS_URL") {
        Ok(url) => one_of_several(Redis::new(url)).await,
        Err(_) => both().await,
    }
}

async fn one_of_several(redis: Redis) -> Result<()> {
    let mut args = env::args().skip(1);
    let port: u16 = args.next().map_or(Ok(3000), |port| port.parse())?;
    let name = args.next().unwrap_or_else(|| port.to_string());
    node(&name, redis).listen(("127.0.0.1", port)).await
}

async fn both() -> Result<()> {
    let port: u16 = env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let next = if port == 0 { 0 } else { port + 1 };
    let broker = Memory::new();
    let one = node("one", broker.clone())
        .bind(("127.0.0.1", port))
        .await?;
    let two = node("two", broker).bind(("127.0.0.1", next)).await?;
    tokio::try_join!(one.run_until_signal(), two.run_until_signal())?;
    Ok(())
}
