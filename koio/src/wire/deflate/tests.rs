//! The examples of RFC 7692 section 7.2.3, what is no message, and what is too much of one.

use std::time::{Duration, Instant};

use super::{InflateError, PerMessageDeflate, compress, inflate};

const MAX: usize = 1_000_000;

fn compressed(message: &[u8], settings: PerMessageDeflate) -> Option<Vec<u8>> {
    compress(message, settings, <[u8]>::to_vec)
}

/// Words that do not repeat much.
fn text(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let words = ["\"id\":", "\"name\":", "true,", "{", "}", "\"price\":"];
    let mut text = Vec::new();
    while text.len() < bytes {
        text.extend_from_slice(words[random.usize(..words.len())].as_bytes());
        text.extend_from_slice(random.u16(..).to_string().as_bytes());
    }
    text.truncate(bytes);
    text
}

#[test]
fn the_examples_of_the_rfc_are_inflated() {
    for (name, message, expected) in [
        (
            "one block",
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            "Hello",
        ),
        (
            "a block without compression",
            &[
                0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
            ],
            "Hello",
        ),
        (
            "a block with BFINAL",
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            "Hello",
        ),
        (
            "two blocks",
            &[
                0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
            ],
            "Hello",
        ),
        ("an empty message", &[0x00], ""),
        ("an empty message with BFINAL", &[0x03, 0x00, 0x00], ""),
    ] {
        let inflated = inflate(message, MAX);
        assert_eq!(inflated.as_deref(), Ok(expected.as_bytes()), "{name}");
    }
}

#[test]
fn a_final_block_may_stand_anywhere_and_without_the_byte_behind_it() {
    let hello = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(inflate(&hello, MAX).as_deref(), Ok(&b"Hello"[..]));
    let twice = [&hello[..], &hello].concat();
    assert_eq!(inflate(&twice, MAX).as_deref(), Ok(&b"HelloHello"[..]));
    let then = [&hello[..], &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]].concat();
    assert_eq!(inflate(&then, MAX).as_deref(), Ok(&b"HelloHello"[..]));
}

#[test]
fn a_message_that_refers_to_an_earlier_one_is_corrupt() {
    // The second message of the example "Sharing LZ77 Sliding Window".
    inflate(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], MAX).unwrap();
    let second = inflate(&[0xf2, 0x00, 0x11, 0x00, 0x00], MAX);
    assert_eq!(second, Err(InflateError::Corrupt));
}

#[test]
fn what_no_compressor_makes_is_corrupt() {
    for message in [
        // The reserved type of a block.
        &[0x07][..],
        &[0xff; 20],
        // The length of a stored block, and its complement.
        &[0x00, 0x05, 0x00, 0x05, 0x00, 0x48],
        // Behind a final block.
        &[0x03, 0x00, 0xff],
    ] {
        assert_eq!(
            inflate(message, MAX),
            Err(InflateError::Corrupt),
            "{message:02x?}"
        );
    }
}

#[test]
fn what_is_compressed_is_smaller_and_inflates_to_itself() {
    for bytes in [16, 100, 1_024, 4_096, 65_536] {
        let text = text(bytes);
        for settings in (1..=9).flat_map(|level| {
            let settings = PerMessageDeflate::new().level(level);
            [9, 10, 15].map(|bits| settings.window_bits(bits))
        }) {
            let Some(small) = compressed(&text, settings) else {
                assert!(bytes < 1_000, "{bytes} {settings:?}");
                continue;
            };
            assert!(small.len() < text.len());
            assert_eq!(inflate(&small, bytes).as_deref(), Ok(&text[..]));
        }
    }
}

#[test]
fn nothing_of_a_message_is_left_for_the_next() {
    let settings = PerMessageDeflate::new();
    let (one, other) = (text(5_000), text(4_000));
    let alone = compressed(&other, settings);
    compressed(&one, settings).unwrap();
    assert_eq!(compressed(&other, settings), alone);
}

#[test]
fn what_would_not_become_smaller_is_not_compressed() {
    let mut noise = vec![0; 5_000];
    fastrand::Rng::with_seed(3).fill(&mut noise);
    for message in [&b""[..], b"a", b"Hello", &noise] {
        assert_eq!(compressed(message, PerMessageDeflate::new()), None);
    }
}

/// Zeroes, compressed.
fn bomb(bytes: usize) -> Vec<u8> {
    compressed(&vec![0; bytes], PerMessageDeflate::new().max_size(bytes)).unwrap()
}

#[test]
fn a_bomb_is_not_inflated_beyond_the_limit() {
    for (bytes, max) in [
        (MAX + 1, MAX),
        (10_000_000, MAX),
        (70_000, 65_536),
        (2_000, 1_024),
    ] {
        let bomb = bomb(bytes);
        let started = Instant::now();
        // The output has room for one byte beyond the limit, and what the allocator gives in addition.
        match inflate(&bomb, max) {
            Err(InflateError::TooLong(at_least)) => {
                assert!(at_least > max && at_least <= max + 64 * 1024, "{at_least}");
            }
            other => panic!("{bytes} {max}: {other:?}"),
        }
        assert!(started.elapsed() < Duration::from_secs(5));
        assert_eq!(
            inflate(&bomb, bytes).map(|message| message.len()),
            Ok(bytes)
        );
    }
}

#[test]
fn a_message_of_final_blocks_alone_is_given_up() {
    let blocks = [0x03, 0x00].repeat(100_000);
    assert_eq!(inflate(&blocks, MAX), Err(InflateError::Corrupt));
}

#[test]
fn every_damaged_message_is_inflated_within_the_limit_or_is_an_error() {
    let mut random = fastrand::Rng::with_seed(11);
    let whole = compressed(&text(3_000), PerMessageDeflate::new()).unwrap();
    for _ in 0..1_000 {
        let mut damaged = whole.clone();
        match random.u8(..4) {
            0 => damaged.truncate(random.usize(..whole.len())),
            1 => damaged.extend((0..random.usize(..40)).map(|_| random.u8(..))),
            _ => {}
        }
        for _ in 0..random.usize(..4) {
            if !damaged.is_empty() {
                let at = random.usize(..damaged.len());
                damaged[at] = random.u8(..);
            }
        }
        if let Ok(inflated) = inflate(&damaged, 10_000) {
            assert!(inflated.len() <= 10_000);
        }
        // The next message is not affected.
        assert_eq!(
            inflate(&whole, 3_000).map(|message| message.len()),
            Ok(3_000)
        );
    }
}

#[test]
fn messages_that_can_not_be_compressed_leave_nothing_behind() {
    let mut random = fastrand::Rng::with_seed(11);
    for (level, window_bits) in [(1, 15), (6, 15), (9, 9)] {
        let settings = PerMessageDeflate::new()
            .level(level)
            .window_bits(window_bits);
        for len in [2_000, 5_000] {
            for _ in 0..100 {
                let noise: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
                assert_eq!(compressed(&noise, settings), None, "{level} {len}");
            }
            let message = text(len);
            let small = compressed(&message, settings).unwrap();
            assert_eq!(inflate(&small, MAX).as_deref(), Ok(&*message));
        }
    }
}
