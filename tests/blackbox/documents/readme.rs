//! What the README shows is what there is: its program is the example that the official client is tested with, and each
//! call of the table in `from-socket-io.md` compiles and runs.

use std::time::Duration;

use axum::routing::get;
use koio::{
    Ack, Auth, CloseReason, Context, Error, Io, IoHandle, Namespace, Next, Reply, Result, Room,
    Socket, SocketId, State, args, bail, ensure, handlers, on,
};
use koio_tests::Transport;
use serde::Deserialize;

use crate::memory::Memory;

const README: &str = include_str!("../../../README.md");
const TABLE: &str = include_str!("../../../koio/docs/from-socket-io.md");
const HELLO: &str = include_str!("../../../examples/hello/src/main.rs");
const THIS: &str = include_str!("readme.rs");

/// A program without what formatting may change: blanks, comments, commas at the end, the order of imports.
fn bare(program: &str) -> String {
    let mut lines: Vec<&str> = program
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .collect();
    let imports = |line: &&str| line.starts_with("use koio::");
    if let Some(place) = lines.iter().position(imports) {
        let line = lines.remove(place);
        let mut names: Vec<_> = line.split(['{', '}', ',']).map(str::trim).collect();
        names.sort_unstable();
        return names.concat() + &bare(&lines.join("\n"));
    }
    let mut text: String = lines.concat();
    text.retain(|letter| !letter.is_whitespace() && letter != ',');
    // `else { return .. };` is put on lines of its own and then ends in a semicolon.
    text.replace(";}", "}")
}

#[test]
fn the_program_is_the_example_that_the_official_client_is_tested_with() {
    let (_, rest) = README.split_once("```rust,no_run\n").expect("a program");
    let (program, _) = rest.split_once("```").expect("its end");
    let (example, _) = HELLO.split_once("#[cfg(test)]").expect("its tests");
    assert_eq!(bare(program), bare(example));
}

#[test]
fn every_cell_of_the_table_is_in_this_file() {
    let (_, table) = TABLE.split_once("|---|---|\n").expect("a table");
    let rows: Vec<&str> = table.lines().take_while(|line| !line.is_empty()).collect();
    assert!(rows.len() > 20, "{rows:#?}");
    let missing = rows.iter().filter_map(|row| {
        let (_, cell) = row.trim_end_matches(" |").rsplit_once(" | ")?;
        let label = format!("// {cell}\n");
        (cell != "the same" && !THIS.contains(&label)).then_some(cell)
    });
    assert_eq!(missing.collect::<Vec<_>>(), [""; 0]);
}

#[derive(Deserialize)]
struct Data(u8);

#[derive(Clone)]
struct Name(String);

struct Db;

// `async fn log(ctx: Context, next: Next) -> Result<Reply> { next.run().await }`, then `.wrap(log)`
async fn log(ctx: Context, next: Next) -> Result<Reply> {
    ctx.set(Name(ctx.event().to_owned()));
    next.run().await
}

// an error from a middleware around `connection`: the client gets `connect_error`, and its code in `error.data.code`
async fn auth(ctx: Context, next: Next) -> Result<Reply> {
    if ctx.event() == "connection" {
        return Err(Error::new("no", "no"));
    }
    next.run().await
}

// `#[on("sendMsg")] async fn send_msg(ctx: Context, data: Data)`
#[on("sendMsg")]
async fn send_msg(ctx: Context, data: Data) {
    let _ = (ctx, data.0);
}

// `#[on("connection")]`, `#[on("disconnect")] async fn bye(reason: CloseReason)`
#[on("connection")]
async fn welcome(ctx: Context, auth: Auth<serde_json::Value>) {
    // `Auth<T>` or `handshake().auth::<T>()`, `.query("name")`, `.headers()`
    let again = ctx.handshake().auth::<serde_json::Value>();
    assert_eq!(again.ok().as_ref(), Some(&*auth));
    let _ = ctx.socket().handshake().query("name");
    let _ = ctx.socket().handshake().headers();
}

