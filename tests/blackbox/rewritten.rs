//! Middleware that gives an event another name, or other arguments.

use koio::testing::TestServer;
use koio::{
    Ack, Bytes, Context, Io, Namespace, Next, Reply, Result, args, handlers,
    middleware::{BoxMiddleware, compose},
    on,
};

use crate::record::Record;

/// Old names of events, as `old:new`.
async fn old_names(ctx: Context, next: Next) -> Result<Reply> {
    match ctx.event().split_once(':') {
        Some((_, new)) => next.rename(new)?.run().await,
        None => next.run().await,
    }
}

async fn marked(ctx: Context, next: Next) -> Result<Reply> {
    ctx.set(format!("marked {}", ctx.event()));
    next.run().await
}

#[on("new", wrap = [marked])]
async fn new_name(ctx: Context, number: u32) -> String {
    let mark: String = ctx.get().expect("its own middleware has run");
    format!("{} {number} {mark}", ctx.event())
}

#[on("old")]
async fn old_name() -> String {
    "old".to_owned()
}

#[on("later")]
async fn later(ack: Ack, text: String) {
    tokio::spawn(async move { ack.send(text) });
}

#[on("late")]
async fn late(ctx: Context, _ack: Ack) -> Result<()> {
    koio::bail!("late", "{} is late", ctx.event())
}

#[on("*")]
async fn any(ctx: Context) -> String {
    format!("any {}", ctx.event())
}

