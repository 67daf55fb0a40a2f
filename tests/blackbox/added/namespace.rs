//! Listeners, middleware and observers of a whole namespace that come and go while the server runs.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;

use koio::testing::{TestClient, TestServer};
use koio::{Context, Error, Io, Namespace, Next, Reply, Result, State, handlers, on};
use koio_tests::until;

use crate::record::Record;

/// How a client is answered that nothing listens to.
async fn is_unheard(client: &mut TestClient, event: &str) -> bool {
    let asked = client.ask::<()>(event, ()).await;
    asked.is_err_and(|error| error.code() == "no_handler")
}

#[tokio::test]
async fn a_listener_of_a_namespace_takes_the_events_of_all_its_sockets_until_it_is_off()
-> Result<()> {
    let server = TestServer::new(Io::new().namespace("/chat", Namespace::new())).await?;
    let chat = server.handle().of("chat");
    let mut early = server.connect("/chat").await?;
    assert!(is_unheard(&mut early, "say").await);
    let id = chat.on("say", |ctx: Context| async move {
        let text: String = ctx.args()?.next()?;
        Ok(text.to_uppercase())
    })?;
    let (mut late, mut elsewhere) = (server.connect("/chat").await?, server.connect("/").await?);
    assert_eq!(early.ask::<String>("say", "hi").await?, "HI");
    assert_eq!(late.ask::<String>("say", "ho").await?, "HO");
    assert_eq!(late.ask::<String>("say", "ho again").await?, "HO AGAIN");
    assert!(is_unheard(&mut elsewhere, "say").await);
    assert_eq!(
        (chat.listener_count("say"), chat.event_names()),
        (1, vec!["say".to_owned()])
    );
    assert_eq!(server.handle().listener_count("say"), 0);
    assert!(!server.handle().off(id), "it is of another namespace");
    assert!(chat.off(id));
    assert!(!chat.off(id));
    assert!(is_unheard(&mut early, "say").await && is_unheard(&mut late, "say").await);
    Ok(())
}

#[tokio::test]
async fn the_table_runs_first_then_the_namespace_then_the_socket_and_the_first_answers()
-> Result<()> {
    let record = Record::default();
    let note = |name: &'static str| {
        let record = record.clone();
        move |_: Context| {
            record.push(name);
            async move { Ok(name) }
        }
    };
    let io = Io::new()
        .on("say", note("table"))
        .on("*", note("any of the table"));
    let server = TestServer::new(io).await?;
    let (io, mut ann) = (server.handle(), server.connect("/").await?);
    let socket = io.socket(ann.id()).expect("it is connected");
    for event in ["say", "sing"] {
        socket.on(event, note("socket"))?;
        io.on(event, note("second of the namespace"))?;
        io.prepend(event, note("first of the namespace"))?;
        socket.prepend(event, note("first of the socket"))?;
    }
    io.on("*", note("any"))?;
    assert_eq!(ann.ask::<String>("say", ()).await?, "table");
    let listeners = [
        "first of the namespace",
        "second of the namespace",
        "first of the socket",
        "socket",
    ];
    assert_eq!(record.take(), [&["table"], &listeners[..]].concat());
    assert_eq!(ann.ask::<String>("sing", ()).await?, listeners[0]);
    assert_eq!(record.take(), listeners);
    assert_eq!(ann.ask::<String>("hum", ()).await?, "any of the table");
    assert_eq!(record.take(), ["any of the table", "any"]);
    assert_eq!(io.event_names(), ["sing", "say", "*"]);
    assert_eq!(io.off_all("say"), 2);
    Ok(())
}

#[tokio::test]
async fn a_listener_of_a_namespace_for_once_runs_for_one_event_of_one_socket() -> Result<()> {
    let server = TestServer::new(Io::new()).await?;
    let (mut ann, mut ben) = (server.connect("/").await?, server.connect("/").await?);
    let words = vec!["only", "once"];
    server
        .handle()
        .once("say", move |_| async move { Ok(words) })?;
    assert_eq!(ben.ask::<Vec<String>>("say", ()).await?, ["only", "once"]);
    assert!(is_unheard(&mut ann, "say").await && is_unheard(&mut ben, "say").await);
    assert_eq!(server.handle().listener_count("say"), 0);
    Ok(())
}

