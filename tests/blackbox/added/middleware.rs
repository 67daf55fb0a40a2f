//! The middleware of one socket.

use koio::testing::TestServer;
use koio::{Context, Io, Namespace, Next, Reply, Result, ensure};

use crate::record::Record;

fn noting(name: &'static str, record: &Record) -> impl koio::Middleware + use<> {
    let record = record.clone();
    move |ctx: Context, next: Next| {
        if ctx.event() != "connection" && ctx.event() != "disconnect" {
            record.push(format!("{name} {}", ctx.event()));
        }
        next.run()
    }
}

#[tokio::test]
async fn it_is_inside_that_of_the_server_and_of_the_namespace_and_around_the_handlers() -> Result<()>
{
    let record = Record::default();
    let (of_socket, of_handler) = (record.clone(), record.clone());
    let chat = Namespace::new()
        .wrap(noting("namespace", &record))
        .on("wrap", move |ctx: Context| {
            let added = ctx.socket().wrap(noting("outer", &of_socket));
            let added = added.and(ctx.socket().wrap(noting("inner", &of_socket)));
            async move { added.map(drop) }
        })
        .on("say", move |_| {
            of_handler.push("handler");
            async { Ok(()) }
        });
    let io = Io::new()
        .wrap(noting("server", &record))
        .namespace("/chat", chat);
    let server = TestServer::new(io).await?;
    let (mut ann, mut ben) = (
        server.connect("/chat").await?,
        server.connect("/chat").await?,
    );
    ann.ask::<()>("wrap", ()).await?;
    record.take();
    ann.ask::<()>("say", ()).await?;
    assert_eq!(
        record.take(),
        [
            "server say",
            "namespace say",
            "outer say",
            "inner say",
            "handler"
        ]
    );
    ben.ask::<()>("say", ()).await?;
    assert_eq!(record.take(), ["server say", "namespace say", "handler"]);
    assert!(
        ann.ask::<()>("nobody", ())
            .await
            .is_err_and(|error| error.code() == "no_handler")
    );
    assert_eq!(
        record.take(),
        [
            "server nobody",
            "namespace nobody",
            "outer nobody",
            "inner nobody"
        ]
    );
    Ok(())
}

#[tokio::test]
async fn it_can_refuse_an_event_and_change_its_answer_until_it_is_off() -> Result<()> {
    let io = Io::new()
        .on("mute", |ctx: Context| async move {
            let muted = ctx.socket().wrap(|ctx: Context, next: Next| async move {
                ensure!(ctx.event() != "say", "muted", "you may listen");
                next.run().await?;
                Ok(Reply::new("changed"))
            })?;
            ctx.socket().set(muted);
            Ok(())
        })
        .on("unmute", |ctx: Context| async move {
            Ok(ctx.socket().get().is_some_and(|id| ctx.socket().off(*id)))
        })
        .on("say", |_| async { Ok("said") })
        .on("listen", |ctx: Context| async move {
            // What a middleware keeps from it does not use it up.
            ctx.socket().once("say", |_| async { Ok(()) })?;
            Ok(ctx.socket().listener_count("say"))
        });
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    ann.ask::<usize>("listen", ()).await?;
    ann.ask::<()>("mute", ()).await?;
    let error = ann.ask::<String>("say", ()).await.expect_err("it is muted");
    assert_eq!(error.code(), "muted");
    assert_eq!(ann.ask::<String>("listen", ()).await?, "changed");
    assert_eq!(ann.ask::<String>("unmute", ()).await?, "changed");
    assert_eq!(ann.ask::<String>("say", ()).await?, "said");
    assert_eq!(ann.ask::<usize>("listen", ()).await?, 1);
    Ok(())
}
