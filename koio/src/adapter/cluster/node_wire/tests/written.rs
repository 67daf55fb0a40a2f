//! What koio adds to the forms of Node, and the one message that it can't take from a recording.

use std::collections::BTreeMap;

use super::*;
use crate::adapter::HandshakeView;

fn written(wire: &NodeWire, to: Option<&str>, message: &NodeMessage) -> (RedisChannel, String) {
    let written = wire.encode("/", to, message).unwrap();
    (
        written.channel,
        written
            .payload
            .escape_ascii()
            .to_string()
            .replace("\\\"", "\""),
    )
}

#[test]
fn requests_say_that_they_are_from_koio() {
    let classic = NodeWire::classic("p", "me");
    let sharded = NodeWire::sharded("p", "me");
    let fetch = NodeMessage::Fetch {
        request: "r".to_owned(),
        opts: NodeOpts::default(),
    };
    let expected =
        r#"{"uid":"me","requestId":"r","type":5,"opts":{"rooms":[],"except":[]},"koio":true}"#;
    assert_eq!(
        written(&classic, None, &fetch),
        (
            RedisChannel::Plain("p-request#/#".into()),
            expected.to_owned()
        )
    );
    let expected = r#"{"type":7,"data":{"opts":{"rooms":[],"except":[],"flags":{}},"requestId":"r"},"uid":"me","nsp":"/","koio":true}"#;
    assert_eq!(
        written(&sharded, None, &fetch),
        (RedisChannel::Shard("p#/#".into()), expected.to_owned())
    );
    for (wire, other) in [
        (classic, NodeWire::classic("p", "you")),
        (sharded, NodeWire::sharded("p", "you")),
    ] {
        for message in [
            fetch.clone(),
            NodeMessage::ServerEmit {
                request: None,
                packet: packet(r#"["e"]"#),
            },
            NodeMessage::Ask {
                request: "r".to_owned(),
                opts: NodeOpts {
                    expect_single_response: true,
                    timeout: Some(5_000),
                    ..NodeOpts::default()
                },
                packet: packet(r#"["e"]"#),
            },
        ] {
            let sent = wire.encode("/", None, &message).unwrap();
            let (RedisChannel::Plain(channel) | RedisChannel::Shard(channel)) = sent.channel else {
                panic!("nobody publishes to a pattern");
            };
            let incoming = heard(&channel, sent.payload, &other).unwrap();
            assert!(incoming.is_koio);
            assert_eq!(incoming.uid.as_deref(), Some("me"));
            assert_eq!(incoming.message, message);
        }
    }
}

#[test]
fn an_answer_of_the_classic_form_comes_back_to_nobody() {
    let wire = NodeWire::classic("p", "me");
    let count = NodeMessage::ClientCount {
        request: "r".to_owned(),
        clients: 3,
    };
    let (channel, text) = written(&wire, Some("you"), &count);
    assert_eq!(channel, RedisChannel::Plain("p-response#/#".into()));
    assert_eq!(
        text,
        r#"{"type":8,"requestId":"r","clientCount":3,"uid":"me"}"#
    );
    assert_eq!(heard("p-response#/#", text, &wire), None);
}

#[test]
fn an_answer_of_the_sharded_form_needs_a_receiver() {
    let wire = NodeWire::sharded("p", "me");
    let count = NodeMessage::ClientCount {
        request: "r".to_owned(),
        clients: 3,
    };
    let (channel, text) = written(&wire, Some("you"), &count);
    assert_eq!(channel, RedisChannel::Shard("p#/#you#".into()));
    assert_eq!(
        text,
        r#"{"type":11,"data":{"requestId":"r","clientCount":3},"uid":"me","nsp":"/"}"#
    );
    let error = wire.encode("/", None, &count).unwrap_err();
    assert!(matches!(error, NodeWireError::NoSuchMessage));
    let rooms = NodeMessage::AllRooms {
        request: "r".to_owned(),
    };
    assert!(wire.encode("/", None, &rooms).is_err());
}

#[test]
fn a_socket_is_described_with_the_keys_of_node() {
    let wire = NodeWire::classic("p", "me");
    let fetched = NodeMessage::Fetched {
        request: "r".to_owned(),
        sockets: vec![NodeSocket {
            id: "_3456789012345678901".to_owned(),
            rooms: rooms(&["_3456789012345678901", "a"]),
            handshake: HandshakeView {
                headers: BTreeMap::from([("origin".to_owned(), "https://a.example".to_owned())]),
                address: Some("10.0.0.1:4711".parse().unwrap()),
                secure: true,
                issued: 1_700_000_000_123,
                url: "/socket.io/?EIO=4".to_owned(),
                query: BTreeMap::from([("EIO".to_owned(), "4".to_owned())]),
                auth: serde_json::json!({}),
            },
            data: None,
        }],
    };
    let (_, text) = written(&wire, None, &fetched);
    assert_eq!(
        text,
        r#"{"requestId":"r","sockets":[{"id":"_3456789012345678901","handshake":{"headers":{"origin":"https://a.example"},"#
            .to_owned()
            + r#""time":"Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)","address":"10.0.0.1","xdomain":true,"#
            + r#""secure":true,"issued":1700000000123,"url":"/socket.io/?EIO=4","query":{"EIO":"4"},"auth":{}},"#
            + r#""rooms":["_3456789012345678901","a"],"data":{}}],"uid":"me"}"#
    );
}

#[test]
fn binary_data_of_an_event_for_servers_is_not_lost() {
    let packet = NeutralPacket {
        list: Bytes::from_static(br#"["e",{"_placeholder":true,"num":0}]"#),
        attachments: vec![Bytes::from_static(&[1, 2])],
        uncompressed: false,
    };
    let message = NodeMessage::ServerEmit {
        request: Some("r".to_owned()),
        packet,
    };
    let sent = NodeWire::classic("p", "me")
        .encode("/", None, &message)
        .unwrap();
    let you = NodeWire::classic("p", "you");
    assert_eq!(
        heard("p-request#/#", sent.payload, &you).unwrap().message,
        message
    );
}
