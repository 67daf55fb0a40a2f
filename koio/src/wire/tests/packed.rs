//! Packets of `socket.io-msgpack-parser`. The bytes in hex are what its version 3.0.2 (notepack.io 2.2) writes for the packet
//! in the comment, in the order in which Socket.IO's server or client makes the object.

use serde_json::{Value, json};

use super::random::Random;

use crate::wire::{
    ArgList, Bytes, DecodeErrorKind, Draft, EncodeError, Frame, Incoming, PackedPacket, PacketKind,
    PacketLimits, Parser, ack_draft, connect_error, connect_with, disconnect, event_draft,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// What one packet of the parser is on the wire, without the header of its WebSocket frame.
fn packed(frame: &Frame) -> String {
    let mut parts = frame.parts();
    let part = parts.next().unwrap();
    assert!(!part.text && parts.next().is_none(), "one binary message");
    assert_eq!(frame.messages(), 1);
    hex(part.payload)
}

/// A packet for one and the same for many.
fn both(draft: impl Fn() -> Draft, namespace: &str) -> String {
    let one = Parser::Msgpack.draft(draft(), namespace).unwrap();
    let frame = draft().into_frame();
    let many = Parser::Msgpack.frame(&frame, namespace).unwrap();
    assert_eq!(packed(&many), packed(&one.into_frame()));
    packed(&many)
}

fn control(frame: Frame, namespace: &str) -> String {
    packed(&Parser::Msgpack.control(frame, namespace))
}

fn bytes(data: &[u8]) -> Bytes {
    Bytes::from(data.to_vec())
}

#[test]
fn control_packets_are_those_of_the_package() {
    // {type: 0, data: {sid: "x"}, nsp: "/"}
    let connect = "83a47479706500a46461746181a3736964a178a36e7370a12f";
    assert_eq!(control(connect_with("/", "x", None), "/"), connect);
    // {type: 0, data: {sid: "x", pid: "y"}, nsp: "/chat"}
    let with_pid = "83a47479706500a46461746182a3736964a178a3706964a179a36e7370a52f63686174";
    assert_eq!(
        control(connect_with("/chat", "x", Some("y")), "/chat"),
        with_pid
    );
    // {type: 1, nsp: "/chat"}
    let left = "82a47479706501a36e7370a52f63686174";
    assert_eq!(control(disconnect("/chat"), "/chat"), left);
    // {type: 4, data: {message: "no", data: {code: "token"}}, nsp: "/"}
    let refused = "83a47479706504a46461746182a76d657373616765a26e6fa46461746181a4636f6465a5746f6b656ea36e7370a12f";
    let data = br#"{"code":"token"}"#;
    assert_eq!(control(connect_error("/", "no", Some(data)), "/"), refused);
}

#[test]
fn events_and_answers_are_those_of_the_package() {
    // {type: 2, data: ["hey", 1, "é€😀", null, true, -1, -33, 200, 70000, 5e9, 1.5, {a: []}], nsp: "/"}
    let event = "83a47479706502a4646174619ca368657901a9c3a9e282acf09f9880c0c3ffd0dfccc8ce00011170cf000000012a05f200cb3ff800000000000081a16190a36e7370a12f";
    let args = (
        1,
        "é€😀",
        (),
        true,
        -1,
        -33,
        200,
        70_000,
        5_000_000_000_u64,
        1.5,
        json!({"a": []}),
    );
    let draft = || event_draft("/", None, "hey", &ArgList(&args)).unwrap();
    assert_eq!(both(draft, "/"), event);
    // {type: 2, data: ["ask"], id: 300, nsp: "/chat"}
    let asked = "84a47479706502a46461746191a361736ba26964cd012ca36e7370a52f63686174";
    let draft = || event_draft("/chat", Some(300), "ask", &()).unwrap();
    assert_eq!(both(draft, "/chat"), asked);
    // {id: 7, type: 3, data: ["ok"], nsp: "/chat"}
    let ack = "84a2696407a47479706503a46461746191a26f6ba36e7370a52f63686174";
    assert_eq!(both(|| ack_draft("/chat", 7, "ok").unwrap(), "/chat"), ack);
    // {id: 0, type: 3, data: [], nsp: "/"}
    let empty = "84a2696400a47479706503a46461746190a36e7370a12f";
    assert_eq!(both(|| ack_draft("/", 0, &()).unwrap(), "/"), empty);
    // {type: 2, data: ["n", 9007199254740991, -9007199254740991, 1e300, 2 ** 63], nsp: "/"}; notepack writes 1e300 as garbage.
    let big = "83a47479706502a46461746195a16ecf001fffffffffffffd3ffe0000000000001cb7e37e43c8800759ccf8000000000000000a36e7370a12f";
    let most = 9_007_199_254_740_991_i64;
    let args = ArgList((most, -most, 1e300, 1_u64 << 63));
    assert_eq!(
        both(|| event_draft("/", None, "n", &args).unwrap(), "/"),
        big
    );
}

#[test]
fn binary_is_inside_its_packet() {
    // {type: 2, data: ["b", Buffer [1, 2, 3], {deep: [Buffer []]}], nsp: "/"}
    let event = "83a47479706502a46461746193a162c40301020381a46465657091c400a36e7370a12f";
    let args = (
        bytes(&[1, 2, 3]),
        std::collections::BTreeMap::from([("deep", [bytes(&[])])]),
    );
    let draft = || event_draft("/", None, "b", &ArgList(&args)).unwrap();
    assert_eq!(both(draft, "/"), event);
    // {id: 12, type: 3, data: [Buffer [255]], nsp: "/"}
    let ack = "84a269640ca47479706503a46461746191c401ffa36e7370a12f";
    assert_eq!(
        both(|| ack_draft("/", 12, &bytes(&[255])).unwrap(), "/"),
        ack
    );
}

#[test]
fn an_offset_is_the_last_argument() {
    // {type: 2, data: ["e", "1", "abc"], nsp: "/n"}
    let event = "83a47479706502a46461746193a165a131a3616263a36e7370a22f6e";
    let frame = event_draft("/n", None, "e", "1").unwrap().into_frame();
    let place = Parser::Msgpack.open_place(&frame, "/n", 3).unwrap();
    assert_eq!(packed(&place.fill(b"abc")), event);
    for (len, data) in [(0, 0), (31, 70_000), (32, 10), (300, 300)] {
        let args = ("x".repeat(data), bytes(&[1]));
        let frame = event_draft("/", None, "e", &ArgList(&args))
            .unwrap()
            .into_frame();
        let place = Parser::Msgpack.open_place(&frame, "/", len).unwrap();
        let text = "y".repeat(len);
        let expected = || event_draft("/", None, "e", &ArgList((&args.0, &args.1, &text))).unwrap();
        assert_eq!(packed(&place.fill(text.as_bytes())), both(expected, "/"));
    }
}

#[test]
fn a_namespace_with_any_characters_is_kept() {
    for namespace in ["/a,b", "/7", "7", "", "/é\"\n"] {
        let refusal = Parser::Msgpack.control(connect_error(namespace, "no", None), namespace);
        let part = refusal.parts().next().unwrap();
        let packet = PackedPacket::read(&part.payload.to_vec().into(), &PacketLimits::default());
        let packet = packet.unwrap();
        assert_eq!(packet.namespace, namespace);
        assert_eq!(packet.data, r#"{"message":"no"}"#);
    }
}

fn read(hex: &str) -> Result<Incoming, DecodeErrorKind> {
    read_within(hex, &PacketLimits::default())
}

fn read_within(hex: &str, limits: &PacketLimits) -> Result<Incoming, DecodeErrorKind> {
    PackedPacket::read(&unhex(hex).into(), limits)
        .and_then(PackedPacket::into_incoming)
        .map_err(|error| error.kind())
}

/// The arguments of an event, which must have this name and id.
fn args(packet: Incoming, name: &str, ack: Option<u64>) -> Vec<Value> {
    let Incoming::Event { event, .. } = packet else {
        panic!("{packet:?}");
    };
    assert_eq!((event.name(), event.ack), (name, ack));
    let mut reader = event.args.reader();
    let mut values = Vec::new();
    while let Some(value) = reader.next().unwrap() {
        values.push(value);
    }
    values
}

#[test]
fn packets_of_the_official_client_are_read() {
    // {type: 0, data: undefined, nsp: "/"}
    let connect = read("83a47479706500a464617461d40000a36e7370a12f").unwrap();
    assert!(
        matches!(connect, Incoming::Connect { namespace, auth } if namespace == "/" && auth.is_empty())
    );
    // {type: 0, data: {token: "x", n: 1}, nsp: "/chat"}
    let connect =
        read("83a47479706500a46461746182a5746f6b656ea178a16e01a36e7370a52f63686174").unwrap();
    assert!(
        matches!(connect, Incoming::Connect { namespace, auth } if namespace == "/chat" && auth == r#"{"token":"x","n":1}"#)
    );
    // {type: 0, data: {b: Buffer [1, 2]}, nsp: "/"}
    let connect = read("83a47479706500a46461746181a162c4020102a36e7370a12f").unwrap();
    let buffer = r#"{"b":{"type":"Buffer","data":[1,2]}}"#;
    assert!(matches!(connect, Incoming::Connect { auth, .. } if auth == buffer));
    // {type: 2, data: ["hi", 1], options: {compress: true}, id: 0, nsp: "/"}
    let event = read(
        "85a47479706502a46461746192a2686901a76f7074696f6e7381a8636f6d7072657373c3a2696400a36e7370a12f",
    );
    assert_eq!(args(event.unwrap(), "hi", Some(0)), [json!(1)]);
    // {type: 2, data: [1, "a"], nsp: "/"}
    let event = read("83a47479706502a4646174619201a161a36e7370a12f").unwrap();
    assert_eq!(args(event, "1", None), [json!("a")]);
    // {type: 1, options: {compress: true}, nsp: "/chat"}
    let left =
        read("83a47479706501a76f7074696f6e7381a8636f6d7072657373c3a36e7370a52f63686174").unwrap();
    assert!(matches!(left, Incoming::Disconnect { namespace } if namespace == "/chat"));
    // {type: 3, data: ["yes", {a: 1}], id: 5, options: {compress: true}, nsp: "/"}
    let ack = read(
        "85a47479706503a46461746192a379657381a16101a2696405a76f7074696f6e7381a8636f6d7072657373c3a36e7370a12f",
    );
    let Ok(Incoming::Ack { id, args, .. }) = ack else {
        panic!("{ack:?}");
    };
    assert_eq!((id, args.json()), (5, &br#""yes",{"a":1}"#[..]));
}

#[test]
fn what_json_has_no_word_for_is_said_as_javascript_would() {
    // {type: 2, data: ["u", undefined, null, new Date(1700000000123), Buffer [1, 2], ArrayBuffer [3, 4], NaN, Infinity, 2 ** 53], ..}
    let event = read(
        "84a47479706502a46461746199a175d40000c0d7000000018bcfe5687bc4020102c702000304cb7ff8000000000000cb7ff0000000000000cf0020000000000000a76f7074696f6e7381a8636f6d7072657373c3a36e7370a12f",
    );
    let Ok(Incoming::Event { event, .. }) = event else {
        panic!("{event:?}");
    };
    let mut reader = event.args.reader();
    assert_eq!(reader.next(), Ok(Some(())));
    assert_eq!(reader.next(), Ok(Some(None::<u8>)));
    assert_eq!(
        reader.next(),
        Ok(Some("2023-11-14T22:13:20.123Z".to_owned()))
    );
    assert_eq!(reader.next(), Ok(Some(bytes(&[1, 2]))));
    assert_eq!(reader.next(), Ok(Some(bytes(&[3, 4]))));
    assert_eq!(reader.next(), Ok(Some(None::<f64>)));
    assert_eq!(reader.next(), Ok(Some(None::<f64>)));
    assert_eq!(reader.next(), Ok(Some(1_u64 << 53)));
    assert_eq!(reader.next::<()>(), Ok(None));
}

#[test]
fn an_array_buffer_of_one_byte_is_binary_and_no_undefined() {
    // {type: 2, data: ["b", ArrayBuffer [9]], nsp: "/"}
    let event = read("83a47479706502a46461746192a162c7010009a36e7370a12f").unwrap();
    let Incoming::Event { event, .. } = event else {
        panic!("{event:?}");
    };
    assert_eq!(event.args.reader().next(), Ok(Some(bytes(&[9]))));
}

#[test]
fn what_the_package_refuses_is_refused() {
    use DecodeErrorKind as Kind;
    for (hex, kind) in [
        // {type: 5, data: [], nsp: "/"}
        ("83a47479706505a46461746190a36e7370a12f", Kind::UnknownType),
        // {type: "2", data: ["a"], nsp: "/"}
        (
            "83a474797065a132a46461746191a161a36e7370a12f",
            Kind::UnknownType,
        ),
        // {data: ["a"], nsp: "/"}
        ("82a46461746191a161a36e7370a12f", Kind::UnknownType),
        // {type: 2, data: ["a"], nsp: 1}, and without nsp
        ("83a47479706502a46461746191a161a36e737001", Kind::Payload),
        ("82a47479706502a46461746191a161", Kind::Payload),
        // {type: 2, data: {}, nsp: "/"}
        ("83a47479706502a46461746180a36e7370a12f", Kind::Payload),
        // {type: 1, data: null, nsp: "/"}
        ("83a47479706501a464617461c0a36e7370a12f", Kind::Payload),
        // {type: 0, data: [], nsp: "/"}, {type: 0, data: null, nsp: "/"}
        ("83a47479706500a46461746190a36e7370a12f", Kind::Payload),
        ("83a47479706500a464617461c0a36e7370a12f", Kind::Payload),
        // {type: 2, data: ["a"], id: "1" | null | 1.5, nsp: "/"}
        (
            "84a47479706502a46461746191a161a26964a131a36e7370a12f",
            Kind::Payload,
        ),
        (
            "84a47479706502a46461746191a161a26964c0a36e7370a12f",
            Kind::Payload,
        ),
        (
            "84a47479706502a46461746191a161a26964cb3ff8000000000000a36e7370a12f",
            Kind::Payload,
        ),
        // {type: 2, data: [] | ["connect"] | [{}], nsp: "/"}
        ("83a47479706502a46461746190a36e7370a12f", Kind::EventName),
        (
            "83a47479706502a46461746191a7636f6e6e656374a36e7370a12f",
            Kind::ReservedName,
        ),
        ("83a47479706502a4646174619180a36e7370a12f", Kind::EventName),
        // A list, a truncated map, a map of 2^32 - 1 entries, a byte behind, the byte that is nothing.
        ("90", Kind::Msgpack),
        ("", Kind::Msgpack),
        ("83a474797065", Kind::Msgpack),
        ("dfffffffff", Kind::Msgpack),
        ("82a47479706501a36e7370a12f00", Kind::Msgpack),
        ("82a474797065c1a36e7370a12f", Kind::Msgpack),
    ] {
        let seen = read(hex).map(|packet| format!("{packet:?}"));
        assert_eq!(seen, Err(kind), "{hex}");
    }
}

#[test]
fn the_last_of_two_equal_keys_counts() {
    // {type: 1, type: 0, nsp: "/a", nsp: "/"}
    let packet = read("84a47479706501a47479706500a36e7370a22f61a36e7370a12f").unwrap();
    assert!(matches!(packet, Incoming::Connect { namespace, .. } if namespace == "/"));
}

#[test]
fn the_limits_of_packets_are_those_of_json() {
    let draft = |args: &dyn erased::Args| args.draft();
    let hex = |args: &dyn erased::Args| both(|| draft(args), "/");
    let mut limits = PacketLimits {
        attachments: 1,
        ..PacketLimits::default()
    };
    let two = hex(&(bytes(&[1]), bytes(&[2])));
    assert_eq!(
        read_within(&two, &limits).err(),
        Some(DecodeErrorKind::TooManyAttachments)
    );
    limits.attachments = 2;
    assert!(read_within(&two, &limits).is_ok());
    limits.attachment_bytes = Some(1);
    assert_eq!(
        read_within(&two, &limits).err(),
        Some(DecodeErrorKind::AttachmentsTooLong)
    );

    let limits = PacketLimits {
        depth: 4,
        ..PacketLimits::default()
    };
    // The list of arguments is one level, as in JSON.
    let nested = hex(&json!([[[1]]]));
    assert!(read_within(&nested, &limits).is_ok());
    let deeper = hex(&json!([[[[]]]]));
    assert_eq!(
        read_within(&deeper, &limits).err(),
        Some(DecodeErrorKind::TooDeep)
    );
}

mod erased {
    use super::{ArgList, Draft, event_draft};

    /// Arguments of any type.
    pub(super) trait Args {
        fn draft(&self) -> Draft;
    }

    impl<T: serde::Serialize> Args for T {
        fn draft(&self) -> Draft {
            event_draft("/", None, "e", &ArgList((self,))).unwrap()
        }
    }
}

#[test]
fn an_event_that_is_nested_too_deep_fails_and_a_refusal_goes_without_its_data() {
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let draft = || event_draft("/", None, "e", &deep).unwrap();
    for result in [
        Parser::Msgpack.draft(draft(), "/").map(drop),
        Parser::Msgpack.check(&draft(), "/"),
    ] {
        let Err(EncodeError::Serialize(error)) = result else {
            panic!("{result:?}");
        };
        assert!(error.to_string().contains("nested too deep"), "{error}");
    }
    assert!(Parser::Json.check(&draft(), "/").is_ok());
    // Brackets in a text are no nesting.
    let text = event_draft("/", None, "e", &"[".repeat(500)).unwrap();
    assert!(Parser::Msgpack.check(&text, "/").is_ok());

    let data = serde_json::to_vec(&deep).unwrap();
    let refusal = control(connect_error("/", "no", Some(&data)), "/");
    let packet = PackedPacket::read(&unhex(&refusal).into(), &PacketLimits::default()).unwrap();
    assert_eq!(packet.kind, PacketKind::ConnectError);
    assert_eq!(packet.data, r#"{"message":"refused"}"#);
}

#[test]
fn a_large_attachment_keeps_no_message_of_which_it_is_a_small_part() {
    let message = |big: usize, rest: usize| {
        let args = (bytes(&vec![1; big]), "x".repeat(rest));
        unhex(&both(
            || event_draft("/", None, "e", &ArgList(&args)).unwrap(),
            "/",
        ))
    };
    for (big, rest, shares) in [
        (70_000, 100, true),
        (70_000, 70_000, false),
        (100, 70_000, true),
    ] {
        let message: ::bytes::Bytes = message(big, rest).into();
        let packet = PackedPacket::read(&message, &PacketLimits::default()).unwrap();
        let attachment = packet.attachments[0].as_ptr_range();
        let whole = message.as_ptr_range();
        assert_eq!(whole.contains(&attachment.start), shares, "{big} {rest}");
    }
}

#[test]
fn broken_packets_are_no_panic_and_packets_read_back_the_same() {
    let args = (
        1.5,
        bytes(&[1, 2]),
        "é",
        json!({ "a": [null, -7, "\u{1}"] }),
        1_u64 << 60,
    );
    let refusal = connect_error("/", "no", Some(b"[1]"));
    let seeds = [
        unhex(&both(
            || event_draft("/chat", Some(7), "e", &ArgList(&args)).unwrap(),
            "/chat",
        )),
        unhex(&control(refusal, "/")),
        unhex(&control(connect_with("/", "x", None), "/")),
    ];
    let mut random = Random::new(7);
    for round in 0..60_000 {
        let mut packed = seeds[round % seeds.len()].clone();
        for _ in 0..=random.below(3) {
            let at = random.below(packed.len());
            match random.below(4) {
                0 => packed.truncate(at.max(1)),
                1 => packed.insert(at, random.below(256) as u8),
                2 => packed[at] = [0xc0, 0xc1, 0xc4, 0xc7, 0xd4, 0xd7, 0xdf, 0xca][random.below(8)],
                _ => packed[at] ^= 1 << random.below(8),
            }
        }
        crate::wire::fuzz_packed(&packed);
    }
}
