//! The JSON scanner, with serde_json as the oracle.

use serde::de::IgnoredAny;

use super::random::Random;
use crate::wire::DecodeErrorKind as Kind;
use crate::wire::json::{self, Placeholders, Unwatched, document, value};

fn is_json(text: &str) -> bool {
    document(text.as_bytes(), 128, &mut Unwatched).is_ok()
}

/// The oracle: serde_json checks only the grammar of a value that it skips.
fn serde_is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[test]
fn every_short_text_is_judged_as_serde_json_judges_it() {
    const ALPHABET: &[u8] = b"[]{},:\"\\01-.e tn\x01";
    for len in 0..=4_u32 {
        for number in 0..ALPHABET.len().pow(len) {
            let text: Vec<u8> = (0..len)
                .map(|place| ALPHABET[number / ALPHABET.len().pow(place) % ALPHABET.len()])
                .collect();
            let text = String::from_utf8(text).unwrap();
            assert_eq!(is_json(&text), serde_is_json(&text), "{text:?}");
            // The same within a string, within a number, and at the end of a list.
            for text in [
                format!("\"{text}\""),
                format!("1{text}"),
                format!("[0{text}]"),
                format!("{{\"\":{text}"),
            ] {
                assert_eq!(is_json(&text), serde_is_json(&text), "{text:?}");
            }
        }
    }
}

#[test]
fn long_texts_are_judged_as_serde_json_judges_them() {
    let mut random = Random::new(1);
    for _ in 0..20_000 {
        let text = random.json(5);
        assert!(is_json(&text), "{text}");
        let spoiled = random.spoil(&text);
        assert_eq!(is_json(&spoiled), serde_is_json(&spoiled), "{spoiled:?}");
    }
}

#[test]
fn a_value_ends_where_serde_json_says() {
    let mut random = Random::new(2);
    for _ in 0..5_000 {
        let first = random.json(4);
        let both = format!(" {first} ,{}", random.json(2));
        assert_eq!(
            value(both.as_bytes(), 0, 0, &mut Unwatched),
            Ok(first.len() + 1),
            "{both}"
        );
    }
}

#[test]
fn a_special_character_is_found_at_every_place_of_a_string() {
    for at in 0..40 {
        let text = |character: &str| {
            format!(
                "\"{}{character}{}\"",
                "é".repeat(at / 2) + &"x".repeat(at % 2),
                "y".repeat(40 - at)
            )
        };
        for bad in ["\u{0}", "\u{1}", "\u{1f}", "\n", "\"", "\\", "\\x", "\\u12"] {
            assert!(!is_json(&text(bad)), "{:?}", text(bad));
        }
        for good in [
            " ", "!", "#", "[", "]", "\u{7f}", "\u{80}", "\u{a2}", "\u{dc}", "\u{ffff}", "\\\"",
            "\\\\", "\\u12aF",
        ] {
            assert!(is_json(&text(good)), "{:?}", text(good));
        }
    }
}

#[test]
fn plain_agrees_with_a_look_at_each_byte() {
    let slow = |text: &[u8]| {
        let special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
        text.iter().position(special).unwrap_or(text.len())
    };
    let mut random = Random::new(4);
    // Longer than two of the longest runs, and every border between runs of all sizes among them.
    for len in (0..70).chain([255, 256, 257, 511, 512, 513, 600]) {
        for byte in 0..=255 {
            let mut text: Vec<u8> = (0..len).map(|_| b' ' + random.below(2) as u8).collect();
            assert_eq!(json::plain(&text), len);
            for at in 0..len.min(40) {
                let at = if len < 70 { at } else { random.below(len) };
                let before = std::mem::replace(&mut text[at], byte);
                assert_eq!(json::plain(&text), slow(&text), "{byte} at {at} of {len}");
                text[at] = before;
            }
        }
        for at in 0..len {
            let mut text = vec![0xff; len];
            text[at] = b'"';
            assert_eq!(json::plain(&text), at, "{at} of {len}");
            for start in 0..=at.min(9) {
                assert_eq!(json::string(&text, start), Ok(at + 1));
            }
        }
    }
    for _ in 0..20_000 {
        let text: Vec<u8> = (0..random.below(80))
            .map(|_| *random.one(b"\x00\x1f !\"#[\\]\x5e\x7e\x7f\x80\xa2\xdc\xff"))
            .collect();
        assert_eq!(json::plain(&text), slow(&text), "{text:?}");
    }
}

