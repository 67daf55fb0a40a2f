//! Which server, and how it is called in errors.

use std::{error::Error, fmt, time::Duration};

use redis::{
    ConnectionAddr, ErrorKind, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo,
    RedisError, ServerError,
};

/// The address of a server, and who connects.
#[derive(Clone)]
pub(super) struct RedisServer {
    pub(super) address: ConnectionAddr,
    pub(super) login: RedisConnectionInfo,
    /// The address without the password.
    name: String,
}

impl RedisServer {
    /// `redis://[user][:password@]host[:port][/db]`, `unix:///path[?db=..&user=..&pass=..]`. Says what is wrong with any
    /// other.
    pub(super) fn parse(url: &str) -> Result<Self, RedisUnreachable> {
        let refuse = |cause: &str| RedisUnreachable::new(without_password(url), cause);
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            "redis" | "valkey" | "unix" | "redis+unix" | "valkey+unix" => {}
            "rediss" | "valkeys" => {
                return Err(refuse(
                    "TLS to Redis is not supported: write redis:// and let a proxy beside koio (stunnel, a sidecar) speak TLS",
                ));
            }
            "redis-sentinel" | "redis+sentinel" | "rediss+sentinel" => {
                return Err(refuse(
                    "Redis Sentinel is not supported: write the address of the master, or a name that follows it",
                ));
            }
            _ => {
                return Err(refuse("the URL does not begin with redis:// or unix://"));
            }
        }
        let info = url
            .into_connection_info()
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidClientConfig => {
                    refuse(&format!("the URL can't be read: {}", describe(&error)))
                }
                _ => refuse(&describe(&error)),
            })?;
        let login = info
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3)
            .set_lib_name("koio", env!("CARGO_PKG_VERSION"));
        let user = login
            .username()
            .map(|user| format!("{user}@"))
            .unwrap_or_default();
        let db = login.db();
        let name = match info.addr() {
            ConnectionAddr::Unix(path) => format!("unix://{}?db={db}", path.display()),
            ConnectionAddr::Tcp(host, port) if host.contains(':') => {
                format!("redis://{user}[{host}]:{port}/{db}")
            }
            other => format!("redis://{user}{other}/{db}"),
        };
        Ok(Self {
            address: info.addr().clone(),
            login,
            name,
        })
    }

    /// The server can't be used, for this reason.
    pub(super) fn unreachable(&self, cause: impl Into<String>) -> RedisUnreachable {
        RedisUnreachable::new(self.name.clone(), cause)
    }
}

impl fmt::Display for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A URL that can't be read, as far as it holds no password.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "..".to_owned();
    };
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{rest}")
}

/// Redis can't be used: the address without the password, and the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::adapter::cluster) struct RedisUnreachable {
    server: String,
    cause: String,
}

impl RedisUnreachable {
    pub(super) fn new(server: String, cause: impl Into<String>) -> Self {
        Self {
            server,
            cause: cause.into(),
        }
    }

    /// The cause alone.
    pub(super) fn cause(&self) -> &str {
        &self.cause
    }
}

impl fmt::Display for RedisUnreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis at {} can't be used: {}", self.server, self.cause)
    }
}

impl Error for RedisUnreachable {}

/// What did not come in time.
pub(super) fn late(what: &str, within: Duration) -> String {
    format!("{what} took longer than {within:?}")
}

/// An error of the crate `redis` in words of its own kind.
pub(super) fn describe(error: &RedisError) -> String {
    let detail = error.detail().unwrap_or_default();
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS" | "NOAUTH")) => {
            format!("it does not accept the user and password of the URL ({detail})")
        }
        (ErrorKind::RESP3NotSupported, _) => {
            "it does not speak RESP3, which Redis does since version 6".to_owned()
        }
        (ErrorKind::Parse, _) => {
            format!("what answers there does not speak Redis' protocol ({detail})")
        }
        (_, Some(code)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

/// What Redis has answered instead of doing it.
pub(super) fn describe_answer(error: &ServerError) -> String {
    format!("{} {}", error.code(), error.details().unwrap_or_default())
}
