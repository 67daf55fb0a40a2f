//! When what is added to a socket comes and goes.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use koio::testing::TestServer;
use koio::{CloseReason, Context, Error, Io, Next, Reply, Result, Socket};
use koio_tests::until;

use crate::record::Record;

#[tokio::test]
async fn a_middleware_around_the_connection_may_add_listeners_and_the_first_event_finds_them()
-> Result<()> {
    async fn listening(ctx: Context, next: Next) -> Result<Reply> {
        if ctx.event() == "connection" {
            ctx.socket().on("first", |_| async { Ok("heard") })?;
        }
        next.run().await
    }
    let server = TestServer::new(Io::new().wrap(listening)).await?;
    let mut ann = server.connect("/").await?;
    assert_eq!(ann.ask::<String>("first", ()).await?, "heard");
    Ok(())
}

#[tokio::test]
async fn a_listener_of_disconnect_runs_behind_the_handler_of_the_table_and_knows_the_rooms()
-> Result<()> {
    let record = Record::default();
    let (of_table, of_socket) = (record.clone(), record.clone());
    let io = Io::new()
        .on("connection", move |ctx: Context| {
            let record = of_socket.clone();
            async move {
                ctx.socket().join("tea")?;
                ctx.socket().once("disconnect", |ctx: Context| async move {
                    let rooms = ctx.socket().rooms();
                    let reason = ctx.close_reason();
                    record.push(format!(
                        "{rooms:?} {}",
                        reason == Some(CloseReason::ClientNamespaceDisconnect)
                    ));
                    Ok(())
                })?;
                Ok(())
            }
        })
        .on("disconnect", move |_| {
            of_table.push("table");
            async { Ok(()) }
        });
    let server = TestServer::new(io).await?;
    server.connect("/").await?.disconnect().await?;
    assert_eq!(
        record.reach(2).await,
        [
            "table".to_owned(),
            format!("{:?} true", [koio::Room::from("tea")])
        ]
    );
    Ok(())
}

#[tokio::test]
async fn a_client_cannot_send_what_runs_the_listeners_of_its_end() -> Result<()> {
    let record = Record::default();
    let notes = record.clone();
    let io = Io::new().on("listen", move |ctx: Context| {
        let record = notes.clone();
        let added = ctx.socket().on("disconnect", move |_| {
            record.push("ended");
            async { Ok(()) }
        });
        async move { added.map(drop) }
    });
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    ann.ask::<()>("listen", ()).await?;
    let _ = ann.emit("disconnect", ()).await;
    server.settle().await;
    assert!(record.lines().len() <= 1, "{:?}", record.lines());
    Ok(())
}

/// A value that listeners hold; how many hold it can be seen.
#[tokio::test]
async fn what_listeners_hold_is_dropped_at_the_end_of_their_socket_though_they_hold_that_too()
-> Result<()> {
    let held = Arc::new(());
    let holds = Arc::clone(&held);
    let io = Io::new().on("listen", move |ctx: Context| {
        let (socket, held) = (ctx.socket().clone(), Arc::clone(&holds));
        async move {
            let keep = move || (socket.clone(), Arc::clone(&held));
            let (one, two, three, four) = (keep(), keep(), keep(), keep());
            ctx.socket().on("say", move |_| {
                let _ = &one;
                async { Ok(()) }
            })?;
            ctx.socket().wrap(move |_, next| {
                let _ = &two;
                next.run()
            })?;
            ctx.socket().on_any(move |_| {
                let _ = &three;
            })?;
            ctx.socket().on_any_outgoing(move |_| {
                let _ = &four;
            })?;
            drop(keep);
            Ok(())
        }
    });
    let server = TestServer::new(io).await?;
    let mut ann = server.connect("/").await?;
    ann.ask::<()>("listen", ()).await?;
    let socket = server.handle().socket(ann.id()).expect("it is connected");
    assert_eq!(Arc::strong_count(&held), 6);
    ann.close().await;
    until("what listeners hold is dropped", || {
        Arc::strong_count(&held) == 2
    })
    .await;
    let late = [
        socket.on("say", |_| async { Ok(()) }),
        socket.wrap(|_, next: Next| next.run()),
        socket.on_any(|_| {}),
        socket.on_any_outgoing(|_| {}),
    ];
    for refused in late {
        assert!(refused.is_err_and(|error: Error| error.is_closed()));
    }
    Ok(())
}

/// Asks its socket for something when it is dropped, and notes whether it was answered.
struct AsksAtItsEnd(Socket, Record);

impl Drop for AsksAtItsEnd {
    fn drop(&mut self) {
        let (socket, (answer, answered)) = (self.0.clone(), mpsc::channel());
        // In a thread of its own: one that waits for a lock which this one holds would wait for ever.
        std::thread::spawn(move || answer.send(socket.recovered()));
        let answered = answered.recv_timeout(Duration::from_secs(5));
        self.1.push(format!("{answered:?}"));
    }
}

#[tokio::test]
async fn what_a_refused_listener_holds_may_use_its_socket_when_it_is_dropped() -> Result<()> {
    let io = Io::new().config(|config| config.socket.listeners = 1);
    let server = TestServer::new(io).await?;
    let ann = server.connect("/").await?;
    let socket = server.handle().socket(ann.id()).expect("it is connected");
    let ends = Record::default();
    socket.on("say", |_| async { Ok(()) })?;
    socket.wrap(|_, next| next.run())?;
    socket.on_any(|_| {})?;
    socket.on_any_outgoing(|_| {})?;
    let keep = || AsksAtItsEnd(socket.clone(), ends.clone());
    let (one, two, three, four) = (keep(), keep(), keep(), keep());
    let refused = [
        socket.on("say", move |_| {
            let _ = &one;
            async { Ok(()) }
        }),
        socket.wrap(move |_, next| {
            let _ = &two;
            next.run()
        }),
        socket.on_any(move |_| {
            let _ = &three;
        }),
        socket.on_any_outgoing(move |_| {
            let _ = &four;
        }),
    ];
    for refused in refused {
        assert!(refused.is_err_and(|error| error.code() == "listeners"));
    }
    assert_eq!(ends.lines(), ["Ok(false)"; 4]);
    Ok(())
}
