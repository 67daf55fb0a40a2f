//! What the CORS headers say, for pages of other origins that are let in.

use std::{fmt, time::Duration};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
        VARY,
    },
};

use super::origin::{self, Origins};

const REQUEST_PRIVATE_NETWORK: &str = "access-control-request-private-network";
const ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");

/// The longest time for which any browser keeps the answer to a preflight.
const LONGEST_MAX_AGE: Duration = Duration::from_secs(86_400);

/// What the answers to pages of other origins say in their CORS headers. For [`Io::cors`](crate::Io::cors); *which* pages are let in
/// is said by [`Io::allow_origin`](crate::Io::allow_origin) and its siblings.
///
/// ```
/// use koio::config::Cors;
/// use std::time::Duration;
///
/// let cors = Cors::new()
///     .allow_headers(["x-api-key"])
///     .expose_headers(["x-served-by"])
///     .max_age(Duration::from_secs(600));
/// let io = koio::Io::new().allow_origin("https://app.example.com").cors(cors);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Cors {
    methods: Option<Vec<Method>>,
    allowed: Option<Vec<String>>,
    exposed: Vec<String>,
    max_age: Option<Duration>,
    credentials: Option<bool>,
    private_network: bool,
}

/// Why CORS headers can't be as they are set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadCors(String);

impl fmt::Display for BadCors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Cors {
    fn default() -> Self {
        Self::new()
    }
}

fn texts<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Vec<String> {
    let names = names.into_iter();
    names.map(|name| name.as_ref().to_owned()).collect()
}

/// A list in one header. Only for what was checked.
fn list<S: AsRef<str>>(names: &[S]) -> Option<HeaderValue> {
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    HeaderValue::try_from(names.join(", ")).ok()
}

impl Cors {
    /// What koio says without a `Cors`: GET and POST, every header that a page asks for, none exposed, credentials allowed.
    pub fn new() -> Self {
        Self {
            methods: None,
            allowed: None,
            exposed: Vec::new(),
            max_age: None,
            credentials: None,
            private_network: false,
        }
    }

    /// The methods that a page may use. Default GET and POST, which are all that a Socket.IO client uses; a list without one of
    /// them is an error at the start.
    pub fn allow_methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = Some(methods.into_iter().collect());
        self
    }

    /// The headers that a page may add to its requests (`extraHeaders` of the client). Default: those that it asks for.
    pub fn allow_headers<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.allowed = Some(texts(names));
        self
    }

    /// The headers of an answer that a page may read, beside those that it always may. Default none.
    pub fn expose_headers<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.exposed = texts(names);
        self
    }

    /// For how long a browser need not ask again. Default: what the browser chooses (5 s). In seconds, a day at most; zero asks each
    /// time. Chromium keeps an answer for two hours at most.
    pub fn max_age(mut self, time: Duration) -> Self {
        self.max_age = Some(time);
        self
    }

    /// Whether pages may send cookies and the like over polling (`withCredentials` of the client). Default yes.
    ///
    /// Without, and with [`allow_any_origin`](crate::Io::allow_any_origin), the answers say `*`. A browser sends its cookies with a
    /// WebSocket all the same: there the check of the origin is all there is.
    pub fn allow_credentials(mut self, allowed: bool) -> Self {
        self.credentials = Some(allowed);
        self
    }

    /// Whether pages of the public web may reach this server in a private network, where the browser asks for it
    /// (`Access-Control-Request-Private-Network`). Default no.
    pub fn allow_private_network(mut self, allowed: bool) -> Self {
        self.private_network = allowed;
        self
    }

    /// Refuses what no browser would follow, or says two things at once.
    pub(super) fn check(&self, origins: &Origins, has_predicate: bool) -> Result<(), BadCors> {
        let refuse = |why: &str| Err(BadCors(why.to_owned()));
        if origins.is_without_cors_headers() {
            return refuse("`cors_headers(false)` says that another layer writes these headers");
        }
        if origins.is_empty() && !has_predicate {
            return refuse(
                "no page of another origin may connect, so they would never be sent: add `allow_origin(\"https://app.example.com\")`",
            );
        }
        if self.credentials == Some(true) && origins.is_any() {
            return refuse(
                "`allow_credentials(true)` with `allow_any_origin()` would let every page on the web act as its visitor: list the \
                 origins with `allow_origin`",
            );
        }
        for name in self.allowed.iter().flatten().chain(&self.exposed) {
            if name == "*" && self.credentials != Some(false) {
                return refuse(
                    "browsers take the star for a name where credentials are allowed: list the headers, or say \
                     `allow_credentials(false)`",
                );
            }
            if HeaderName::try_from(name.as_str()).is_err() {
                return Err(BadCors(format!("{name:?} is no name of a header")));
            }
        }
        if let Some(methods) = &self.methods
            && !(methods.contains(&Method::GET) && methods.contains(&Method::POST))
        {
            return refuse("`allow_methods` without GET and POST: a client polls with both");
        }
        match self.max_age {
            Some(age) if age > LONGEST_MAX_AGE => Err(BadCors(format!(
                "`max_age` of {age:?} is above a day, which no browser keeps"
            ))),
            Some(age) if age.subsec_nanos() != 0 => Err(BadCors(format!(
                "`max_age` of {age:?} is no number of seconds"
            ))),
            _ => Ok(()),
        }
    }

    /// Lets pages of `origin` read the answer. `any`: every page may.
    pub(super) fn allow_in(&self, headers: &mut HeaderMap, origin: HeaderValue, any: bool) {
        if self.credentials == Some(false) {
            if any {
                let star = HeaderValue::from_static("*");
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, star);
                return;
            }
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.append(VARY, HeaderValue::from_static("Origin"));
            return;
        }
        origin::allow_in(headers, origin);
    }

    /// Lets pages read the exposed headers.
    pub(super) fn expose_in(&self, headers: &mut HeaderMap) {
        if let Some(exposed) = list(&self.exposed).filter(|_| !self.exposed.is_empty()) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }

    /// The headers that answer a preflight, beside those of every answer.
    pub(super) fn allow_preflight(&self, headers: &mut HeaderMap, request: &HeaderMap) {
        let requested = request.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        let is_reflected = self.allowed.is_none() && requested.is_some();
        origin::allow_preflight(headers, requested.filter(|_| self.allowed.is_none()));
        if is_reflected {
            let name = HeaderValue::from_static("Access-Control-Request-Headers");
            headers.append(VARY, name);
        }
        if let Some(allowed) = self.allowed.as_ref().and_then(|names| list(names))
            && !allowed.is_empty()
        {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        }
        if let Some(methods) = self.methods.as_ref().and_then(|methods| list(methods)) {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        if let Some(age) = self.max_age {
            headers.insert(ACCESS_CONTROL_MAX_AGE, age.as_secs().into());
        }
        let asks = request.get(REQUEST_PRIVATE_NETWORK);
        if self.private_network && asks.is_some_and(|asks| asks == "true") {
            headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
        }
    }
}
