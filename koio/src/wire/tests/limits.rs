//! The limits of packets.

use super::*;
use crate::wire::DecodeErrorKind as Kind;

#[test]
fn a_long_run_of_digits_is_read_in_one_pass() {
    let text = format!("2{}", "2".repeat(10_000_000));
    assert_eq!(decode(&text), Err(Kind::Payload));
}

#[test]
fn connect_data_is_bounded_in_depth() {
    let deep = |depth: usize| format!("0{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    assert!(decode(&deep(128)).is_ok());
    assert_eq!(decode(&deep(129)), Err(Kind::TooDeep));
}

#[test]
fn the_length_of_an_event_name_is_counted_without_escapes() {
    let len = |list: &str| match one([super::text(&format!("2{list}"))]) {
        Incoming::Event { event, .. } => event.name_len(),
        other => panic!("{other:?}"),
    };
    for count in [0, 1, 255, 256, 100_000] {
        assert_eq!(len(&format!(r#"["{}"]"#, "n".repeat(count))), count);
        assert_eq!(len(&format!(r#"["{}"]"#, r"\u0041".repeat(count))), count);
    }
    assert_eq!(len(&format!("[{}]", "1".repeat(300))), 300);
}

#[test]
fn each_limit_is_named_with_both_numbers() {
    let limits = PacketLimits::default();
    let breach =
        |result: Result<(), super::super::socketio::PacketBreach>| result.unwrap_err().to_string();
    assert!(limits.check_event(255).is_ok());
    assert_eq!(
        breach(limits.check_event(256)),
        "event name of 256 bytes (packets.event 255)"
    );
    assert!(limits.check_namespace(255).is_ok());
    assert_eq!(
        breach(limits.check_namespace(300)),
        "namespace of 300 bytes (packets.namespace 255)"
    );
    assert!(limits.check_auth(65_536).is_ok());
    assert_eq!(
        breach(limits.check_auth(65_537)),
        "auth payload of 65537 bytes (packets.auth 65536)"
    );
    let too_big = vec![0; 1_000_001];
    for (messages, words) in [
        (
            vec![super::text(r#"511-["a"]"#)],
            "packet of 11 attachments (packets.attachments 10)",
        ),
        (
            vec![
                super::text(r#"51-["a",{"_placeholder":true,"num":0}]"#),
                binary(&too_big),
            ],
            "attachments of 1000001 bytes (packets.attachment_bytes 1000000)",
        ),
        (
            vec![super::text(&format!(
                r#"2["a",{}{}]"#,
                "[".repeat(200),
                "]".repeat(200)
            ))],
            "json nested to a depth of 129 or more (packets.depth 128)",
        ),
    ] {
        let mut assembler = Assembler::new(limits.clone());
        let mut errors = messages
            .into_iter()
            .filter_map(|message| assembler.push(message).err());
        let error = errors.next().expect("a limit");
        assert_eq!(limits.breach_of(error).expect("a limit").to_string(), words);
    }
    let no_limit = DecodeError::new(Kind::Json, 3);
    assert_eq!(limits.breach_of(no_limit), None);
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
    assert_eq!(kind(r#"2["a",[1]]"#), None);
    assert_eq!(kind(r#"2["a",[[1]]]"#), Some(Kind::TooDeep));
    assert_eq!(kind(r#"51-["a"]"#), None);
    assert_eq!(kind(r#"52-["a"]"#), Some(Kind::TooManyAttachments));
}
