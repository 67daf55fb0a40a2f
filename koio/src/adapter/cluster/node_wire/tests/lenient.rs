//! What other programs write: keys in another order, more of them, fewer of them.

use super::*;

fn request(text: &str) -> Option<NodeMessage> {
    let wire = NodeWire::classic("p", "me");
    Some(heard("p-request#/#", text.to_owned(), &wire)?.message)
}

fn answer(text: &str) -> Option<NodeMessage> {
    let wire = NodeWire::classic("p", "me");
    Some(heard("p-response#/#", text.to_owned(), &wire)?.message)
}

#[test]
fn keys_come_in_any_order_with_others_between_them() {
    let text = r#" { "opts" : {"flags":{"timeout":1.5,"volatile":true,"x":1},"except":["a",2.5,-0]}, "more":[[{}]], "requestId":"r", "type":5 , "uid":"you"}"#;
    // White space at the front would be msgpack, as it is for Node.
    let text = text.trim_start();
    assert_eq!(
        request(text),
        Some(NodeMessage::Fetch {
            request: "r".to_owned(),
            opts: NodeOpts {
                except: rooms(&["a", "2.5", "-0"]),
                volatile: true,
                timeout: Some(1),
                ..NodeOpts::default()
            },
        })
    );
}

#[test]
fn what_nobody_sends_any_more_is_ignored() {
    for text in [
        r#"{"requestId":"r","type":0,"rooms":["a"],"uid":"you"}"#,
        r#"{"requestId":"r","type":2,"sid":"x","room":"a"}"#,
        r#"{"requestId":"r","type":3,"sid":"x","room":"a"}"#,
        r#"{"requestId":"r","type":4,"sid":"x","close":true}"#,
        r#"{"requestId":"r","type":99}"#,
        r#"{"requestId":"r"}"#,
        "{}",
    ] {
        assert_eq!(request(text), None, "{text}");
    }
    for text in [
        "{}",
        r#"{"requestId":"r"}"#,
        r#"{"requestId":"r","sockets":["id1","id2"]}"#,
    ] {
        assert_eq!(answer(text), None, "{text}");
    }
}

