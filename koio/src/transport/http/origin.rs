//! Which web pages may connect.
//!
//! A browser sends its cookies with a WebSocket handshake or a poll to any server, and names the page in the `Origin`
//! header. A server that ignores the header lets every page on the web act for its visitor (cross-site WebSocket
//! hijacking). koio checks it for both transports, before anything else.

use std::fmt;

use http::{
    HeaderMap, HeaderValue,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN, VARY,
    },
    uri::{Authority, Uri},
};

use super::{host::host_of, proxies::ForwardedRequest};

/// Which pages may connect. By default only those of the same host.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    listed: Vec<String>,
    any: bool,
    /// The CORS headers are another's.
    without_cors_headers: bool,
}

/// Why a text is not an origin as a browser sends it. A list with such a text would never match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadOrigin(&'static str);

impl fmt::Display for BadOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadOrigin {}

/// What the `Origin` header of a request means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OriginVerdict {
    /// A page of the same host, or a client that is no browser.
    Same,
    /// A page of a listed origin. The browser needs CORS headers to let it read the response.
    Listed(HeaderValue),
    /// Any other page: refused.
    Foreign,
}

impl Origins {
    /// Lets pages of one more origin connect. The origin is written as browsers send it: `https://app.example.com`, with
    /// a port unless it is the scheme's default, without a trailing slash. Apps and devices have origins of their own
    /// shape: `capacitor://localhost`, `tauri://localhost`, `file://`. `null` is every page without an origin of its own,
    /// and any site can make one: it lets in as many as [`allow_any`](Self::allow_any).
    ///
    /// # Errors
    /// It is written otherwise.
    pub fn allow(&mut self, origin: impl Into<String>) -> Result<(), BadOrigin> {
        let mut origin = origin.into();
        origin.make_ascii_lowercase();
        check(&origin)?;
        self.listed.push(origin);
        Ok(())
    }

    /// Lets every page on the web connect. Only for servers that do not use cookies.
    pub fn allow_any(&mut self) {
        self.any = true;
    }

    /// Whether every page may connect.
    pub(super) fn is_any(&self) -> bool {
        self.any
    }

    /// Whether only pages of the same host may connect.
    pub(super) fn is_empty(&self) -> bool {
        self.listed.is_empty() && !self.any
    }

    /// Whether another writes the CORS headers.
    pub(super) fn is_without_cors_headers(&self) -> bool {
        self.without_cors_headers
    }

    /// Whether the pages that are let in get the headers by which browsers let them read the answers. Default yes; without
    /// them only the check is left.
    pub fn cors_headers(&mut self, sent: bool) {
        self.without_cors_headers = !sent;
    }

    /// `forwarded`: what a trusted proxy says of the request.
    pub(crate) fn judge(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        forwarded: &ForwardedRequest,
    ) -> OriginVerdict {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return OriginVerdict::Same;
        };
        if origins.next().is_some() {
            return OriginVerdict::Foreign;
        }
        self.judge_text(Some(origin.as_bytes()), host_of(uri, headers), forwarded)
    }

    /// As [`judge`](Self::judge), for a request with at most one of each header.
    pub(crate) fn judge_text(
        &self,
        origin: Option<&[u8]>,
        host: Option<&[u8]>,
        forwarded: &ForwardedRequest,
    ) -> OriginVerdict {
        let Some(origin) = origin else {
            return OriginVerdict::Same;
        };
        let Ok(value) = HeaderValue::from_bytes(origin) else {
            return OriginVerdict::Foreign;
        };
        let Ok(text) = value.to_str() else {
            return OriginVerdict::Foreign;
        };
        let text = text.to_ascii_lowercase();
        let host = host.and_then(|host| std::str::from_utf8(host).ok());
        let host = forwarded.host.as_deref().or(host);
        let scheme = forwarded.scheme.as_deref();
        if host.is_some_and(|host| is_same_host(&text, host, scheme)) {
            return OriginVerdict::Same;
        }
        if self.any || self.listed.contains(&text) {
            return self.readable_by(value);
        }
        OriginVerdict::Foreign
    }

    /// The verdict on a page of another origin that is let in.
    pub(super) fn readable_by(&self, origin: HeaderValue) -> OriginVerdict {
        if self.without_cors_headers {
            OriginVerdict::Same
        } else {
            OriginVerdict::Listed(origin)
        }
    }
}

