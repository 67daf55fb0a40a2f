//! koio beside plain hyper: your own loop over connections, your own answers, and a graceful end of both.
//!
//! ```sh
//! cargo run -p hyper-example
//! curl http://127.0.0.1:3000/    # how many sockets there are
//! ```
//!
//! A Socket.IO client that emits `say` with a text makes everybody hear `said`. Ctrl-C tells every client, answers
//! what has been asked, and ends. `PORT` overrides 3000.
#![expect(clippy::print_stdout, reason = "it says what it does")]

use std::{convert::Infallible, env, net::SocketAddr, pin::pin, time::Duration};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use koio::{Context, Io, IoHandle, Result, engine::PeerAddr, handlers, on, server::KoioService};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{sleep, timeout},
};
use tower::Service;

/// How long everybody has to say goodbye.
const PATIENCE: Duration = Duration::from_secs(10);

#[on("connection")]
async fn came(ctx: Context) {
    println!("{:?} came", ctx.handshake().address());
}

#[on("say")]
async fn say(ctx: Context, text: String) -> Result<()> {
    ctx.io().broadcast("said", text)
}

/// What hyper serves without koio.
async fn page(request: Request<Incoming>, io: IoHandle) -> Response<Full<Bytes>> {
    if request.uri().path() != "/" {
        let mut nothing = Response::new(Full::default());
        *nothing.status_mut() = StatusCode::NOT_FOUND;
        return nothing;
    }
    let count = io.sockets().len();
    Response::new(Full::from(format!("{count} online\n")))
}

/// Serves one connection, until it ends or is asked to.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    koio: KoioService,
    io: IoHandle,
    mut stop: watch::Receiver<()>,
) {
    let _ = stream.set_nodelay(true); // small messages leave at once
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (mut koio, io) = (koio.clone(), io.clone());
        // koio's `Handshake::address` reads it here.
        request.extensions_mut().insert(PeerAddr(peer));
        async move {
            Ok::<_, Infallible>(match request.uri().path().starts_with("/socket.io/") {
                true => koio.call(request).await?.map(Either::Left),
                false => page(request, io).await.map(Either::Right),
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new()) // so that the head of a request may not take for ever
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades(); // to WebSocket
    let mut connection = pin!(connection);
    // An error is one of the peer: it is gone, or has never spoken HTTP.
    tokio::select! {
        _ = &mut connection => {}
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown(); // the request that it is at, and no other
            let _ = connection.await;
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let io = Io::new().handlers(handlers![came, say]);
    let handle = io.handle();
    let koio = io.into_service();
    let stop = watch::Sender::new(());

    let port: u16 = env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}", listener.local_addr()?);
    // koio first: a poll is answered only when its session ends. Until then connections are still taken, since a client
    // that polls may need one more to hear the end.
    let mut ending = pin!(async {
        koio::shutdown_signal().await;
        handle.shutdown(PATIENCE).await
    });
    let drained = loop {
        tokio::select! {
            drained = &mut ending => break drained,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let serving = serve(stream, peer, koio.clone(), handle.clone(), stop.subscribe());
                    tokio::spawn(serving);
                }
                // No file to open, say: that passes, and the loop must neither end nor spin.
                Err(_) => sleep(Duration::from_millis(50)).await,
            },
        }
    };
    println!("{} sessions ended", drained.answered);
    drop(listener);
    stop.send_replace(());
    // Until no connection listens any more.
    let _ = timeout(PATIENCE, stop.closed()).await;
    Ok(())
}
