//! The limits of packets.

use super::*;
use crate::wire::DecodeErrorKind as Kind;

#[test]
fn a_long_run_of_digits_is_read_in_one_pass() {
    let text = format!("2{}", "2".repeat(10_000_000));
    assert_eq!(decode(&text), Err(Kind::AckId));
}

#[test]
fn connect_data_is_bounded_in_bytes_and_depth() {
    let auth = |len: usize| format!(r#"0{{"a":"{}"}}"#, "x".repeat(len - 8));
    assert!(decode(&auth(65_536)).is_ok());
    assert_eq!(decode(&auth(65_537)), Err(Kind::AuthTooLong));
    let deep = |depth: usize| format!("0{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    assert!(decode(&deep(128)).is_ok());
    assert_eq!(decode(&deep(129)), Err(Kind::TooDeep));
}

#[test]
fn the_length_of_an_event_name_is_counted_without_escapes() {
    let event = |name: &str| receive([super::text(&format!(r#"2["{name}"]"#))]).1;
    assert_eq!(event(&"n".repeat(255)), None);
    assert_eq!(event(&"n".repeat(256)), Some(Kind::EventNameTooLong));
    assert_eq!(event(&r"\u0041".repeat(255)), None);
    assert_eq!(event(&r"\u0041".repeat(256)), Some(Kind::EventNameTooLong));
    assert_eq!(event(&"n".repeat(1_000_000)), Some(Kind::EventNameTooLong));
    assert_eq!(
        receive([super::text(&format!("2[{}]", "1".repeat(255)))]).1,
        None
    );
    assert_eq!(
        receive([super::text(&format!("2[{}]", "1".repeat(256)))]).1,
        Some(Kind::EventNameTooLong)
    );
}

#[test]
fn names_of_every_length_are_read() {
    for name in
        [1, 2, 8, 21, 22, 23, 24, 254, 255].map(|len| "é".repeat(len / 2) + &"n".repeat(len % 2))
    {
        let read = event_of([super::text(&format!(r#"2["{name}",1]"#))]).0;
        assert_eq!(read, name);
    }
}

#[test]
fn nesting_is_bounded_before_anything_reads_the_arguments() {
    let deep = |depth: usize| {
        format!(
            r#"2["x",{}{}]"#,
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    assert!(decode(&deep(128)).is_ok());
    assert_eq!(decode(&deep(129)), Err(Kind::TooDeep));
    assert_eq!(decode(&deep(500_000)), Err(Kind::TooDeep));
    assert_eq!(
        decode(&format!("31{}", "[".repeat(500_000) + "]")),
        Err(Kind::TooDeep)
    );
    assert_eq!(
        decode(&format!("31[{}]", r#"{"a":"#.repeat(500_000))),
        Err(Kind::TooDeep)
    );
    // Brackets side by side, or in strings, do not count.
    assert!(decode(&format!(r#"2["x",{}1]"#, "[],{},".repeat(1000))).is_ok());
    assert!(decode(&format!(r#"2["x","{}"]"#, "[{".repeat(1000))).is_ok());
}

#[test]
fn limits_can_be_set() {
    let limits = PacketLimits {
        namespace: 3,
        event: 2,
        auth: 2,
        depth: 2,
        attachments: 1,
        ..PacketLimits::default()
    };
    let kind = |text: &'static str| {
        let mut assembler = Assembler::new(limits.clone());
        assembler
            .push(Message::Text(Bytes::from_static(text.as_bytes())))
            .map_err(|error| error.kind())
            .err()
    };
    assert_eq!(kind("0/ab"), None);
    assert_eq!(kind("0/abc"), Some(Kind::NamespaceTooLong));
    assert_eq!(kind(r#"2["ab"]"#), None);
    assert_eq!(kind(r#"2["abc"]"#), Some(Kind::EventNameTooLong));
    assert_eq!(kind("0{}"), None);
    assert_eq!(kind("0{ }"), Some(Kind::AuthTooLong));
    assert_eq!(kind(r#"2["a",[1]]"#), None);
    assert_eq!(kind(r#"2["a",[[1]]]"#), Some(Kind::TooDeep));
    assert_eq!(kind(r#"51-["a"]"#), None);
    assert_eq!(kind(r#"52-["a"]"#), Some(Kind::TooManyAttachments));
}
