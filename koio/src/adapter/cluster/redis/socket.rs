//! One open connection to the server.

use std::{fmt, path::Path, time::Duration};

use redis::{
    AsyncConnectionConfig, ConnectionAddr, PushInfo, RedisError, Value,
    aio::{AsyncPushSender, MultiplexedConnection},
};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    net::{TcpStream, UnixStream},
    task::JoinHandle,
    time::timeout,
};

use super::server::{RedisServer, RedisUnreachable, describe, late};

/// When a silent TCP connection is probed by the kernel first, and then how often.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// How long a server that closes connections may take to say why.
const FIRST_WORDS: Duration = Duration::from_millis(500);

/// An open connection, with the task that reads and writes it. Both end when this is dropped.
pub(super) struct RedisSocket {
    pub(super) commands: MultiplexedConnection,
    driver: JoinHandle<()>,
}

/// Takes the messages of a connection that listens. It runs in the connection's task.
pub(super) trait PushHandler: Fn(PushInfo) + Send + Sync + 'static {}

impl<F: Fn(PushInfo) + Send + Sync + 'static> PushHandler for F {}

impl RedisSocket {
    /// Why a connection ended that koio did not end.
    pub(super) const CLOSED: &str = "the connection was closed";

    /// Connects, logs in and looks at what answers, all within `within`. Each later command has so long too.
    pub(super) async fn open(
        server: &RedisServer,
        listener: Option<impl PushHandler>,
        within: Duration,
    ) -> Result<Self, RedisUnreachable> {
        match timeout(within, Self::open_untimed(server, listener, within)).await {
            Ok(opened) => opened.map_err(|cause| server.unreachable(cause)),
            Err(_) => Err(server.unreachable(late("to connect and to log in", within))),
        }
    }

    async fn open_untimed(
        server: &RedisServer,
        listener: Option<impl PushHandler>,
        within: Duration,
    ) -> Result<Self, String> {
        let opened = match &server.address {
            ConnectionAddr::Tcp(host, port) => {
                let stream = connect_tcp(host, *port).await?;
                Self::over(stream, server, listener, within).await
            }
            ConnectionAddr::Unix(path) => {
                let stream = connect_unix(path).await?;
                Self::over(stream, server, listener, within).await
            }
            _ => return Err("this kind of address is not supported".to_owned()),
        };
        match opened {
            Ok(mut socket) => socket.look_at_server().await.map(|()| socket),
            Err(error) if error.is_io_error() => {
                let said = first_words(&server.address).await;
                Err(said.unwrap_or_else(|| describe(&error)))
            }
            Err(error) => Err(describe(&error)),
        }
    }

    async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        server: &RedisServer,
        listener: Option<impl PushHandler>,
        within: Duration,
    ) -> Result<Self, RedisError> {
        let mut config = AsyncConnectionConfig::new().set_response_timeout(Some(within));
        if let Some(listener) = listener {
            config = config.set_push_sender(PushListener(listener));
        }
        let (commands, driver) =
            MultiplexedConnection::new_with_config(&server.login, stream, config).await?;
        Ok(Self {
            commands,
            driver: tokio::spawn(driver),
        })
    }

    /// Refuses servers on which messages would not reach all nodes.
    async fn look_at_server(&mut self) -> Result<(), String> {
        let about = redis::cmd("HELLO")
            .query_async::<Value>(&mut self.commands)
            .await
            .map_err(|error| describe(&error))?;
        match text(&about, "mode") {
            Some("sentinel") => {
                return Err(
                    "it is a Redis Sentinel: write the address of the master, or a name that follows it"
                        .to_owned(),
                );
            }
            Some("cluster") => {
                return Err(
                    "it is a node of a Redis Cluster, which is not supported: use a server of its own"
                        .to_owned(),
                );
            }
            _ => {}
        }
        match text(&about, "role") {
            Some("replica" | "slave") => Err(
                "it is a replica: what is published there does not reach the master's subscribers"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }

    /// Ready when the connection is closed. Cancel safe.
    pub(super) async fn closed(&mut self) {
        // A driver that has panicked is gone as well.
        let _ = (&mut self.driver).await;
    }
}

impl Drop for RedisSocket {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl fmt::Debug for RedisSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSocket").finish_non_exhaustive()
    }
}

async fn connect_tcp(host: &str, port: u16) -> Result<TcpStream, String> {
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(|error| error.to_string())?;
    let (time, interval) = KEEPALIVE;
    let keepalive = TcpKeepalive::new().with_time(time).with_interval(interval);
    // Each batch is one write, which must not wait for the acknowledgement of the one before.
    stream
        .set_nodelay(true)
        .and_then(|()| SockRef::from(&stream).set_tcp_keepalive(&keepalive))
        .map_err(|error| error.to_string())?;
    Ok(stream)
}

async fn connect_unix(path: &Path) -> Result<UnixStream, String> {
    UnixStream::connect(path)
        .await
        .map_err(|error| error.to_string())
}

/// Why a server closes each connection at once: what it says to one that says nothing. A server that has no place for a
/// client says so and closes, and a client that has begun to write does not get to read it.
async fn first_words(address: &ConnectionAddr) -> Option<String> {
    let mut words = [0; 200];
    let read = match address {
        ConnectionAddr::Tcp(host, port) => {
            let mut stream = connect_tcp(host, *port).await.ok()?;
            timeout(FIRST_WORDS, stream.read(&mut words)).await
        }
        ConnectionAddr::Unix(path) => {
            let mut stream = connect_unix(path).await.ok()?;
            timeout(FIRST_WORDS, stream.read(&mut words)).await
        }
        _ => return None,
    };
    let words = words.get(..read.ok()?.ok()?)?;
    let line = words
        .split(|byte| *byte == b'\r' || *byte == b'\n')
        .next()?;
    let line = std::str::from_utf8(line).ok()?.trim();
    (!line.is_empty()).then(|| {
        format!(
            "it closes the connection and says: {}",
            line.trim_start_matches('-')
        )
    })
}

struct PushListener<L>(L);

impl<L: PushHandler> AsyncPushSender for PushListener<L> {
    fn send(&self, info: PushInfo) -> Result<(), redis::aio::SendError> {
        (self.0)(info);
        Ok(())
    }
}

/// The text of a key of a map.
fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    let Value::Map(pairs) = value else {
        return None;
    };
    pairs
        .iter()
        .find(|(name, _)| as_text(name) == Some(key))
        .and_then(|(_, value)| as_text(value))
}

fn as_text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}
