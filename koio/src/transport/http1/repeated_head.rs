//! A head that comes again.
//!
//! A client that polls sends the same head with every request of a kind, but for a time in the target and the length
//! of what it brings. Once such a head has been read and judged, the next is only compared with it: byte for byte but
//! for these two holes, which are looked at like any other.

use std::ops::Range;

use http::HeaderValue;
use memchr::memchr;

use super::request_head::{PlainRequest, digits, is_plain};

/// Heads above this size are read anew each time, so that a client with many cookies is not kept in memory by them.
const LONGEST: usize = 2 * 1024;

/// The head of a plain request that asked something of a session over polling.
pub(super) struct RepeatedHead {
    head: Box<[u8]>,
    target: Range<usize>,
    /// The digits of the body's length; empty, and at the end, if there is no body.
    length: Range<usize>,
    is_post: bool,
    /// The foreign origin that must be told that it may read the answer: it stands in the head.
    pub(super) listed: Option<HeaderValue>,
}

/// A request whose head has come before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RepeatedRequest<'b> {
    /// Its target, if it is not the one that came before.
    pub(super) target: Option<&'b [u8]>,
    /// What a POST brings.
    pub(super) body: Option<&'b [u8]>,
    /// The request's length, head and body.
    pub(super) length: usize,
}

impl RepeatedHead {
    /// `None` if it is too long to be kept.
    pub(super) fn new(plain: &PlainRequest<'_>, listed: Option<HeaderValue>) -> Option<Self> {
        let head = plain.head;
        if head.len() > LONGEST || plain.websocket.is_some() {
            return None;
        }
        Some(Self {
            target: place(plain.target, head)?,
            length: match plain.digits {
                Some(digits) => place(digits, head)?,
                None => head.len()..head.len(),
            },
            head: head.into(),
            is_post: plain.body.is_some(),
            listed,
        })
    }

    /// The first request of `bytes`, if it is all there and its head is this one.
    ///
    /// What is found here is what [`read`](super::request_head::read) would find. That reads from left to right; a target
    /// ends at the first blank, and digits are digits in whichever number.
    pub(super) fn read<'b>(&self, bytes: &'b [u8]) -> Option<RepeatedRequest<'b>> {
        let (target, rest) = match bytes.strip_prefix(self.head.get(..self.length.start)?) {
            Some(rest) => (None, rest),
            None => {
                let (target, rest) = self.other_target(bytes)?;
                (Some(target), rest)
            }
        };
        let (body, rest) = if self.is_post {
            let end = rest.iter().position(|byte| !byte.is_ascii_digit())?;
            let (length, rest) = rest.split_at_checked(end)?;
            let rest = rest.strip_prefix(self.head.get(self.length.end..)?)?;
            let (body, rest) = rest.split_at_checked(digits(length)?)?;
            (Some(body), rest)
        } else {
            (None, rest)
        };
        Some(RepeatedRequest {
            target,
            body,
            length: bytes.len() - rest.len(),
        })
    }

    /// The target, and what is behind the last byte before the length.
    fn other_target<'b>(&self, bytes: &'b [u8]) -> Option<(&'b [u8], &'b [u8])> {
        let rest = bytes.strip_prefix(self.head.get(..self.target.start)?)?;
        let (target, rest) = rest.split_at_checked(memchr(b' ', rest)?)?;
        let rest = rest.strip_prefix(self.head.get(self.target.end..self.length.start)?)?;
        is_plain(target).then_some((target, rest))
    }
}

/// Where a part lies that was cut out of the whole.
fn place(part: &[u8], whole: &[u8]) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let range = start..start + part.len();
    (whole.get(range.clone()) == Some(part)).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::{super::request_head, *};

    const GET: &str = "GET /socket.io/?EIO=4&transport=polling&t=a HTTP/1.1\r\nHost: a\r\n\r\n";

    fn seen(bytes: &str) -> Option<RepeatedHead> {
        request_head::read(bytes.as_bytes(), |plain| RepeatedHead::new(plain, None))
    }

    fn post(target: &str, body: &str) -> String {
        format!(
            "POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nAccept: *\r\n\r\n{body}",
            body.len()
        )
    }

    #[test]
    fn the_same_head_is_known_with_another_body() {
        let seen = seen(&post("/a?t=1", "40")).unwrap();
        for body in [
            "40",
            "",
            "3",
            r#"42["a text of more than nine characters"]"#,
        ] {
            let bytes = post("/a?t=1", body);
            let again = RepeatedRequest {
                target: None,
                body: Some(body.as_bytes()),
                length: bytes.len(),
            };
            assert_eq!(seen.read(format!("{bytes}POST").as_bytes()), Some(again));
            assert_eq!(seen.read(&bytes.as_bytes()[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn another_target_is_given_to_whoever_judges_it() {
        let get = seen(GET).unwrap();
        assert_eq!(get.read(GET.as_bytes()).unwrap().target, None);
        let (before, after) = GET.split_once("t=a").unwrap();
        for target in ["t=b", "", "t=bcd&sid=x"] {
            let bytes = format!("{before}{target}{after}");
            let again = get.read(bytes.as_bytes()).unwrap();
            let whole = format!("{}{target}", &before[4..]);
            assert_eq!(again.target, Some(whole.as_bytes()), "{target}");
        }
        for target in ["t=#", "t= a", "t=\u{e9}", "t=\t"] {
            let bytes = format!("{before}{target}{after}");
            assert_eq!(get.read(bytes.as_bytes()), None, "{target}");
        }
    }

    #[test]
    fn any_other_difference_is_for_the_long_way() {
        let (get, post_head) = (seen(GET).unwrap(), seen(&post("/a", "40")).unwrap());
        for (one, other) in [
            ("GET", "get"),
            ("HTTP/1.1", "HTTP/1.0"),
            ("Host", "host"),
            ("a\r\n\r\n", "a\r\nX: y\r\n\r\n"),
            ("\r\n\r\n", "\n\n"),
        ] {
            assert_eq!(
                get.read(GET.replace(one, other).as_bytes()),
                None,
                "{other}"
            );
        }
        let post = post("/a", "40");
        for digits in ["", "+2", "2 ", "2,2", "0x2", "99999999999999999999999"] {
            let bytes = post.replace(": 2", &format!(": {digits}"));
            assert_eq!(post_head.read(bytes.as_bytes()), None, "{digits}");
        }
        assert_eq!(get.read(post.as_bytes()), None);
        assert_eq!(post_head.read(GET.as_bytes()), None);
    }

    #[test]
    fn a_long_head_is_not_kept() {
        let long = GET.replace("a\r\n", &format!("{}\r\n", "a".repeat(LONGEST)));
        assert!(seen(&long).is_none());
        assert!(seen(GET).is_some());
    }
}
