//! Answers as they go over the wire.

use std::{
    cell::RefCell,
    time::{Duration, Instant, SystemTime},
};

use http::HeaderValue;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::super::response::Answer;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";
const BAD: &[u8] = b"HTTP/1.1 400 Bad Request\r\n";
const PAYLOAD: &[u8] = b"content-type: text/plain; charset=UTF-8\r\ncache-control: no-store\r\n";
const TAKEN: &[u8] = b"content-type: text/html\r\ncache-control: no-store\r\n";

/// Writes the head of an answer, whose body is `length` bytes long.
pub(super) fn head(
    into: &mut Vec<u8>,
    answer: &Answer,
    listed: Option<&HeaderValue>,
    last: bool,
    now: Instant,
) {
    let (status, headers) = match answer {
        Answer::Payload(_) => (OK, PAYLOAD),
        Answer::Taken => (OK, TAKEN),
        Answer::Refused => (BAD, &[][..]),
    };
    into.extend_from_slice(status);
    into.extend_from_slice(headers);
    if let Some(origin) = listed {
        into.extend_from_slice(b"access-control-allow-origin: ");
        into.extend_from_slice(origin.as_bytes());
        into.extend_from_slice(b"\r\naccess-control-allow-credentials: true\r\nvary: Origin\r\n");
    }
    if last {
        into.extend_from_slice(b"connection: close\r\n");
    }
    into.extend_from_slice(b"content-length: ");
    digits(into, answer.body().len());
    into.extend_from_slice(b"\r\ndate: ");
    date(into, now);
    into.extend_from_slice(b"\r\n\r\n");
}

/// The whole answer to a WebSocket's handshake.
pub(super) fn switching_protocols(key: &[u8]) -> Vec<u8> {
    let accept = derive_accept_key(key);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\n\r\n"
    )
    .into_bytes()
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
