//! The requests of a client over polling, on a connection that stays open.

use std::{net::SocketAddr, time::Instant};

use mio::{Registry, event::Event};

use crate::{failure::Failure, stream::Stream};

/// Between the packets in a body.
const SEPARATOR: u8 = 0x1e;

/// What a reader does with the body of an answer and the time it came at.
pub(crate) type Reader<'a> = &'a mut dyn FnMut(&[u8], Instant) -> Result<(), Failure>;

/// A connection on which one request at a time is under way.
#[derive(Debug)]
pub(crate) struct Http {
    address: SocketAddr,
    stream: Stream,
    waiting: bool,
}

impl Http {
    /// Begins to connect. Its events have `index` for a token.
    pub(crate) fn open(
        index: usize,
        address: SocketAddr,
        registry: &Registry,
    ) -> Result<Self, Failure> {
        Ok(Self {
            address,
            stream: Stream::open(index, address, None, registry, String::new())?,
            waiting: false,
        })
    }

    /// Whether the answer to a request has not come.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Polls. Without a session it asks for one.
    pub(crate) fn get(&mut self, sid: Option<&str>) -> Result<(), Failure> {
        let sid = sid.map(|sid| format!("&sid={sid}")).unwrap_or_default();
        let request = format!(
            "GET /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: {}\r\n\r\n",
            self.address
        );
        self.waiting = true;
        self.stream.send(request.as_bytes())
    }

    /// Sends packets.
    pub(crate) fn post(&mut self, sid: &str, packets: &[String]) -> Result<(), Failure> {
        let body = packets.join("\x1e");
        let request = format!(
            "POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: {}\r\n\
             Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.waiting = true;
        self.stream.send(request.as_bytes())
    }

    /// Does what an event asks for. What there is of an answer's body goes to `reader`, with the time it came at.
    pub(crate) fn on_event(
        &mut self,
        event: &Event,
        block: &mut [u8],
        reader: Reader<'_>,
    ) -> Result<(), Failure> {
        let Self {
            stream, waiting, ..
        } = self;
        stream.on_event(event, block, &mut |bytes, at, _| {
            let Some((body, used)) = split(bytes)? else {
                return Ok(0);
            };
            if !*waiting || used != bytes.len() {
                return Err(Failure::unexpected(bytes, b""));
            }
            *waiting = false;
            reader(body, at)?;
            Ok(used)
        })
    }
}

/// The packets of a body.
pub(crate) fn packets(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| *byte == SEPARATOR)
}

/// The `sid` in the packet that opens a session.
pub(crate) fn sid(body: &[u8]) -> Result<String, Failure> {
    #[derive(serde::Deserialize)]
    struct Open {
        sid: String,
    }
    // Some servers send a ping after it at once.
    let open = packets(body)
        .next()
        .and_then(|open| open.strip_prefix(b"0"));
    let open = open.and_then(|open| serde_json::from_slice::<Open>(open).ok());
    Ok(open.ok_or_else(|| Failure::handshake(body))?.sid)
}

/// The body of an answer, and the length of it all; `None` if it is not all there. Each server here says how long its
/// bodies are.
pub(crate) fn split(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, Failure> {
    let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
        return Ok(None);
    };
    let length = bytes[..head].split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let (true, Some(length)) = (bytes.starts_with(b"HTTP/1.1 200 "), length) else {
        return Err(Failure::handshake(bytes));
    };
    let body = head + 4;
    let whole = bytes.get(body..body + length);
    Ok(whole.map(|whole| (whole, body + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_it_is_all_there() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n2\x1e6";
        for length in 0..answer.len() {
            assert!(matches!(split(&answer[..length]), Ok(None)), "{length}");
        }
        let (body, used) = split(answer).expect("it is fine").expect("it is whole");
        assert_eq!((body, used), (b"2\x1e6".as_slice(), answer.len()));
        assert_eq!(packets(body).count(), 2);
        assert!(split(b"HTTP/1.1 400 Bad Request\r\n\r\n").is_err());
    }
}
