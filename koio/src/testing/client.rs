//! [`TestClient`]: one client in one namespace.

use std::{fmt, panic::Location, sync::Arc};

use http::HeaderMap;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    asked::Asked,
    clock::settle,
    connection::TestConnection,
    expect::{Expectation, Missed, PATIENCE},
    inbox::{ClientInbox, Wanted},
    line::{Disconnected, Outgoing},
    received::ReceivedEvent,
    sent::Sent,
};
use crate::{Error, Result, SocketId, engine::TransportKind, wire};

/// A client in one namespace. It is made by [`TestServer::connect`](super::TestServer::connect).
///
/// It behaves as the official client does: it answers pings and keeps what it receives until the test looks at it, also
/// while the test does something else. When the last client of a connection is dropped, the connection is lost, as if its
/// program had been killed.
///
/// What it sends is on its way when the call returns. Awaiting the call goes on when the server has done with it what it
/// can without time passing: then its handlers have run, or wait for something, and the state of the server may be looked
/// at. Several can be under way at once:
///
/// ```
/// # use koio::{Io, Result, testing::TestServer};
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let io = Io::new().concurrency(2).on("sleep", |ctx: koio::Context| async move {
///     let seconds = ctx.args()?.next()?;
///     tokio::time::sleep(Duration::from_secs(seconds)).await;
///     Ok(seconds)
/// });
/// let server = TestServer::new(io).await?;
/// let mut ann = server.connect("/").await?;
/// let (long, short) = (ann.ask::<u64>("sleep", 7), ann.ask::<u64>("sleep", 5));
/// assert_eq!((short.await?, long.await?), (5, 7)); // in no time at all
/// # Ok(())
/// # }
/// ```
pub struct TestClient {
    pub(super) connection: Arc<TestConnection>,
    id: SocketId,
    inbox: ClientInbox,
}

impl TestClient {
    pub(super) fn new(connection: Arc<TestConnection>, id: SocketId, inbox: ClientInbox) -> Self {
        Self {
            connection,
            id,
            inbox,
        }
    }

    /// The id of its socket: `server.handle().socket(ann.id())` is the server's end.
    #[must_use]
    pub fn id(&self) -> SocketId {
        self.id
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.inbox.namespace
    }

    /// How it is connected now.
    #[must_use]
    pub fn transport(&self) -> TransportKind {
        self.connection.line.transport()
    }

    /// Whether it is in its namespace, as far as it knows.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connection.line.is_in(self.namespace()) && self.inbox.disconnected().is_none()
    }

    /// The headers of the answer to its handshake, cookies for example.
    #[must_use]
    pub fn response_headers(&self) -> &HeaderMap {
        &self.connection.answered
    }

    /// Emits an event. `()` is no argument, [`args!`](crate::args) are several, anything else is one;
    /// [`Bytes`](crate::Bytes) at any depth travel as binary.
    ///
    /// # Errors
    /// [Disconnected](Error::is_disconnected), if the client is gone. The name is reserved, or the arguments can't be
    /// written as JSON.
    pub fn emit(&mut self, event: &str, args: impl Serialize) -> Sent {
        let packet = wire::event(self.namespace(), None, event, &args);
        let send = |packet| self.connection.line.send(self.namespace(), packet);
        Sent::after(packet.map_err(Error::from).and_then(send))
    }

    /// Emits an event that the server must answer. `T` is the first argument of the answer; `()` takes any.
    ///
    /// # Errors
    /// An answer `{"error": {"code", "message", "data"}}` is an error with that code, message and data. `bad_request`, if
    /// the answer is no `T`; [timeout](Error::is_timeout), if there is none within 10 s of the test's clock
    /// ([`Asked::within`]); [disconnected](Error::is_disconnected), if the client is gone before it comes.
    #[track_caller]
    pub fn ask<T: DeserializeOwned>(&mut self, event: &str, args: impl Serialize) -> Asked<T> {
        Asked::send(
            &self.connection.line,
            self.namespace(),
            event,
            &args,
            |answer, location| answer.get_at(0, location),
        )
    }

    /// As [`ask`](Self::ask), for an answer of several arguments.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    #[track_caller]
    pub fn ask_for_all(&mut self, event: &str, args: impl Serialize) -> Asked<ReceivedEvent> {
        Asked::send(
            &self.connection.line,
            self.namespace(),
            event,
            &args,
            |answer, _| Ok(answer),
        )
    }

    /// Waits for an event of that name, for at most 10 s of the test's clock ([`Expectation::within`]). Events of other names
    /// that came before it are kept, and can be expected later.
    ///
    /// # Errors
    /// Code `not_received`: it has not come in time, or the client was disconnected before. The message says where in the
    /// test it was expected, and what came instead.
    #[track_caller]
    pub fn expect(&mut self, event: &str) -> Expectation<'_> {
        Expectation::new(&mut self.inbox, Wanted::Named(event.to_owned()))
    }

    /// Waits for the next event, whatever its name: for tests of the order in which events come.
    ///
    /// # Errors
    /// As [`expect`](Self::expect).
    #[track_caller]
    pub fn expect_any(&mut self) -> Expectation<'_> {
        Expectation::new(&mut self.inbox, Wanted::Any)
    }

    /// Makes sure that nothing has come, and that nothing comes before time passes.
    ///
    /// It waits until every task of the runtime has nothing left to do; there is no sleeping, and no guess. Events that came
    /// and that no [`expect`](Self::expect) has taken count. What a timer of the server sends later does not: let
    /// [time pass](super::TestServer::advance) before.
    ///
    /// # Panics
    /// If something has come: the message says what. That the client was disconnected is something, unless
    /// [`expect_disconnect`](Self::expect_disconnect) or the test itself has seen to it.
    #[track_caller]
    pub fn expect_nothing(&mut self) -> impl Future<Output = ()> + Send {
        let location = Location::caller();
        async move {
            settle().await;
            self.inbox.look();
            #[allow(clippy::panic, reason = "that is how a test fails")]
            if !self.inbox.is_quiet() {
                panic!("{}", Missed::nothing(&self.inbox, location));
            }
        }
    }

    /// Waits until the client is disconnected, for at most 10 s of the test's clock, and says how.
    ///
    /// # Errors
    /// [Timeout](Error::is_timeout): it is still connected.
    #[track_caller]
    pub fn expect_disconnect(&mut self) -> impl Future<Output = Result<Disconnected>> + Send {
        let location = Location::caller();
        async move {
            let waited = tokio::time::timeout(PATIENCE, async {
                self.inbox.look();
                while self.inbox.disconnected().is_none() && self.inbox.happens().await {}
            });
            match (waited.await, self.inbox.disconnected()) {
                (_, Some(how)) => {
                    self.inbox.end_is_known();
                    // The server's handlers of `disconnect` have run.
                    settle().await;
                    Ok(how)
                }
                _ => Err(Error::timeout(format!(
                    "{location}: the client of `{}` is still connected after {PATIENCE:?}",
                    self.inbox.namespace
                ))),
            }
        }
    }

    /// Everything that came until the server has nothing left to do, in the order in which it came, but for what was
    /// expected before.
    pub async fn received(&mut self) -> Vec<ReceivedEvent> {
        settle().await;
        self.inbox.look();
        self.inbox.take_all()
    }

    /// Moves a client that polls to a WebSocket, as the official client does it by itself.
    ///
    /// # Errors
    /// It has a WebSocket already, or the server refuses.
    pub async fn upgrade(&mut self) -> Result<()> {
        self.connection.upgrade().await
    }

    /// Leaves the namespace. The connection stays, and with it the clients in other namespaces.
    ///
    /// # Errors
    /// [Disconnected](Error::is_disconnected), if the client is gone already.
    pub fn disconnect(&mut self) -> Sent {
        self.inbox.end_is_known();
        let packet = wire::disconnect(self.namespace());
        Sent::after(self.connection.line.leave(self.namespace(), packet))
    }

    /// Closes the connection with all its clients, as a page does that is left: the WebSocket is closed, or the session is
    /// posted its end.
    pub async fn close(&mut self) {
        self.inbox.end_is_known();
        self.connection.line.outgoing(Outgoing::Close);
        settle().await;
        self.connection.line.end(Disconnected::BY_CLIENT);
        settle().await;
    }

    /// Loses the connection with all its clients, without a word: the server sees the end of a TCP connection.
    pub async fn lose(&mut self) {
        self.inbox.end_is_known();
        self.connection.line.end(Disconnected::TRANSPORT_CLOSE);
        settle().await;
    }

    /// Stands still, as a phone does that sleeps: the connection stays open, but nothing is read from it, no ping is
    /// answered, and what the client emits waits. After
    /// [`ping_interval`](crate::Io::ping_interval) and [`ping_timeout`](crate::Io::ping_timeout) the server gives it up.
    pub fn freeze(&mut self) {
        self.connection.freeze.send_replace(true);
    }

    /// Goes on after [`freeze`](Self::freeze), with what has come meanwhile.
    pub fn thaw(&mut self) {
        self.connection.freeze.send_replace(false);
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient")
            .field("id", &self.id)
            .field("namespace", &self.inbox.namespace)
            .field("transport", &self.transport())
            .finish_non_exhaustive()
    }
}