#[tokio::test]
async fn a_renamed_event_runs_the_handlers_of_its_new_name_and_is_answered_once() -> Result<()> {
    let record = Record::default();
    let outside = record.clone();
    let io = Io::new()
        .wrap(move |ctx: Context, next: Next| {
            let record = outside.clone();
            async move {
                let reply = next.run().await;
                record.push(format!("{} {:?}", ctx.event(), ctx.get::<String>()));
                reply
            }
        })
        .wrap(old_names)
        .wrap(|ctx: Context, next: Next| async move {
            koio::ensure!(ctx.event() != "closed", "closed", "not here");
            next.run().await
        })
        .handlers(handlers![new_name, old_name, later, late, any]);
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    record.take();
    assert_eq!(ann.ask::<String>("old:new", 7).await?, "new 7 marked new");
    assert_eq!(
        record.take(),
        ["old:new Some(\"marked new\")"],
        "values are shared"
    );
    assert_eq!(ann.ask::<String>("new:old", ()).await?, "old");
    assert_eq!(ann.ask::<String>("x:later", "in time").await?, "in time");
    assert_eq!(ann.ask::<String>("x:what", ()).await?, "any what");
    assert_eq!(ann.ask::<String>("x:*", ()).await?, "any *");
    let errors = [
        ("x:late", "late"),
        ("x:new", "bad_request"),
        ("x:closed", "closed"),
    ];
    for (event, code) in errors {
        let failed = ann.ask::<()>(event, ()).await.expect_err(event);
        assert_eq!(failed.code(), code);
    }
    let reserved = ann
        .ask::<()>("x:disconnect", ())
        .await
        .expect_err("a reserved name");
    assert_eq!(
        (reserved.code(), reserved.message()),
        ("internal", "internal error")
    );
    assert_eq!(server.handle().counts().second_answers, 0);
    assert_eq!(ann.received().await.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_new_name_that_nothing_handles_is_told_so() -> Result<()> {
    let server = TestServer::new(Io::new().wrap(old_names)).await?;
    let mut ann = server.connect("/").await?;
    let failed = ann
        .ask::<()>("x:nothing", ())
        .await
        .expect_err("no handler");
    assert_eq!(failed.code(), "no_handler");
    assert!(failed.message().contains("`nothing`"), "{failed}");
    Ok(())
}

#[tokio::test]
async fn every_place_of_middleware_can_rename_but_that_of_one_handler() -> Result<()> {
    let both = compose([BoxMiddleware::new(marked), BoxMiddleware::new(old_names)]);
    let io = Io::new()
        .layer(tower::layer::util::Identity::new())
        .namespace(
            "/composed",
            Namespace::new()
                .wrap(both)
                .handlers(handlers![new_name, old_name]),
        )
        .namespace(
            "/added",
            Namespace::new().handlers(handlers![new_name, old_name]),
        )
        .namespace(
            "/one",
            Namespace::new().on("whoever", |_: Context| async { Ok("the handler") }),
        );
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/composed").await?;
    assert_eq!(ann.ask::<String>("x:new", 1).await?, "new 1 marked new");

    let (mut ben, added) = (
        server.connect("/added").await?,
        server.handle().of("/added"),
    );
    let socket = added.socket(ben.id()).expect("it is connected");
    let of_socket = socket.wrap(old_names)?;
    added.on("new", |_| async { Ok("not the first") })?;
    socket.on("mine", |ctx: Context| async move {
        Ok(format!("mine as {}", ctx.event()))
    })?;
    assert_eq!(ben.ask::<String>("x:new", 2).await?, "new 2 marked new");
    assert_eq!(ben.ask::<String>("x:mine", ()).await?, "mine as mine");
    socket.off(of_socket);
    added.wrap(old_names)?;
    assert_eq!(ben.ask::<String>("x:mine", ()).await?, "mine as mine");

    let one = server.handle().of("/one");
    let mut cid = server.connect("/one").await?;
    #[on("x:own", wrap = [old_names])]
    async fn own() {}
    one.handlers(handlers![own])?;
    let refused = cid.ask::<()>("x:own", ()).await.expect_err("it is chosen");
    assert_eq!(refused.code(), "internal");
    Ok(())
}

#[tokio::test]
async fn a_middleware_of_one_handler_is_told_why_it_cannot_rename() -> Result<()> {
    let record = Record::default();
    let errors = record.clone();
    #[on("x:own", wrap = [old_names])]
    async fn own() {}
    let io = Io::new()
        .on_error(move |error, _| errors.push(format!("{} {}", error.code(), error.message())))
        .wrap(|ctx: Context, next: Next| async move {
            match ctx.event() {
                "connection" => next.with_args("no event")?.run().await,
                _ => next.run().await,
            }
        })
        .handlers(handlers![own]);
    let server = TestServer::new(io).await?;
    assert!(server.connect("/").await.is_err());
    assert!(record.take()[0].contains("setup `connection` can't be rewritten"));
    let io = Io::new().handlers(handlers![own]);
    let errors = record.clone();
    let io =
        io.on_error(move |error, _| errors.push(format!("{} {}", error.code(), error.message())));
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    assert!(ann.ask::<()>("x:own", ()).await.is_err());
    let why = record.take();
    assert!(
        why[0].contains("setup") && why[0].contains("around one handler alone"),
        "{why:?}"
    );
    Ok(())
}

#[on("say")]
async fn say(ctx: Context, text: String, bytes: Option<Bytes>) -> Result<(String, usize)> {
    ctx.emit("said", &text)?;
    Ok((text, bytes.map_or(0, |bytes| bytes.len())))
}

#[tokio::test]
async fn other_arguments_are_those_of_what_is_inside_binary_included() -> Result<()> {
    let record = Record::default();
    let outside = record.clone();
    let io = Io::new()
        .wrap(move |ctx: Context, next: Next| {
            let record = outside.clone();
            async move {
                let reply = next.run().await;
                if ctx.event() == "say" {
                    record.push(ctx.args()?.next::<String>()?);
                }
                reply
            }
        })
        .wrap(|ctx: Context, next: Next| async move {
            if ctx.event() != "say" {
                return next.run().await;
            }
            let text: String = ctx.args()?.next()?;
            let next = next.with_args(args![text.trim(), Bytes::from_static(b"four")])?;
            next.run().await
        })
        .handlers(handlers![say]);
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    let answer = ann.ask::<(String, usize)>("say", "  hi ").await?;
    assert_eq!(answer, ("hi".to_owned(), 4));
    assert_eq!(ann.expect("said").await?.get::<String>(0)?, "hi");
    assert_eq!(record.take(), ["  hi "]);
    Ok(())
}

#[tokio::test]
async fn name_and_arguments_can_be_changed_again_and_again() -> Result<()> {
    let io = Io::new()
        .wrap(|ctx: Context, next: Next| async move {
            match ctx.event() {
                "a" => next.rename("b")?.with_args("b")?.rename("say")?.run().await,
                _ => next.run().await,
            }
        })
        .wrap(|ctx: Context, next: Next| async move {
            match ctx.event() {
                "say" => {
                    next.with_args(format!("{}!", ctx.args()?.next::<String>()?))?
                        .run()
                        .await
                }
                _ => next.run().await,
            }
        })
        .handlers(handlers![say]);
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    assert_eq!(ann.ask::<(String, usize)>("a", ()).await?.0, "b!");
    ann.emit("a", ()).await?;
    ann.expect("said").await?;
    assert_eq!(ann.expect("said").await?.get::<String>(0)?, "b!");
    Ok(())
}
