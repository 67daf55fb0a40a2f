//! A broadcast of JSON to clients that take compressed messages (permessage-deflate), one after the other.

use std::{fmt::Write, time::Instant};

use flate2::{Decompress, FlushDecompress, Status};

use super::pace::{Pace, QUIET};
use crate::{
    crowd::Crowd,
    failure::Failure,
    frames::{FIRST, Frame, TEXT, Template},
    servers::Server,
    table::Measured,
};

/// What Chromium offers, and that the server compresses each message by itself: as koio does anyway, while Node would also compress
/// its handshakes otherwise.
const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_max_window_bits\r\n";

/// Broadcasts with different content.
const DIFFERENT: u64 = 16;

/// One of the recipients asks for a broadcast, and for the next one as soon as all have got it.
pub(crate) fn run(
    server: &Server,
    recipients: usize,
    size: usize,
    pace: &Pace,
) -> Result<Measured, Failure> {
    let mut crowd = Crowd::with(server, OFFER)?;
    crowd.open(recipients)?;
    let mut casts: Vec<(Template, Template)> = (1..=DIFFERENT)
        .map(|seed| {
            let payload = mixed(seed, size);
            (
                Template::text(&format!(r##"42["cast-json",{payload}]"##)),
                Template::plain(&format!(r##"42["news",{payload}]"##)),
            )
        })
        .collect();
    let mut inflaters: Vec<_> = (0..recipients).map(|_| Inflater::new()).collect();
    // The number of the broadcast that each waits for.
    let mut next = vec![FIRST; recipients];
    let mut number = FIRST;
    let (mut delivered, mut bytes): (u64, u64) = (0, 0);
    let mut measured = pace.measure(server, |latencies| {
        let (request, news) = &mut casts[(number % DIFFERENT) as usize];
        let sent = Instant::now();
        crowd.send(0, request.with(number))?;
        let expected = news.with(number);
        let mut missing = recipients as u64;
        while missing > 0 {
            let turned = crowd.turn(&mut |index, frame, at, _| {
                latencies.record(at - sent);
                bytes += frame.length as u64;
                let message = inflaters[index].inflate(frame, expected.len())?;
                if message != expected || next[index] != number {
                    return Err(Failure::unexpected(message, expected));
                }
                next[index] += 1;
                missing -= 1;
                Ok(())
            });
            match turned {
                Err(Failure::Stuck) => return Err(Failure::Lost(missing)),
                turned => turned?,
            }
        }
        number += 1;
        delivered += recipients as u64;
        Ok(delivered)
    })?;
    crowd.stay_quiet(QUIET)?;
    measured.bytes = Some(bytes as f64 / delivered as f64);
    Ok(measured)
}

/// JSON of about this size as a chat or a game sends it: keys that repeat, values that do not. `#` is the number.
fn mixed(seed: u64, size: usize) -> String {
    let mut state = seed;
    let mut random = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut json = String::from(r##"{"number":"#","messages":["##);
    while json.len() < size {
        let comma = if json.ends_with('}') { "," } else { "" };
        let (id, from, private) = (random(1 << 31), random(100_000), random(2) == 0);
        let (x, y) = (random(1_000_000), random(9) + 1);
        let _ = write!(
            json,
            r##"{comma}{{"id":{id},"from":"user-{from}","private":{private},"at":{{"x":{x},"y":{x}.{y}}},"text":""##
        );
        for word in 0..8 {
            let space = if word == 0 { "" } else { " " };
            let _ = write!(json, "{space}{:x}", random(1 << 24));
        }
        json += r##""}"##;
    }
    json + "]}"
}

/// Inflates the messages of one connection.
struct Inflater {
    zlib: Decompress,
    message: Vec<u8>,
}

impl Inflater {
    fn new() -> Self {
        Self {
            zlib: Decompress::new(false),
            message: Vec::new(),
        }
    }

    /// The message of a frame, which has to be text, compressed, and so long at most.
    fn inflate(&mut self, frame: Frame<'_>, most: usize) -> Result<&[u8], Failure> {
        if frame.opcode != TEXT || !frame.compressed {
            return Err(Failure::unexpected(frame.payload, b"a compressed text"));
        }
        self.message.clear();
        self.message.reserve(most + 1);
        for piece in [frame.payload, &[0x00, 0x00, 0xff, 0xff]] {
            let done = self
                .zlib
                .decompress_vec(piece, &mut self.message, FlushDecompress::None);
            if !matches!(done, Ok(Status::Ok | Status::BufError)) {
                return Err(Failure::unexpected(frame.payload, b"deflate"));
            }
        }
        Ok(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_is_json_of_about_its_size_and_different_each_time() {
        let all: Vec<String> = (1..=DIFFERENT).map(|seed| mixed(seed, 4096)).collect();
        for (at, json) in all.iter().enumerate() {
            assert!((4096..4400).contains(&json.len()));
            assert!(serde_json::from_str::<serde_json::Value>(json).is_ok());
            assert!(!all[..at].contains(json));
        }
    }
}
