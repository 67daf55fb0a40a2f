//! The head of a session's first request, kept for as long as the session lives.
//!
//! Few servers read it, and most of those once, while a client connects. A `HeaderMap` and a `Uri` would be a good part of an
//! idle session's memory (5.4 KiB in place of 3.4, with one other change), so both are kept as text and parsed on first use.

use std::{fmt, sync::OnceLock};

use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Uri,
    header::{COOKIE, HOST},
};

/// Ends each line of the text. Neither a target nor the name or value of a header can contain it.
const END: u8 = b'\n';
/// Between a header's name and its value.
const COLON: u8 = b':';
/// The same for a sensitive value. No name can contain either.
const SENSITIVE: u8 = b';';

/// The target and the headers of a request.
pub(super) struct RequestHead {
    /// The target, then each header. Copied: hyper's values are slices of its read buffer and would keep all of it.
    text: Box<[u8]>,
    parsed: OnceLock<Box<ParsedHead>>,
}

/// Headers about the connection and not about the client (RFC 9110 section 7.6.1, RFC 6455 section 11.3). They are most of
/// what a client other than a browser sends with a WebSocket.
fn describes_connection(name: &[u8]) -> bool {
    let known: &[&[u8]] = match name.len() {
        7 => &[b"upgrade"],
        10 => &[b"connection", b"keep-alive"],
        17 => &[b"sec-websocket-key"],
        21 => &[b"sec-websocket-version"],
        24 => &[b"sec-websocket-extensions"],
        _ => &[],
    };
    known.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// What was parsed on first use, and what few requests have.
#[derive(Default)]
struct ParsedHead {
    extensions: Extensions,
    uri: OnceLock<Uri>,
    headers: OnceLock<HeaderMap>,
    queries: OnceLock<Box<[(String, String)]>>,
}

impl RequestHead {
    /// The text does not tell by which version of HTTP the request came: the authority of HTTP/2, or of an absolute target,
    /// becomes the `Host` header (RFC 9113 section 8.3.1, RFC 9112 section 3.2.2), and several `Cookie` fields become one (RFC
    /// 9113 section 8.2.3).
    pub(super) fn new(uri: &Uri, headers: &HeaderMap) -> Self {
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let authority = uri.authority().map(|authority| authority.as_str());
        let crumbs: Vec<_> = headers.get_all(COOKIE).iter().collect();
        let cookies = (crumbs.len() > 1).then(|| {
            let crumbs: Vec<_> = crumbs.iter().map(|crumb| crumb.as_bytes()).collect();
            crumbs.join(&b"; "[..])
        });
        let is_replaced = |name: &HeaderName| {
            (name == HOST && authority.is_some()) || (name == COOKIE && cookies.is_some())
        };
        let mark_of = |value: &HeaderValue| {
            if value.is_sensitive() {
                SENSITIVE
            } else {
                COLON
            }
        };
        Self::of_lines(target.as_bytes(), || {
            let host = authority.map(|host| (HOST.as_str().as_bytes(), COLON, host.as_bytes()));
            let cookie = cookies.as_ref().map(|cookies| {
                let is_sensitive = crumbs.iter().any(|crumb| crumb.is_sensitive());
                let mark = if is_sensitive { SENSITIVE } else { COLON };
                (COOKIE.as_str().as_bytes(), mark, &cookies[..])
            });
            let others = headers.iter().filter(|(name, _)| !is_replaced(name));
            let others = others
                .map(|(name, value)| (name.as_str().as_bytes(), mark_of(value), value.as_bytes()));
            host.into_iter().chain(cookie).chain(others)
        })
    }

    /// From the text of a request, which contains no [`END`].
    pub(super) fn of_text<'a>(
        target: &[u8],
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
    ) -> Self {
        Self::of_lines(target, || {
            headers.clone().map(|(name, value)| (name, COLON, value))
        })
    }

    /// `lines` is called twice, first to know the length.
    fn of_lines<'a, I>(target: &[u8], lines: impl Fn() -> I) -> Self
    where
        I: Iterator<Item = (&'a [u8], u8, &'a [u8])>,
    {
        let lines = || lines().filter(|(name, ..)| !describes_connection(name));
        let sizes = lines().map(|(name, _, value)| name.len() + value.len() + 2);
        let mut text = Vec::with_capacity(target.len() + 1 + sizes.sum::<usize>());
        text.extend_from_slice(target);
        text.push(END);
        for (name, mark, value) in lines() {
            text.extend_from_slice(name);
            text.push(mark);
            text.extend_from_slice(value);
            text.push(END);
        }
        Self {
            text: text.into_boxed_slice(),
            parsed: OnceLock::new(),
        }
    }

    /// Keeps what the server around koio, or the program, has put beside the request.
    pub(super) fn add_extensions(&mut self, extensions: Extensions) {
        if extensions.is_empty() {
            return;
        }
        match self.parsed.get_mut() {
            Some(parsed) => parsed.extensions.extend(extensions),
            None => {
                let parsed = ParsedHead {
                    extensions,
                    ..ParsedHead::default()
                };
                self.parsed = OnceLock::from(Box::new(parsed));
            }
        }
    }

    pub(super) fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.parsed.get()?.extensions.get()
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    fn parsed(&self) -> &ParsedHead {
        self.parsed.get_or_init(Box::default)
    }

    fn target(&self) -> &[u8] {
        self.text
            .split(|byte| *byte == END)
            .next()
            .unwrap_or_default()
    }

    pub(super) fn query(&self) -> &[u8] {
        let query = self.target().splitn(2, |byte| *byte == b'?').nth(1);
        query.unwrap_or_default()
    }

    pub(super) fn queries(&self) -> &[(String, String)] {
        self.parsed().queries.get_or_init(|| {
            let queries = form_urlencoded::parse(self.query());
            queries.into_owned().collect()
        })
    }

    pub(super) fn uri(&self) -> &Uri {
        // The text holds a valid target.
        let uri = &self.parsed().uri;
        uri.get_or_init(|| Uri::try_from(self.target()).unwrap_or_default())
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.parsed().headers.get_or_init(|| {
            let lines = self.text.split(|byte| *byte == END).skip(1);
            let headers = lines.filter_map(|line| {
                let border = line
                    .iter()
                    .position(|byte| matches!(*byte, COLON | SENSITIVE))?;
                let (name, value) = line.split_at_checked(border)?;
                let (mark, value) = value.split_first()?;
                let mut value = HeaderValue::from_bytes(value).ok()?;
                value.set_sensitive(*mark == SENSITIVE);
                Some((HeaderName::from_bytes(name).ok()?, value))
            });
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(name, value);
            }
            map
        })
    }
}

