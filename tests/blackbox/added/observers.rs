//! `on_any` and `on_any_outgoing`.

use std::time::Duration;

use koio::config::Parser;
use koio::listeners::OutgoingEvent;
use koio::recovery::Recovery;
use koio::testing::TestServer;
use koio::{Bytes, Context, Io, Result, Socket, args};

use crate::record::Record;

fn watch_incoming(
    socket: &Socket,
    name: &'static str,
    record: &Record,
    in_front: bool,
) -> Result<()> {
    let record = record.clone();
    let observer = move |ctx: &Context| {
        let first: Option<String> = ctx.args().and_then(|mut args| args.next()).ok().flatten();
        record.push(format!(
            "{name} {} {}",
            ctx.event(),
            first.unwrap_or_default()
        ));
    };
    match in_front {
        true => socket.prepend_any(observer)?,
        false => socket.on_any(observer)?,
    };
    Ok(())
}

#[tokio::test]
async fn on_any_sees_each_event_ahead_of_everything_else_also_one_that_nothing_handles()
-> Result<()> {
    let record = Record::default();
    let notes = record.clone();
    let wrapped = record.clone();
    let io = Io::new()
        .wrap(move |ctx: Context, next| {
            wrapped.push(format!("middleware {}", ctx.event()));
            next.run()
        })
        .on("say", |_| async { Ok("said") })
        .on("watch", move |ctx: Context| {
            let socket = ctx.socket();
            let watched = watch_incoming(socket, "second", &notes, false)
                .and_then(|()| watch_incoming(socket, "third", &notes, false))
                .and_then(|()| watch_incoming(socket, "first", &notes, true));
            async move { watched }
        })
        .on("unwatch", |ctx: Context| async move {
            Ok(ctx.socket().off_any())
        });
    let server = TestServer::new(io).await?;
    let (mut ann, mut ben) = (server.connect("/").await?, server.connect("/").await?);
    ann.ask::<()>("watch", ()).await?;
    record.take();
    assert_eq!(ann.ask::<String>("say", "hi").await?, "said");
    assert_eq!(
        record.take(),
        [
            "first say hi",
            "second say hi",
            "third say hi",
            "middleware say"
        ]
    );
    assert!(ann.ask::<()>("nobody", ()).await.is_err());
    assert_eq!(
        record.take(),
        [
            "first nobody ",
            "second nobody ",
            "third nobody ",
            "middleware nobody"
        ]
    );
    ben.ask::<String>("say", "hi").await?;
    assert_eq!(record.take(), ["middleware say"]);
    assert_eq!(ann.ask::<usize>("unwatch", ()).await?, 3);
    record.take();
    ann.ask::<String>("say", "hi").await?;
    assert_eq!(record.take(), ["middleware say"]);
    Ok(())
}

/// Watches what is sent to a socket.
fn watch(socket: &Socket, name: &'static str, record: &Record, in_front: bool) -> Result<()> {
    let record = record.clone();
    let observer = move |sent: &OutgoingEvent| {
        let question = if sent.wants_answer() { "?" } else { "" };
        record.push(format!("{name} {}{question} {}", sent.event(), sent.json()));
    };
    match in_front {
        true => socket.prepend_any_outgoing(observer)?,
        false => socket.on_any_outgoing(observer)?,
    };
    Ok(())
}

