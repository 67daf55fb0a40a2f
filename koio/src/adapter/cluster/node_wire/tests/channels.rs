//! What is subscribed, and what is for this server.

use super::*;

#[test]
fn the_channel_that_is_counted_is_subscribed_last() {
    let wire = NodeWire::classic("socket.io", "me");
    let plain = |name: &str| RedisChannel::Plain(name.into());
    assert_eq!(
        wire.subscriptions("/a[1]"),
        [
            RedisChannel::Pattern(r"socket.io#/a\[1\]#*".into()),
            plain("socket.io-response#/a[1]#"),
            plain("socket.io-response#/a[1]#me#"),
            plain("socket.io-request#/a[1]#"),
        ]
    );
    assert_eq!(wire.counted("/"), plain("socket.io-request#/#"));
    assert_eq!(wire.room_subscription("/", "room1"), None);

    let wire = NodeWire::sharded("socket.io", "me");
    let shard = |name: &str| RedisChannel::Shard(name.into());
    assert_eq!(
        wire.subscriptions("/a"),
        [shard("socket.io#/a#me#"), shard("socket.io#/a#")]
    );
    assert_eq!(wire.counted("/a"), shard("socket.io#/a#"));
}

#[test]
fn which_rooms_have_a_channel_depends_on_the_mode() {
    let rooms = [
        "room1",
        "12345678901234567890",
        "1234567890123456789😀",
        "ü2345678901234567890",
    ];
    for (mode, expected) in [
        (SubscriptionMode::Dynamic, [true, false, true, false]),
        (SubscriptionMode::Static, [false; 4]),
        (SubscriptionMode::DynamicPrivate, [true; 4]),
    ] {
        let wire = NodeWire::sharded_in("p", "me", mode);
        let has = rooms.map(|room| wire.room_subscription("/", room).is_some());
        assert_eq!(has, expected, "{mode:?}");
    }
}

