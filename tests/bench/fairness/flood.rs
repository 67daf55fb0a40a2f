//! Clients that send as fast as their connection takes it.

use std::{
    fmt,
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::bare;
use crate::{
    failure::Failure,
    frames::{self, Template},
    process,
    reactor::BLOCK,
};

/// How many flood at a time.
pub(super) const FLOODERS: usize = 4;
/// Bytes that are written at once, more or less.
const AT_ONCE: usize = 64 * 1024;
/// Fragments of a message, of a byte each.
const FRAGMENTS: usize = 512;
/// How often a writer that waits looks at the clock, and one that was refused tries again.
const LOOK: Duration = Duration::from_millis(10);

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flood {
    /// Empty ping frames, which the server answers.
    Pings,
    /// Pong frames that answer nothing.
    Pongs,
    /// Small events that have a handler.
    Events,
    /// Such events, in fragments of one byte.
    Fragments,
    /// An event by POST, then a poll that brings its answer. The next request does not wait for the last one's answer.
    Polls,
    /// Requests for a new session.
    Handshakes,
}

impl Flood {
    pub(super) const ALL: [Self; 6] = [
        Self::Pings,
        Self::Pongs,
        Self::Events,
        Self::Fragments,
        Self::Polls,
        Self::Handshakes,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pings => "pings",
            Self::Pongs => "pongs",
            Self::Events => "events",
            Self::Fragments => "fragments",
            Self::Polls => "polls",
            Self::Handshakes => "handshakes",
        }
    }

    /// A connection, and one message of those that follow one another on it.
    fn open(self, address: SocketAddr) -> Result<(TcpStream, Vec<u8>), Failure> {
        let event = "42[\"echo\",\"flood\"]";
        let empty = |opcode| Template::default().frame(opcode, "").with(0).to_vec();
        let message = match self {
            Self::Pings => empty(frames::PING),
            Self::Pongs => empty(frames::PONG),
            Self::Events => Template::text(event).with(0).to_vec(),
            Self::Fragments => {
                let event = format!("{:x<FRAGMENTS$}", &event[..event.len() - 2]);
                frames::fragments(&(event + "\"]"))
            }
            Self::Polls => {
                let (stream, sid) = bare::polling(address)?;
                let post = bare::post(&sid, "421[\"echo\",\"flood\"]");
                return Ok((stream, (post + &bare::get(&sid)).into_bytes()));
            }
            Self::Handshakes => return Ok((bare::open(address)?, bare::get("").into_bytes())),
        };
        Ok((bare::websocket(address)?, message))
    }
}

/// What became of one that floods.
#[derive(Debug, Default)]
pub(super) struct Fate {
    messages: u64,
    /// How often the server has closed its connection. It comes back at once.
    cuts: u64,
    /// How often it got no connection.
    refused: u64,
    /// What the server said last before it closed one.
    word: String,
}

impl Fate {
    pub(super) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.cuts += other.cuts;
        self.refused += other.refused;
        if self.word.is_empty() {
            self.word = other.word;
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} k sent, cut {}×", self.messages / 1000, self.cuts)?;
        if self.refused > 0 {
            write!(f, ", refused {}×", self.refused)?;
        }
        if !self.word.is_empty() {
            write!(f, ": {}", self.word)?;
        }
        Ok(())
    }
}

/// Floods until then. This thread has no say beside those that measure.
pub(super) fn run(flood: Flood, address: SocketAddr, end: Instant) -> Fate {
    process::give_way();
    let mut fate = Fate::default();
    while Instant::now() < end {
        match flood.open(address) {
            Ok((stream, message)) => pour(stream, &message, end, &mut fate),
            Err(_) => {
                fate.refused += 1;
                thread::sleep(LOOK);
            }
        }
    }
    fate
}

/// Writes the message over and over again, until the end or until the server closes the connection.
fn pour(mut stream: TcpStream, message: &[u8], end: Instant, fate: &mut Fate) {
    let reads = stream.try_clone();
    let Ok(mut reads) = reads else { return };
    let block = message.repeat(AT_ONCE.div_ceil(message.len()));
    let mut sent = 0;
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            process::give_way();
            drain(&mut reads)
        });
        let _ = stream.set_write_timeout(Some(LOOK));
        let cut = loop {
            match stream.write(&block[sent % block.len()..]) {
                Ok(length) => sent += length,
                Err(error) if is_not_now(&error) => {}
                Err(_) => break true,
            }
            if Instant::now() >= end {
                break false;
            }
            if reader.is_finished() {
                break true;
            }
        };
        if !cut {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let last = reader.join().unwrap_or_default();
        if cut {
            fate.cuts += 1;
            fate.word = word(&last);
        }
    });
    fate.messages += (sent / message.len()) as u64;
}

fn is_not_now(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// Reads until the connection ends, and hands back what came last.
fn drain(stream: &mut TcpStream) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    let mut last = 0;
    loop {
        match stream.read(&mut block) {
            Ok(0) => break,
            Ok(length) => last = length,
            Err(error) if is_not_now(&error) => {}
            Err(_) => break,
        }
    }
    block.truncate(last);
    block
}

/// What the server said last: the code and the reason of a close frame, or the status of an HTTP answer.
fn word(last: &[u8]) -> String {
    let start = last.len().saturating_sub(2 + 125);
    let close = (start..last.len()).find_map(|at| match frames::split(&last[at..])? {
        (frame, length) if frame.opcode == frames::CLOSE && at + length == last.len() => {
            let (code, reason) = frame.payload.split_first_chunk()?;
            let reason = String::from_utf8_lossy(reason);
            Some(format!("{} {reason}", u16::from_be_bytes(*code)))
        }
        _ => None,
    });
    let status = || {
        let text = String::from_utf8_lossy(last);
        let (_, head) = text.rsplit_once("HTTP/1.1 ")?;
        Some(head.lines().next()?.to_owned())
    };
    close.or_else(status).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_is_that_of_the_close_frame_or_of_the_answer() {
        assert_eq!(word(b"\x81\x01x\x88\x06\x03\xf0slow"), "1008 slow");
        assert_eq!(
            word(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 503 Busy\r\n\r\n"),
            "503 Busy"
        );
        assert_eq!(word(b"\x81\x01x"), "");
    }
}
