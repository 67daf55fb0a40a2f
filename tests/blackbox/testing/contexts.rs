//! Handlers and middleware that are called by themselves.

use std::time::Duration;

use koio::testing::{context, next};
use koio::{
    Ack, Args, Bytes, CloseReason, Context, Params, Reply, Result, State, args, ensure, on,
};
use serde_json::{Value, json};

#[derive(Default)]
struct Greeting(&'static str);

#[on("hello")]
async fn hello(ctx: Context, name: String, greeting: State<Greeting>) -> Result<String> {
    ctx.emit("you", ctx.socket().id())?;
    ctx.broadcast("came", args![&name, Bytes::from(vec![1, 2])])?;
    ctx.io()
        .of("/admin")
        .to("staff")
        .except("away")
        .emit("note", 7)?;
    ctx.emit("last", ())?;
    Ok(format!("{}, {name}", greeting.0))
}

#[tokio::test]
async fn what_a_handler_emits_can_be_looked_at_in_its_order() -> Result<()> {
    let ctx = context().build()?;
    let greeting = State::new(Greeting("good day"));
    assert_eq!(
        hello(ctx.ctx(), "ann".to_owned(), greeting).await?,
        "good day, ann"
    );
    let emitted = ctx.emitted();
    let names: Vec<_> = emitted.iter().map(|emission| emission.name()).collect();
    assert_eq!(names, ["you", "came", "note", "last"]);
    let id = ctx.socket().id();
    assert!(emitted[0].is_to(id) && emitted[3].is_to(id));
    assert!(emitted[1].is_to_all());
    assert_eq!(emitted[1].except(), [id.as_str()]);
    assert_eq!(emitted[1].get::<Bytes>(1)?, Bytes::from(vec![1, 2]));
    assert_eq!(emitted[2].namespace(), "/admin");
    assert_eq!(
        (emitted[2].rooms(), emitted[2].except()),
        (vec!["staff"], vec!["away"])
    );
    assert!(ctx.emitted().is_empty());
    Ok(())
}

#[on("slow")]
async fn slow(_: Context, ack: Ack, number: u64) {
    ack.send(number * 2);
}

#[tokio::test]
async fn an_ack_answers_the_context() -> Result<()> {
    let ctx = context().event("slow", 21).asks().build()?;
    assert!(ctx.wants_answer());
    slow(ctx.ctx(), ctx.ack()?, 21).await;
    let answer = ctx.answer().expect("an answer");
    assert_eq!(answer.get::<u64>(0)?, 42);
    assert!(ctx.answer().is_none());
    drop(ctx.ack()?);
    let quiet = context().event("slow", 21).build()?;
    slow(quiet.ctx(), quiet.ack()?, 21).await;
    assert!(quiet.answer().is_none());
    Ok(())
}

#[tokio::test]
async fn a_context_has_what_it_was_given() -> Result<()> {
    let ctx = context()
        .namespace("/room/7")
        .pattern("/room/{id}")
        .event("say", args!["hi", Bytes::from(vec![9])])
        .auth(json!({ "token": "t" }))
        .query("a", "b c")
        .header("cookie", "id=7")
        .address("203.0.113.7:5000".parse()?)
        .state(Greeting("hello"))
        .build()?;
    assert_eq!((ctx.event(), ctx.namespace()), ("say", "/room/7"));
    let mut args: Args = ctx.args()?;
    assert_eq!(args.next::<String>()?, "hi");
    assert_eq!(args.next::<Bytes>()?, Bytes::from(vec![9]));
    let handshake = ctx.handshake();
    assert_eq!(handshake.auth::<Value>()?, json!({ "token": "t" }));
    assert_eq!(handshake.query("a"), Some("b c"));
    assert!(handshake.headers().contains_key("cookie"));
    assert!(handshake.address().is_some());
    assert_eq!(ctx.state::<Greeting>()?.0, "hello");
    let mut none = ctx.args()?;
    let room = <Params<u32> as koio::FromEvent>::from_event(&ctx, &mut none).await?;
    assert_eq!(room.0, 7);
    Ok(())
}

#[tokio::test]
async fn the_life_cycle_has_contexts_too() -> Result<()> {
    let ctx = context().connection().build()?;
    assert_eq!(ctx.event(), "connection");
    assert!(ctx.socket().is_connected());
    ctx.socket().join("room")?;
    let ctx = context().disconnect(CloseReason::PingTimeout).build()?;
    assert_eq!(
        (ctx.event(), ctx.close_reason()),
        ("disconnect", Some(CloseReason::PingTimeout))
    );
    Ok(())
}

#[on("kick")]
async fn kick(ctx: Context) {
    ctx.socket().disconnect();
}

#[tokio::test]
async fn a_handler_that_disconnects_its_socket_has_done_so() -> Result<()> {
    let ctx = context().build()?;
    kick(ctx.ctx()).await;
    assert!(!ctx.socket().is_connected());
    assert!(ctx.emit("late", ()).unwrap_err().is_closed());
    Ok(())
}

async fn members(ctx: Context, next: koio::Next) -> Result<Reply> {
    ensure!(ctx.handshake().query("key") == Some("k"), "key", "no key");
    next.run().await
}

#[tokio::test]
async fn a_middleware_runs_what_is_inside_it() -> Result<()> {
    let ctx = context().event("count", ()).query("key", "k").build()?;
    let inside = next(
        &ctx,
        |ctx: Context| async move { Ok(ctx.event().to_owned()) },
    );
    let reply = members(ctx.ctx(), inside).await?;
    assert_eq!(
        reply.downcast_ref::<String>().map(String::as_str),
        Some("count")
    );
    let ctx = context().event("count", ()).build()?;
    let refused = members(ctx.ctx(), next(&ctx, |_| async { Ok(()) })).await;
    assert_eq!(refused.unwrap_err().code(), "key");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_question_to_the_contexts_own_client_ends_at_its_deadline() -> Result<()> {
    let ctx = context().build()?;
    let asked = ctx.socket().timeout(Duration::from_secs(1));
    let error = asked.emit_with_ack::<()>("sure?", ()).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert!(ctx.emitted()[0].event().wants_reply());
    Ok(())
}

#[test]
fn what_can_not_be_is_an_error_that_names_it() {
    let of = |built: Result<koio::testing::TestContext>| built.unwrap_err().message().to_owned();
    let reserved = of(context().event("disconnect", ()).build());
    assert!(reserved.contains("reserved"), "{reserved}");
    let namespace = of(context().namespace("room/7").build());
    assert!(namespace.contains("room/7"), "{namespace}");
    let pattern = of(context().namespace("/a").pattern("/room/{id}").build());
    assert!(pattern.contains("`/a` does not match"), "{pattern}");
    let header = of(context().header("bad name", "x").build());
    assert!(header.contains("bad name"), "{header}");
    let header = of(context().header("bad name", "x").auth(json!({})).build());
    assert!(header.contains("bad name"), "{header}");
}
