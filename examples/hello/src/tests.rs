//! Handlers as functions, and a server without a network: `cargo test -p hello`.

use koio::testing::{self, TestServer};
use std::collections::HashMap;

use super::*;

#[tokio::test]
async fn everybody_hears_a_message() -> Result<()> {
    let io = Io::new()
        .wrap(timing)
        .handlers(handlers![connected, send_msg]);
    let server = TestServer::new(io).await?;
    let (mut ann, mut ben) = (server.connect("/").await?, server.connect("/").await?);
    let msg = HashMap::from([("newAccount", "cat")]);
    ann.emit("sendMsg", msg).await?;
    for client in [&mut ann, &mut ben] {
        client.expect("msg1").await?;
        assert_eq!(client.expect("allmessage").await?.get::<String>(0)?, "cat");
        client.expect_nothing().await;
    }
    Ok(())
}

#[tokio::test]
async fn a_handler_is_a_function() -> Result<()> {
    let ctx = testing::context().build()?;
    let msg = SendMsg {
        new_account: "cat".to_owned(),
    };
    send_msg(ctx.ctx(), msg).await?;
    let names: Vec<_> = ctx
        .emitted()
        .iter()
        .map(|event| event.name().to_owned())
        .collect();
    assert_eq!(names, ["msg1", "allmessage"]);
    Ok(())
}
