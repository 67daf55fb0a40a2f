//! Where NATS is, and how to log in there.

use std::{fmt, path::PathBuf, sync::Arc};

use async_nats::{ConnectOptions, ServerAddr};

/// Servers of one NATS.
#[derive(Clone)]
pub(super) struct NatsServers {
    pub(super) addresses: Vec<ServerAddr>,
    /// The user and the password, or the token alone, of the first URL that has them: `async-nats` takes none from a URL.
    login: Option<(String, Option<String>)>,
    /// A file with the certificates of the authorities that may sign theirs, instead of the system's.
    roots: Option<PathBuf>,
    /// Their URLs without users, passwords and tokens.
    name: Arc<str>,
}

/// NATS can't be used: the addresses without passwords, and the cause.
#[derive(Debug)]
pub(super) struct NatsUnreachable {
    servers: Arc<str>,
    cause: String,
}

impl fmt::Display for NatsUnreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NATS at {} can't be used: {}", self.servers, self.cause)
    }
}

impl NatsServers {
    /// # Errors
    /// One of them is no URL, or has the seed of an nkey in it.
    pub(super) fn parse(urls: &str, roots: Option<PathBuf>) -> Result<Self, NatsUnreachable> {
        let urls = || urls.split(',').map(str::trim);
        let shown: Vec<String> = urls()
            .map(|url| match url.split_once("://") {
                Some((scheme, rest)) => {
                    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                    format!("{scheme}://{host}")
                }
                None => url
                    .rsplit_once('@')
                    .map_or(url, |(_, host)| host)
                    .to_owned(),
            })
            .collect();
        let name: Arc<str> = shown.join(",").into();
        let parsed: Result<Vec<ServerAddr>, _> = urls().map(str::parse::<ServerAddr>).collect();
        let unusable = |cause: &str| NatsUnreachable {
            servers: Arc::clone(&name),
            cause: cause.to_owned(),
        };
        // The cause of the crate may quote the URL.
        let addresses = parsed.map_err(|_| {
            unusable("the URL can't be read: it is nats://[user:password@]host[:port]")
        })?;
        let login = addresses.iter().find_map(|address| {
            let user = decoded(address.username()?);
            Some((user, address.password().map(decoded)))
        });
        if login.as_ref().is_some_and(|(token, _)| is_seed(token)) {
            // As a token it would be sent as it is.
            return Err(unusable(
                "the URL has the seed of an nkey in it: nkeys are not supported",
            ));
        }
        Ok(Self {
            addresses,
            login,
            roots,
            name,
        })
    }

    /// How to log in, and whom to trust.
    pub(super) fn options(&self, options: ConnectOptions) -> ConnectOptions {
        let options = match self.login.clone() {
            Some((user, Some(password))) => options.user_and_password(user, password),
            Some((token, None)) => options.token(token),
            None => options,
        };
        match self.roots.clone() {
            Some(file) => options.add_root_certificates(file),
            None => options,
        }
    }

    pub(super) fn unreachable(&self, cause: impl Into<String>) -> NatsUnreachable {
        NatsUnreachable {
            servers: Arc::clone(&self.name),
            cause: cause.into(),
        }
    }
}

/// Whether it is a private key of NATS'.
fn is_seed(token: &str) -> bool {
    token.len() == 58
        && token.starts_with('S')
        && token
            .bytes()
            .all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
}

/// What stands percent-encoded in a URL.
fn decoded(text: &str) -> String {
    // A form has its own meaning for these two.
    let form = text.replace('+', "%2B").replace('&', "%26");
    let mut pairs = form_urlencoded::parse(form.as_bytes());
    pairs
        .next()
        .map(|(name, value)| {
            let equals = if form.contains('=') { "=" } else { "" };
            format!("{name}{equals}{value}")
        })
        .unwrap_or_default()
}
