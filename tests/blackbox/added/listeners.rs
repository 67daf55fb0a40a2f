//! `on`, `once`, `off`, and how a socket's listeners stand beside the event table.

use koio::testing::TestServer;
use koio::{Ack, Context, Error, Io, Next, Reply, Result, State, handlers, on};
use tokio::sync::Semaphore;

use crate::record::Record;

/// Adds a listener of `event` that notes its name and answers with it.
fn add(ctx: &Context, event: &str, name: &'static str, record: &Record) -> Result<()> {
    let record = record.clone();
    ctx.socket().on(event, move |_| {
        record.push(name);
        async move { Ok(name) }
    })?;
    Ok(())
}

#[tokio::test]
async fn a_listener_takes_the_events_of_its_socket_alone_from_when_it_is_added_until_it_is_off()
-> Result<()> {
    let io = Io::new()
        .on("listen", |ctx: Context| async move {
            let id = ctx.socket().on("say", |ctx: Context| async move {
                let text: String = ctx.args()?.next()?;
                Ok(text.to_uppercase())
            })?;
            ctx.socket().set(id);
            Ok(ctx.socket().listener_count("say"))
        })
        .on("deaf", |ctx: Context| async move {
            let id = *ctx.socket().get().expect("it has listened");
            let first = ctx.socket().off(id);
            Ok([first, ctx.socket().off(id)])
        });
    let server = TestServer::new(io).await?;
    let (mut ann, mut ben) = (server.connect("/").await?, server.connect("/").await?);
    let unheard = ann.ask::<String>("say", "hi").await;
    assert_eq!(
        unheard.map_err(|error| error.code().to_owned()),
        Err("no_handler".into())
    );
    assert_eq!(ann.ask::<usize>("listen", ()).await?, 1);
    assert_eq!(ann.ask::<String>("say", "hi").await?, "HI");
    assert_eq!(ann.ask::<String>("say", "again").await?, "AGAIN");
    assert!(
        ben.ask::<String>("say", "hi")
            .await
            .is_err_and(|error| error.code() == "no_handler")
    );
    assert_eq!(ann.ask::<[bool; 2]>("deaf", ()).await?, [true, false]);
    assert!(
        ann.ask::<String>("say", "hi")
            .await
            .is_err_and(|error| error.code() == "no_handler")
    );
    Ok(())
}

#[tokio::test]
async fn a_listener_of_another_socket_cannot_be_removed_by_its_id() -> Result<()> {
    let io = Io::new().on("listen", |ctx: Context| async move {
        let id = ctx.socket().on("say", |_| async { Ok("heard") })?;
        for other in ctx.io().sockets() {
            if other != *ctx.socket() {
                assert!(!other.off(id));
            }
        }
        Ok(())
    });
    let server = TestServer::new(io).await?;
    let (mut ann, mut ben) = (server.connect("/").await?, server.connect("/").await?);
    ann.ask::<()>("listen", ()).await?;
    ben.ask::<()>("listen", ()).await?;
    assert_eq!(ann.ask::<String>("say", ()).await?, "heard");
    Ok(())
}

#[tokio::test]
async fn a_listener_for_once_runs_for_one_event_and_keeps_what_it_has_moved_in() -> Result<()> {
    let io = Io::new().on("listen", |ctx: Context| async move {
        let words = vec!["only", "once"];
        ctx.socket()
            .once("say", move |_| async move { Ok(words) })
            .map(drop)
    });
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    ann.ask::<()>("listen", ()).await?;
    assert_eq!(ann.ask::<Vec<String>>("say", ()).await?, ["only", "once"]);
    assert!(
        ann.ask::<Vec<String>>("say", ())
            .await
            .is_err_and(|error| error.code() == "no_handler")
    );
    Ok(())
}