impl Clone for RequestHead {
    fn clone(&self) -> Self {
        let mut head = Self {
            text: self.text.clone(),
            parsed: OnceLock::new(),
        };
        if let Some(parsed) = self.parsed.get() {
            head.add_extensions(parsed.extensions.clone());
        }
        head
    }
}

impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("uri", self.uri())
            .field("headers", self.headers())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uri_and_headers_survive_as_text() {
        let uri = Uri::from_static("/socket.io/?EIO=4&token=a?b:c!");
        let mut headers = HeaderMap::new();
        headers.append("x-list", HeaderValue::from_static("a:b;c"));
        headers.append("x-list", HeaderValue::from_static(""));
        headers.append("x-raw", HeaderValue::from_bytes(b"caf\xe9\t!").unwrap());
        let mut secret = HeaderValue::from_static("Bearer x:y");
        secret.set_sensitive(true);
        headers.append("authorization", secret);
        let head = RequestHead::new(&uri, &headers);
        assert_eq!(head.uri(), &uri);
        assert_eq!(head.query(), b"EIO=4&token=a?b:c!");
        assert_eq!(head.headers(), &headers);
        assert!(head.headers()["authorization"].is_sensitive());
        assert!(!head.headers()["x-raw"].is_sensitive());
    }

    #[test]
    fn headers_about_the_connection_are_not_kept() {
        let lines: [(&[u8], &[u8]); 8] = [
            (b"Host", b"chat.example"),
            (b"Connection", b"Upgrade"),
            (b"UPGRADE", b"websocket"),
            (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
            (b"Sec-WebSocket-Version", b"13"),
            (b"Sec-WebSocket-Extensions", b"permessage-deflate"),
            (b"Sec-WebSocket-Protocol", b"token"),
            (b"X-Request", b"1"),
        ];
        let head = RequestHead::of_text(b"/socket.io/", lines.iter().copied());
        let names: Vec<_> = head.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["host", "sec-websocket-protocol", "x-request"]);
        let again = RequestHead::new(head.uri(), head.headers());
        assert_eq!(again.headers(), head.headers());
    }

    #[test]
    fn what_http_2_sends_in_its_own_way_is_kept_as_http_1_has_it() {
        let uri = Uri::from_static("https://chat.example:8443/socket.io/?EIO=4");
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("cookie", "a=1"),
            ("x-request", "1"),
            ("cookie", "b=2; c=3"),
            ("host", "other.example"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let head = RequestHead::new(&uri, &headers);
        assert_eq!(head.uri(), "/socket.io/?EIO=4");
        let all = |name| Vec::from_iter(head.headers().get_all(name));
        assert_eq!(all("host"), ["chat.example:8443"]);
        assert_eq!(all("cookie"), ["a=1; b=2; c=3"]);
        assert_eq!(all("x-request"), ["1"]);
    }

    #[test]
    fn extensions_survive_what_is_parsed_beside_them_and_a_clone() {
        let mut head = RequestHead::new(&Uri::from_static("/a?b=c"), &HeaderMap::new());
        assert_eq!(head.extension::<u8>(), None);
        head.add_extensions(Extensions::new());
        assert!(head.parsed.get().is_none(), "nothing is kept for nothing");
        let mut extensions = Extensions::new();
        extensions.insert(7_u8);
        head.add_extensions(extensions);
        assert_eq!(head.uri().query(), Some("b=c"));
        for head in [&head, &head.clone()] {
            assert_eq!(head.extension::<u8>(), Some(&7));
            assert_eq!(head.extension::<u16>(), None);
        }
    }

    #[test]
    fn a_target_without_a_query_has_an_empty_one() {
        let head = RequestHead::new(&Uri::from_static("/socket.io/"), &HeaderMap::new());
        assert_eq!(head.query(), b"");
        assert_eq!(head.uri(), "/socket.io/");
        assert!(head.headers().is_empty());
    }
}