#[test]
fn depth_is_bounded_without_a_stack() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":"#, "}]")] {
        let levels = if open.len() > 5 { 2 } else { 1 };
        let nested = |count: usize| format!("{}1{}", open.repeat(count), close.repeat(count));
        assert!(is_json(&nested(128 / levels)));
        let error = document(nested(128 / levels + 1).as_bytes(), 128, &mut Unwatched).unwrap_err();
        assert_eq!(error.kind(), Kind::TooDeep);
        let error = document(nested(1_000_000).as_bytes(), usize::MAX, &mut Unwatched).unwrap_err();
        assert_eq!(error.kind(), Kind::TooDeep);
    }
}

#[test]
fn closing_brackets_match_their_opening_ones_at_every_depth() {
    let mut random = Random::new(3);
    for _ in 0..2_000 {
        let kinds: Vec<bool> = (0..=random.below(127))
            .map(|_| random.below(2) == 0)
            .collect();
        let open: String = kinds
            .iter()
            .map(|&object| if object { r#"{"a":"# } else { "[" })
            .collect();
        let close = |kinds: &[bool]| {
            kinds
                .iter()
                .rev()
                .map(|&object| if object { '}' } else { ']' })
                .collect::<String>()
        };
        assert!(is_json(&format!("{open}1{}", close(&kinds))));
        let mut wrong = kinds.clone();
        let at = random.below(wrong.len());
        wrong[at] = !wrong[at];
        assert!(!is_json(&format!("{open}1{}", close(&wrong))));
    }
}

#[test]
fn brackets_are_counted_and_nothing_else_is() {
    let opening = |json: &[u8], count: usize| {
        assert!(json::is_shallow(json, count), "{count}");
        assert!(count == 0 || !json::is_shallow(json, count - 1), "{count}");
    };
    let all: Vec<u8> = (0..=255).collect();
    opening(&[b"[", &*all].concat(), 3);
    opening(b"[[{}]]()<>", 3);
    opening(b"[\"text\"]", 1);
    for len in 1..600 {
        opening(&vec![b'['; len], len);
        opening(&vec![b'{'; len], len);
        opening(&[b"[", &*vec![b' '; len], b"{}"].concat(), 2);
    }
}

#[test]
fn both_readings_of_a_placeholder_agree() {
    // `Placeholders` and `placeholder` must agree on what a placeholder is.
    const PARTS: [&str; 12] = [
        r#""_placeholder":true"#,
        r#""_placeholder" : true"#,
        r#""\u005fplaceholder":true"#,
        r#""_placeholder":false"#,
        r#""_placeholder":"true""#,
        r#""_placeholder":[true]"#,
        r#""num":0"#,
        r#""num": 1 "#,
        r#""num":-0"#,
        r#""num":0.0"#,
        r#""num":{}"#,
        r#""x":1"#,
    ];
    for count in 0..=3_u32 {
        for number in 0..PARTS.len().pow(count) {
            let parts: Vec<_> = (0..count)
                .map(|place| PARTS[number / PARTS.len().pow(place) % PARTS.len()])
                .collect();
            let text = format!("{{{}}}", parts.join(","));
            let passes =
                |count| document(text.as_bytes(), 128, &mut Placeholders::new(count)).is_ok();
            match json::placeholder(text.as_bytes(), 0, 1) {
                // Right with one attachment, wrong with none.
                Some((index, end)) => {
                    assert_eq!((index, end), (0, text.len()), "{text}");
                    assert!(passes(1) && !passes(0), "{text}");
                }
                // No placeholder, or one that is wrong with one attachment.
                None => assert!(!passes(1) || passes(0), "{text}"),
            }
        }
    }
}
