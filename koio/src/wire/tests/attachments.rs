//! Binary packets: their attachments and placeholders.

use super::*;
use crate::wire::DecodeErrorKind as Kind;

const HEADER: &str = r#"52-/n,7["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;

fn error(header: &str) -> Option<Kind> {
    receive([text(header)]).1
}

#[test]
fn a_packet_is_complete_with_its_last_attachment() {
    let mut assembler = Assembler::new(PacketLimits::default());
    assert!(assembler.push(text(HEADER)).unwrap().is_none());
    assert!(assembler.is_partial());
    assert_eq!(assembler.partial_namespace(), Some("/n"));
    assert!(assembler.push(binary(&[1, 2, 3])).unwrap().is_none());
    assert!(assembler.is_partial());
    match assembler.push(binary(&[4, 5, 6])).unwrap() {
        Some(Incoming::Event { namespace, event }) => {
            assert_eq!(namespace, "/n");
            assert_eq!(event.ack, Some(7));
            assert_eq!(event.name(), "e");
            assert_eq!(event.args.attachments(), [&[1, 2, 3][..], &[4, 5, 6]]);
        }
        other => panic!("{other:?}"),
    }
    assert!(!assembler.is_partial());
    assert_eq!(assembler.partial_namespace(), None);
}

#[test]
fn an_ack_has_attachments_too() {
    match one([
        text(r#"61-789[{"_placeholder":true,"num":0}]"#),
        binary(&[9]),
    ]) {
        Incoming::Ack {
            namespace,
            id,
            args,
        } => {
            assert_eq!(namespace, "/");
            assert_eq!(id, 789);
            let data: Option<crate::wire::Bytes> = args.reader().next().unwrap();
            assert_eq!(data.unwrap(), [9]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_count_is_a_plain_number_before_a_dash() {
    for header in [
        "5",
        r#"5-["a"]"#,
        "51",
        r#"5["a"]"#,
        r#"5x-["a"]"#,
        "5a-",
        r#"51.0-["a"]"#,
        "51.23-",
        r#"5-1-["a"]"#,
        r#"51e1-["a"]"#,
        r#"50x5-["a"]"#,
        r#"5 5-["a"]"#,
        r#"505-["a"]"#,
        r#"500-["a"]"#,
        "5woooot",
        r#"5+1-["a"]"#,
        "6",
        "6-1[]",
        "61",
        "61[]",
    ] {
        assert_eq!(error(header), Some(Kind::Attachments), "{header}");
    }
    // A packet that is not binary has no count.
    assert_eq!(error("4-1-"), Some(Kind::Payload));
    assert_eq!(error(r#"2-1-["a"]"#), Some(Kind::Payload));
    assert_eq!(error(r#"21-["a"]"#), Some(Kind::Payload));
}

#[test]
fn the_count_is_bounded() {
    assert_eq!(error(r#"510-["a"]"#), None);
    for header in [r#"511-["a"]"#, r#"599999999999-["a"]"#, "6100-1[]"] {
        assert_eq!(error(header), Some(Kind::TooManyAttachments), "{header}");
    }
    assert_eq!(
        error(r#"5100000000000000000000-["a"]"#),
        Some(Kind::Attachments)
    );
}

#[test]
fn a_binary_packet_of_no_attachments_is_refused() {
    for packet in [r#"50-["a"]"#, r#"50-1["a"]"#, r#"50-/b,["a"]"#, "60-1[]"] {
        assert_eq!(error(packet), Some(Kind::Attachments), "{packet}");
    }
}

#[test]
fn text_and_binary_come_only_where_they_belong() {
    assert_eq!(receive([binary(&[])]).1, Some(Kind::UnexpectedBinary));
    assert_eq!(
        receive([text("0"), binary(&[1])]).1,
        Some(Kind::UnexpectedBinary)
    );
    assert_eq!(
        receive([text(HEADER), text(r#"2["b"]"#)]).1,
        Some(Kind::TextWithinBinary)
    );
    assert_eq!(
        receive([text(HEADER), binary(&[1]), text("1/n,")]).1,
        Some(Kind::TextWithinBinary)
    );
    assert_eq!(
        receive([text(HEADER), binary(&[1]), binary(&[2]), binary(&[3])]).1,
        Some(Kind::UnexpectedBinary)
    );
}

#[test]
fn an_error_leaves_no_attachments_behind() {
    let mut assembler = Assembler::new(PacketLimits::default());
    assembler.push(text(HEADER)).unwrap();
    assembler.push(binary(&[1])).unwrap();
    assembler.push(text("0")).unwrap_err();
    assert!(!assembler.is_partial());
}

#[test]
fn detach_releases_the_read_buffer_of_a_partial_packet() {
    let mut assembler = Assembler::new(PacketLimits::default());
    let text = r#"53-/n,["e",{"_placeholder":true,"num":2}]"#;
    let block = Bytes::from([text.as_bytes(), &[b'x'; 5000][..]].concat());
    let (start, behind) = (text.len(), text.len() + 10);
    let small = |at: usize| Message::Binary(block.slice(start + at..behind));
    let push = |assembler: &mut Assembler, message| assembler.push(message).unwrap();
    assert!(push(&mut assembler, Message::Text(block.slice(..start))).is_none());
    assert!(!block.is_unique());
    assembler.detach();
    assert!(block.is_unique());
    assert_eq!(assembler.partial_namespace(), Some("/n"));
    assert!(push(&mut assembler, small(0)).is_none());
    assembler.detach();
    assert!(push(&mut assembler, small(1)).is_none());
    assembler.detach();
    assembler.detach();
    assert!(block.is_unique());
    let Some(Incoming::Event { namespace, event }) = push(&mut assembler, small(2)) else {
        panic!("no event");
    };
    assert_eq!(namespace, "/n");
    let args = event.args;
    assert_eq!(args.json(), &text.as_bytes()[start - 30..start - 1]);
    assert_eq!(
        args.attachments(),
        [[b'x'; 10].as_slice(), &[b'x'; 9], &[b'x'; 8]]
    );
    // A long attachment is not copied, since it is most of its read buffer.
    let mut assembler = Assembler::new(PacketLimits::default());
    push(&mut assembler, Message::Text(block.slice(..start)));
    push(&mut assembler, Message::Binary(block.slice(start..)));
    assembler.detach();
    assert!(!block.is_unique());
}

#[test]
fn attachments_are_bounded_together() {
    let header = r#"53-["e"]"#;
    let (packets, error) = receive([
        text(header),
        binary(&[0; 400_000]),
        binary(&[0; 600_000]),
        binary(&[]),
    ]);
    assert_eq!((packets.len(), error), (1, None));
    let (packets, error) = receive([text(header), binary(&[0; 400_000]), binary(&[0; 600_001])]);
    assert_eq!((packets.len(), error), (0, Some(Kind::AttachmentsTooLong)));
    let (packets, error) = receive([text(r#"51-["e"]"#), binary(&[0; 1_000_000])]);
    assert_eq!((packets.len(), error), (1, None));
    assert_eq!(
        receive([text(r#"51-["e"]"#), binary(&[0; 1_000_001])]).1,
        Some(Kind::AttachmentsTooLong)
    );
}

#[test]
fn ten_empty_attachments_are_accepted() {
    let messages = std::iter::once(text(r#"510-["e",{"_placeholder":true,"num":9}]"#));
    let (_, args) = event_of(messages.chain((0..10).map(|_| binary(&[]))));
    assert_eq!(args.attachments().len(), 10);
    assert!(
        args.reader()
            .next::<crate::wire::Bytes>()
            .unwrap()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_placeholder_points_at_an_attachment_of_its_packet() {
    let header = |num: &str| format!(r#"52-["e",{{"_placeholder":true,"num":{num}}}]"#);
    for num in ["0", "1"] {
        assert_eq!(error(&header(num)), None, "{num}");
    }
    for num in [
        "2",
        "-1",
        "-0",
        "1.5",
        "1.0",
        "0e0",
        r#""0""#,
        r#""splice""#,
        "null",
        "true",
        "[]",
        "[0]",
        "{}",
        "18446744073709551616",
        "99",
    ] {
        assert_eq!(error(&header(num)), Some(Kind::Placeholder), "{num}");
    }
    for json in [
        r#"["e",{"_placeholder":true}]"#,
        r#"["e",[[{"a":{"_placeholder":true,"num":2}}]]]"#,
        r#"["e",{"num":2,"_placeholder":true}]"#,
        r#"["e",{"\u005fplaceholder":true,"num":2}]"#,
        r#"["e",{"_placeholder":true,"n\u0075m":2}]"#,
        r#"["e",{ "_placeholder" : true , "num" : 2 }]"#,
        r#"["e",{"_placeholder":true,"num":{"_placeholder":true,"num":0}}]"#,
        r#"["e",{"_placeholder":true,"num":{ "_placeholder":true,"num":0}}]"#,
    ] {
        assert_eq!(
            error(&format!("52-{json}")),
            Some(Kind::Placeholder),
            "{json}"
        );
    }
    assert_eq!(
        error(r#"62-1[{"_placeholder":true,"num":2}]"#),
        Some(Kind::Placeholder)
    );
}

#[test]
fn a_placeholder_counts_as_one_level_of_depth_however_it_is_spelled() {
    for placeholder in [
        r#"{"_placeholder":true,"num":0}"#,
        r#"{"num":0,"_placeholder":true}"#,
    ] {
        let deep = |lists: usize| {
            let (open, close) = ("[".repeat(lists), "]".repeat(lists));
            error(&format!(r#"51-["e",{open}{placeholder}{close}]"#))
        };
        assert_eq!(deep(126), None);
        assert_eq!(deep(127), Some(Kind::TooDeep));
    }
}

#[test]
fn objects_that_only_look_like_placeholders_are_plain_data() {
    for json in [
        r#"{"_placeholder":"true","num":99}"#,
        r#"{"_placeholder":false,"num":99}"#,
        r#"{"_placeholder":1,"num":99}"#,
        r#"{"_placeholder":true,"num":99,"x":1}"#,
        r#"{"x":1,"_placeholder":true,"num":99}"#,
        r#"{"_placeholder":{"a":true},"num":99}"#,
        r#"{"_placeholder":[true],"num":99}"#,
        r#"{"num":99}"#,
        r#"{"_Placeholder":true,"num":99}"#,
    ] {
        let args = args_of(&format!(r#"51-["e",{json}]"#), &[&[1]]);
        let value: serde_json::Value = args.reader().next().unwrap().unwrap();
        assert_eq!(
            value,
            serde_json::from_str::<serde_json::Value>(json).unwrap(),
            "{json}"
        );
    }
    let json = r#"{"_placeholder":true,"num":99}"#;
    let value: serde_json::Value = args_of(&format!(r#"2["e",{json}]"#), &[])
        .reader()
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(
        value,
        serde_json::from_str::<serde_json::Value>(json).unwrap()
    );
}

#[test]
fn the_text_of_a_binary_packet_is_validated_before_its_attachments_arrive() {
    for header in [
        r#"51-["a",}"#,
        r#"51-["a",]"#,
        r#"51-["a"]x]"#,
        r#"51-["a",[1]"#,
        "51-1[x]",
    ] {
        assert_eq!(error(header), Some(Kind::Json), "{header}");
    }
    for header in ["51-[]", "51-[null]", "51-[true]"] {
        assert_eq!(error(header), Some(Kind::EventName), "{header}");
    }
    assert_eq!(
        error(&format!(r#"51-["a",{}]"#, "[".repeat(500_000))),
        Some(Kind::TooDeep)
    );
}
