//! Responses, written to the connection at once.

use std::{
    cell::{Cell, RefCell},
    io::{self, IoSlice},
    time::{Duration, Instant, SystemTime},
};

use bytes::{Buf, Bytes};
use http::HeaderValue;

use crate::transport::{ContentCoding, http::response, polling::PollResponse, tcp::TcpWriter};

const PAYLOAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-8\r\n\
    cache-control: no-store\r\n";
const BINARY_PAYLOAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n\
    cache-control: no-store\r\n";
const TAKEN: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncache-control: no-store\r\n";
const REFUSED: &str = "HTTP/1.1 400 Bad Request\r\n";

/// Up to this size a body is copied behind its head. A longer one is a slice of its own in a vectored write.
const MAX_COPIED_BODY: usize = 4 * 1024;

thread_local! {
    /// Where a response is assembled. It is taken out for the length of one call of [`write`].
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What the connection does behind a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum AfterResponse {
    #[default]
    KeepAlive,
    Close,
}

/// What the head of a response depends on, beside its kind and length.
pub(super) struct ResponseHead<'a> {
    /// The listed origin whose pages may read the response.
    pub(super) allow_origin: Option<&'a HeaderValue>,
    /// How its body is compressed.
    pub(super) coding: Option<ContentCoding>,
    pub(super) after: AfterResponse,
    pub(super) now: Instant,
}

/// What the client did not take at once.
#[derive(Debug, Default)]
pub(super) struct UnsentResponse {
    pub(super) head: Bytes,
    pub(super) body: Bytes,
    pub(super) after: AfterResponse,
    /// Whether packets of the session are lost if these bytes are.
    pub(super) loses_packets: bool,
    /// The client has hung up: nothing can be written.
    pub(super) failed: Option<io::ErrorKind>,
}

/// Writes a response. Returns what the connection's task must do, if anything: write the unsent bytes, or close.
pub(super) fn write(
    to: &TcpWriter,
    response: PollResponse,
    head: &ResponseHead<'_>,
) -> Option<Box<UnsentResponse>> {
    let loses_packets = response.may_not_be_lost();
    let mut buffer = BUFFER.take();
    buffer.clear();
    push_dated_head(&mut buffer, &response, head.now);
    let mut body = match response {
        PollResponse::Payload(payload) | PollResponse::BinaryPayload(payload) => payload,
        PollResponse::Taken => Bytes::from_static(response::TAKEN),
        PollResponse::Refused => Bytes::new(),
    };
    push_end_of_head(&mut buffer, body.len(), head);
    if body.len() <= MAX_COPIED_BODY {
        buffer.extend_from_slice(&body);
        body = Bytes::new();
    }
    let written = if body.is_empty() {
        to.try_write(&buffer)
    } else {
        to.try_write_vectored(&[IoSlice::new(&buffer), IoSlice::new(&body)])
    };
    let is_sent = matches!(written, Ok(written) if written == buffer.len() + body.len());
    let unsent = if is_sent && head.after == AfterResponse::KeepAlive {
        None
    } else {
        let mut unsent = UnsentResponse::after_write(written, &buffer, body, head.after);
        unsent.loses_packets = loses_packets;
        Some(Box::new(unsent))
    };
    BUFFER.set(buffer);
    unsent
}

impl UnsentResponse {
    /// Whether nothing is left to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_empty() && self.body.is_empty()
    }

    /// What is written next.
    pub(super) fn next(&mut self) -> &mut Bytes {
        if self.head.is_empty() {
            &mut self.body
        } else {
            &mut self.head
        }
    }

    #[cold]
    fn after_write(
        written: io::Result<usize>,
        head: &[u8],
        mut body: Bytes,
        after: AfterResponse,
    ) -> Self {
        let written = match written {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => {
                return Self {
                    after: AfterResponse::Close,
                    failed: Some(error.kind()),
                    ..Self::default()
                };
            }
        };
        body.advance(written.saturating_sub(head.len()).min(body.len()));
        let head = head.get(written..).unwrap_or_default();
        Self {
            head: Bytes::copy_from_slice(head),
            body,
            after,
            ..Self::default()
        }
    }
}

/// The heads of one second, with its date, up to the content length. Each thread formats them once a second.
struct DatedHeads {
    until: Option<Instant>,
    payload: Vec<u8>,
    binary: Vec<u8>,
    taken: Vec<u8>,
    refused: Vec<u8>,
}

thread_local! {
    static DATED: RefCell<DatedHeads> = const {
        RefCell::new(DatedHeads {
            until: None,
            payload: Vec::new(),
            binary: Vec::new(),
            taken: Vec::new(),
            refused: Vec::new(),
        })
    };
}

impl DatedHeads {
    #[cold]
    fn renew(&mut self, now: Instant) {
        // RFC 9110 section 6.6.1: an origin server with a clock sends the date.
        let time = SystemTime::now();
        let date = httpdate::fmt_http_date(time);
        let dated = |start| format!("{start}date: {date}\r\ncontent-length: ").into_bytes();
        (self.payload, self.binary) = (dated(PAYLOAD), dated(BINARY_PAYLOAD));
        (self.taken, self.refused) = (dated(TAKEN), dated(REFUSED));
        let begun = time
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.subsec_nanos());
        self.until = Some(now + Duration::from_secs(1) - Duration::from_nanos(begun.into()));
    }
}

/// Appends the head up to the value of `content-length`.
fn push_dated_head(buffer: &mut Vec<u8>, response: &PollResponse, now: Instant) {
    DATED.with_borrow_mut(|dated| {
        if dated.until.is_none_or(|until| now >= until) {
            dated.renew(now);
        }
        buffer.extend_from_slice(match response {
            PollResponse::Payload(_) => &dated.payload,
            PollResponse::BinaryPayload(_) => &dated.binary,
            PollResponse::Taken => &dated.taken,
            PollResponse::Refused => &dated.refused,
        });
    });
}

/// Appends the head from the value of `content-length` on.
fn push_end_of_head(buffer: &mut Vec<u8>, length: usize, head: &ResponseHead<'_>) {
    // serde_json writes integers without the machinery of `fmt`. An integer always serializes.
    let _ = serde_json::to_writer(&mut *buffer, &length);
    buffer.extend_from_slice(b"\r\n");
    if let Some(origin) = head.allow_origin {
        buffer.extend_from_slice(b"access-control-allow-origin: ");
        buffer.extend_from_slice(origin.as_bytes());
        buffer.extend_from_slice(b"\r\naccess-control-allow-credentials: true\r\nvary: Origin\r\n");
    }
    if let Some(coding) = head.coding {
        buffer.extend_from_slice(b"content-encoding: ");
        buffer.extend_from_slice(coding.name().as_bytes());
        buffer.extend_from_slice(b"\r\nvary: Accept-Encoding\r\n");
    }
    if head.after == AfterResponse::Close {
        buffer.extend_from_slice(b"connection: close\r\n");
    }
    buffer.extend_from_slice(b"\r\n");
}
