//! Answers as they go over the wire.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    io::{self, IoSlice},
    time::{Duration, Instant, SystemTime},
};

use bytes::{Buf, Bytes};
use http::HeaderValue;
use tokio::net::tcp::OwnedWriteHalf;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::super::response;
use crate::engine::requests::Reply;

/// What answers begin with.
const PAYLOAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-8\r\n\
    cache-control: no-store\r\n";
const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncache-control: no-store\r\n";
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n\
    upgrade: websocket\r\nsec-websocket-accept: ";
const REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\n";

/// A body up to this size is copied behind its head; above it a copy costs more than a slice of its own.
const COALESCE: usize = 4 * 1024;

thread_local! {
    /// Where answers are put together; it is written before anything else happens.
    static TOGETHER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What is left to do when an answer has been written as far as the client takes it.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub(super) head: Bytes,
    pub(super) body: Bytes,
    /// The connection ends behind it.
    pub(super) last: bool,
}

/// Writes an answer. `None` if that is all there is to do about it.
pub(super) fn write(
    to: &OwnedWriteHalf,
    reply: Reply,
    listed: Option<&HeaderValue>,
    last: bool,
    now: Instant,
) -> Option<Left> {
    let mut together = TOGETHER.take();
    together.clear();
    let (first, mut body) = match reply {
        Reply::Payload(payload) => (PAYLOAD, Cow::Owned(payload)),
        Reply::Taken => (TAKEN, Cow::Borrowed(response::TAKEN)),
        Reply::Refused => (REFUSED, Cow::default()),
    };
    together.extend_from_slice(first);
    head(&mut together, body.len(), listed, last, now);
    if body.len() <= COALESCE {
        together.extend_from_slice(&body);
        body = Cow::default();
    }
    let written = if body.is_empty() {
        to.try_write(&together)
    } else {
        to.try_write_vectored(&[IoSlice::new(&together), IoSlice::new(&body)])
    };
    let written = match written {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        written => written,
    };
    let left = match written {
        Ok(written) if !last && written == together.len() + body.len() => None,
        Ok(written) => {
            let mut body = Bytes::from(body.into_owned());
            body.advance(written.saturating_sub(together.len()));
            let head = together.get(written..).unwrap_or_default();
            Some(Left {
                head: Bytes::copy_from_slice(head),
                body,
                last,
            })
        }
        // The client has gone.
        Err(_) => Some(Left {
            last: true,
            ..Left::default()
        }),
    };
    TOGETHER.set(together);
    left
}

/// Writes the headers of an answer, whose body is `length` bytes long.
fn head(into: &mut Vec<u8>, length: usize, listed: Option<&HeaderValue>, last: bool, now: Instant) {
    if let Some(origin) = listed {
        into.extend_from_slice(b"access-control-allow-origin: ");
        into.extend_from_slice(origin.as_bytes());
        into.extend_from_slice(b"\r\naccess-control-allow-credentials: true\r\nvary: Origin\r\n");
    }
    if last {
        into.extend_from_slice(b"connection: close\r\n");
    }
    into.extend_from_slice(b"content-length: ");
    digits(into, length);
    into.extend_from_slice(b"\r\ndate: ");
    date(into, now);
    into.extend_from_slice(b"\r\n\r\n");
}

/// The whole answer to a WebSocket's handshake.
pub(super) fn switching_protocols(key: &[u8]) -> Vec<u8> {
    let accept = derive_accept_key(key);
    [SWITCHING, accept.as_bytes(), b"\r\n\r\n"].concat()
}

fn digits(into: &mut Vec<u8>, number: usize) {
    if number >= 10 {
        digits(into, number / 10);
    }
    into.push(b'0' + (number % 10) as u8);
}

/// The date of a second, made once by each thread.
struct Date {
    text: Vec<u8>,
    until: Option<Instant>,
}

thread_local! {
    static DATE: RefCell<Date> = const { RefCell::new(Date { text: Vec::new(), until: None }) };
}

/// RFC 9110 section 6.6.1: whoever has a clock says so.
fn date(into: &mut Vec<u8>, now: Instant) {
    DATE.with_borrow_mut(|date| {
        if date.until.is_none_or(|until| now >= until) {
            let time = SystemTime::now();
            date.text = httpdate::fmt_http_date(time).into_bytes();
            let begun = time
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |since| since.subsec_nanos());
            date.until = Some(now + Duration::from_secs(1) - Duration::from_nanos(begun.into()));
        }
        into.extend_from_slice(&date.text);
    });
}
