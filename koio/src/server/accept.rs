//! Accepting connections, and the task of each.

use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tracing::warn;

use super::{
    by_hyper::{HttpServices, by_hyper, ended},
    listener::{ListenSocket, sealed::OpenListener},
    no_delay::NoDelay,
};
use crate::{
    engine::canonical,
    transport::{
        AnyStream, HandshakeRate, Http1Connection, Http1Outcome, HttpStream, StopSignal, Tcp,
    },
};

/// What a listener has accepted.
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

/// Accepts from all listeners until the server has stopped.
pub(super) async fn accept_all(
    listeners: Vec<OpenListener>,
    services: HttpServices,
    stopped: watch::Receiver<bool>,
) {
    let services = Arc::new(services);
    let mut running: Vec<Pin<Box<dyn Future<Output = ()> + Send>>> = Vec::new();
    for listener in listeners {
        let accepting = accept_from(listener, Arc::clone(&services), stopped.clone());
        running.push(Box::pin(accepting));
    }
    drop((services, stopped));
    // Here and not in tasks: they end when this is dropped.
    poll_fn(|cx| {
        running.retain_mut(|accepting| accepting.as_mut().poll(cx).is_pending());
        if running.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

async fn accept_from(
    listener: OpenListener,
    services: Arc<HttpServices>,
    stopped: watch::Receiver<bool>,
) {
    let mut no_delay = match &listener.socket {
        ListenSocket::Tcp(tcp) => Some(NoDelay::of(tcp)),
        #[cfg(unix)]
        ListenSocket::Unix(_) => None,
    };
    let mut ends = stopped.clone();
    let mut ended = pin!(ended(&mut ends));
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut ended => return,
            accepted = accept(&listener.socket) => accepted,
        };
        if let (Accepted::Tcp(stream, _), Some(no_delay)) = (&accepted, &mut no_delay) {
            no_delay.apply(stream);
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &listener.tls {
            serve_tls(accepted, tls, &services, &stopped);
            continue;
        }
        match accepted {
            Accepted::Tcp(stream, peer) => serve_tcp(stream, peer, &services, &stopped),
            #[cfg(unix)]
            Accepted::Unix(stream) => {
                let stream = AnyStream::new(stream);
                tokio::spawn(serve_stream(
                    stream,
                    None,
                    false,
                    Arc::clone(&services),
                    stopped.clone(),
                ));
            }
        }
    }
}

/// The next connection. An error concerns one peer, or passes: without a free file descriptor the loop must neither end
/// nor spin.
async fn accept(socket: &ListenSocket) -> Accepted {
    let mut pause = Duration::from_millis(5);
    loop {
        let accepted = match socket {
            ListenSocket::Tcp(tcp) => accept_tcp(tcp).await,
            #[cfg(unix)]
            ListenSocket::Unix(unix) => unix
                .accept()
                .await
                .map(|(stream, _)| Accepted::Unix(stream)),
        };
        match accepted {
            Ok(accepted) => return accepted,
            Err(error) if is_about_one_peer(&error) => {}
            Err(error) => {
                warn!(%error, ?pause, "can't accept a connection");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

async fn accept_tcp(listener: &TcpListener) -> io::Result<Accepted> {
    let (stream, peer) = poll_fn(|cx| listener.poll_accept(cx)).await?;
    Ok(Accepted::Tcp(stream, canonical(peer)))
}

fn is_about_one_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// Spawns the task of a bare TCP connection. The task is an `async` block, since an `async fn` would store its arguments
/// twice, and it boxes hyper's future, which most connections never need: so the task fits into 512 bytes.
fn serve_tcp(
    stream: TcpStream,
    peer: SocketAddr,
    services: &Arc<HttpServices>,
    stopped: &watch::Receiver<bool>,
) {
    let services = Arc::clone(services);
    let mut stopped = stopped.clone();
    let Some(engine) = services.engine_alone() else {
        let stream = AnyStream::Tcp(Tcp::from(stream));
        tokio::spawn(serve_stream(stream, Some(peer), false, services, stopped));
        return;
    };
    let stops = StopSignal::new(stopped.clone());
    let timeouts = services.timeouts();
    let mut connection = Http1Connection::new(stream, peer, Arc::clone(engine), timeouts, stops);
    tokio::spawn(async move {
        let end = {
            let stopped = pin!(ended(&mut stopped));
            connection.try_serve(stopped).await
        };
        let (peer, handshakes) = (connection.peer(), connection.handshakes());
        if let Http1Outcome::GiveToHyper { unread, tcp } = connection.finish(end) {
            let stream = AnyStream::Tcp(tcp);
            let connection = services.connection(&stream, Some(peer), false, handshakes);
            let stream = HttpStream::new(unread, stream, connection);
            Box::pin(by_hyper(stream, services, stopped)).await;
        }
    });
}

/// Serves a connection by hyper from its first byte on.
async fn serve_stream(
    stream: AnyStream,
    peer: Option<SocketAddr>,
    is_secure: bool,
    services: Arc<HttpServices>,
    stopped: watch::Receiver<bool>,
) {
    let connection = services.connection(&stream, peer, is_secure, HandshakeRate::default());
    let stream = HttpStream::new(Bytes::new(), stream, connection);
    by_hyper(stream, services, stopped).await;
}

/// Spawns the task of a connection that begins with a TLS handshake.
#[cfg(feature = "tls")]
fn serve_tls(
    accepted: Accepted,
    tls: &super::tls::Tls,
    services: &Arc<HttpServices>,
    stopped: &watch::Receiver<bool>,
) {
    let peer = match &accepted {
        Accepted::Tcp(_, peer) => Some(*peer),
        #[cfg(unix)]
        Accepted::Unix(_) => None,
    };
    let tls = tls.clone();
    let services = Arc::clone(services);
    let mut stopped = stopped.clone();
    tokio::spawn(async move {
        let header_timeout = services.timeouts().header;
        // Boxed: the handshake is over soon, and the task lives as long as the connection.
        let handshake = Box::pin(async {
            let accepting = async {
                match accepted {
                    Accepted::Tcp(stream, _) => tls.accept_tcp(stream, header_timeout).await,
                    #[cfg(unix)]
                    Accepted::Unix(stream) => tls.accept(stream, header_timeout).await,
                }
            };
            tokio::select! {
                stream = accepting => Some(stream),
                () = ended(&mut stopped) => None,
            }
        });
        match handshake.await {
            Some(Ok(stream)) => Box::pin(serve_stream(stream, peer, true, services, stopped)).await,
            Some(Err(failed)) => services.tls_failed(peer, &failed),
            None => {}
        }
    });
}