/// A broadcast of another server in this namespace.
fn broadcast(namespace: &str, to: &[&str]) -> NodeOutgoing {
    let message = NodeMessage::Broadcast {
        opts: NodeOpts {
            rooms: rooms(to),
            ..NodeOpts::default()
        },
        packet: packet(r#"["e"]"#),
    };
    let other = NodeWire::classic("p", "you");
    other.encode(namespace, None, &message).unwrap()
}

#[test]
fn a_broadcast_to_a_room_that_is_not_here_is_not_decoded() {
    let wire = NodeWire::classic("p", "me");
    let rooms = |namespace: &str, room: &str| namespace == "/" && ["", "here"].contains(&room);
    let garbage = Bytes::from_static(b"\xc1");
    let read = |channel: &str| wire.decode(channel.as_bytes(), garbage.clone(), &rooms);
    assert!(read("p#/#there#").unwrap().is_none());
    assert!(read("p#/chat#").unwrap().is_none());
    assert!(read("q#/#").unwrap().is_none());
    assert!(read("p-other#/#").unwrap().is_none());
    assert!(read("p#/").unwrap().is_none());
    assert!(read("p#/#here#").is_err());
    assert!(read("p#/#").is_err());
    assert!(wire.decode(b"p#/\xff#", garbage, &rooms).unwrap().is_none());
}

#[test]
fn the_message_says_what_a_channel_with_several_marks_means() {
    let wire = NodeWire::classic("p", "me");
    for (namespace, to) in [("/a", &["b#c"][..]), ("/a#b", &["c"]), ("/a#b#c", &[])] {
        let sent = broadcast(namespace, to);
        assert_eq!(sent.channel, RedisChannel::Plain("p#/a#b#c#".into()));
        let incoming = heard("p#/a#b#c#", sent.payload.clone(), &wire).unwrap();
        assert_eq!(&*incoming.namespace, namespace);
        // On a channel of another namespace it means nothing.
        assert_eq!(heard("p#/x#", sent.payload, &wire), None);
    }
}

#[test]
fn a_message_of_the_sharded_form_is_for_the_namespace_that_it_names() {
    let wire = NodeWire::sharded("p", "me");
    let text = r#"{"type":3,"data":{"packet":{"type":2,"data":["e"]},"opts":{"rooms":[],"except":[]}},"uid":"you","nsp":"/a"}"#;
    assert!(heard("p#/a#", text, &wire).is_some());
    assert!(heard("p#/a#room#", text, &wire).is_some());
    assert!(heard("p#/b#", text, &wire).is_none());
    let nowhere = |_: &str, _: &str| false;
    let read = |channel: &[u8]| wire.decode(channel, Bytes::from(text), &nowhere).unwrap();
    assert!(read(b"p#/a#").is_none());
    assert!(read(b"p#/a#me#").is_some());
}

#[test]
fn a_specific_answer_is_for_its_namespace() {
    let wire = NodeWire::classic("p", "me");
    let text = r#"{"type":8,"requestId":"r","clientCount":2}"#;
    for (channel, namespace) in [
        ("p-response#/a#", "/a"),
        ("p-response#/a#me#", "/a"),
        ("p-response#/a#b#", "/a#b"),
    ] {
        let incoming = heard(channel, text, &wire).unwrap();
        assert_eq!(&*incoming.namespace, namespace);
        let request = "r".to_owned();
        let clients = 2;
        assert_eq!(
            incoming.message,
            NodeMessage::ClientCount { request, clients }
        );
    }
}

#[test]
fn a_broadcast_is_for_the_pattern_of_its_own_namespace() {
    let wire = NodeWire::classic("p", "me");
    for (namespace, pattern, is_its) in [
        ("/a", "p#/a#*", true),
        ("/a#b", "p#/a#b#*", true),
        ("/a#b", "p#/a#*", false),
        ("/a", "p#/a#b#*", false),
        ("/a[1]*", r"p#/a\[1\]\*#*", true),
        ("/a", "q#/a#*", false),
        ("/a", "", false),
    ] {
        let found = wire.is_pattern_of(namespace, pattern.as_bytes());
        assert_eq!(found, is_its, "{namespace} {pattern}");
    }
}

#[test]
fn what_koio_has_heard_in_its_own_words_is_marked_for_node() {
    let opts = NodeOpts {
        rooms: rooms(&["r"]),
        only_for_node: true,
        ..NodeOpts::default()
    };
    let messages = [
        NodeMessage::Broadcast {
            opts: opts.clone(),
            packet: packet(r#"["e"]"#),
        },
        NodeMessage::Join {
            opts: opts.clone(),
            rooms: rooms(&["s"]),
        },
        NodeMessage::Disconnect { opts, close: true },
    ];
    for (mine, other) in [
        (NodeWire::classic("p", "me"), NodeWire::classic("p", "you")),
        (NodeWire::sharded("p", "me"), NodeWire::sharded("p", "you")),
    ] {
        for message in &messages {
            let written = other.encode("/", None, message).unwrap();
            let (RedisChannel::Plain(name) | RedisChannel::Shard(name)) = &written.channel else {
                panic!("{written:?}");
            };
            let read = mine.decode(name.as_bytes(), written.payload, &|_, _| true);
            assert_eq!(read.unwrap().unwrap().message, *message);
        }
    }
}

#[test]
fn a_request_of_the_sharded_form_is_read_without_sockets_in_the_namespace() {
    let (mine, other) = (NodeWire::sharded("p", "me"), NodeWire::sharded("p", "you"));
    let fetch = NodeMessage::Fetch {
        request: "r".to_owned(),
        opts: NodeOpts::default(),
    };
    let written = other.encode("/", None, &fetch).unwrap();
    let read = mine
        .decode(b"p#/#", written.payload, &|_, _| false)
        .unwrap();
    // Every server is waited for.
    assert_eq!(read.unwrap().message, fetch);
}