#[on("disconnect")]
async fn bye(reason: CloseReason) {
    let _ = reason;
}

// a middleware; `#[on("*")]` takes what nothing else took
#[on("*")]
async fn rest(ctx: Context) -> String {
    ctx.event().to_owned()
}

// the handler's arguments, in order, typed
#[on("typed")]
async fn typed(name: String, age: u8, more: Option<Data>) -> Result<String> {
    // `bail!("code", "..")`, `ensure!(condition, "code", "..")`
    ensure!(age > 0, "age", "{age} is no age");
    if name.is_empty() {
        bail!("name", "a name is needed");
    }
    Ok(format!("{name} {age} {}", more.is_some()))
}

// the return value; `Ack` to answer later
#[on("later")]
async fn later(ack: Ack) {
    tokio::spawn(async move { ack.send("later") });
}

// `.state(db)` and `State<Db>`; `ctx.set(v)`, `ctx.get::<V>()`
#[on("state")]
async fn state(ctx: Context, db: State<Db>) -> Option<String> {
    let _: &Db = &db;
    ctx.get::<Name>().map(|name| name.0)
}

#[on("emits")]
async fn emits(ctx: Context, room: String, x: SocketId) -> Result<()> {
    let (a, b, data) = (1, 2, 3);
    // `ctx.emit("e", args![a, b])`
    ctx.emit("e", args![a, b])?;
    // `ctx.broadcast("e", data)`
    ctx.broadcast("e", data)?;
    // `ctx.to(room).emit(..)`
    ctx.to(room).except(x).emit("e", data)
}

async fn on_sockets(io: IoHandle, socket: Socket, room: Room, id: SocketId) -> Result<()> {
    let (data, time, deadline) = (1, Duration::from_secs(1), Duration::ZERO);
    // `io.broadcast("e", data)`, `io.emit("e", data)`
    io.broadcast("e", data)?;
    io.emit("e", data)?;
    // `io.to(room).to(id).except(x).emit(..)`: the same, and all of the builder.
    io.to(&room).to(id).except("x").emit("e", data)?;
    let chain = io.to("a").to("b").except("c").volatile().local();
    chain.timeout(time).emit("e", data)?;
    // `socket.volatile().emit`, `socket.timeout(time).emit_with_ack::<T>`
    socket.volatile().emit("e", data)?;
    let answer = socket.timeout(time).emit_with_ack::<u8>("e", data);
    assert!(answer.await.is_err_and(|error| error.is_timeout()));
    // `io.to(room).timeout(time).emit_with_acks::<T>("e", data)`: each answer with its socket's id
    let answers = io.to(&room).timeout(time).emit_with_acks::<u8>("e", data);
    assert!(answers.await.is_ok_and(|answers| answers.is_empty()));
    // the same, `rooms()`, `is_in(room)`
    socket.join(&room)?;
    assert_eq!(socket.rooms(), std::slice::from_ref(&room));
    assert!(socket.is_in(&room));
    socket.leave(room);
    // `socket.set(user)`, `socket.get::<User>()`, `socket.remove::<User>()`; what other nodes are to see: `socket.set_data(&data)?`, `socket.data::<Data>()?`
    socket.set_data(&serde_json::json!({"score": 7}))?;
    assert_eq!(
        socket.data::<serde_json::Value>()?,
        Some(serde_json::json!({"score": 7}))
    );
    socket.set(Name("ann".to_owned()));
    assert_eq!(socket.get::<Name>().expect("a name").0, "ann");
    assert_eq!(socket.remove::<Name>().expect("a name").0, "ann");
    assert!(socket.get::<Name>().is_none() && socket.remove::<Name>().is_none());
    // `io.rooms()`, `io.count()`; of a room `io.to(room).count()`
    let _: Vec<Room> = io.rooms();
    assert_eq!(io.count(), io.sockets().len());
    assert_eq!(io.to("nobody's").count(), 0);
    // `io.fetch_sockets().await?`; of this node, without waiting: `io.sockets()`
    assert_eq!(io.sockets().len(), 1);
    assert_eq!(io.fetch_sockets().await?.len(), 1);
    // `io.sockets_join(room)?`, `io.sockets_leave(room)?`, `io.disconnect_sockets()?`
    io.sockets_join("lobby")?;
    assert!(socket.is_in("lobby"));
    io.sockets_leave("lobby")?;
    io.of("/chat").disconnect_sockets()?;
    assert!(io.of("/chat").sockets().is_empty());
    // `socket.disconnect()`, `socket.disconnect_all()`
    socket.disconnect();
    socket.disconnect_all();
    // `io.shutdown(deadline).await`: drains first
    io.shutdown(deadline).await;
    Ok(())
}