/// Emits to Ann in each of the ways that there are.
async fn in_all_ways(io: Io) -> Result<()> {
    let record = Record::default();
    let server =
        TestServer::new(io.on("hello", |_| async { Ok("an answer is not watched") })).await?;
    let (mut ann, ben) = (server.connect("/").await?, server.connect("/").await?);
    let find = |id| server.handle().socket(id).expect("it is connected");
    let (socket, other) = (find(ann.id()), find(ben.id()));
    watch(&socket, "a", &record, false)?;
    watch(&socket, "b", &record, true)?;
    let expect = |what: &str| {
        let [b, a] = [format!("b {what}"), format!("a {what}")];
        assert_eq!(record.take(), [b, a]);
    };
    socket.emit("to one", args![1, "two"])?;
    expect(r#"to one 1,"two""#);
    server.handle().broadcast("to all", ())?;
    expect("to all ");
    server.handle().to(ann.id()).emit("to its id", true)?;
    expect("to its id true");
    other.broadcast("by another", [1, 2])?;
    expect("by another [1,2]");
    socket.join("room")?;
    server.handle().to("room").emit("to a room", ())?;
    expect("to a room ");
    server.settle().await;
    socket.volatile().emit("volatile", 1)?;
    expect("volatile 1");
    let asked = socket.emit_with_ack::<()>("asked", 7);
    expect("asked? 7");
    drop(asked);
    let asked = server.handle().to("room").timeout(Duration::from_secs(1));
    drop(asked.emit_with_acks::<()>("asked by many", 7));
    expect("asked by many? 7");
    // Not to Ann, and an acknowledgement.
    socket.broadcast("to others", ())?;
    ann.ask::<String>("hello", ()).await?;
    assert_eq!(record.take(), [""; 0]);
    assert_eq!(socket.off_any_outgoing(), 2);
    socket.emit("unwatched", ())?;
    assert_eq!(record.take(), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn on_any_outgoing_sees_what_is_sent_to_its_socket_whoever_emits_it() -> Result<()> {
    in_all_ways(Io::new()).await
}

#[tokio::test]
async fn on_any_outgoing_sees_the_same_where_clients_may_come_back() -> Result<()> {
    in_all_ways(Io::new().recovery(Recovery::new(Duration::from_secs(60)))).await
}

#[tokio::test]
async fn on_any_outgoing_sees_the_same_whatever_the_clients_speak() -> Result<()> {
    let msgpack = || Io::new().parser(Parser::Msgpack);
    in_all_ways(msgpack()).await?;
    in_all_ways(msgpack().recovery(Recovery::new(Duration::from_secs(60)))).await
}

#[tokio::test]
async fn an_outgoing_event_can_be_read_argument_by_argument_binary_included() -> Result<()> {
    let record = Record::default();
    let notes = record.clone();
    let server = TestServer::new(Io::new().namespace("/files", koio::Namespace::new())).await?;
    let ann = server.connect("/files").await?;
    let socket = server
        .handle()
        .of("/files")
        .socket(ann.id())
        .expect("it is connected");
    socket.on_any_outgoing(move |sent| {
        let name: Result<String> = sent.get(0);
        let bytes: Result<Bytes> = sent.get(1);
        let missing: Result<Option<u8>> = sent.get(2);
        let misread: Result<u8> = sent.get(0);
        notes.push(format!(
            "{} {:?} {:?} {}",
            name.expect("a name"),
            bytes.expect("its bytes"),
            missing.expect("nothing"),
            misread.is_err()
        ));
    })?;
    socket.emit("file", args!["a.txt", Bytes::from(vec![1, 2, 3])])?;
    let bytes = Bytes::from(vec![1, 2, 3]);
    assert_eq!(record.take(), [format!("a.txt {bytes:?} None true")]);
    Ok(())
}

#[tokio::test]
async fn what_is_refused_is_not_told_and_what_an_observer_emits_or_breaks_does_no_harm()
-> Result<()> {
    let record = Record::default();
    let notes = record.clone();
    let server = TestServer::new(Io::new()).await?;
    let mut ann = server.connect("/").await?;
    let socket = server.handle().socket(ann.id()).expect("it is connected");
    let echo = socket.clone();
    socket.on_any_outgoing(move |sent| {
        notes.push(sent.event());
        let _ = echo.emit("emitted by the observer", ());
    })?;
    socket.on_any_outgoing(|_| panic!("a bug of the observer"))?;
    assert!(socket.emit("disconnect", ()).is_err(), "a reserved name");
    socket.emit("news", ())?;
    assert_eq!(ann.expect("news").await?.len(), 0);
    ann.expect("emitted by the observer").await?;
    assert_eq!(record.take(), ["news"]);
    ann.close().await;
    assert!(
        socket
            .emit("too late", ())
            .is_err_and(|error| error.is_closed())
    );
    assert_eq!(record.take(), [""; 0]);
    Ok(())
}
