//! Answers are compressed: for whom, when, and by what.

#[cfg(feature = "compression")]
use std::cell::Cell;

use bytes::Bytes;
#[cfg(feature = "compression")]
use flate2::{Compress, Compression, FlushCompress, Status};

use super::coding::ContentCoding;
use crate::transport::polling::PollResponse;

/// The default of [`HttpCompression::threshold`].
const THRESHOLD: usize = 1024;

/// The level: hardly longer answers than with zlib's usual 6, in half of its time.
const LEVEL: u32 = 2;

/// How the answers to polls are compressed, given to `Io::http_compression`: Socket.IO's `httpCompression`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpCompression {
    threshold: usize,
}

impl Default for HttpCompression {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpCompression {
    /// Answers of 1,024 bytes and more, as in Socket.IO.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            threshold: THRESHOLD,
        }
    }

    /// Bytes that an answer has at least to be compressed, by the length that it would have without. Default 1,024. What is shorter
    /// gains little: 1 KiB of JSON becomes 450 bytes, and the head of an answer alone has 150.
    #[must_use]
    pub const fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }

    /// How the answers to a request are compressed that has these values of `Accept-Encoding`.
    pub(crate) fn answers_to<'a>(
        self,
        accept_encoding: impl Iterator<Item = &'a [u8]>,
    ) -> Option<AnswerCoding> {
        Some(AnswerCoding {
            coding: ContentCoding::wanted(accept_encoding)?,
            threshold: u32::try_from(self.threshold).unwrap_or(u32::MAX),
        })
    }
}

/// How the answers of one client may be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnswerCoding {
    coding: ContentCoding,
    threshold: u32,
}

impl AnswerCoding {
    /// Compresses an answer, if that makes it shorter. Takes 10 ms for each megabyte: not to be called under a lock.
    pub(crate) fn apply(
        coding: Option<Self>,
        answer: PollResponse,
    ) -> (PollResponse, Option<ContentCoding>) {
        if let (Some(Self { coding, threshold }), PollResponse::Payload(plain)) = (coding, &answer)
            && plain.len() as u64 >= u64::from(threshold)
            && let Some(compressed) = compress(coding, LEVEL, plain)
        {
            return (PollResponse::Payload(compressed), Some(coding));
        }
        (answer, None)
    }
}

/// A compressor, and its level.
#[cfg(feature = "compression")]
type Compressor = Option<(u32, Compress)>;

#[cfg(feature = "compression")]
thread_local! {
    /// For gzip and for zlib, each made when its thread first needs it, and used again: 270 KiB.
    static COMPRESSORS: [Cell<Compressor>; 2] = const { [Cell::new(None), Cell::new(None)] };
}

/// Compresses a body. `None` if it would not be shorter.
#[cfg(feature = "compression")]
pub(super) fn compress(coding: ContentCoding, level: u32, plain: &[u8]) -> Option<Bytes> {
    COMPRESSORS.with(|[gzip, deflate]| {
        let kept = match coding {
            ContentCoding::Gzip => gzip,
            ContentCoding::Deflate => deflate,
        };
        let of_level = kept.take().filter(|(its, _)| *its == level);
        let (_, mut compressor) = of_level.unwrap_or_else(|| {
            let compression = Compression::new(level);
            let compressor = match coding {
                ContentCoding::Gzip => Compress::new_gzip(compression, 15),
                ContentCoding::Deflate => Compress::new(compression, true),
            };
            (level, compressor)
        });
        // Room in which every body is finished, also one that becomes longer. A compressor that ran out of it can't be used
        // again: `reset` leaves it with what it could not write, and it panics when that has filled its buffer.
        let mut compressed = Vec::with_capacity(plain.len() + plain.len() / 8 + 64);
        let status = compressor.compress_vec(plain, &mut compressed, FlushCompress::Finish);
        let is_finished = matches!(status, Ok(Status::StreamEnd));
        if is_finished {
            compressor.reset();
            kept.set(Some((level, compressor)));
        }
        let is_shorter = is_finished && compressed.len() < plain.len();
        compressed.shrink_to_fit();
        is_shorter.then(|| compressed.into())
    })
}