#[tokio::test]
async fn connection_and_disconnect_can_be_listened_to_from_then_on_and_no_client_can_send_them()
-> Result<()> {
    let record = Record::default();
    let (of_table, left, of_socket) = (record.clone(), record.clone(), record.clone());
    let io = Io::new().on("connection", move |_| {
        of_table.push("table");
        async { Ok(()) }
    });
    let server = TestServer::new(io).await?;
    let before = server.connect("/").await?;
    let io = server.handle();
    let came = record.clone();
    let came = io.on("connection", move |ctx: Context| {
        came.push(format!("came {}", ctx.socket().is_connected()));
        let record = of_socket.clone();
        async move {
            ctx.socket().on("disconnect", move |_| {
                record.push("left the socket");
                async { Ok(()) }
            })?;
            ctx.emit("welcome", ())
        }
    })?;
    io.on("disconnect", move |ctx: Context| {
        left.push(format!("left {:?}", ctx.close_reason().is_some()));
        async { Ok(()) }
    })?;
    let mut ann = server.connect("/").await?;
    ann.expect("welcome").await?;
    assert_eq!(record.take(), ["table", "table", "came true"]);
    assert!(
        is_unheard(&mut ann, "connection").await,
        "it is an event like any other"
    );
    assert_eq!(record.take(), [""; 0]);
    ann.disconnect().await?;
    assert_eq!(record.reach(2).await, ["left true", "left the socket"]);
    record.take();
    drop(before);
    assert_eq!(record.reach(1).await, ["left true"]);
    record.take();
    assert!(io.off(came));
    let _late = server.connect("/").await?;
    assert_eq!(record.take(), ["table"]);
    Ok(())
}

#[tokio::test]
async fn an_error_of_the_only_connection_listener_ends_the_socket() -> Result<()> {
    let server = TestServer::new(Io::new().on_error(|_, _| {})).await?;
    let failing = |_: Context| async { Err::<(), _>(Error::new("no", "not today")) };
    server.handle().once("connection", failing)?;
    let mut ann = server.connect("/").await?;
    ann.expect_disconnect().await?;
    let mut ben = server.connect("/").await?;
    assert!(is_unheard(&mut ben, "say").await);
    Ok(())
}

