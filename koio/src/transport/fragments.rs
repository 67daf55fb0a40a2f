//! Follows the borders of incoming WebSocket frames (RFC 6455 section 5.2), and nothing else.
//!
//! tungstenite reads the frames; it neither tells whether a message is half read nor bounds the number of
//! frames a message may be cut into. Both are needed here: a deadline for the first, a limit for the second. And
//! who knows that a message is complete need not ask tungstenite for one that is not there.

use std::mem::take;

/// Where in a frame the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    /// The first byte: FIN and opcode.
    Start,
    /// The second: mask bit and short length.
    Length,
    /// So many bytes of a long length are missing; what has been read of it so far.
    LongLength { missing: u8, length: u64 },
    /// So many bytes of mask and payload are missing.
    Payload { missing: u64 },
}

/// Counts the frames of the message under way.
#[derive(Debug)]
pub(super) struct Fragments {
    at: At,
    masked: bool,
    /// The frame under way is the last of its message, or a control frame.
    last: bool,
    /// Frames of the unfinished data message; 0 when none is under way.
    open: usize,
    limit: usize,
    /// A message or a control frame has ended since somebody last asked.
    complete: bool,
}

/// A message was cut into more frames than the limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Fragments {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            at: At::Start,
            masked: false,
            last: false,
            open: 0,
            limit,
            complete: false,
        }
    }

    /// Whether a frame or a fragmented message is under way.
    pub(super) fn is_partial(&self) -> bool {
        self.at != At::Start || self.open > 0
    }

    /// Whether a message or a control frame has ended since the last call.
    pub(super) fn take_complete(&mut self) -> bool {
        take(&mut self.complete)
    }

    /// Follows the next bytes of the stream up to the end of a frame, and says how many those were. Malformed
    /// frames are tungstenite's to refuse.
    pub(super) fn feed(&mut self, all: &[u8]) -> Result<usize, TooMany> {
        let mut bytes = all;
        while let Some((&first, rest)) = bytes.split_first() {
            let count = all.len() - bytes.len();
            if count > 0 && self.at == At::Start {
                return Ok(count);
            }
            match self.at {
                At::Start => {
                    let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
                    // Control frames (8 and above) may stand between the fragments of a message.
                    if opcode < 8 {
                        self.open = if fin { 0 } else { self.open + 1 };
                        if self.open > self.limit {
                            return Err(TooMany);
                        }
                    }
                    self.last = fin || opcode >= 8;
                    self.at = At::Length;
                    bytes = rest;
                }
                At::Length => {
                    self.masked = first & 0x80 != 0;
                    self.at = match first & 0x7f {
                        126 => At::LongLength {
                            missing: 2,
                            length: 0,
                        },
                        127 => At::LongLength {
                            missing: 8,
                            length: 0,
                        },
                        short => self.payload(u64::from(short)),
                    };
                    bytes = rest;
                }
                At::LongLength { missing, length } => {
                    let length = length << 8 | u64::from(first);
                    self.at = if missing == 1 {
                        self.payload(length)
                    } else {
                        At::LongLength {
                            missing: missing - 1,
                            length,
                        }
                    };
                    bytes = rest;
                }
                At::Payload { missing } => {
                    let here = bytes
                        .len()
                        .min(usize::try_from(missing).unwrap_or(usize::MAX));
                    let (_, rest) = bytes.split_at(here);
                    self.at = self.missing(missing - here as u64);
                    bytes = rest;
                }
            }
        }
        Ok(all.len())
    }

    fn payload(&mut self, length: u64) -> At {
        self.missing(length.saturating_add(if self.masked { 4 } else { 0 }))
    }

    fn missing(&mut self, missing: u64) -> At {
        if missing > 0 {
            return At::Payload { missing };
        }
        self.complete |= self.last;
        At::Start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(fin: bool, opcode: u8, payload: usize) -> Vec<u8> {
        let mut bytes = vec![if fin { 0x80 | opcode } else { opcode }];
        match payload {
            0..126 => bytes.push(0x80 | payload as u8),
            126..65_536 => {
                bytes.push(0x80 | 126);
                bytes.extend((payload as u16).to_be_bytes());
            }
            _ => {
                bytes.push(0x80 | 127);
                bytes.extend((payload as u64).to_be_bytes());
            }
        }
        bytes.extend(std::iter::repeat_n(0xff, 4 + payload));
        bytes
    }

    /// Follows all of it, and says how often a message or a control frame ended.
    fn follow(fragments: &mut Fragments, mut bytes: &[u8]) -> Result<usize, TooMany> {
        let mut complete = 0;
        while !bytes.is_empty() {
            bytes = &bytes[fragments.feed(bytes)?..];
            complete += usize::from(fragments.take_complete());
        }
        Ok(complete)
    }

    #[test]
    fn every_cut_of_every_length_ends_at_the_border() {
        for payload in [0, 1, 125, 126, 65_535, 65_536] {
            let bytes = frame(true, 1, payload);
            for cut in [0, 1, 2, 3, 6, 10, 13, bytes.len() - 1] {
                let cut = cut.min(bytes.len() - 1);
                let mut fragments = Fragments::new(4);
                let (head, tail) = bytes.split_at(cut);
                assert_eq!(fragments.feed(head), Ok(cut));
                assert_eq!(fragments.is_partial(), cut > 0, "{payload} cut at {cut}");
                assert!(!fragments.take_complete());
                assert_eq!(fragments.feed(tail), Ok(tail.len()));
                assert!(!fragments.is_partial(), "{payload} cut at {cut}");
                assert!(fragments.take_complete());
            }
        }
    }

    #[test]
    fn a_message_is_under_way_until_its_last_fragment() {
        let mut fragments = Fragments::new(4);
        assert_eq!(follow(&mut fragments, &frame(false, 1, 3)), Ok(0));
        assert!(fragments.is_partial());
        assert_eq!(follow(&mut fragments, &frame(true, 9, 0)), Ok(1));
        assert!(fragments.is_partial(), "a ping between does not end it");
        assert_eq!(follow(&mut fragments, &frame(true, 0, 3)), Ok(1));
        assert!(!fragments.is_partial());
    }

    #[test]
    fn empty_continuations_are_counted() {
        let mut fragments = Fragments::new(3);
        assert_eq!(follow(&mut fragments, &frame(false, 2, 0)), Ok(0));
        assert_eq!(follow(&mut fragments, &frame(false, 0, 0)), Ok(0));
        assert_eq!(follow(&mut fragments, &frame(false, 0, 0)), Ok(0));
        assert_eq!(follow(&mut fragments, &frame(false, 0, 0)), Err(TooMany));
    }

    #[test]
    fn it_stops_at_each_end_of_a_frame() {
        let mut fragments = Fragments::new(4);
        let mut bytes = frame(true, 1, 200);
        bytes.extend([0x81, 0]);
        bytes.extend(frame(true, 0, 0));
        assert_eq!(fragments.feed(&bytes), Ok(208));
        assert_eq!(fragments.feed(&bytes[208..]), Ok(2), "unmasked and empty");
        assert_eq!(fragments.feed(&bytes[210..]), Ok(6));
        assert!(!fragments.is_partial());
    }
}
