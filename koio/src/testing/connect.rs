//! [`Connect`]: a client before it is connected.

use std::{fmt, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};

use super::{
    client::TestClient,
    clock::settle,
    connection::TestConnection,
    head::{ClientHead, parse_header},
    host::{Host, HttpLine},
    inbox::ClientInbox,
    line::Line,
    polling::{self, PollingSession},
    websocket,
};
use crate::{
    Error, Result,
    engine::TransportKind,
    wire::{DecodeError, EnginePacket},
};

/// How long a CONNECT may stay unanswered, by the test's clock. Longer than any sensible
/// [`connect_timeout`](crate::config::SocketConfig::connect_timeout), so that the server's refusal is seen.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client that is to connect: await it.
///
/// Made by [`TestServer::connect`](super::TestServer::connect), for a connection of its own, and by
/// [`TestClient::connect`], for one more namespace of a connection.
///
/// ```
/// # use koio::{Context, Io, Next, Reply, Result, ensure, testing::TestServer};
/// # use serde::Deserialize;
/// # use serde_json::json;
/// #[derive(Deserialize)]
/// struct Login { token: String }
///
/// async fn members(ctx: Context, next: Next) -> Result<Reply> {
///     let login: Login = ctx.handshake().auth()?;
///     ensure!(login.token == "t", "token", "who are you?");
///     next.run().await
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let server = TestServer::new(Io::new().wrap(members)).await?;
/// server.connect("/").auth(json!({ "token": "t" })).await?;
/// let refused = server.connect("/").auth(json!({ "token": "x" })).await.unwrap_err();
/// assert_eq!(refused.message(), "who are you?");
/// # Ok(())
/// # }
/// ```
#[must_use = "it connects when it is awaited"]
pub struct Connect {
    by: By,
    namespace: String,
    auth: Result<String>,
    wrong: Option<Error>,
    head: ClientHead,
    polling: bool,
}

enum By {
    Own(Arc<Host>),
    Shared(Arc<TestConnection>),
}

/// What a client does with the handshake of its session.
#[derive(Deserialize)]
struct EngineHandshake {
    sid: String,
}

impl Connect {
    pub(super) fn of_server(host: &Arc<Host>, namespace: &str) -> Self {
        let head = ClientHead {
            path: host.path.clone(),
            query: String::new(),
            headers: HeaderMap::new(),
            peer: host.new_address(),
        };
        Self::new(By::Own(Arc::clone(host)), head, namespace)
    }

    pub(super) fn of_connection(connection: &Arc<TestConnection>, namespace: &str) -> Self {
        let head = connection.head.clone();
        Self::new(By::Shared(Arc::clone(connection)), head, namespace)
    }

    fn new(by: By, head: ClientHead, namespace: &str) -> Self {
        Self {
            by,
            namespace: namespace.to_owned(),
            auth: Ok(String::new()),
            wrong: None,
            head,
            polling: false,
        }
    }

    /// What the client gives as `auth`, an object: `json!({ "token": "t" })`. By default it gives none.
    pub fn auth(mut self, auth: impl Serialize) -> Self {
        self.auth = serde_json::to_string(&auth).map_err(Error::from);
        self
    }

