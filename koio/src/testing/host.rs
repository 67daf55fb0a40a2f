//! The server's side: a service of HTTP requests, behind pipes instead of sockets.

use std::{
    fmt,
    net::SocketAddr,
    sync::atomic::{AtomicU16, Ordering},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming, client::conn::http1::SendRequest, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::DuplexStream,
    sync::watch,
    task::{AbortHandle, JoinHandle},
};
use tower::ServiceExt;

use crate::{Error, IoHandle, Result, engine::PeerAddr, server::AttachedService, wire::Parser};

/// What clients put into `Host`.
pub(super) const HOST: &str = "koio.test";

/// How many bytes wait in a pipe, in each direction, before its writer waits.
pub(super) const PIPE: usize = 64 * 1024;

/// A server that is reached by pipes.
pub(super) struct Host {
    pub(super) handle: IoHandle,
    /// The path of koio's requests, without the slash behind it.
    pub(super) path: String,
    app: AttachedService,
    /// The port of the next client.
    next_port: AtomicU16,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Host {
    pub(super) fn new(handle: IoHandle, path: &str, app: AttachedService) -> Self {
        Self {
            handle,
            path: path.trim_end_matches('/').to_owned(),
            app,
            next_port: AtomicU16::new(49_152),
        }
    }

    /// The parser of its server.
    pub(super) fn parser(&self) -> Parser {
        self.handle.parser()
    }

    /// An address of a client's own.
    pub(super) fn new_address(&self) -> SocketAddr {
        let port = self.next_port.fetch_add(1, Ordering::Relaxed);
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// Opens a connection. The server's side of it is a task.
    pub(super) fn pipe(&self, capacity: usize, peer: SocketAddr) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(capacity);
        let app = self.app.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddr(peer));
            app.clone().oneshot(request)
        });
        tokio::spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
            // The client sees that it ended, and asks why if that is wrong.
            let _ = connection.with_upgrades().await;
        });
        ours
    }
}

/// A connection for plain requests, one after the other; opened again when the server has closed it.
#[derive(Debug)]
pub(super) struct HttpLine {
    peer: SocketAddr,
    frozen: watch::Receiver<bool>,
    open: Option<(SendRequest<Full<Bytes>>, AbortOnDrop)>,
}

impl HttpLine {
    pub(super) fn new(peer: SocketAddr, frozen: watch::Receiver<bool>) -> Self {
        Self {
            peer,
            frozen,
            open: None,
        }
    }

    /// Sends a request, and reads the answer to its end.
    pub(super) async fn send(
        &mut self,
        host: &Host,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>> {
        let mut usable = self.open.take();
        if let Some((sender, _)) = &mut usable
            && sender.ready().await.is_err()
        {
            usable = None;
        }
        let (mut sender, driver) = match usable {
            Some(open) => open,
            None => self.connect(host).await?,
        };
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        self.open = Some((sender, driver));
        Ok(Response::from_parts(head, body))
    }

    async fn connect(&self, host: &Host) -> Result<(SendRequest<Full<Bytes>>, AbortOnDrop)> {
        let pipe = TokioIo::new(host.pipe(PIPE, self.peer));
        let (sender, connection) = hyper::client::conn::http1::handshake(pipe).await?;
        let driver = spawn(&self.frozen, async move {
            // Its requests fail with the same error.
            let _ = connection.await;
        });
        Ok((sender, AbortOnDrop(driver.abort_handle())))
    }
}

/// Spawns a task that stands still while its client is frozen.
pub(super) fn spawn<F>(frozen: &watch::Receiver<bool>, work: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let mut frozen = frozen.clone();
    tokio::spawn(async move {
        tokio::pin!(work);
        loop {
            // An error: the client is gone, and with it soon this task.
            let thawed = frozen.wait_for(|frozen| !frozen).await.is_ok();
            tokio::select! {
                biased;
                Ok(_) = frozen.wait_for(|frozen| *frozen), if thawed => {}
                done = &mut work => return done,
            }
        }
    })
}

/// Ends a task.
#[derive(Debug)]
pub(super) struct AbortOnDrop(pub(super) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer other than 200, in words.
pub(super) fn refused(response: &Response<impl AsRef<[u8]>>, what: &str) -> Error {
    let body = String::from_utf8_lossy(response.body().as_ref()).into_owned();
    let status = response.status().as_u16();
    let elsewhere = match response.status() {
        StatusCode::NOT_FOUND => "; a client asks for another path by `.path(\"..\")`",
        _ => "",
    };
    Error::new(
        "refused",
        format!("the server answered {status} to {what}{elsewhere}: {body}"),
    )
    .data(serde_json::json!({ "status": status, "body": body }))
}
