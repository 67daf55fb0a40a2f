//! Parses plain requests: those that can be read in one way only.

use std::mem::MaybeUninit;

use httparse::{Header, Request, Status};

use crate::transport::{MAX_HEAD, http::forwarded::HeaderLines};

/// The most headers that a plain request has. Browsers send about fifteen.
const MAX_HEADERS: usize = 32;

/// A complete request. Its other headers do not change how it is parsed or answered.
#[derive(Debug)]
pub(super) struct PlainRequest<'b> {
    /// All bytes before the body.
    pub(super) head: &'b [u8],
    /// A path and perhaps a query, as sent. ASCII.
    pub(super) target: &'b [u8],
    pub(super) headers: &'b [Header<'b>],
    pub(super) host: Option<&'b [u8]>,
    pub(super) origin: Option<&'b [u8]>,
    /// The key of a WebSocket handshake whose other headers are right.
    pub(super) websocket_key: Option<&'b [u8]>,
    /// The digits of the body's length.
    pub(super) content_length: Option<&'b [u8]>,
    /// The body of a POST. A GET has none.
    pub(super) body: Option<&'b [u8]>,
}

impl PlainRequest<'_> {
    /// The length of head and body.
    pub(super) fn length(&self) -> usize {
        self.head.len() + self.body.map_or(0, <[u8]>::len)
    }

    /// The values of `Accept-Encoding`.
    pub(super) fn accept_encoding(&self) -> impl Iterator<Item = &[u8]> {
        let headers = self.headers.iter();
        let named = headers.filter(|header| header.name.eq_ignore_ascii_case("accept-encoding"));
        named.map(|header| header.value)
    }
}

impl HeaderLines for [Header<'_>] {
    fn values(&self, name: &str) -> Vec<&[u8]> {
        let named = self.iter();
        let named = named.filter(|header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| header.value).collect()
    }
}

/// Parses the first request of `bytes` and calls `take` with it. Returns `None` if it is incomplete or not plain.
///
/// Ambiguous or unusual requests (duplicate headers, chunked bodies, `Expect`…) are not plain: hyper handles those.
pub(super) fn read<T>(
    bytes: &[u8],
    take: impl FnOnce(&PlainRequest<'_>) -> Option<T>,
) -> Option<T> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut request = Request::new(&mut []);
    let Ok(Status::Complete(head)) = request.parse_with_uninit_headers(bytes, &mut headers) else {
        return None;
    };
    let is_post = match request.method {
        Some("GET") => false,
        Some("POST") => true,
        _ => return None,
    };
    let target = request.path?.as_bytes();
    if !is_plain_target(target) {
        return None;
    }
    if request.version != Some(1) {
        return None;
    }
    let mut known = KnownHeaders::default();
    for header in &*request.headers {
        known.note(header)?;
    }
    if head > MAX_HEAD {
        return None;
    }
    let (head, after) = bytes.split_at_checked(head)?;
    let body = match (is_post, known.length) {
        (false, None) => None,
        (true, Some(length)) => Some(after.get(..parse_length(length)?)?),
        _ => return None,
    };
    take(&PlainRequest {
        head,
        target,
        headers: request.headers,
        host: known.host,
        origin: known.origin,
        websocket_key: known.websocket_key()?,
        content_length: known.length,
        body,
    })
}

/// Whether a target is a path without a fragment, of characters that a path or a query may have.
pub(super) fn is_plain_target(target: &[u8]) -> bool {
    // Without an early return, so that the compiler vectorizes the loop.
    let strange = target.iter().fold(false, |strange, &byte| {
        let graphic = byte.is_ascii_graphic();
        let quoted = (byte == b'"') | (byte == b'<') | (byte == b'>') | (byte == b'`');
        let odd = (byte == b'#') | (byte == b'\\') | (byte == b'^');
        strange | !graphic | quoted | odd | (b'{'..=b'}').contains(&byte)
    });
    target.starts_with(b"/") && !strange
}

/// The headers that decide how a request is read and answered.
#[derive(Debug, Default)]
struct KnownHeaders<'b> {
    host: Option<&'b [u8]>,
    origin: Option<&'b [u8]>,
    length: Option<&'b [u8]>,
    upgrade: Option<&'b [u8]>,
    version: Option<&'b [u8]>,
    key: Option<&'b [u8]>,
    /// Whether `Connection` has the option `upgrade`.
    upgrades: bool,
}

impl<'b> KnownHeaders<'b> {
    /// Notes one header. Returns `None` if the request is not plain.
    fn note(&mut self, header: &Header<'b>) -> Option<()> {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let value = header.value;
        let slot = match header.name.len() {
            4 if is("host") => &mut self.host,
            6 if is("origin") => &mut self.origin,
            7 if is("upgrade") => &mut self.upgrade,
            17 if is("sec-websocket-key") => &mut self.key,
            21 if is("sec-websocket-version") => &mut self.version,
            14 if is("content-length") => &mut self.length,
            10 if is("connection") => {
                if !value.eq_ignore_ascii_case(b"keep-alive") {
                    self.upgrades = asks_for_upgrade(value).then_some(true)?;
                }
                return Some(());
            }
            12 if is("content-type") => {
                let binary = b"application/octet-stream";
                return (!value.eq_ignore_ascii_case(binary)).then_some(());
            }
            6 if is("expect") => return None,
            16 if is("content-encoding") => return None,
            17 if is("transfer-encoding") => return None,
            22 if is("sec-websocket-protocol") => return None,
            29 if is("access-control-request-method") => return None,
            _ => return Some(()),
        };
        slot.replace(value).is_none().then_some(())
    }

