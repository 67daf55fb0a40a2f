//! Files, up and down in chunks. The client waits for the answer to a chunk before it sends the next: so it knows how
//! far it is, and the server never has more than one of them in memory. A client that does not wait is not read.
//!
//! ```sh
//! cargo run -p files
//! ```
//!
//! ```js
//! const socket = require('socket.io-client')('http://127.0.0.1:3000')
//! const file = Buffer.alloc(200000, 'koio')
//! const run = async () => {
//!   const { id, chunk } = await socket.emitWithAck('upload', file.length)
//!   for (let at = 0; at < file.length; at += chunk) {
//!     const { received } = await socket.emitWithAck('chunk', id, file.subarray(at, at + chunk))
//!     console.log(received, 'bytes are there')
//!   }
//!   const parts = []
//!   for (let at = 0; at < file.length; at += chunk) parts.push(await socket.emitWithAck('read', id, at))
//!   console.log(Buffer.concat(parts).equals(file))
//! }
//! run()
//! ```
//!
//! Files are kept in a folder of their own among the temporary ones, each as long as the socket that sent it. Ctrl-C
//! removes the folder. `PORT` overrides 3000.
#![expect(clippy::print_stdout, reason = "it says where it writes")]

mod store;

use std::env;

use koio::{Bytes, Error, Io, Result, Socket, State, ensure, handlers, on};
use serde::Serialize;
use store::Store;

/// Bytes of a chunk, of a file, and of all files together.
const CHUNK: usize = 64 * 1024;
const FILE: u64 = 8 * 1024 * 1024;
const ALL: u64 = 64 * 1024 * 1024;

#[derive(Serialize)]
struct Ticket {
    id: String,
    chunk: usize,
}

#[on("upload")]
async fn upload(socket: Socket, size: u64, store: State<Store>) -> Result<Ticket> {
    if size > FILE {
        return Err(Error::new("too_big", "no file may be so big").data(Limit { most: FILE }));
    }
    let id = store.reserve(socket.id(), size).await?;
    Ok(Ticket { id, chunk: CHUNK })
}

#[derive(Serialize)]
struct Limit {
    most: u64,
}

#[derive(Serialize)]
struct Progress {
    received: u64,
}

#[on("chunk")]
async fn chunk(socket: Socket, id: String, bytes: Bytes, store: State<Store>) -> Result<Progress> {
    let file = store.find(&id)?;
    ensure!(
        file.owner == socket.id(),
        "not_yours",
        "somebody else sends this file"
    );
    ensure!(
        bytes.len() <= CHUNK,
        "too_big",
        "a chunk has {CHUNK} bytes at most"
    );
    let received = file.append(&bytes).await?;
    Ok(Progress { received })
}

/// The next chunk from there on, empty at the end. Whoever knows the id may read: nobody can guess it.
#[on("read")]
async fn read(id: String, at: u64, store: State<Store>) -> Result<Bytes> {
    store.find(&id)?.read(at).await
}

#[on("disconnect")]
async fn left(socket: Socket, store: State<Store>) {
    store.remove_all_of(socket.id());
}

async fn serve(store: Store) -> Result<()> {
    let port: u16 = env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    Io::new()
        // A chunk and what is around it. Over polling, bytes are text that is a third longer.
        .max_payload(2 * CHUNK)
        .state(store)
        .handlers(handlers![upload, chunk, read, left])
        .listen(("127.0.0.1", port))
        .await
}

#[tokio::main]
async fn main() -> Result<()> {
    let store = Store::new()?;
    let folder = store.folder().to_owned();
    println!("writes to {}", folder.display());
    let ended = serve(store).await;
    tokio::fs::remove_dir_all(folder).await?;
    ended
}
