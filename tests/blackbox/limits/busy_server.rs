//! `full` and `slow consumer` are for clients that do not read, never for those of a server that was busy emitting.
//!
//! Server and clients share one thread, so that no client reads while the server emits in a loop.

use std::time::Duration;

use futures_util::future::join_all;
use koio::{Context, Io, IoHandle, Socket, handlers, on};
use koio_tests::{Client, Running, Transport, client, serve, within};
use tokio::time::timeout;

#[on("first small, then large")]
async fn first_small(ctx: Context) -> koio::Result<()> {
    ctx.emit("small", 1)?;
    ctx.emit("large", "x".repeat(1_060_000))
}

#[on("small for me, large for all")]
async fn large_for_all(ctx: Context) -> koio::Result<()> {
    ctx.emit("small", 1)?;
    ctx.io().broadcast("large", "x".repeat(2_000_000))
}

#[on("many")]
async fn many(ctx: Context, count: u64) -> koio::Result<()> {
    for number in 0..count {
        ctx.emit("n", number)?;
    }
    Ok(())
}

#[on("many for all")]
async fn many_for_all(ctx: Context, count: u64, length: usize) -> koio::Result<()> {
    emit_to_all(&ctx.io().clone(), count, length)
}

/// The caller tells everybody else.
#[on("tell")]
async fn tell(ctx: Context, text: String) -> koio::Result<()> {
    ctx.to("readers").emit("told", text)
}

#[on("read")]
async fn read(ctx: Context) -> koio::Result<()> {
    ctx.socket().join("readers")
}

#[on("history")]
async fn history(ctx: Context, count: u64) -> koio::Result<()> {
    send_history(ctx.socket(), count).await
}

async fn send_history(socket: &Socket, count: u64) -> koio::Result<()> {
    for number in 0..count {
        while let Err(error) = socket.emit("n", number) {
            if !error.is_full() {
                return Err(error);
            }
            socket.ready().await?;
        }
    }
    Ok(())
}

fn emit_to_all(io: &IoHandle, count: u64, length: usize) -> koio::Result<()> {
    let text = "x".repeat(length);
    (0..count).try_for_each(|number| io.broadcast("n", koio::args![number, &text]))
}

async fn server() -> Running {
    let all = handlers![
        first_small,
        large_for_all,
        many,
        many_for_all,
        tell,
        read,
        history
    ];
    serve(Io::new().handlers(all)).await
}

async fn clients(server: &Running, transport: Transport, count: usize) -> Vec<Client> {
    let connect = || Client::connect(server.target(), transport);
    join_all((0..count).map(|_| connect())).await
}

