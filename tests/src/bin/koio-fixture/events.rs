//! Events with arguments and answers of every kind.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use koio::{Args, Bytes, Context, Error, Handlers, Reply, Result, SocketId, State, handlers, on};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How often `typed` has run for each socket.
#[derive(Default)]
pub(crate) struct Typed(Mutex<HashMap<SocketId, u32>>);

pub(crate) fn all() -> Handlers {
    handlers![
        echo,
        bounce,
        typed,
        ran,
        length,
        file,
        picture,
        nothing,
        one,
        several,
        list,
        null,
        fail,
        fail_inside,
        panics,
        whoami,
        auth,
        query,
        header,
        place,
        slow,
        overlaps,
        count,
    ]
}

#[on("echo")]
pub(crate) async fn echo(args: Args) -> Args {
    args
}

#[on("bounce")]
async fn bounce(ctx: Context, args: Args) -> Result<()> {
    ctx.emit("bounced", args)
}

/// Answers every event with its name.
#[on("*")]
pub(crate) async fn any(ctx: Context) -> String {
    ctx.event().to_owned()
}

#[derive(Deserialize)]
struct Extra {
    mark: String,
}

#[on("typed")]
async fn typed(
    ctx: Context,
    name: String,
    age: u32,
    extra: Option<Extra>,
    typed: State<Typed>,
) -> String {
    *typed
        .0
        .lock()
        .expect("a lock")
        .entry(ctx.socket().id())
        .or_default() += 1;
    let mark = extra.map_or_else(|| "-".to_owned(), |extra| extra.mark);
    format!("{name}/{age}/{mark}")
}

#[on("ran")]
async fn ran(ctx: Context, typed: State<Typed>) -> u32 {
    typed
        .0
        .lock()
        .expect("a lock")
        .get(&ctx.socket().id())
        .copied()
        .unwrap_or(0)
}

#[on("length")]
async fn length(text: String) -> usize {
    text.len()
}

#[derive(Deserialize)]
struct File {
    name: String,
    bytes: Bytes,
    pages: Vec<Bytes>,
}

#[derive(Serialize)]
struct Stored {
    name: String,
    bytes: Bytes,
    pages: Vec<Bytes>,
    size: usize,
}

#[on("file")]
async fn file(file: File) -> Stored {
    let size = file.bytes.len() + file.pages.iter().map(|page| page.len()).sum::<usize>();
    Stored {
        name: file.name,
        bytes: file.bytes,
        pages: file.pages,
        size,
    }
}

#[derive(Deserialize, Serialize)]
struct Picture {
    name: String,
    bytes: Bytes,
}

#[on("picture")]
async fn picture(ctx: Context, picture: Picture) -> Result<()> {
    ctx.io().broadcast("picture", &picture)
}

#[on("nothing")]
async fn nothing() {}

#[on("one")]
async fn one() -> Value {
    json!({ "value": 1 })
}

#[on("several")]
async fn several() -> Reply {
    Reply::new(koio::args![1, "two", json!({ "three": 3 })])
}

#[on("list")]
async fn list() -> Vec<u8> {
    vec![1, 2, 3]
}

#[on("null")]
async fn null() -> Option<u8> {
    None
}

#[on("fail")]
async fn fail() -> Result<()> {
    Err(Error::new("teapot", "short and stout").data(json!({ "spout": 1 })))
}

#[on("fail-inside")]
async fn fail_inside() -> Result<()> {
    Err(std::io::Error::other("the password is 1234"))?
}

#[on("panic")]
async fn panics() -> Result<()> {
    panic!("boom: the password is 1234")
}

#[on("whoami")]
async fn whoami(ctx: Context) -> Value {
    let socket = ctx.socket();
    json!({
        "id": socket.id(),
        "namespace": socket.namespace(),
        "transport": socket.transport().to_string(),
    })
}

#[on("auth")]
async fn auth(ctx: Context) -> Result<Value> {
    ctx.socket().handshake().auth()
}

#[on("query")]
async fn query(ctx: Context) -> HashMap<String, String> {
    ctx.socket().handshake().queries().iter().cloned().collect()
}

#[on("header")]
async fn header(ctx: Context, name: String) -> Option<String> {
    let value = ctx.socket().handshake().headers().get(name)?;
    value.to_str().ok().map(str::to_owned)
}

#[on("where")]
async fn place(ctx: Context) -> String {
    ctx.namespace().to_owned()
}

static BUSY: AtomicBool = AtomicBool::new(false);
static OVERLAPPED: AtomicBool = AtomicBool::new(false);

/// Takes a while and answers with its number. Only the socket that runs it alone may ask `overlaps`.
#[on("slow")]
async fn slow(number: u64, milliseconds: u64) -> u64 {
    if BUSY.swap(true, Ordering::SeqCst) {
        OVERLAPPED.store(true, Ordering::SeqCst);
    }
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    BUSY.store(false, Ordering::SeqCst);
    number
}

#[on("overlaps")]
async fn overlaps() -> u8 {
    u8::from(OVERLAPPED.load(Ordering::SeqCst))
}

#[on("count")]
async fn count(ctx: Context, to: u32) -> Result<()> {
    for number in 0..to {
        ctx.emit("number", number)?;
    }
    Ok(())
}
