//! Answers as they go over the wire.

use std::{
    cell::{Cell, RefCell},
    io::{self, IoSlice},
    time::{Duration, Instant, SystemTime},
};

use bytes::{Buf, Bytes};
use http::HeaderValue;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::transport::http::response;
use crate::transport::{polling::PollResponse, tcp::TcpWriter};

/// What answers begin with.
const PAYLOAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-8\r\n\
    cache-control: no-store\r\n";
const TAKEN: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncache-control: no-store\r\n";
const REFUSED: &str = "HTTP/1.1 400 Bad Request\r\n";
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n\
    upgrade: websocket\r\nsec-websocket-accept: ";

/// A body up to this size is copied behind its head; above it a copy costs more than a slice of its own.
const COALESCE: usize = 4 * 1024;

thread_local! {
    /// Where answers are put together; it is written before anything else happens.
    static TOGETHER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What is left to do when an answer has been written as far as the client takes it.
#[derive(Debug, Default)]
pub(super) struct UnsentResponse {
    pub(super) head: Bytes,
    pub(super) body: Bytes,
    /// The connection ends behind it.
    pub(super) last: bool,
}

/// Writes an answer. `None` if that is all there is to do about it.
pub(super) fn write(
    to: &TcpWriter,
    reply: PollResponse,
    listed: Option<&HeaderValue>,
    last: bool,
    now: Instant,
) -> Option<Box<UnsentResponse>> {
    let mut together = TOGETHER.take();
    together.clear();
    begin(&mut together, &reply, now);
    let mut body = match reply {
        PollResponse::Payload(payload) => payload,
        PollResponse::Taken => Bytes::from_static(response::TAKEN),
        PollResponse::Refused => Bytes::new(),
    };
    finish(&mut together, body.len(), listed, last);
    if body.len() <= COALESCE {
        together.extend_from_slice(&body);
        body = Bytes::new();
    }
    let written = if body.is_empty() {
        to.try_write(&together)
    } else {
        to.try_write_vectored(&[IoSlice::new(&together), IoSlice::new(&body)])
    };
    let left = match written {
        Ok(written) if !last && written == together.len() + body.len() => None,
        written => Some(Box::new(UnsentResponse::behind(
            written, &together, body, last,
        ))),
    };
    TOGETHER.set(together);
    left
}

impl UnsentResponse {
    #[cold]
    fn behind(written: io::Result<usize>, head: &[u8], mut body: Bytes, last: bool) -> Self {
        let written = match written {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            // The client has gone.
            Err(_) => {
                return Self {
                    last: true,
                    ..Self::default()
                };
            }
        };
        body.advance(written.saturating_sub(head.len()).min(body.len()));
        let head = head.get(written..).unwrap_or_default();
        Self {
            head: Bytes::copy_from_slice(head),
            body,
            last,
        }
    }
}

/// What all answers of a second begin with, up to their length. Made once by each thread.
struct DatedHeads {
    until: Option<Instant>,
    payload: Vec<u8>,
    taken: Vec<u8>,
    refused: Vec<u8>,
}

thread_local! {
    static SECOND: RefCell<DatedHeads> = const {
        RefCell::new(DatedHeads {
            until: None,
            payload: Vec::new(),
            taken: Vec::new(),
            refused: Vec::new(),
        })
    };
}

impl DatedHeads {
    #[cold]
    fn renew(&mut self, now: Instant) {
        // RFC 9110 section 6.6.1: whoever has a clock says so.
        let time = SystemTime::now();
        let date = httpdate::fmt_http_date(time);
        let dated = |start| format!("{start}date: {date}\r\ncontent-length: ").into_bytes();
        (self.payload, self.taken, self.refused) = (dated(PAYLOAD), dated(TAKEN), dated(REFUSED));
        let begun = time
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.subsec_nanos());
        self.until = Some(now + Duration::from_secs(1) - Duration::from_nanos(begun.into()));
    }
}

fn begin(into: &mut Vec<u8>, reply: &PollResponse, now: Instant) {
    SECOND.with_borrow_mut(|second| {
        if second.until.is_none_or(|until| now >= until) {
            second.renew(now);
        }
        into.extend_from_slice(match reply {
            PollResponse::Payload(_) => &second.payload,
            PollResponse::Taken => &second.taken,
            PollResponse::Refused => &second.refused,
        });
    });
}

/// Writes the rest of the head.
fn finish(into: &mut Vec<u8>, length: usize, listed: Option<&HeaderValue>, last: bool) {
    // Without `fmt`, as in `wire`. Making JSON of a number can't fail.
    let _ = serde_json::to_writer(&mut *into, &length);
    into.extend_from_slice(b"\r\n");
    if let Some(origin) = listed {
        into.extend_from_slice(b"access-control-allow-origin: ");
        into.extend_from_slice(origin.as_bytes());
        into.extend_from_slice(b"\r\naccess-control-allow-credentials: true\r\nvary: Origin\r\n");
    }
    if last {
        into.extend_from_slice(b"connection: close\r\n");
    }
    into.extend_from_slice(b"\r\n");
}

/// The whole answer to a WebSocket's handshake.
pub(super) fn switching_protocols(key: &[u8]) -> Vec<u8> {
    let accept = derive_accept_key(key);
    [SWITCHING, accept.as_bytes(), b"\r\n\r\n"].concat()
}
