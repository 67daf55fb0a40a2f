//! The headers of packets and the names of events.

use super::*;
use crate::wire::DecodeErrorKind as Kind;

/// Kind, namespace, id, attachments and data of a packet's text.
fn fields(text: &str) -> (PacketKind, String, Option<u64>, usize, String) {
    let packet = decode(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let data = String::from_utf8(packet.data.to_vec()).unwrap();
    (
        packet.kind,
        packet.namespace().to_owned(),
        packet.id,
        packet.attachments,
        data,
    )
}

#[test]
fn the_examples_of_the_specification_are_read() {
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    let cases = [
        ("0", PacketKind::Connect, "/", None, 0, ""),
        (
            r#"0{"token":"123"}"#,
            PacketKind::Connect,
            "/",
            None,
            0,
            r#"{"token":"123"}"#,
        ),
        ("0/admin,", PacketKind::Connect, "/admin", None, 0, ""),
        ("0/admin", PacketKind::Connect, "/admin", None, 0, ""),
        (
            r#"0/admin,{"sid":"x"}"#,
            PacketKind::Connect,
            "/admin",
            None,
            0,
            r#"{"sid":"x"}"#,
        ),
        (
            r#"0/custom,{"token":"abc"}"#,
            PacketKind::Connect,
            "/custom",
            None,
            0,
            r#"{"token":"abc"}"#,
        ),
        ("1", PacketKind::Disconnect, "/", None, 0, ""),
        ("1/admin,", PacketKind::Disconnect, "/admin", None, 0, ""),
        (r#"2["foo"]"#, PacketKind::Event, "/", None, 0, r#"["foo"]"#),
        (
            r#"2/admin,["bar"]"#,
            PacketKind::Event,
            "/admin",
            None,
            0,
            r#"["bar"]"#,
        ),
        (
            r#"212["foo"]"#,
            PacketKind::Event,
            "/",
            Some(12),
            0,
            r#"["foo"]"#,
        ),
        (
            r#"2/admin,13["bar"]"#,
            PacketKind::Event,
            "/admin",
            Some(13),
            0,
            r#"["bar"]"#,
        ),
        (
            r#"312["bar"]"#,
            PacketKind::Ack,
            "/",
            Some(12),
            0,
            r#"["bar"]"#,
        ),
        ("3/admin,13[]", PacketKind::Ack, "/admin", Some(13), 0, "[]"),
        (
            r#"4{"message":"Not authorized"}"#,
            PacketKind::ConnectError,
            "/",
            None,
            0,
            r#"{"message":"Not authorized"}"#,
        ),
        (
            r#"4/admin,"no""#,
            PacketKind::ConnectError,
            "/admin",
            None,
            0,
            r#""no""#,
        ),
        (
            &format!(r#"51-["baz",{placeholder}]"#),
            PacketKind::Event,
            "/",
            None,
            1,
            &format!(r#"["baz",{placeholder}]"#),
        ),
        (
            &format!(r#"51-/admin,["baz",{placeholder}]"#),
            PacketKind::Event,
            "/admin",
            None,
            1,
            &format!(r#"["baz",{placeholder}]"#),
        ),
        (
            &format!(r#"51-/admin,7["baz",{placeholder}]"#),
            PacketKind::Event,
            "/admin",
            Some(7),
            1,
            &format!(r#"["baz",{placeholder}]"#),
        ),
        (
            &format!("61-15[{placeholder}]"),
            PacketKind::Ack,
            "/",
            Some(15),
            1,
            &format!("[{placeholder}]"),
        ),
        (
            &format!("61-/admin,1[{placeholder}]"),
            PacketKind::Ack,
            "/admin",
            Some(1),
            1,
            &format!("[{placeholder}]"),
        ),
    ];
    for (text, kind, namespace, id, attachments, data) in cases {
        let expected = (kind, namespace.to_owned(), id, attachments, data.to_owned());
        assert_eq!(fields(text), expected, "{text}");
    }
}

#[test]
fn unknown_types_are_refused() {
    assert_eq!(decode(""), Err(Kind::Empty));
    for text in ["7", "9", "999", "abc", " 2[\"a\"]", "\n", "é"] {
        assert_eq!(decode(text), Err(Kind::UnknownType), "{text}");
    }
}

#[test]
fn events_need_a_list_that_begins_with_a_name() {
    for text in [
        "2",
        "2{}",
        r#"2"x""#,
        "2true",
        "2/admin",
        r#"2/admin,"invalid"#,
        r#"2/admin["x"]"#,
    ] {
        assert_eq!(decode(text), Err(Kind::Payload), "{text}");
    }
    for text in [
        "2[]",
        "2[ ]",
        "2[null]",
        "2[true]",
        r#"2[{"toString":"foo"}]"#,
        r#"2[["a"]]"#,
        r#"2[null,"x"]"#,
        r#"2[true,"x"]"#,
    ] {
        let (packets, error) = receive([super::text(text)]);
        assert!(packets.is_empty());
        assert_eq!(error, Some(Kind::EventName), "{text}");
    }
}

#[test]
fn numbers_are_names_as_they_were_written() {
    for (text, name) in [
        (r#"2[1,"x"]"#, "1"),
        ("2[1.50]", "1.50"),
        ("2[-0]", "-0"),
        ("2[1e3]", "1e3"),
        ("2[ 7 ]", "7"),
    ] {
        assert_eq!(event_of([super::text(text)]).0, name);
    }
    for text in ["2[1e400]", "2[-1e400,1]"] {
        assert_eq!(
            receive([super::text(text)]).1,
            Some(Kind::EventName),
            "{text}"
        );
    }
    for text in [
        "2[01]", "2[1.]", "2[-]", "2[+1]", "2[.5]", "2[NaN]", "2[1x]", "2[0x1]",
    ] {
        let error = receive([super::text(text)]).1;
        assert!(
            matches!(error, Some(Kind::Json | Kind::EventName)),
            "{text}"
        );
    }
}

#[test]
fn names_are_unescaped_and_lifecycle_names_of_other_libraries_are_plain_events() {
    for (text, name) in [
        (r#"2["a\"b\\c\u00e9\n"]"#, "a\"b\\cé\n"),
        (r#"2["\ud83d\ude00"]"#, "😀"),
        (r#"2["\ud800"]"#, "\u{fffd}"),
        (r#"2["\u0000"]"#, "\0"),
        (r#"2[ "spaced" ]"#, "spaced"),
        (r#"2[""]"#, ""),
        (r#"2["error"]"#, "error"),
        (r#"2["message",1]"#, "message"),
        (r#"2["connection"]"#, "connection"),
        (r#"2["__proto__"]"#, "__proto__"),
        (r#"2["Connect"]"#, "Connect"),
    ] {
        assert_eq!(event_of([super::text(text)]).0, name, "{text}");
    }
}

#[test]
fn reserved_names_are_refused_however_they_are_spelled() {
    for name in [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    ] {
        assert!(is_reserved(name));
        assert_eq!(
            receive([super::text(&format!(r#"2["{name}",1]"#))]).1,
            Some(Kind::ReservedName)
        );
    }
    assert_eq!(
        receive([super::text(r#"2["\u0063onnect"]"#)]).1,
        Some(Kind::ReservedName)
    );
    assert_eq!(
        receive([super::text(r#"51-["connect"]"#)]).1,
        Some(Kind::ReservedName)
    );
}

#[test]
fn a_list_that_has_no_end_is_refused_at_once() {
    for text in [
        r#"2["a""#,
        r#"2["some","data""#,
        r#"2["a"]x"#,
        r#"2["a"]["b"]x"#,
        "2[",
        "31[",
        r#"2["a]"#,
        r#"2["a\"]"#,
        r#"2["a" 1]"#,
        r#"2["a"}]"#,
    ] {
        assert!(receive([super::text(text)]).1.is_some(), "{text}");
    }
}

#[test]
fn nothing_may_stand_between_the_parts_of_a_packet() {
    for text in [
        r#"2 ["a"]"#,
        "2\t[\"a\"]",
        "2\n[\"a\"]",
        r#"21 ["a"]"#,
        r#"2/n, ["a"]"#,
        "0 {}",
        r#"2abc["x"]"#,
        r#"2-1["x"]"#,
        "1 ",
    ] {
        assert_eq!(decode(text), Err(Kind::Payload), "{text}");
    }
}

#[test]
fn an_ack_id_is_whatever_digits_there_are() {
    assert_eq!(
        decode(r#"29007199254740991["x"]"#).unwrap().id,
        Some((1 << 53) - 1)
    );
    assert_eq!(decode(r#"20["x"]"#).unwrap().id, Some(0));
    // A count of nanoseconds, say.
    assert_eq!(
        decode(r#"21700000000000000001["x"]"#).unwrap().id,
        Some(1_700_000_000_000_000_001)
    );
    assert_eq!(decode("3007[]").unwrap().id, Some(7));
    let long = format!(r#"3{}[]"#, "9".repeat(400));
    for text in ["318446744073709551616[]", "399999999999999999999[]", &long] {
        assert_eq!(decode(text).unwrap().id, Some(u64::MAX), "{text}");
    }
    for text in ["3[]", "3/admin,[]"] {
        assert_eq!(decode(text).unwrap().id, None, "{text}");
    }
    for text in ["3", "3{}", "3-1[]"] {
        assert_eq!(decode(text), Err(Kind::Payload), "{text}");
    }
    for text in ["31{}", r#"31"x""#, "31", "31e3[]", "31.0[]"] {
        assert_eq!(decode(text), Err(Kind::Payload), "{text}");
    }
}

#[test]
fn connect_carries_an_object_or_nothing() {
    for text in [
        "0null",
        "0[]",
        r#"0"x""#,
        "05{}",
        "01",
        r#"0/admin,"invalid"#,
        "0/admin,null",
        "0true",
    ] {
        assert_eq!(decode(text), Err(Kind::Payload), "{text}");
    }
    for text in [
        "0{",
        r#"0{"a":}"#,
        r#"0{"a":1,}"#,
        "0{}{}",
        r#"0{"a":1}x"#,
        "0{a:1}",
        r#"0{"a" 1}"#,
    ] {
        assert_eq!(decode(text), Err(Kind::Json), "{text}");
    }
    assert!(
        decode(&format!(
            r#"0{{"a":{}1{}}}"#,
            "[".repeat(99),
            "]".repeat(99)
        ))
        .is_ok()
    );
    let keys: Vec<_> = (0..5000).map(|n| format!(r#""{n}":{n}"#)).collect();
    assert!(decode(&format!("0{{{}}}", keys.join(","))).is_ok());
}

#[test]
fn disconnect_carries_nothing() {
    for text in ["1/admin,{}", "1{}", "15", "1[]", "1null", "1x"] {
        assert_eq!(decode(text), Err(Kind::Payload), "{text}");
    }
}

#[test]
fn a_connect_error_from_a_client_is_distinguished_from_a_malformed_one() {
    for text in [
        r#"4{"message":"x"}"#,
        r#"4"x""#,
        r#"4/never,{"message":"x"}"#,
    ] {
        assert!(
            matches!(one([super::text(text)]), Incoming::ConnectError { .. }),
            "{text}"
        );
    }
    for text in ["4", r#"4["x"]"#, "4null", "41", r#"4"x"#, "4{"] {
        assert!(decode(text).is_err(), "{text}");
    }
}

#[test]
fn a_namespace_ends_at_a_comma_or_with_the_packet() {
    for (text, namespace) in [
        ("0/a/b/c,", "/a/b/c"),
        ("0/", "/"),
        ("0/,", "/"),
        ("0/a?x=1,", "/a?x=1"),
        ("0/a b\"[{é,", "/a b\"[{é"),
        ("0/unknown", "/unknown"),
    ] {
        assert_eq!(decode(text).unwrap().namespace(), namespace);
    }
    let name = format!("/{}", "n".repeat(254));
    assert_eq!(decode(&format!("0{name}")).unwrap().namespace(), name);
    assert_eq!(decode(&format!("0{name},{{}}")).unwrap().namespace(), name);
}

#[test]
fn errors_say_where_in_the_text_they_are() {
    let at = |text: &'static str| {
        Packet::decode(
            &Bytes::from_static(text.as_bytes()),
            &PacketLimits::default(),
        )
        .unwrap_err()
    };
    assert_eq!(at(r#"0/a,{"a":x}"#), DecodeError::new(Kind::Json, 9));
    assert_eq!(at(r#"2/a,x["a"]"#), DecodeError::new(Kind::Payload, 4));
    assert_eq!(at("0{x").to_string(), "invalid json at byte 2");
}

/// The macro crate cannot import the list of reserved names, so it has its own: without `disconnect`, which names the
/// handler for the end of a connection there.
#[test]
fn the_macros_refuse_the_reserved_event_names() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../koio-macros/src/diagnose.rs"
    );
    let source = std::fs::read_to_string(path).unwrap();
    let (_, body) = source.split_once("pub(crate) fn reserved(").unwrap();
    let (arms, _) = body.split_once("_ => None").unwrap();
    let mut names: Vec<_> = arms
        .lines()
        .filter_map(|line| line.split_once("=>"))
        .flat_map(|(pattern, _)| pattern.split('"').skip(1).step_by(2))
        .collect();
    names.push("disconnect");
    names.sort_unstable();
    assert_eq!(names, RESERVED_EVENTS);
}
