//! 100,000 random requests, most of them broken. Each that is read here must be read the same by hyper, down to where it
//! ends: if the two differed, a request could be smuggled inside another one.

use std::{cell::RefCell, convert::Infallible, fmt::Write as _};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;

use super::{
    plain_request::{PlainRequest, read},
    repeated_head::RepeatedHead,
};
use crate::transport::Body;

const REQUESTS: u32 = 100_000;

/// Makes requests, the same for the same seed.
struct RequestGenerator(fastrand::Rng);

impl RequestGenerator {
    fn seeded(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Mostly the first one.
    fn mostly<T: Copy>(&mut self, from: &[T]) -> T {
        if self.one_in(12) {
            self.pick(from)
        } else {
            from[0]
        }
    }

    /// A request whose parts mostly fit together.
    fn request(&mut self) -> Vec<u8> {
        let is_post = self.one_in(2);
        let methods = if is_post {
            ["POST", "post", "PUT", "POST\t", "PO ST"]
        } else {
            ["GET", "HEAD", "get", "", "\r\nGET"]
        };
        let paths = [
            "/socket.io/?EIO=4&transport=polling",
            "/socket.io/?EIO=4&transport=polling&t=%20a+b",
            "http://a/socket.io/?EIO=4",
            "/socket.io/#?EIO=4",
            "/socket.io/\u{e9}?EIO=4",
            "//a/..;/?&&==",
            "*",
        ];
        let mut text = self.mostly(&methods).to_owned();
        text += self.mostly(&[" ", "  ", "\t", ""]);
        text += self.mostly(&paths);
        text += self.mostly(&[" ", "  ", "\t", ""]);
        text += self.mostly(&["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.1 ", "http/1.1"]);
        text += self.mostly(&["\r\n", "\n", "\r", ""]);
        let body = self.pick(&["", "40", "2", "41\u{1e}42[\"a\"]", "GET / HTTP/1.1\r\n\r\n"]);
        let length = body.len().to_string();
        let mut headers = vec![("Host", "a"), ("Accept", "*/*")];
        if is_post {
            headers.push(("Content-Length", &length));
        }
        for _ in 0..self.below(3) {
            let header = self.pick(&[
                ("Content-Type", "text/plain;charset=UTF-8"),
                ("Connection", "keep-alive"),
                ("Origin", "http://a"),
                ("X-Odd", "\u{e9}\t\"; ,:"),
                ("Cookie", ""),
                ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"),
            ]);
            headers.insert(self.below(headers.len() + 1), header);
        }
        if self.one_in(6) {
            let header = self.pick(&[
                ("Content-Length", "2"),
                ("Content-Length", "+2"),
                ("Content-Length", "0002"),
                ("Content-Length", "2, 2"),
                ("Content-Length", "18446744073709551618"),
                ("Transfer-Encoding", "chunked"),
                ("transfer-encoding", "identity"),
                ("Connection", "close"),
                ("Connection", "Upgrade"),
                ("Expect", "100-continue"),
                ("Host", "b"),
                ("Content-Encoding", "gzip"),
                ("X Y", "z"),
                ("", "z"),
            ]);
            headers.insert(self.below(headers.len() + 1), header);
        }
        if self.one_in(8) && !is_post {
            headers.extend([
                ("Upgrade", "websocket"),
                ("Connection", "keep-alive, Upgrade"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ]);
        }
        for (name, value) in headers {
            let colon = self.mostly(&[": ", ":", " : ", ":\t", "", ":\r\n "]);
            let end = self.mostly(&["\r\n", "\n", " \r\n", "\r", "\r\n "]);
            write!(text, "{name}{colon}{value}{end}").unwrap();
        }
        text += self.mostly(&["\r\n", "\n", ""]);
        text += body;
        let mut bytes = text.into_bytes();
        if self.one_in(2) {
            self.spoil(&mut bytes);
        }
        bytes
    }

    /// Changes what may differ in a repeated head, or something near it.
    fn vary(&mut self, bytes: &mut Vec<u8>) {
        match self.below(3) {
            0 => return self.spoil(bytes),
            1 => {
                let at = self.below(bytes.len().min(50));
                let with: [&[u8]; 8] = [b"&t=1", b"a", b"?", b"/", b"%", b" ", b"#", b"\xc3"];
                bytes.splice(at..at, self.pick(&with).iter().copied());
            }
            _ => {
                let digits = (0..bytes.len()).filter(|at| bytes[*at].is_ascii_digit());
                let digits: Vec<_> = digits.collect();
                let at = self.pick(&digits);
                let with: [&[u8]; 7] = [b"0", b"7", b"12", b"007", b"", b"1 ", b"+3"];
                bytes.splice(at..=at, self.pick(&with).iter().copied());
            }
        }
        if self.one_in(2) {
            bytes.extend_from_slice(b"42[\"more\"]");
        }
    }

    /// Changes a few bytes, wherever they are.
    fn spoil(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len().max(1));
            let odd = *b"\0\t\n\r \"#%+,/0:;?A\\^z|\x7f\x80\xff";
            match self.below(5) {
                _ if bytes.is_empty() => return,
                0 => bytes[at] = self.pick(&odd),
                1 => bytes[at] ^= 1 << self.below(8),
                2 => bytes.insert(at, self.pick(&odd)),
                3 => drop(bytes.remove(at)),
                _ => {
                    let end = at + self.below(bytes.len() - at).min(20);
                    let again = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, again);
                }
            }
        }
    }
}

