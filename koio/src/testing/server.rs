//! [`TestServer`]: a server without a network, in a test whose clock stands still.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::{io::DuplexStream, sync::watch};
use tower::Service;

use super::{
    clock,
    connect::Connect,
    host::{HOST, Host, HttpLine, PIPE},
};
use crate::{
    Io, IoHandle, Result,
    error::BoxError,
    server::{Drained, boxed},
};

/// A server without a network: clients reach it by pipes in memory, and time passes only when nothing else is left to do.
///
/// It is the server that [`Io::bind`] would make, with the same engine, parsers, handlers and limits; only the TCP sockets
/// are missing, and with them what koio's own listener does with its connections.
///
/// A test needs `#[tokio::test]`, and koio with the feature `testing`, best as a development dependency:
///
/// ```toml
/// [dev-dependencies]
/// koio = { version = "0.1", features = ["testing"] }
/// ```
///
/// ```
/// use koio::{Context, Io, Result, args, handlers, on, testing::TestServer};
/// use std::time::Duration;
///
/// #[on("add")]
/// async fn add(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// #[on("shout")]
/// async fn shout(ctx: Context, text: String) -> Result<()> {
///     ctx.broadcast("heard", text)
/// }
///
/// fn app() -> Io {
///     Io::new().handlers(handlers![add, shout]) // `main` serves the same
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let server = TestServer::new(app()).await?;
/// let mut ann = server.connect("/").await?;
/// let mut ben = server.connect("/").await?;
/// let sum: i64 = ann.ask("add", args![2, 3]).await?;
/// assert_eq!(sum, 5);
/// ann.emit("shout", "hi").await?;
/// assert_eq!(ben.expect("heard").await?.get::<String>(0)?, "hi");
/// ben.expect_nothing().await;
/// server.advance(Duration::from_secs(3600)).await; // heartbeats come and are answered
/// assert!(ann.is_connected());
/// # Ok(())
/// # }
/// ```
///
/// # Time
///
/// [`new`](Self::new) stops the clock of the test's runtime ([`tokio::time::pause`]). It then moves by itself whenever every
/// task waits, straight to the nearest timer, so that a test never waits for time to pass. koio's timeouts, and all others
/// that use [`tokio::time`], follow that clock; `std::time::Instant` does not, so a program that measures by
/// [`tokio::time::Instant`] is the one that can be tested. The clock moves by a millisecond for each step of a test.
///
/// What a handler waits for outside the runtime is not seen. A thread is waited for if `spawn_blocking` (or `tokio::fs`) has
/// made it. A network is not: while a handler waits for a database, the clock runs away from it, and deadlines end the wait.
/// Give such a handler something in memory to talk to, or test it with [`Io::bind`] on port 0.
#[derive(Clone)]
pub struct TestServer {
    host: Arc<Host>,
}

impl TestServer {
    /// Starts a server, and stops the clock of the test's runtime.
    ///
    /// # Errors
    /// What [`Io::bind`] says of a set-up that contradicts itself. [Setup](crate::Error::is_setup) too, if this is not a
    /// tokio runtime of one thread: `#[tokio::test]` makes one, `#[tokio::test(flavor = "multi_thread")]` does not, and its
    /// clock can't be stopped.
    pub async fn new(io: Io) -> Result<Self> {
        clock::stop()?;
        let (handle, path, app) = io.start_for_tests()?;
        Ok(Self::of_host(Host::new(handle, &path, app)))
    }

    /// The same for koio inside another server: `service` is all of it, an axum `Router` with
    /// [`into_layer`](Io::into_layer) for example, and `handle` is the [`Io`]'s. If clients reach koio by another path than
    /// `/socket.io`, they say so: [`Connect::path`]. The guide, section 13, has a program with a login.
    ///
    /// ```
    /// # use koio::{Io, Result, testing::TestServer};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let io = Io::new();
    /// let handle = io.handle();
    /// // let app = Router::new().route("/login", post(login)).layer(io.into_layer());
    /// let app = io.into_service();
    /// let server = TestServer::of_service(handle, app).await?;
    /// server.connect("/").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [Setup](crate::Error::is_setup), if this is not a tokio runtime of one thread.
    pub async fn of_service<S, B>(handle: IoHandle, service: S) -> Result<Self>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        clock::stop()?;
        let app = boxed(service);
        Ok(Self::of_host(Host::new(handle, "/socket.io", app)))
    }

    fn of_host(host: Host) -> Self {
        let host = Arc::new(host);
        Self { host }
    }

    /// A client that is to connect to a namespace, by a connection of its own. Await it.
    pub fn connect(&self, namespace: &str) -> Connect {
        Connect::of_server(&self.host, namespace)
    }

    /// The server's handle: to emit by, to look at rooms, sockets and counters.
    #[must_use]
    pub fn handle(&self) -> IoHandle {
        self.host.handle.clone()
    }

    /// Lets so much time pass, timer by timer: pings are sent and answered on the way, and what is due is done, in the
    /// order in which it is due. It takes no real time.
    pub async fn advance(&self, time: Duration) {
        clock::pass(time).await;
        clock::settle().await;
    }

    /// Waits until no task of the runtime has anything left to do but to wait for time to pass. The steps of a client do so
    /// by themselves; this is for what the test does by the [`handle`](Self::handle).
    pub async fn settle(&self) {
        clock::settle().await;
    }

    /// Shuts the server down, as Ctrl-C does: see [`IoHandle::shutdown`].
    pub async fn shutdown(&self, deadline: Duration) -> Drained {
        let drained = self.host.handle.shutdown(deadline).await;
        clock::settle().await;
        drained
    }

    /// Makes one HTTP request, on a connection of its own, and returns the whole answer: for pages and logins beside koio,
    /// for health checks, for refusals. It gets a `Host` header if it has none.
    ///
    /// # Errors
    /// The connection ended before the answer was complete.
    pub async fn request(&self, request: Request<impl Into<Bytes>>) -> Result<Response<Bytes>> {
        let mut request = request.map(|body| Full::new(body.into()));
        let headers = request.headers_mut();
        headers
            .entry(header::HOST)
            .or_insert(HeaderValue::from_static(HOST));
        let thawed = watch::Sender::new(false);
        let mut line = HttpLine::new(self.host.new_address(), thawed.subscribe());
        line.send(&self.host, request).await
    }

    /// A connection of bytes, for a client of your own: what would be a `TcpStream` elsewhere. `capacity`: how many bytes
    /// wait in it, in each direction, before the writer has to wait.
    #[must_use]
    pub fn pipe(&self, capacity: usize) -> DuplexStream {
        self.host.pipe(capacity, self.host.new_address())
    }

    /// As [`pipe`](Self::pipe), from that address.
    #[must_use]
    pub fn pipe_from(&self, address: SocketAddr) -> DuplexStream {
        self.host.pipe(PIPE, address)
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer")
            .field("host", &self.host)
            .finish()
    }
}
