//! How long what a program gives to a server lives: as long as the server, and no longer.

use std::sync::Arc;
use std::time::Duration;

use koio::{Io, IoHandle, Result, Socket, State, handlers, on};
use koio_tests::{Client, PATIENCE, Target, Transport, client, serve, within};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// A state that knows the server and keeps a socket of it, as programs do.
struct Kept {
    io: IoHandle,
    sockets: mpsc::UnboundedSender<Socket>,
    _alive: watch::Receiver<()>,
}

/// Sees the end of a [`Kept`].
struct Fate {
    alive: watch::Sender<()>,
    /// Never read: a socket that somebody keeps must not keep the server.
    _sockets: mpsc::UnboundedReceiver<Socket>,
}

impl Fate {
    fn is_dropped(&self) -> bool {
        self.alive.is_closed()
    }

    /// Sessions and connections are tasks of their own, and end a moment after the server.
    async fn dropped(&self) {
        within("the state to be dropped", self.alive.closed()).await;
    }
}

#[on("connection")]
async fn connected(socket: Socket, kept: State<Kept>) {
    kept.sockets.send(socket).ok();
}

#[on("hit")]
async fn hit(kept: State<Kept>) -> Result<()> {
    kept.io.broadcast("hit", ())
}

/// A server whose state knows the server.
fn io() -> (Io, Fate) {
    let (alive, receiver) = watch::channel(());
    let (sockets, kept) = mpsc::unbounded_channel();
    let io = Io::new();
    let state = Kept {
        io: io.handle(),
        sockets,
        _alive: receiver,
    };
    let fate = Fate {
        alive,
        _sockets: kept,
    };
    (io.state(state).handlers(handlers![connected, hit]), fate)
}

async fn assert_hits(client: &mut Client) {
    client.send(r#"42["hit"]"#).await;
    client.expect(r#"42["hit"]"#).await;
}

#[tokio::test]
async fn a_server_that_never_ran_drops_its_state() {
    let (io, fate) = io();
    let server = io.bind("127.0.0.1:0").await.expect("a server");
    let handle = server.handle();
    assert!(!fate.is_dropped());
    drop(server);
    assert!(fate.is_dropped());
    // The handle that is left means nobody.
    handle.broadcast("hit", ()).expect("nobody's fault");
    assert_eq!(handle.shutdown(PATIENCE).await.answered, 0);
}

#[tokio::test]
async fn a_server_that_can_not_start_drops_its_state() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (io, fate) = self::io();
    let address = taken.local_addr().expect("an address");
    io.bind(address).await.expect_err("the port is taken");
    assert!(fate.is_dropped());

    let (io, fate) = self::io();
    io.path("chat").try_into_layer().expect_err("no path");
    assert!(fate.is_dropped());
}

#[tokio::test]
async fn a_layer_or_service_drops_its_state_with_its_last_clone() {
    let (io, fate) = self::io();
    let service = io.into_service();
    let clone = service.clone();
    drop(service);
    assert!(!fate.is_dropped());
    drop(clone);
    assert!(fate.is_dropped());

    let (io, fate) = self::io();
    let layer = io.into_layer();
    let app: axum::Router = axum::Router::new().layer(layer.clone());
    drop(layer);
    assert!(!fate.is_dropped());
    drop(app);
    assert!(fate.is_dropped());
}

#[tokio::test]
async fn a_server_that_was_shut_down_drops_its_state_though_handles_are_left() {
    for transport in client::BOTH {
        let (io, fate) = io();
        let server = serve(io).await;
        let handle = server.handle.clone();
        let mut client = Client::connect(server.target(), transport).await;
        assert_hits(&mut client).await;
        // A client that polls is told by its next request only.
        let (drained, _) = tokio::join!(handle.shutdown(PATIENCE), client.ended());
        assert_eq!((drained.answered, drained.cut), (1, 0));
        server.ended().await.expect("no error");
        fate.dropped().await;
    }
}

#[tokio::test]
async fn a_server_that_was_cut_drops_its_state() {
    let (io, fate) = io();
    let io = io.on("stuck", |_| async {
        std::future::pending::<()>().await;
        Ok(())
    });
    let server = serve(io).await;
    let mut client = Client::connect(server.target(), Transport::WebSocket).await;
    client.send(r#"42["stuck"]"#).await;
    assert_hits_elsewhere(server.target()).await;
    let ending = server.handle.shutdown(Duration::from_millis(1));
    within("a shutdown", ending).await;
    server.ended().await.expect("no error");
    fate.dropped().await;
}

/// A client of its own comes, is served, and leaves.
async fn assert_hits_elsewhere(target: Target) {
    let mut client = Client::connect(target, Transport::WebSocket).await;
    assert_hits(&mut client).await;
    client.close().await;
}

#[tokio::test]
async fn a_session_outlives_its_server_and_is_the_last_to_keep_the_state() {
    let (io, fate) = io();
    let server = serve(io).await;
    let mut client = Client::connect(server.target(), Transport::WebSocket).await;
    // Stops the accepting, and nothing else.
    drop(server);
    assert_hits(&mut client).await;
    assert!(!fate.is_dropped());
    client.close().await;
    fate.dropped().await;
}

#[tokio::test]
async fn a_service_without_any_handle_serves_new_clients() {
    let (alive, receiver) = watch::channel(());
    let io = Io::new().on("hit", move |ctx| {
        let _alive = &receiver;
        async move { ctx.io().broadcast("hit", ()) }
    });
    let app: axum::Router = axum::Router::new().layer(io.into_layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target = Target::socket_io(listener.local_addr().expect("an address"));
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    for transport in client::BOTH {
        let mut client = Client::connect(target, transport).await;
        assert_hits(&mut client).await;
        client.close().await;
    }
    assert!(!alive.is_closed());
    serving.abort();
    within("the handlers to be dropped", alive.closed()).await;
}

#[test]
fn a_runtime_that_ends_takes_state_and_sockets_with_it() {
    /// What is kept with a socket.
    struct Mark(#[allow(dead_code, reason = "held to be dropped")] Arc<()>);

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mark = Arc::new(());
    let kept = Arc::clone(&mark);
    let (io, fate) = io();
    let io = io.on("mark", move |ctx| {
        let mark = Mark(Arc::clone(&kept));
        async move {
            ctx.socket().set(mark);
            Ok(())
        }
    });
    let client = runtime.block_on(async {
        let server = serve(io).await;
        let mut client = Client::connect(server.target(), Transport::WebSocket).await;
        client.send(r#"421["mark"]"#).await;
        client.expect("431[]").await;
        assert_hits(&mut client).await;
        (server, client)
    });
    assert_eq!(Arc::strong_count(&mark), 3);
    drop(runtime);
    drop(client);
    assert!(fate.is_dropped());
    drop(fate);
    assert_eq!(Arc::strong_count(&mark), 1);
}