/// A request, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ReadRequest {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

fn read_request(plain: &PlainRequest<'_>) -> ReadRequest {
    let headers = plain.headers.iter();
    ReadRequest {
        method: plain.body.map_or("GET", |_| "POST").to_owned(),
        target: String::from_utf8_lossy(plain.target).into_owned(),
        headers: sorted(headers.map(|it| (it.name.to_ascii_lowercase(), it.value.to_vec()))),
        body: plain.body.unwrap_or_default().to_vec(),
    }
}

fn here(bytes: &[u8]) -> Option<(ReadRequest, usize)> {
    read(bytes, |request| {
        Some((read_request(request), request.length()))
    })
}

/// By name; what has the same name stays in its order.
fn sorted(headers: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    let mut headers: Vec<_> = headers.collect();
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    headers
}

/// All requests that hyper finds.
async fn by_hyper(bytes: &[u8]) -> Vec<ReadRequest> {
    let found = RefCell::new(Vec::new());
    let service = service_fn(async |request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes());
        let headers = head.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        found.borrow_mut().push(ReadRequest {
            method: head.method.to_string(),
            target: head.uri.to_string(),
            headers: sorted(headers),
            body: body.unwrap_or(Bytes::from_static(b"no body")).to_vec(),
        });
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let io = TokioIo::new(tokio::io::join(bytes, tokio::io::sink()));
    let _ = http1::Builder::new()
        .half_close(true)
        .serve_connection(io, service)
        .await;
    found.into_inner()
}

#[tokio::test]
async fn plain_requests_are_read_by_hyper_alike() {
    const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut generator = RequestGenerator::seeded(0x6b6f_696f);
    let mut plain = 0;
    for _ in 0..REQUESTS {
        let mut bytes = generator.request();
        let Some((story, length)) = here(&bytes) else {
            continue;
        };
        plain += 1;
        // Cut before its end it is incomplete, and bytes behind it do not matter.
        let cut = generator.below(length);
        assert_eq!(here(&bytes[..cut]), None, "{cut} {}", bytes.escape_ascii());
        bytes.truncate(length);
        bytes.extend_from_slice(NEXT);
        assert_eq!(here(&bytes), Some((story.clone(), length)));
        let found = by_hyper(&bytes).await;
        let shown = bytes.escape_ascii();
        assert_eq!(found.first(), Some(&story), "{shown}");
        // Behind a WebSocket hyper would read no request.
        if !story.headers.iter().any(|(name, _)| name == "upgrade") {
            assert_eq!(found.len(), 2, "{shown}");
            assert_eq!(found[1].target, "/next", "{shown}");
        }
    }
    // Some requests must be plain and some not, or the test would prove little.
    assert!((20_000..80_000).contains(&plain), "{plain}");
}

#[test]
fn repeated_heads_are_read_like_any_other() {
    let mut generator = RequestGenerator::seeded(0x6167_6169);
    let mut hits = 0;
    for _ in 0..REQUESTS {
        let first = generator.request();
        let Some(head) = read(&first, |request| {
            RepeatedHead::new(request, true, None, None)
        }) else {
            continue;
        };
        let mut second = first.clone();
        generator.vary(&mut second);
        let Some(again) = head.read(&second) else {
            continue;
        };
        hits += 1;
        let (mut expected, _) = here(&first).unwrap();
        expected.method = again.body.map_or("GET", |_| "POST").to_owned();
        expected.body = again.body.unwrap_or_default().to_vec();
        if let Some(target) = again.target {
            expected.target = String::from_utf8_lossy(target).into_owned();
        }
        let shown = format!("{} then {}", first.escape_ascii(), second.escape_ascii());
        let (mut found, length) = here(&second).expect(&shown);
        for story in [&mut expected, &mut found] {
            story.headers.retain(|(name, _)| name != "content-length");
        }
        assert_eq!((&found, length), (&expected, again.length), "{shown}");
        let cut = generator.below(length);
        assert_eq!(head.read(&second[..cut]), None, "{cut} {shown}");
    }
    assert!((5_000..REQUESTS).contains(&hits), "{hits}");
}