/// Nothing is compressed without the feature.
#[cfg(not(feature = "compression"))]
pub(super) fn compress(_: ContentCoding, _level: u32, _plain: &[u8]) -> Option<Bytes> {
    None
}

#[cfg(test)]
#[cfg(feature = "compression")]
mod tests {
    use std::io::Read;

    use flate2::read::{GzDecoder, ZlibDecoder};

    use super::*;

    fn inflated(coding: ContentCoding, compressed: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        let read = match coding {
            ContentCoding::Gzip => GzDecoder::new(compressed).read_to_end(&mut plain),
            ContentCoding::Deflate => ZlibDecoder::new(compressed).read_to_end(&mut plain),
        };
        read.unwrap();
        plain
    }

    /// Bytes without a pattern.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 88_172_645_463_325_252_u64;
        let byte = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        std::iter::repeat_with(byte).take(length).collect()
    }

    fn applied(threshold: usize, plain: &[u8]) -> (PollResponse, Option<ContentCoding>) {
        let compression = HttpCompression::new().threshold(threshold);
        let coding = compression.answers_to([&b"gzip"[..]].into_iter());
        AnswerCoding::apply(coding, PollResponse::Payload(plain.to_vec().into()))
    }

    #[test]
    fn what_is_compressed_is_inflated_to_what_it_was_however_often_a_compressor_is_used() {
        for coding in [ContentCoding::Gzip, ContentCoding::Deflate] {
            for length in [100, 5_000, 300_000, 64] {
                for level in [LEVEL, 6, LEVEL] {
                    let plain = format!("4{}{length}", "0".repeat(length));
                    let compressed = compress(coding, level, plain.as_bytes()).unwrap();
                    assert!(compressed.len() < plain.len());
                    assert_eq!(inflated(coding, &compressed), plain.as_bytes());
                }
            }
        }
    }

    #[test]
    fn what_would_not_get_shorter_stays_as_it_is_and_spoils_nothing_behind_it() {
        for coding in [ContentCoding::Gzip, ContentCoding::Deflate] {
            for plain in [&b""[..], b"6", b"4hello", &noise(100_000)] {
                assert_eq!(compress(coding, LEVEL, plain), None, "{}", plain.len());
                let other = "4".repeat(1_000);
                let compressed = compress(coding, LEVEL, other.as_bytes()).unwrap();
                assert_eq!(inflated(coding, &compressed), other.as_bytes());
            }
        }
    }

    #[test]
    fn many_bodies_that_can_not_be_compressed_leave_nothing_behind() {
        for coding in [ContentCoding::Gzip, ContentCoding::Deflate] {
            for length in [2_000, 5_000] {
                for _ in 0..100 {
                    assert_eq!(compress(coding, LEVEL, &noise(length)), None);
                }
            }
            let plain = "4".repeat(1_000);
            let compressed = compress(coding, LEVEL, plain.as_bytes()).unwrap();
            assert_eq!(inflated(coding, &compressed), plain.as_bytes());
        }
    }

    #[test]
    fn an_answer_is_compressed_from_the_threshold_on() {
        let plain = "4".repeat(1_000);
        for (threshold, compressed) in [
            (1_000, true),
            (1_001, false),
            (usize::MAX, false),
            (0, true),
        ] {
            let (answer, coding) = applied(threshold, plain.as_bytes());
            assert_eq!(coding.is_some(), compressed, "{threshold}");
            let PollResponse::Payload(payload) = answer else {
                panic!("an answer");
            };
            assert_eq!(payload.len() < plain.len(), compressed, "{threshold}");
        }
        let (answer, coding) = AnswerCoding::apply(None, PollResponse::Taken);
        assert_eq!((answer, coding), (PollResponse::Taken, None));
    }
}
