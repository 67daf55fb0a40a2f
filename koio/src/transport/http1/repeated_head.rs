//! The head of the last request, to compare the next with.
//!
//! A polling client sends the same head with every GET, and with every POST, of a connection. Only the target may differ
//! (by a timestamp) and the digits of the body's length. Once such a head is parsed and judged, the next one is compared
//! byte for byte outside these two holes, and not parsed. Without it the row `polling-echo` of `koio/benches/instructions`
//! takes 17,559 instructions in place of 12,836.

use std::ops::Range;

use http::HeaderValue;
use memchr::memchr;

use super::plain_request::{PlainRequest, is_plain_target, parse_length};
use crate::transport::AnswerCoding;

/// Longer heads are parsed each time, so that a client with many cookies does not cost memory for as long as it polls.
const MAX_KEPT: usize = 2 * 1024;

/// The head of a plain request to a session over polling.
pub(super) struct RepeatedHead {
    head: Box<[u8]>,
    target: Range<usize>,
    /// The digits of the content length. Without a body an empty range, at the end.
    length: Range<usize>,
    is_post: bool,
    /// Whether a poll with this target waits for packets.
    pub(super) waits: bool,
    /// The listed origin whose pages may read the response. It is the head's, so it need not be judged again.
    pub(super) allow_origin: Option<HeaderValue>,
    /// How the answers may be compressed, by the same head.
    pub(super) coding: Option<AnswerCoding>,
}

/// A request with that head.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RepeatedRequest<'b> {
    /// The target, if it differs.
    pub(super) target: Option<&'b [u8]>,
    /// The body of a POST.
    pub(super) body: Option<&'b [u8]>,
    /// The length of head and body.
    pub(super) length: usize,
}

impl RepeatedHead {
    /// Keeps the head of a request, unless it is too long or a WebSocket handshake.
    pub(super) fn new(
        request: &PlainRequest<'_>,
        waits: bool,
        allow_origin: Option<HeaderValue>,
        coding: Option<AnswerCoding>,
    ) -> Option<Self> {
        let head = request.head;
        if head.len() > MAX_KEPT || request.websocket_key.is_some() {
            return None;
        }
        Some(Self {
            target: range_in(request.target, head)?,
            length: match request.content_length {
                Some(digits) => range_in(digits, head)?,
                None => head.len()..head.len(),
            },
            head: head.into(),
            is_post: request.body.is_some(),
            waits,
            allow_origin,
            coding,
        })
    }

    /// The first request of `bytes`, if it is complete and has this head.
    ///
    /// Finds the same request as [`read`](super::plain_request::read), which parses from left to right, ends a target at the
    /// first space, and takes any run of digits for a length.
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
            let (body, rest) = rest.split_at_checked(parse_length(length)?)?;
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

    /// A target that differs, and what follows the last byte before the length.
    fn other_target<'b>(&self, bytes: &'b [u8]) -> Option<(&'b [u8], &'b [u8])> {
        let rest = bytes.strip_prefix(self.head.get(..self.target.start)?)?;
        let (target, rest) = rest.split_at_checked(memchr(b' ', rest)?)?;
        let rest = rest.strip_prefix(self.head.get(self.target.end..self.length.start)?)?;
        is_plain_target(target).then_some((target, rest))
    }
}

/// The range of a slice within the slice that it was cut from.
fn range_in(part: &[u8], whole: &[u8]) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let range = start..start + part.len();
    (whole.get(range.clone()) == Some(part)).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::{super::plain_request, *};

    const GET: &str = "GET /socket.io/?EIO=4&transport=polling&t=a HTTP/1.1\r\nHost: a\r\n\r\n";

    fn head_of(bytes: &str) -> Option<RepeatedHead> {
        plain_request::read(bytes.as_bytes(), |request| {
            RepeatedHead::new(request, true, None, None)
        })
    }

    fn post(target: &str, body: &str) -> String {
        format!(
            "POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nAccept: *\r\n\r\n{body}",
            body.len()
        )
    }

    #[test]
    fn the_same_head_is_known_with_another_body() {
        let head = head_of(&post("/a?t=1", "40")).unwrap();
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
            assert_eq!(head.read(format!("{bytes}POST").as_bytes()), Some(again));
            assert_eq!(head.read(&bytes.as_bytes()[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn another_target_is_returned_to_be_judged() {
        let get = head_of(GET).unwrap();
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
    fn any_other_difference_is_parsed_anew() {
        let (get, post_head) = (head_of(GET).unwrap(), head_of(&post("/a", "40")).unwrap());
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
        let long = GET.replace("a\r\n", &format!("{}\r\n", "a".repeat(MAX_KEPT)));
        assert!(head_of(&long).is_none());
        assert!(head_of(GET).is_some());
    }
}