#[tokio::test]
async fn one_for_once_runs_for_one_of_several_events_that_overlap() -> Result<()> {
    /// What a listener that runs waits for.
    struct End(Semaphore);
    let io = Io::new()
        .concurrency(8)
        .state(End(Semaphore::new(0)))
        .on("listen", |ctx: Context| async move {
            ctx.socket().once("say", |ctx: Context| async move {
                let end = ctx.state::<End>()?;
                let _permit = end.0.acquire().await?;
                Ok("heard")
            })?;
            Ok(())
        })
        .on("end", |ctx: Context| async move {
            ctx.state::<End>()?.0.add_permits(8);
            Ok(())
        });
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    ann.ask::<()>("listen", ()).await?;
    let asked: Vec<_> = (0..8).map(|_| ann.ask::<String>("say", ())).collect();
    // It starts behind the eight, while what the first of them has started runs.
    ann.ask::<()>("end", ()).await?;
    let mut heard = 0;
    for answer in asked {
        heard += usize::from(answer.await.is_ok());
    }
    assert_eq!(heard, 1);
    Ok(())
}

#[tokio::test]
async fn several_run_in_the_order_in_which_they_were_added_and_the_first_answers() -> Result<()> {
    let record = Record::default();
    let notes = record.clone();
    let io = Io::new().on("listen", move |ctx: Context| {
        let added = ["one", "two", "three"]
            .iter()
            .try_for_each(|name| add(&ctx, "say", name, &notes));
        async move { added }
    });
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    ann.ask::<()>("listen", ()).await?;
    assert_eq!(ann.ask::<String>("say", ()).await?, "one");
    assert_eq!(record.take(), ["one", "two", "three"]);
    Ok(())
}

#[tokio::test]
async fn the_table_s_handler_runs_first_and_answers_and_the_others_run_though_one_fails()
-> Result<()> {
    let record = Record::default();
    let (notes, of_table) = (record.clone(), record.clone());
    let errors = record.clone();
    let io = Io::new()
        .on_error(move |error, _| errors.push(format!("reported: {error}")))
        .on("say", move |_| {
            of_table.push("table");
            async { Ok("of the table") }
        })
        .on("listen", move |ctx: Context| {
            let notes = notes.clone();
            async move {
                ctx.socket().on("say", |_| async {
                    Err::<(), _>(Error::new("broken", "this one fails"))
                })?;
                add(&ctx, "say", "behind it", &notes)
            }
        });
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    ann.ask::<()>("listen", ()).await?;
    assert_eq!(ann.ask::<String>("say", ()).await?, "of the table");
    assert_eq!(
        record.take(),
        ["table", "reported: this one fails", "behind it"]
    );
    Ok(())
}

#[tokio::test]
async fn a_wildcard_takes_what_neither_the_table_nor_a_listener_takes() -> Result<()> {
    let record = Record::default();
    let (notes, of_table) = (record.clone(), record.clone());
    let io = Io::new()
        .on("known", |_| async { Ok("known") })
        .on("*", move |_| {
            of_table.push("* of the table");
            async { Ok("anything") }
        })
        .on("listen", move |ctx: Context| {
            let added = add(&ctx, "*", "* of the socket", &notes)
                .and_then(|()| add(&ctx, "heard", "heard", &notes));
            async move { added }
        });
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    ann.ask::<()>("listen", ()).await?;
    assert_eq!(ann.ask::<String>("known", ()).await?, "known");
    assert_eq!(ann.ask::<String>("heard", ()).await?, "heard");
    assert_eq!(record.take(), ["heard"]);
    assert_eq!(ann.ask::<String>("other", ()).await?, "anything");
    assert_eq!(record.take(), ["* of the table", "* of the socket"]);
    Ok(())
}