fn program() -> Io {
    let app = Io::new().state(Db).wrap(log).handlers(handlers![
        send_msg, welcome, bye, rest, typed, later, state, emits
    ]);
    // `.wrap(fn)`: around the handler, not before it
    app.wrap(|_: Context, next: Next| async move { next.run().await })
        // `.on_error(fn)`
        .on_error(|error: &Error, ctx: &Context| assert_ne!(error.code(), ctx.event()))
        // `.namespace("/chat", Namespace::new().wrap(auth).handlers(..))`; to emit: `io.of("/chat")`
        .namespace(
            "/chat",
            Namespace::new().wrap(auth).handlers(handlers![typed]),
        )
        // `.ping_interval(..)`, `.max_payload(..)`, `.connect_timeout(..)`, `.config(..)`
        .ping_interval(Duration::from_secs(10))
        .max_payload(10_000)
        .connect_timeout(Duration::from_secs(5))
        .config(|config| config.socket.rooms = 10)
        // `.allow_origin("https://app.example.com")`; by default only pages of the same host may connect
        .allow_origin("https://app.example.com")
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_the_table_do_what_they_say() {
    let memory = Memory::new(program());
    let (mut peer, socket) = memory.socket(Transport::WebSocket).await;
    for (event, answer) in [
        (r#"421["sendMsg",1]"#, "431[]"),
        (r#"422["anything"]"#, r#"432["anything"]"#),
        (r#"423["typed","ann",3]"#, r#"433["ann 3 false"]"#),
        (
            r#"424["typed","ann",0]"#,
            r#"434[{"error":{"code":"age","message":"0 is no age"}}]"#,
        ),
        (
            r#"425["typed","",3,1]"#,
            r#"435[{"error":{"code":"name","message":"a name is needed"}}]"#,
        ),
        (r#"426["later"]"#, r#"436["later"]"#),
        (r#"427["state"]"#, r#"437["state"]"#),
    ] {
        peer.send(event).await;
        peer.expect(answer).await;
    }
    peer.send(&format!(r#"428["emits","room","{}"]"#, socket.id()))
        .await;
    peer.expect(r#"42["e",1,2]"#).await;
    peer.expect("438[]").await;
    peer.send("40/chat,").await;
    peer.expect(r#"44/chat,{"message":"no","data":{"code":"no"}}"#)
        .await;
    let id = socket.id();
    on_sockets(memory.io.clone(), socket, "room".into(), id)
        .await
        .expect("no error");
}

#[tokio::test]
async fn the_program_inside_axum_and_the_words_for_starting_are_there() {
    let io = Io::new().handlers(handlers![send_msg]);
    let handle = io.handle();
    let app: axum::Router = axum::Router::new()
        .route("/health", get(|| async { "ok" }))
        .layer(io.into_layer());
    drop((app, handle));
    // `Io::new()`, then `.listen(addr)` or `.into_layer()`
    drop(Io::new().listen("127.0.0.1:0"));
    drop(Io::new().into_service());
}