    /// The key of a WebSocket handshake. Returns `None` for any other upgrade.
    fn websocket_key(&self) -> Option<Option<&'b [u8]>> {
        if !self.upgrades && self.upgrade.is_none() {
            return Some(None);
        }
        let is_websocket = self.upgrades
            && self.upgrade?.eq_ignore_ascii_case(b"websocket")
            && self.version? == b"13";
        is_websocket.then_some(Some(self.key?))
    }
}

/// Parses a length of digits only, if it fits.
pub(super) fn parse_length(value: &[u8]) -> Option<usize> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    value.iter().try_fold(0_usize, |number, digit| {
        number
            .checked_mul(10)?
            .checked_add(usize::from(digit - b'0'))
    })
}

/// Whether `Connection` is `upgrade`, alone or beside `keep-alive`.
fn asks_for_upgrade(value: &[u8]) -> bool {
    let mut words = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let mut upgrades = false;
    let known = words.all(|word| {
        let upgrade = word.eq_ignore_ascii_case(b"upgrade");
        upgrades |= upgrade;
        upgrade || word.eq_ignore_ascii_case(b"keep-alive")
    });
    known && upgrades
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is a POST, target, body and length of the request that is read.
    fn parts(bytes: &str) -> Option<(bool, String, String, usize)> {
        read(bytes.as_bytes(), |request| {
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            let body = text(request.body.unwrap_or_default());
            let is_post = request.body.is_some();
            Some((is_post, text(request.target), body, request.length()))
        })
    }

    const GET: &str = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n";
    const POST: &str = "POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n";

    #[test]
    fn a_plain_request_is_read_with_its_body_and_no_further() {
        let target = "/socket.io/?EIO=4&transport=polling";
        let get = format!("{GET}Connection: keep-alive\r\n\r\n");
        assert_eq!(
            parts(&format!("{get}GET /")),
            Some((false, target.to_owned(), String::new(), get.len()))
        );
        let post = format!("{POST}content-length: 2\r\nOrigin: http://a\r\n\r\n40");
        assert_eq!(
            parts(&format!("{post}POST")),
            Some((true, target.to_owned(), "40".to_owned(), post.len()))
        );
    }

    #[test]
    fn incomplete_requests_are_not_read() {
        let post = format!("{POST}Content-Length: 2\r\n\r\n40");
        for length in 0..post.len() {
            assert_eq!(parts(&post[..length]), None, "{length}");
        }
    }

    #[test]
    fn ambiguous_requests_are_left_to_hyper() {
        for headers in [
            "Content-Length: 2\r\nContent-Length: 2\r\n",
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: +2\r\n",
            "Content-Length: 2, 2\r\n",
            "Content-Length: 0x2\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999999\r\n",
            "Content-Length: 2\r\nHost: b\r\n",
            "Content-Length: 2\r\nOrigin: http://a\r\nOrigin: http://b\r\n",
            "Content-Length: 2\r\nExpect: 100-continue\r\n",
            "Content-Length: 2\r\nConnection: close\r\n",
            "Content-Length: 2\r\nContent-Encoding: gzip\r\n",
            "Content-Length: 2\r\nContent-Type: application/octet-stream\r\n",
            "Content-Length: 2\r\nUpgrade: h2c\r\n",
            "Transfer-Encoding: chunked\r\n",
            "",
        ] {
            assert_eq!(parts(&format!("{POST}{headers}\r\n40")), None, "{headers}");
        }
        assert_eq!(parts(&format!("{GET}Content-Length: 2\r\n\r\n40")), None);
        for line in [
            "GET / HTTP/1.0",
            "HEAD / HTTP/1.1",
            "OPTIONS * HTTP/1.1",
            "GET http://a/ HTTP/1.1",
            "GET /#a HTTP/1.1",
            "GET /a\"b HTTP/1.1",
            "PRI * HTTP/2.0",
        ] {
            assert_eq!(parts(&format!("{line}\r\nHost: a\r\n\r\n")), None, "{line}");
        }
        let headers = "X: y\r\n".repeat(MAX_HEADERS);
        assert_eq!(parts(&format!("{GET}{headers}\r\n")), None);
    }

    #[test]
    fn a_websocket_handshake_needs_all_its_headers() {
        let ask = |headers: &[&str]| {
            let bytes = format!("{GET}{}\r\n\r\n", headers.join("\r\n"));
            read(bytes.as_bytes(), |request| {
                request.websocket_key.map(|key| key == b"abc")
            })
        };
        let whole = [
            "Connection: keep-alive, Upgrade",
            "Upgrade: WebSocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: abc",
        ];
        assert_eq!(ask(&whole), Some(true));
        for left_out in 0..whole.len() {
            let mut some = whole.to_vec();
            some.remove(left_out);
            assert_eq!(ask(&some), None, "without {}", whole[left_out]);
        }
        for wrong in [
            "Sec-WebSocket-Version: 8",
            "Sec-WebSocket-Protocol: chat",
            "Upgrade: websocket, h2c",
            "Connection: Upgrade, close",
        ] {
            let mut some = whole.to_vec();
            some.push(wrong);
            assert_eq!(ask(&some), None, "{wrong}");
        }
    }
}