/// The client gets `event` with each of these numbers first, in order.
async fn expect_numbers(client: &mut Client, count: u64) {
    for number in 0..count {
        let text = client.text().await;
        let rest = text.strip_prefix(r#"42["n","#);
        let got = rest.and_then(|rest| rest.split([',', ']']).next());
        assert_eq!(got, Some(number.to_string().as_str()), "{text:.40}");
    }
}

fn assert_nobody_was_cut(server: &Running) {
    assert_eq!(server.handle.counts().slow_consumers, 0);
}

#[tokio::test]
async fn a_large_event_behind_a_small_one_is_queued() {
    for transport in client::BOTH {
        let server = server().await;
        let mut client = Client::connect(server.target(), transport).await;
        client.send(r#"421["first small, then large"]"#).await;
        client.expect(r#"42["small",1]"#).await;
        assert_eq!(
            client.text().await.len(),
            1_060_000 + r#"42["large",""]"#.len()
        );
        client.expect("431[]").await;
    }
}

#[tokio::test]
async fn a_large_broadcast_reaches_the_client_whose_event_caused_it() {
    for transport in client::BOTH {
        let server = server().await;
        let mut other = Client::connect(server.target(), transport).await;
        let mut client = Client::connect(server.target(), transport).await;
        client.send(r#"421["small for me, large for all"]"#).await;
        client.expect(r#"42["small",1]"#).await;
        for client in [&mut client, &mut other] {
            assert_eq!(
                client.text().await.len(),
                2_000_000 + r#"42["large",""]"#.len()
            );
        }
        client.expect("431[]").await;
        assert_nobody_was_cut(&server);
    }
}

#[tokio::test]
async fn a_handler_may_emit_five_thousand_events_in_a_loop() {
    for transport in client::BOTH {
        let server = server().await;
        let mut client = Client::connect(server.target(), transport).await;
        client.send(r#"421["many",5000]"#).await;
        expect_numbers(&mut client, 5_000).await;
        client.expect("431[]").await;
    }
}

/// Everybody gets all of so many broadcasts, from a handler or from outside.
async fn assert_all_get(polling: usize, websocket: usize, count: u64, length: usize) {
    for from_handler in [false, true] {
        let server = server().await;
        let mut all = clients(&server, Transport::Polling, polling).await;
        all.extend(clients(&server, Transport::WebSocket, websocket).await);
        if from_handler {
            let last = all.last_mut().expect("a client");
            last.send(format!(r#"42["many for all",{count},{length}]"#))
                .await;
        } else {
            emit_to_all(&server.handle, count, length).expect("nobody's fault");
        }
        join_all(all.iter_mut().map(|client| expect_numbers(client, count))).await;
        assert_nobody_was_cut(&server);
    }
}

#[tokio::test]
async fn a_loop_of_1_100_broadcasts_reaches_ten_clients() {
    assert_all_get(0, 10, 1_100, 1_000).await;
}

#[tokio::test]
async fn a_loop_of_2_000_broadcasts_reaches_twenty_clients_of_whom_ten_poll() {
    assert_all_get(10, 10, 2_000, 1_000).await;
}

/// Clients that read get more than the second mark: the connection is tried before one of them is cut.
#[cfg(not(koio_slow_twins))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_of_broadcasts_beyond_the_second_mark_reaches_clients_that_read() {
    let io = Io::new().config(|config| {
        config.engine.send_queue_bytes = 64 * 1024;
        config.engine.send_queue_hard = 128 * 1024;
    });
    let server = serve(io).await;
    let all = clients(&server, Transport::WebSocket, 3).await;
    let reading = all
        .into_iter()
        .map(|mut client| tokio::spawn(async move { expect_numbers(&mut client, 1_500).await }));
    let reading: Vec<_> = reading.collect();
    // The thread of this task polls no network meanwhile.
    for number in 0..1_500 {
        let text = "x".repeat(1_000);
        server
            .handle
            .broadcast("n", koio::args![number, text])
            .expect("nobody's fault");
        std::thread::sleep(Duration::from_micros(20));
    }
    for reading in reading {
        within("all events", reading)
            .await
            .expect("a client that reads all");
    }
    assert_nobody_was_cut(&server);
}

#[tokio::test]
async fn sixteen_clients_that_each_send_264_kb_to_a_room_close_no_reader() {
    for transport in client::BOTH {
        let server = server().await;
        let mut readers = clients(&server, transport, 20).await;
        for reader in &mut readers {
            reader.send(r#"421["read"]"#).await;
            reader.expect("431[]").await;
        }
        let senders = clients(&server, Transport::WebSocket, 16).await;
        let text = "x".repeat(264_000);
        let send = |mut sender: Client| {
            let event = format!(r#"42["tell","{text}"]"#);
            async move {
                sender.send(event).await;
                sender
            }
        };
        let _senders = join_all(senders.into_iter().map(send)).await;
        join_all(readers.iter_mut().map(async |reader| {
            for _ in 0..16 {
                assert_eq!(
                    reader.text().await.len(),
                    264_000 + r#"42["told",""]"#.len()
                );
            }
        }))
        .await;
        assert_nobody_was_cut(&server);
    }
}

#[tokio::test]
async fn a_history_of_100_000_events_is_sent_with_ready_from_a_handler_and_from_a_task() {
    const COUNT: u64 = 100_000;
    for transport in client::BOTH {
        let server = server().await;
        let mut client = Client::connect(server.target(), transport).await;
        client.send(format!(r#"421["history",{COUNT}]"#)).await;
        expect_numbers(&mut client, COUNT).await;
        client.expect("431[]").await;

        let socket = server.handle.sockets().pop().expect("a socket");
        let sending = tokio::spawn(async move { send_history(&socket, COUNT).await });
        expect_numbers(&mut client, COUNT).await;
        let sent = within("the end of the loop", sending).await;
        sent.expect("no panic").expect("a client that reads");
        assert_nobody_was_cut(&server);
    }
}

/// Emits an event that waits behind what the connection has taken over: until then there is no room for it.
async fn emit_behind(socket: &Socket) {
    let emitted = async {
        while socket.emit("small", ()).is_err() {
            tokio::task::yield_now().await;
        }
    };
    within("room for an event", emitted).await;
}

#[tokio::test]
async fn ready_is_refused_when_the_client_leaves_the_namespace_and_its_connection_goes_on() {
    let io = Io::new().config(|config| config.engine.send_queue_bytes = 1);
    let server = serve(io).await;
    let mut client = Client::connect(server.target(), Transport::WebSocket).await;
    let socket = server.handle.sockets().pop().expect("a socket");
    socket
        .emit("large", "x".repeat(20_000_000))
        .expect("nothing waits");
    emit_behind(&socket).await;
    let waits = socket.ready();
    tokio::pin!(waits);
    let early = timeout(Duration::from_millis(50), &mut waits).await;
    assert!(early.is_err());
    client.send("41").await;
    // Far less than `write_timeout`, with which the session ends.
    let ended = timeout(Duration::from_secs(5), waits).await;
    let ended = ended.expect("the end of the wait");
    assert!(ended.is_err_and(|error| error.is_closed()));
}

#[tokio::test]
async fn ready_is_refused_when_the_client_goes_while_it_waits() {
    for transport in client::BOTH {
        let io = Io::new().config(|config| config.engine.send_queue_bytes = 1);
        let server = serve(io).await;
        let mut client = Client::connect(server.target(), transport).await;
        let socket = server.handle.sockets().pop().expect("a socket");
        socket.ready().await.expect("nothing waits");
        // Far more than the network between them holds.
        socket
            .emit("large", "x".repeat(20_000_000))
            .expect("nothing waits");
        // Over polling the large event itself waits, for a poll.
        if transport == Transport::WebSocket {
            emit_behind(&socket).await;
        }
        let waits = socket.ready();
        tokio::pin!(waits);
        assert!(
            timeout(Duration::from_millis(50), &mut waits)
                .await
                .is_err()
        );
        client.try_send("1").await;
        let ended = within("the end of the wait", waits).await;
        assert!(ended.is_err_and(|error| error.is_closed()));
        let again = socket.ready().await;
        assert!(again.is_err_and(|error| error.is_closed()));
    }
}
