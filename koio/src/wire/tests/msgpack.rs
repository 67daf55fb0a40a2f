//! JSON to msgpack and back, with notepack.io 3.0.1 as the measure: its bytes are in the tables.

use bytes::Bytes;
use serde_json::Value;

use super::random::Random;
use crate::wire::{Binary, Packer, UnpackErrorKind, unpack};

fn pack(json: &str, attachments: &[Bytes]) -> Vec<u8> {
    let mut packer = Packer::with_capacity(0);
    packer.json(json.as_bytes(), attachments).unwrap();
    packer.finish()
}

fn read(packed: &[u8], binary: Binary) -> Result<String, UnpackErrorKind> {
    match unpack(&Bytes::copy_from_slice(packed), binary) {
        Ok(unpacked) => Ok(String::from_utf8(unpacked.json).unwrap()),
        Err(error) => {
            assert!(error.offset <= packed.len());
            Err(error.kind)
        }
    }
}

fn json(packed: &[u8]) -> String {
    read(packed, Binary::Attached(10)).unwrap()
}

#[test]
fn each_value_has_its_shortest_form() {
    for (text, packed) in [
        ("null", &b"\xc0"[..]),
        ("true", b"\xc3"),
        ("false", b"\xc2"),
        ("0", b"\x00"),
        ("127", b"\x7f"),
        ("128", b"\xcc\x80"),
        ("256", b"\xcd\x01\x00"),
        ("65536", b"\xce\x00\x01\x00\x00"),
        ("4294967296", b"\xcf\x00\x00\x00\x01\x00\x00\x00\x00"),
        (
            "18446744073709551615",
            b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        ("-1", b"\xff"),
        ("-32", b"\xe0"),
        ("-33", b"\xd0\xdf"),
        ("-129", b"\xd1\xff\x7f"),
        ("-32769", b"\xd2\xff\xff\x7f\xff"),
        ("-2147483649", b"\xd3\xff\xff\xff\xff\x7f\xff\xff\xff"),
        (
            "-9223372036854775808",
            b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00",
        ),
        ("1.5", b"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"),
        (r#""""#, b"\xa0"),
        (r#""a""#, b"\xa1a"),
        ("[]", b"\x90"),
        ("{}", b"\x80"),
        ("[[],[1,[2]],{}]", b"\x93\x90\x92\x01\x91\x02\x80"),
        (
            r#"{"a":{"b":[1]},"c":2}"#,
            b"\x82\xa1a\x81\xa1b\x91\x01\xa1c\x02",
        ),
    ] {
        assert_eq!(pack(text, &[]), packed, "{text}");
        assert_eq!(json(packed), text);
    }
}

#[test]
fn a_number_is_what_javascript_makes_of_it() {
    for (text, packed, again) in [
        ("1.0", &b"\x01"[..], "1"),
        ("-0", b"\x00", "0"),
        ("-0.0", b"\x00", "0"),
        ("1e3", b"\xcd\x03\xe8", "1000"),
        (
            "1e19",
            b"\xcf\x8a\xc7\x23\x04\x89\xe8\x00\x00",
            "10000000000000000000",
        ),
        // notepack writes these integral numbers wrongly, as cf0000000000000000 for one.
        (
            "18446744073709551616",
            b"\xcb\x43\xf0\x00\x00\x00\x00\x00\x00",
            "1.8446744073709552e+19",
        ),
        ("1e300", b"\xcb\x7e\x37\xe4\x3c\x88\x00\x75\x9c", "1e+300"),
        ("-1e300", b"\xcb\xfe\x37\xe4\x3c\x88\x00\x75\x9c", "-1e+300"),
        ("1e400", b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", "null"),
        ("-1e400", b"\xcb\xff\xf0\x00\x00\x00\x00\x00\x00", "null"),
    ] {
        assert_eq!(pack(text, &[]), packed, "{text}");
        let read = json(packed);
        let same = |a: &str, b: &str| {
            serde_json::from_str::<Value>(a).unwrap() == serde_json::from_str::<Value>(b).unwrap()
        };
        assert!(same(&read, again), "{text}: {read}");
    }
}

#[test]
fn lengths_around_every_header_survive_the_trip() {
    for len in [15, 16, 31, 32, 255, 256, 65_535, 65_536] {
        let string = format!("\"{}\"", "x".repeat(len));
        let packed = pack(&string, &[]);
        let header = match len {
            0..32 => 1,
            32..256 => 2,
            256..65_536 => 3,
            _ => 5,
        };
        assert_eq!(packed.len(), header + len);
        assert_eq!(json(&packed), string);

        let list = format!("[{}1]", "1,".repeat(len - 1));
        let packed = pack(&list, &[]);
        let header = match len {
            0..16 => 1,
            16..65_536 => 3,
            _ => 5,
        };
        assert_eq!(packed.len(), header + len);
        assert_eq!(json(&packed), list);

        let keys: Vec<_> = (0..len).map(|key| format!("\"{key}\":1")).collect();
        let object = format!("{{{}}}", keys.join(","));
        assert_eq!(json(&pack(&object, &[])), object);

        let data = Bytes::from(vec![7; len]);
        let placeholder = r#"{"_placeholder":true,"num":0}"#;
        let packed = pack(placeholder, std::slice::from_ref(&data));
        let header = match len {
            0..256 => 2,
            256..65_536 => 3,
            _ => 5,
        };
        assert_eq!(packed.len(), header + len);
        let packed = Bytes::from(packed);
        let unpacked = unpack(&packed, Binary::Attached(1)).unwrap();
        assert_eq!(unpacked.json, placeholder.as_bytes());
        // A part of the message, not a copy.
        assert_eq!(unpacked.attachments, [data]);
        assert_eq!(unpacked.attachments[0].as_ptr(), packed[header..].as_ptr());
    }
}

#[test]
fn a_placeholder_in_any_spelling_is_its_attachment() {
    let attachments = [Bytes::from_static(b"ab"), Bytes::from_static(b"")];
    for spelled in [
        r#"[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0},{"a":1}]"#,
        r#"[{"num": 1, "_placeholder" :true}, { "\u005fplaceholder":true,"num":0} ,{"a":1}]"#,
    ] {
        assert_eq!(
            pack(spelled, &attachments),
            b"\x93\xc4\x00\xc4\x02ab\x81\xa1a\x01"
        );
    }
    // Without attachments it is an object of the program's.
    let object = r#"{"_placeholder":true,"num":0}"#;
    assert_eq!(json(&pack(object, &[])), object);
    // Beside some, its receivers could not tell.
    let mut both = vec![0x92];
    both.extend(pack(object, &[]));
    both.extend(b"\xc4\x00");
    assert_eq!(
        read(&both, Binary::Attached(10)),
        Err(UnpackErrorKind::PlaceholderKey)
    );
}

#[test]
fn values_that_json_does_not_have_become_what_javascript_makes_of_them() {
    for (packed, text) in [
        // undefined of notepack 2, dates of both, ArrayBuffer of notepack 2.
        (&b"\xd4\x00\x00"[..], "null"),
        (b"\xd6\xff\x65\x53\xf1\x00", r#""2023-11-14T22:13:20.000Z""#),
        (
            b"\xd7\xff\x1d\x53\x53\x00\x65\x53\xf1\x00",
            r#""2023-11-14T22:13:20.123Z""#,
        ),
        (
            b"\xd7\x00\x00\x00\x01\x8b\xcf\xe5\x68\x7b",
            r#""2023-11-14T22:13:20.123Z""#,
        ),
        (
            b"\xc7\x0c\xff\x1d\xcd\x65\x00\xff\xff\xff\xff\xff\xff\xff\xfe",
            r#""1969-12-31T23:59:58.500Z""#,
        ),
        (
            b"\xc7\x0c\xff\x00\x00\x00\x00\x00\x00\x07\xdb\xa8\x21\x80\x00",
            r#""+275760-09-13T00:00:00.000Z""#,
        ),
        (
            b"\xc7\x0c\xff\x00\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff",
            "null",
        ),
        (b"\xc7\x02\x00ab", r#"{"_placeholder":true,"num":0}"#),
        (b"\xc7\x08\x00abcdefgh", r#"{"_placeholder":true,"num":0}"#),
        // Extensions that `unpack` does not know.
        (b"\xd4\x07a", r#"[7,{"_placeholder":true,"num":0}]"#),
        (
            b"\xd8\xfe0123456789abcdef",
            r#"[-2,{"_placeholder":true,"num":0}]"#,
        ),
        (b"\xc7\x00\x05", r#"[5,{"_placeholder":true,"num":0}]"#),
        (b"\xca\x3f\x80\x00\x00", "1"),
        (b"\xca\x7f\xc0\x00\x00", "null"),
        (b"\xcb\x80\x00\x00\x00\x00\x00\x00\x00", "0"),
        (b"\xcb\x43\x40\x00\x00\x00\x00\x00\x00", "9007199254740992"),
        (
            b"\xcb\x43\xe1\x58\xe4\x60\x91\x3d\x00",
            "10000000000000000000",
        ),
        (
            b"\xcb\xc3\xe0\x00\x00\x00\x00\x00\x00",
            "-9223372036854775808",
        ),
        // Longer than needed, and no UTF-8.
        (b"\xd9\x01a", r#""a""#),
        (
            b"\xdd\x00\x00\x00\x01\xcf\x00\x00\x00\x00\x00\x00\x00\x05",
            "[5]",
        ),
        (b"\xa2\xffb", "\"\u{fffd}b\""),
        // Keys.
        (
            b"\x84\x01\x02\xff\x03\xc0\x04\xc3\x05",
            r#"{"1":2,"-1":3,"null":4,"true":5}"#,
        ),
        (b"\x81\xc4\x01a\x01", r#"{"a":1}"#),
        (b"\x82\xa1a\x01\xa1a\x02", r#"{"a":1,"a":2}"#),
    ] {
        assert_eq!(json(packed), text, "{packed:02x?}");
    }
    let buffer = r#"[{"type":"Buffer","data":[1,255]},{"type":"Buffer","data":[]}]"#;
    assert_eq!(
        read(b"\x92\xc4\x02\x01\xff\xc4\x00", Binary::Text).unwrap(),
        buffer
    );
}

#[test]
fn what_is_no_value_is_an_error_with_a_reason() {
    use UnpackErrorKind as Kind;
    for (packed, kind) in [
        (&b""[..], Kind::Truncated),
        (b"\xcd\x01", Kind::Truncated),
        (b"\xa2a", Kind::Truncated),
        (b"\xc7\x01\x05", Kind::Truncated),
        (b"\x92\x01", Kind::Truncated),
        (b"\x81\xa1a", Kind::Truncated),
        (b"\xdb\xff\xff\xff\xff", Kind::Truncated),
        (b"\xdf\xff\xff\xff\xff", Kind::Truncated),
        (b"\x01\x01", Kind::Trailing),
        (b"\x91\xc1", Kind::Reserved),
        (b"\x81\x90\x01", Kind::Key),
        (b"\x81\xd4\x01\x01\x01", Kind::Key),
        (b"\x92\xc4\x00\xc4\x00", Kind::TooManyAttachments),
    ] {
        assert_eq!(
            read(packed, Binary::Attached(1)),
            Err(kind),
            "{packed:02x?}"
        );
    }
    let nested = |depth| [&vec![0x91; depth][..], b"\x01"].concat();
    assert!(read(&nested(132), Binary::Attached(1)).is_ok());
    assert_eq!(read(&nested(133), Binary::Attached(1)), Err(Kind::TooDeep));
    let mut packer = Packer::with_capacity(0);
    for bad in [
        "",
        "[",
        "[1]x",
        r#"{"a"}"#,
        &("[".repeat(129) + &"]".repeat(129)),
    ] {
        assert!(packer.json::<Bytes>(bad.as_bytes(), &[]).is_err(), "{bad}");
    }
    assert!(packer.finish().is_empty());
}

#[test]
fn random_json_means_the_same_behind_msgpack() {
    /// All numbers as floats.
    fn loose(value: Value) -> Value {
        match value {
            Value::Number(number) => number.as_f64().into(),
            Value::Array(items) => items.into_iter().map(loose).collect(),
            Value::Object(entries) => entries
                .into_iter()
                .map(|(key, v)| (key, loose(v)))
                .collect(),
            other => other,
        }
    }
    let mut random = Random::new(14);
    let mut compared = 0;
    for _ in 0..5_000 {
        let text = random.json(4);
        let Ok(value) = serde_json::from_str::<Value>(&text) else {
            // Unpaired surrogates and numbers beyond a float.
            pack(&text, &[]);
            continue;
        };
        let packed = pack(&text, &[]);
        let again: Value = serde_json::from_str(&json(&packed)).unwrap();
        assert_eq!(loose(again), loose(value), "{text}");
        compared += 1;
        let mut cut = packed;
        cut.truncate(random.below(cut.len()));
        assert_eq!(read(&cut, Binary::Text), Err(UnpackErrorKind::Truncated));
    }
    assert!(compared > 1_000, "{compared}");
}