    /// Adds a parameter to the query of the client's requests. Without effect on a further namespace of a connection.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let pair = form_urlencoded::Serializer::new(String::new())
            .append_pair(name, value)
            .finish();
        self.head.query.push('&');
        self.head.query.push_str(&pair);
        self
    }

    /// Adds a header to the client's requests: `.header("cookie", "id=7")`, `.header("origin", "https://app.example")`. It
    /// sends no `Origin` by itself, as no program does that is not a browser. Without effect on a further namespace of a
    /// connection.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match parse_header(name, value) {
            Ok((name, value)) => {
                self.head.headers.append(name, value);
            }
            Err(wrong) => {
                self.wrong.get_or_insert(Error::new("header", wrong));
            }
        }
        self
    }

    /// The address that the client comes from. By default 127.0.0.1 with a port of its own. Without effect on a further
    /// namespace of a connection.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.head.peer = address;
        self
    }

    /// The path of koio's requests, as the client asks for it. By default that of the [`Io`](crate::Io), and `/socket.io` inside
    /// [another server](super::TestServer::of_service): behind a prefix it is `/api/socket.io`.
    pub fn path(mut self, path: &str) -> Self {
        path.trim_end_matches('/').clone_into(&mut self.head.path);
        self
    }

    /// Polls over HTTP, and stays with that until [`TestClient::upgrade`]. By default the client opens a WebSocket.
    pub fn polling(mut self) -> Self {
        self.polling = true;
        self
    }

    async fn connect(self) -> Result<TestClient> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let auth = self.auth?;
        let connection = match self.by {
            By::Shared(connection) => connection,
            By::Own(host) if self.polling => Arc::new(by_polling(host, self.head).await?),
            By::Own(host) => Arc::new(by_websocket(host, self.head).await?),
        };
        let ends = connection.line.connect(&self.namespace, &auth)?;
        let Ok(answer) = tokio::time::timeout(PATIENCE, ends.connected).await else {
            return Err(Error::timeout(format!(
                "the server has not answered CONNECT to `{}` within {PATIENCE:?}",
                self.namespace
            )));
        };
        let id = answer.unwrap_or_else(|_| Err(Error::closed()))?;
        // The connection handler runs behind the answer.
        settle().await;
        let line = connection.line.downgrade();
        let inbox = ClientInbox::new(self.namespace, line, ends.happenings);
        Ok(TestClient::new(connection, id.parse()?, inbox))
    }
}

impl TestClient {
    /// One more namespace on the same connection, or this one again after it was left. Await it.
    pub fn connect(&self, namespace: &str) -> Connect {
        Connect::of_connection(&self.connection, namespace)
    }
}

impl IntoFuture for Connect {
    type Output = Result<TestClient>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<TestClient>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.connect())
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("namespace", &self.namespace)
            .field("polling", &self.polling)
            .finish_non_exhaustive()
    }
}

async fn by_websocket(host: Arc<Host>, head: ClientHead) -> Result<TestConnection> {
    let (mut socket, answered) = websocket::open(&host, &head, None).await?;
    let opening = EnginePacket::decode(websocket::next_text(&mut socket).await?);
    let sid = sid(Some(opening))?;
    let (line, sending) = Line::new(TransportKind::WebSocket, host.parser());
    let freeze = watch::Sender::new(false);
    let tasks = websocket::drive(socket, &line, sending, &freeze.subscribe());
    line.driven_by(TransportKind::WebSocket, tasks);
    Ok(TestConnection {
        host,
        head,
        answered,
        sid,
        line,
        freeze,
        polls: Mutex::default(),
    })
}

async fn by_polling(host: Arc<Host>, head: ClientHead) -> Result<TestConnection> {
    let freeze = watch::Sender::new(false);
    let frozen = freeze.subscribe();
    let mut http = HttpLine::new(head.peer, frozen.clone());
    let (mut packets, answered) = polling::open(&host, &head, &mut http).await?;
    let (line, sending) = Line::new(TransportKind::Polling, host.parser());
    // The handshake may have other packets behind it.
    let sid = sid(packets.next())?;
    packets.for_each(|packet| line.packet(packet));
    let session = PollingSession {
        host: Arc::clone(&host),
        head: head.clone(),
        sid: sid.clone(),
        line: line.clone(),
    };
    let polls = session.drive(http, sending, &frozen);
    line.driven_by(TransportKind::Polling, polls.tasks());
    Ok(TestConnection {
        host,
        head,
        answered,
        sid,
        line,
        freeze,
        polls: Mutex::new(Some(polls)),
    })
}

/// The session id in a handshake.
fn sid(opening: Option<Result<EnginePacket, DecodeError>>) -> Result<String> {
    let Some(Ok(EnginePacket::Open(json))) = opening else {
        return Err(Error::internal(format!(
            "the server sent {opening:?} where its handshake was due"
        )));
    };
    let EngineHandshake { sid } = serde_json::from_slice(&json)?;
    Ok(sid)
}
