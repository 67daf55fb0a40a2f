//! `socket.flushed()`: when a client's connection has taken what was emitted.

use std::time::Duration;

use koio::testing::TestServer;
use koio::{Context, Io, Result};
use koio_tests::until;

/// More than a connection takes that nobody reads from.
const MUCH: usize = 4_000_000;

#[tokio::test]
async fn what_a_handler_has_emitted_is_flushed_over_each_transport() -> Result<()> {
    let io = Io::new().on("many", |ctx: Context| async move {
        for number in 0..50 {
            ctx.emit("number", number)?;
            if number % 10 == 9 {
                ctx.socket().flushed().await?;
            }
        }
        Ok("all")
    });
    let server = TestServer::new(io).await?;
    for client in [server.connect("/"), server.connect("/").polling()] {
        let mut client = client.await?;
        assert_eq!(client.ask::<String>("many", ()).await?, "all");
        for number in 0..50 {
            assert_eq!(client.expect("number").await?.get::<u32>(0)?, number);
        }
        let socket = server
            .handle()
            .socket(client.id())
            .expect("it is connected");
        socket.emit("later", ())?;
        socket.flushed().await?;
        socket.flushed().await?;
        client.expect("later").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_does_not_read_is_waited_for() -> Result<()> {
    let server = TestServer::new(Io::new()).await?;
    for is_polling in [false, true] {
        let client = server.connect("/");
        let client = if is_polling { client.polling() } else { client };
        let mut client = client.await?;
        let socket = server
            .handle()
            .socket(client.id())
            .expect("it is connected");
        client.freeze();
        socket.emit("much", "x".repeat(MUCH))?;
        let waiting = socket.clone();
        let waiting = tokio::spawn(async move { waiting.flushed().await });
        // Dropped without a trace.
        let dropped = tokio::time::timeout(Duration::from_millis(50), socket.flushed()).await;
        assert!(dropped.is_err(), "it has not been read");
        assert!(!waiting.is_finished());
        for number in 0..100 {
            socket.emit("more", number)?;
        }
        client.thaw();
        until("it is flushed", || waiting.is_finished()).await;
        waiting.await??;
    }
    Ok(())
}

#[tokio::test]
async fn the_end_of_the_client_or_of_its_socket_ends_the_wait() -> Result<()> {
    let server = TestServer::new(Io::new()).await?;
    let mut client = server.connect("/").await?;
    let socket = server
        .handle()
        .socket(client.id())
        .expect("it is connected");
    client.freeze();
    socket.emit("much", "x".repeat(MUCH))?;
    let waiting = socket.clone();
    let waiting = tokio::spawn(async move { waiting.flushed().await });
    server.settle().await;
    assert!(!waiting.is_finished());
    socket.disconnect();
    assert!(waiting.await?.is_err_and(|error| error.is_closed()));
    assert!(socket.flushed().await.is_err_and(|error| error.is_closed()));
    Ok(())
}