#[test]
fn a_message_for_rooms_that_cannot_be_is_for_nobody() {
    let join = |opts: &str| request(&format!(r#"{{"type":2,"opts":{opts},"rooms":["a"]}}"#));
    assert_eq!(join(r#"{"rooms":[null],"except":[]}"#), None);
    assert_eq!(join(r#"{"rooms":[null,true],"except":[]}"#), None);
    assert!(join(r#"{"rooms":[null,"a"],"except":[null]}"#).is_some());
    assert!(join(r#"{"rooms":[],"except":[null]}"#).is_some());
    assert!(join("{}").is_some());
}

#[test]
fn an_answer_without_a_value_is_not_null() {
    for (text, list) in [
        (r#"{"type":6,"requestId":"r"}"#, "[]"),
        (r#"{"type":6,"requestId":"r","data":null}"#, "[null]"),
        (r#"{"type":6,"requestId":"r","data": [1, 2] }"#, "[[1, 2]]"),
    ] {
        let request = "r".to_owned();
        let packet = packet(list);
        let expected = NodeMessage::ServerAnswer { request, packet };
        assert_eq!(answer(text), Some(expected), "{text}");
    }
}

#[test]
fn a_lean_description_of_a_socket_is_one() {
    let text = r#"{"requestId":"r","sockets":[{"id":"x"},{"id":"y","handshake":{},"rooms":[1],"data":"\ud83d"},
        {"id":"z","handshake":{"headers":[],"address":"junk","issued":-1,"query":{"a":["1","2"],"b":3,"c":null}}}]}"#;
    let Some(NodeMessage::Fetched { sockets, .. }) = answer(text) else {
        panic!("sockets");
    };
    let ids: Vec<_> = sockets.iter().map(|socket| &*socket.id).collect();
    assert_eq!(ids, ["x", "y", "z"]);
    assert_eq!(sockets[1].rooms, rooms(&["1"]));
    assert_eq!(sockets[1].data.as_deref(), Some(r#""\ufffd""#));
    let handshake = &sockets[2].handshake;
    assert_eq!(handshake.address(), None);
    assert_eq!(handshake.query("a"), Some("2"));
    assert_eq!(handshake.query("b"), Some("3"));
    assert_eq!(handshake.query("c"), None);
}

#[test]
fn a_broadcast_may_be_json_and_name_no_namespace() {
    // The option `parser` of the adapter, with JSON in place of msgpack.
    let wire = NodeWire::classic("p", "me");
    let text = r#"["you",{"data":["e",1],"type":2},{"rooms":["a"]},"more"]"#;
    let incoming = heard("p#/#a#", text, &wire).unwrap();
    assert_eq!(&*incoming.namespace, "/");
    // Only events go to clients.
    let text = r#"["you",{"data":["e",1],"type":3},{"rooms":["a"]}]"#;
    assert_eq!(heard("p#/#a#", text, &wire), None);
}

#[test]
fn what_is_no_message_says_what_is_wrong() {
    let classic = NodeWire::classic("p", "me");
    let error = |channel: &str, payload: &[u8]| {
        let read = classic.decode(
            channel.as_bytes(),
            Bytes::copy_from_slice(payload),
            &everywhere,
        );
        read.unwrap_err().to_string()
    };
    let long = "x".repeat(129);
    let deep = format!(
        r#"{{"type":6,"data":["e",{}]}}"#,
        "[".repeat(200) + &"]".repeat(200)
    );
    for (text, expected) in [
        ("", "msgpack ends within a value, at byte 0"),
        ("{", "EOF while parsing an object at line 1 column 1"),
        (
            r#"{"type":5,"opts":{}}"#,
            "`requestId` is missing or has another shape",
        ),
        (
            r#"{"type":5,"requestId":7,"opts":{}}"#,
            "`requestId` is missing or has another shape",
        ),
        (
            r#"{"type":2,"opts":{"rooms":[[]]}}"#,
            "`rooms` is missing or has another shape",
        ),
        (
            r#"{"type":6,"data":[]}"#,
            "`data` is missing or has another shape",
        ),
        (
            r#"{"type":6,"data":[null]}"#,
            "`data` is missing or has another shape",
        ),
        (
            r#"{"type":6,"data":{"a":1}}"#,
            "`data` is missing or has another shape",
        ),
        (
            &format!(r#"{{"type":1,"requestId":"{long}"}}"#),
            "`requestId` of 129 bytes (at most 128)",
        ),
        (
            &format!(r#"{{"type":1,"uid":"{long}"}}"#),
            "`uid` of 129 bytes (at most 128)",
        ),
        (&deep, "json nested too deep at byte 132"),
    ] {
        assert_eq!(error("p-request#/#", text.as_bytes()), expected, "{text}");
    }
    assert_eq!(
        error("p#/#", b"\x93\xa3you\x80\x80\x00"),
        "bytes behind the value of msgpack, at byte 7"
    );
    assert_eq!(
        error("p#/#", b"\x92\xa3you\x80"),
        "`opts` is missing or has another shape"
    );
    let huge = format!(
        r#"{{"type":8,"requestId":"r","clientCount":"{}"}}"#,
        "x".repeat(10_000)
    );
    assert!(error("p-response#/#", huge.as_bytes()).len() <= 256);
    // An event can't have more attachments than clients take.
    let mut many = b"\x93\xa3you\x82\xa4type\x02\xa4data\x9c\xa1e".to_vec();
    many.extend([0xc4, 0].repeat(11));
    many.extend(b"\x80");
    assert!(error("p#/#", &many).starts_with("too many attachments in msgpack"));
}
