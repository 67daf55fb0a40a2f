//! The second one.

use koio::{Context, Result, State, on, testing};

struct Greeting(&'static str);

#[on("hello")]
async fn hello(ctx: Context, name: String, greeting: State<Greeting>) -> Result<String> {
    ctx.to("lobby").emit("came", &name)?;
    Ok(format!("{}, {name}", greeting.0))
}

#[tokio::test]
async fn a_greeting_tells_the_lobby() -> Result<()> {
    let ctx = testing::context().query("lang", "en").build()?;
    let answer = hello(
        ctx.ctx(),
        "ann".to_owned(),
        State::new(Greeting("good day")),
    )
    .await?;
    assert_eq!(answer, "good day, ann");
    let emitted = ctx.emitted();
    assert_eq!(
        (emitted[0].name(), emitted[0].rooms()),
        ("came", vec!["lobby"])
    );
    Ok(())
}