/// Checks that a browser could send this origin, in lower case, and for one site only.
fn check(origin: &str) -> Result<(), BadOrigin> {
    if origin.contains('*') {
        return Err(BadOrigin(
            "a star stands for nothing here: list each origin, or let every page connect with `allow_any_origin()`",
        ));
    }
    if origin == "null" {
        // A page from a file, of a sandboxed frame, or of an app's WebView.
        return Ok(());
    }
    let Some((scheme, rest)) = origin.split_once("://") else {
        return Err(BadOrigin("it has no scheme"));
    };
    let of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if scheme.is_empty() || !scheme.bytes().all(of_scheme) {
        return Err(BadOrigin("its scheme is none"));
    }
    if rest.contains(['/', '?', '#', '@']) {
        return Err(BadOrigin(
            "it has more than scheme, host and port: not even a slash stands behind them",
        ));
    }
    let web = matches!(scheme, "http" | "https");
    if rest.is_empty() && web {
        return Err(BadOrigin("it has no host"));
    }
    if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BadOrigin(
            "its host has more than ASCII in it: browsers send such a name as `xn--..`",
        ));
    }
    if !web {
        // Apps and browser extensions have origins of their own shape.
        return Ok(());
    }
    let Some(authority) = rest
        .parse::<Authority>()
        .ok()
        .filter(|it| !it.host().is_empty())
    else {
        return Err(BadOrigin("its host is none"));
    };
    let port = authority.as_str().strip_prefix(authority.host());
    match (port.unwrap_or_default(), scheme) {
        ("", _) => Ok(()),
        (":80", "http") | (":443", "https") => Err(BadOrigin(
            "its port is the scheme's own, which browsers leave out",
        )),
        _ if authority
            .port_u16()
            .is_some_and(|port| rest.ends_with(&format!(":{port}"))) =>
        {
            Ok(())
        }
        _ => Err(BadOrigin("its port is none")),
    }
}

/// Whether a page of `origin` was served by `host`. Schemes are compared only if a proxy has said by which the client asked:
/// behind one that terminates TLS the server does not know it. A missing port is the scheme's default. Clients that are no
/// browsers write the scheme of their own address: Starscream (Swift) sends `wss://host`.
fn is_same_host(origin: &str, host: &str, scheme: Option<&str>) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else {
        return false;
    };
    let (default, theirs) = match uri.scheme_str() {
        Some("http" | "ws") => (80, "http"),
        Some("https" | "wss") => (443, "https"),
        _ => return false,
    };
    if scheme.is_some_and(|scheme| scheme != theirs) {
        return false;
    }
    let (Some(theirs), Ok(ours)) = (uri.authority(), host.parse::<Authority>()) else {
        return false;
    };
    // `http` reads `name@host` as the host. No browser sends that, and no origin has it.
    if origin.contains('@') || host.contains('@') {
        return false;
    }
    theirs.host().eq_ignore_ascii_case(ours.host())
        && theirs.port_u16().unwrap_or(default) == ours.port_u16().unwrap_or(default)
}

/// Lets pages of `origin` read the response. Never `*`, which would exclude cookies.
pub(crate) fn allow_in(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    headers.append(VARY, HeaderValue::from_static("Origin"));
}

/// The headers that answer a preflight, which a browser sends before a request that is not simple. `requested`: the value of
/// `Access-Control-Request-Headers`.
pub(crate) fn allow_preflight(headers: &mut HeaderMap, requested: Option<HeaderValue>) {
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST"),
    );
    if let Some(requested) = requested {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, requested);
    }
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