struct Words(Vec<&'static str>);

async fn loud(_: Context, next: Next) -> Result<Reply> {
    let reply = next.run().await?;
    Ok(match reply.downcast_ref::<String>() {
        Some(text) => Reply::new(format!("{text}!")),
        None => reply,
    })
}

#[on("word", wrap = [loud])]
async fn word(index: usize, words: State<Words>) -> Result<String> {
    let word = words.0.get(index).copied();
    word.map(str::to_owned)
        .ok_or_else(|| Error::new("no_word", "there are not so many"))
}

#[on("later")]
async fn later(ack: Ack, text: String) {
    tokio::spawn(async move { ack.send(text) });
}

#[on("slow", timeout = "10ms")]
async fn slow() {
    std::future::pending().await
}

#[tokio::test]
async fn functions_with_on_keep_their_arguments_answers_middleware_and_timeout() -> Result<()> {
    let io = Io::new()
        .state(Words(vec!["tea", "milk"]))
        .on("listen", |ctx: Context| async move {
            let ids = ctx.socket().handlers(handlers![word, later, slow])?;
            Ok(ids.len())
        });
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    assert_eq!(ann.ask::<usize>("listen", ()).await?, 3);
    assert_eq!(ann.ask::<String>("word", 1).await?, "milk!");
    let error = ann.ask::<String>("word", 7).await.expect_err("no seventh");
    assert_eq!(error.code(), "no_word");
    let error = ann.ask::<String>("word", "x").await.expect_err("no number");
    assert_eq!(error.code(), "bad_request");
    assert_eq!(ann.ask::<String>("later", "now").await?, "now");
    assert!(
        ann.ask::<()>("slow", ())
            .await
            .is_err_and(|error| error.code() == "timeout")
    );
    Ok(())
}

fn a_bug() -> Result<()> {
    panic!("a bug")
}

#[tokio::test]
async fn a_listener_that_panics_is_answered_as_internal_and_the_socket_lives() -> Result<()> {
    let io = Io::new().on("listen", |ctx: Context| async move {
        ctx.socket().on("say", |_| async { a_bug() })?;
        Ok(())
    });
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    ann.ask::<()>("listen", ()).await?;
    assert!(
        ann.ask::<()>("say", ())
            .await
            .is_err_and(|error| error.code() == "internal")
    );
    ann.ask::<()>("listen", ()).await
}

#[on("elsewhere", ns = "/other")]
async fn elsewhere() {}

#[on("busy", concurrency = 4)]
async fn busy() {}

#[on("connection")]
async fn connection() {}

#[tokio::test]
async fn what_cannot_be_added_is_an_error_that_its_client_does_not_see() -> Result<()> {
    let io = Io::new().on("try", |ctx: Context| async move {
        let socket = ctx.socket();
        let noop = |_: Context| async { Ok(()) };
        let long = "e".repeat(10_000);
        let names = [
            "",
            "connection",
            "connect",
            "disconnecting",
            "newListener",
            &long,
        ];
        let mut whys: Vec<String> = Vec::new();
        for name in names {
            let error = socket.on(name, noop).expect_err(name);
            assert!(error.is_setup(), "{error}");
            whys.push(error.message().to_owned());
        }
        for handlers in [handlers![elsewhere], handlers![busy], handlers![connection]] {
            let error = socket.handlers(handlers).expect_err("a contradiction");
            assert!(error.is_setup(), "{error}");
            whys.push(error.message().to_owned());
        }
        assert_eq!(socket.listener_count("busy"), 0);
        Ok(whys)
    });
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    let whys: Vec<String> = ann.ask("try", ()).await?;
    let expected = [
        "needs the name",
        "connection",
        "reserved",
        "`disconnect`, where",
        "reserved",
        "(packets.event 255)",
        "belongs to `/other`",
        "`concurrency = 4`",
        "`connection`",
    ];
    for (why, expected) in whys.iter().zip(expected) {
        assert!(why.contains(expected), "{why}: {expected}");
    }
    Ok(())
}

#[tokio::test]
async fn one_more_than_the_limit_is_refused_and_names_it() -> Result<()> {
    let io = Io::new().config(|config| config.socket.listeners = 2).on(
        "listen",
        |ctx: Context| async move {
            let noop = |_: Context| async { Ok(()) };
            ctx.socket().on("say", noop)?;
            ctx.socket().on("say", noop)?;
            let error = ctx.socket().on("say", noop).expect_err("the third");
            assert_eq!(error.code(), "listeners");
            assert!(!error.is_shown());
            let off = ctx.socket().off_all("say");
            Ok((error.message().to_owned(), off))
        },
    );
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    let (why, off): (String, usize) = ann.ask("listen", ()).await?;
    assert!(why.contains("3 of them (listeners 2)"), "{why}");
    assert_eq!(off, 2);
    Ok(())
}