#[tokio::test]
async fn middleware_of_a_namespace_refuses_connections_and_is_around_events_and_the_end()
-> Result<()> {
    let record = Record::default();
    let notes = record.clone();
    let io = Io::new().on("say", |_: Context| async { Ok("said") });
    let server = TestServer::new(io).await?;
    let (io, mut ann) = (server.handle(), server.connect("/").await?);
    let around = io.wrap(move |ctx: Context, next: Next| {
        let record = notes.clone();
        async move {
            record.push(format!("into {}", ctx.event()));
            let reply = next.run().await;
            record.push(format!("out of {}", ctx.event()));
            reply
        }
    })?;
    let closed = io.wrap(|ctx: Context, next: Next| async move {
        koio::ensure!(ctx.event() != "connection", "full", "come back tomorrow");
        next.run().await
    })?;
    let refused = server.connect("/").await;
    assert!(refused.is_err_and(|error| error.message().contains("come back tomorrow")));
    assert_eq!(record.take(), ["into connection", "out of connection"]);
    assert_eq!(ann.ask::<String>("say", ()).await?, "said");
    assert_eq!(record.take(), ["into say", "out of say"]);
    assert!(io.off(closed));
    let ben = server.connect("/").await?;
    record.take();
    ann.disconnect().await?;
    assert_eq!(
        record.reach(2).await,
        ["into disconnect", "out of disconnect"]
    );
    record.take();
    assert!(io.off(around));
    drop(ben);
    server.settle().await;
    assert_eq!(record.take(), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_middleware_of_a_namespace_cannot_suppress_the_end_of_a_socket() -> Result<()> {
    let record = Record::default();
    let (of_table, added) = (record.clone(), record.clone());
    let io = Io::new().on("disconnect", move |_| {
        of_table.push("table");
        async { Ok(()) }
    });
    let server = TestServer::new(io).await?;
    let ann = server.connect("/").await?;
    server
        .handle()
        .wrap(|_, _next: Next| async { Ok(Reply::none()) })?;
    server.handle().on("disconnect", move |_| {
        added.push("added");
        async { Ok(()) }
    })?;
    drop(ann);
    assert_eq!(record.reach(2).await, ["table", "added"]);
    Ok(())
}

#[tokio::test]
async fn observers_of_a_namespace_see_each_event_of_each_socket_ahead_of_the_sockets_own()
-> Result<()> {
    let record = Record::default();
    let note = |name: &'static str| {
        let record = record.clone();
        move |ctx: &Context| record.push(format!("{name} {}", ctx.event()))
    };
    let server = TestServer::new(Io::new()).await?;
    let (io, mut ann) = (server.handle(), server.connect("/").await?);
    let socket = io.socket(ann.id()).expect("it is connected");
    socket.on_any(note("socket"))?;
    socket.on_any_outgoing(|_| {})?;
    assert_eq!(socket.any_outgoing_count(), 1);
    io.on_any(note("second"))?;
    io.prepend_any(note("first"))?;
    assert_eq!((io.any_count(), socket.any_count()), (2, 1));
    assert!(is_unheard(&mut ann, "hum").await);
    assert_eq!(record.take(), ["first hum", "second hum", "socket hum"]);
    assert_eq!(io.off_any(), 2);
    assert!(is_unheard(&mut ann, "hum").await);
    assert_eq!(record.take(), ["socket hum"]);
    Ok(())
}

#[tokio::test]
async fn a_family_has_its_listeners_together_and_one_of_it_has_none_of_its_own() -> Result<()> {
    let io = Io::new().namespace("/board-{n}", Namespace::new());
    let before = io.handle();
    let none = |_: Context| async { Ok(()) };
    let early = before.of("/board-{n}").on("say", none);
    assert!(early.is_err_and(|why| why.is_setup() && why.message().contains("has not started")));
    let server = TestServer::new(io).await?;
    let io = server.handle();
    let (mut one, mut two) = (
        server.connect("/board-1").await?,
        server.connect("/board-2").await?,
    );
    before
        .of("/board-{n}")
        .on("where", |ctx: Context| async move {
            Ok(ctx.namespace().to_owned())
        })?;
    assert_eq!(one.ask::<String>("where", ()).await?, "/board-1");
    assert_eq!(two.ask::<String>("where", ()).await?, "/board-2");
    let single = io
        .of("/board-1")
        .on("say", none)
        .expect_err("it is one of a family");
    assert!(
        single.is_setup() && single.message().contains("io.of(\"/board-{n}\")"),
        "{single}"
    );
    let nowhere = io
        .of("/bored-{n}")
        .on("say", none)
        .expect_err("it is not declared");
    assert!(
        nowhere.is_no_namespace() && !nowhere.is_shown(),
        "{nowhere}"
    );
    assert_eq!(io.of("/board-1").listener_count("where"), 0);
    Ok(())
}

struct Words(Vec<&'static str>);

#[on("guess", timeout = "2s")]
async fn guess(word: String, words: State<Words>) -> bool {
    words.0.contains(&word.as_str())
}

#[on("connection")]
async fn greet(ctx: Context, words: State<Words>) -> Result<()> {
    ctx.emit("words", words.0.len())
}

#[on("swim", ns = "/pond")]
async fn swim() {}

#[on("many", concurrency = 4)]
async fn many() {}

#[tokio::test]
async fn functions_with_on_can_be_added_to_a_namespace_as_they_are() -> Result<()> {
    let server = TestServer::new(Io::new().state(Words(vec!["koi", "carp"]))).await?;
    let io = server.handle();
    assert_eq!(io.handlers(handlers![guess, greet])?.len(), 2);
    let mut ann = server.connect("/").await?;
    assert_eq!(ann.expect("words").await?.get::<usize>(0)?, 2);
    assert!(ann.ask::<bool>("guess", "koi").await?);
    let whys = [
        io.handlers(handlers![swim]).map(drop),
        io.handlers(handlers![many]).map(drop),
        io.on("connect", |_| async { Ok(()) }).map(drop),
        io.on("", |_| async { Ok(()) }).map(drop),
    ];
    let parts = [
        "belongs to `/pond`, but it is added to `/`",
        "`concurrency = 4`",
        "reserved",
        "name of an event",
    ];
    for (why, part) in whys.into_iter().zip(parts) {
        let why = why.expect_err(part);
        assert!(
            why.is_setup() && !why.is_shown() && why.message().contains(part),
            "{why}"
        );
    }
    assert_eq!(io.event_names(), ["guess", "connection"]);
    Ok(())
}

#[tokio::test]
async fn one_more_than_the_limit_is_refused_to_a_namespace_too() -> Result<()> {
    let io = Io::new().config(|config| config.socket.listeners = 1);
    let server = TestServer::new(io).await?;
    let io = server.handle();
    io.on("say", |_| async { Ok(()) })?;
    io.wrap(|_, next: Next| next.run())?;
    io.on_any(|_| {})?;
    let more = [
        io.on("sing", |_| async { Ok(()) }),
        io.wrap(|_, next: Next| next.run()),
        io.on_any(|_| {}),
    ];
    for refused in more {
        let why = refused.expect_err("one more");
        assert_eq!(why.code(), "listeners");
        assert!(
            why.message().contains("2 of them (listeners 1)") && !why.is_shown(),
            "{why}"
        );
    }
    Ok(())
}

/// Adds to a namespace what holds a handle of the server and a value.
fn add_all(server: &TestServer, held: &Arc<()>) -> Result<()> {
    let io = server.handle();
    let keep = || (io.clone(), Arc::clone(held));
    let (one, two, three) = (keep(), keep(), keep());
    io.on("say", move |_| {
        let _ = &one;
        async { Ok(()) }
    })?;
    io.wrap(move |_, next| {
        let _ = &two;
        next.run()
    })?;
    io.on_any(move |_| {
        let _ = &three;
    })?;
    assert_eq!(Arc::strong_count(held), 4);
    Ok(())
}

#[tokio::test]
async fn what_a_namespace_holds_is_dropped_at_the_end_of_a_shutdown_and_nothing_is_added_later()
-> Result<()> {
    let (held, ended) = (Arc::new(()), Arc::new(AtomicUsize::new(0)));
    let server = TestServer::new(Io::new()).await?;
    let io = server.handle();
    let ann = server.connect("/").await?;
    add_all(&server, &held)?;
    let at_the_end = Arc::clone(&ended);
    io.on("disconnect", move |_| {
        at_the_end.fetch_add(1, Ordering::Relaxed);
        async { Ok(()) }
    })?;
    server.shutdown(Duration::from_secs(5)).await;
    assert_eq!(
        ended.load(Ordering::Relaxed),
        1,
        "the shutdown ends the sockets first"
    );
    assert_eq!(Arc::strong_count(&held), 1);
    let late = io.on("say", |_| async { Ok(()) });
    assert!(late.is_err_and(|why| why.is_closed()));
    drop(ann);
    Ok(())
}

#[tokio::test]
async fn what_a_namespace_holds_is_dropped_with_a_server_that_was_not_shut_down() -> Result<()> {
    let held = Arc::new(());
    let server = TestServer::new(Io::new()).await?;
    let ann = server.connect("/").await?;
    add_all(&server, &held)?;
    drop((ann, server));
    until("what the namespace holds is dropped", || {
        Arc::strong_count(&held) == 1
    })
    .await;
    Ok(())
}
