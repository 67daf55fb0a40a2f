//! Everything that was recorded is read; and written again, to the byte, where Node's order of keys is the only one.

use super::*;

/// Whether reading and writing can't give the same bytes back, and why.
fn changes(what: &str) -> bool {
    let reasons = [
        // The order of its keys is not the adapter's.
        "emitter ",
        // Rooms are text here, and no room is undefined.
        "room of a number",
        "undefined room",
        // Headers and the address have one form here.
        " sockets",
    ];
    reasons.iter().any(|reason| what.contains(reason))
}

/// What koio writes, without the keys that Node does not know.
fn as_node(payload: &Bytes, uid: &str) -> Bytes {
    let json = [
        br#","koio":true}"#.to_vec(),
        format!(r#","uid":"{uid}"}}"#).into_bytes(),
    ];
    let msgpack = [
        b"\xa4koio\xc3".to_vec(),
        [b"\xa3uid", &[0xa0 | uid.len() as u8][..], uid.as_bytes()].concat(),
    ];
    for end in &json {
        if payload.starts_with(b"{")
            && let Some(rest) = payload.strip_suffix(&**end)
        {
            return [rest, b"}"].concat().into();
        }
    }
    for end in &msgpack {
        if let Some(rest) = payload.strip_suffix(&**end) {
            return [&[rest[0] - 1], &rest[1..]].concat().into();
        }
    }
    payload.clone()
}

#[test]
fn everything_that_node_publishes_is_read_and_written_again() {
    let mut compared = 0;
    for Recorded {
        what,
        channel,
        payload,
    } in recorded_messages()
    {
        let incoming = heard(channel, payload.clone(), &listener(what));
        if what.ends_with("broadcast to an undefined room") {
            assert_eq!(incoming, None, "{what}");
            continue;
        }
        let incoming = incoming.unwrap_or_else(|| panic!("{what} is for everybody"));
        let named = what.split(' ').find(|word| word.starts_with('/')).unwrap();
        assert_eq!(&*incoming.namespace, named, "{what}");
        assert!(!incoming.is_koio, "{what}");

        let (writer, uid) = match what.split_once(' ').unwrap() {
            ("sharded", mode) => {
                let mode = match mode.split_once(' ').unwrap().0 {
                    "dynamic" => SubscriptionMode::Dynamic,
                    "static" => SubscriptionMode::Static,
                    _ => SubscriptionMode::DynamicPrivate,
                };
                let uid = "19183eaa9eddca93";
                assert_eq!(incoming.uid.as_deref(), Some(uid), "{what}");
                (NodeWire::sharded_in("socket.io", uid, mode), uid)
            }
            _ => (NodeWire::classic("socket.io", "abc123"), "abc123"),
        };
        let to = Some("0000000000000001");
        let again = writer.encode(named, to, &incoming.message).unwrap();
        let (RedisChannel::Plain(written_to) | RedisChannel::Shard(written_to)) = again.channel
        else {
            panic!("nobody publishes to a pattern");
        };
        let read_again = heard(&written_to, again.payload.clone(), &listener(what)).unwrap();
        assert_eq!(read_again.message, incoming.message, "{what}");
        if changes(what) {
            continue;
        }
        assert_eq!(&*written_to, channel, "{what}");
        let (written, expected) = (as_node(&again.payload, uid), payload);
        assert_eq!(
            written,
            expected,
            "{what}: {} instead of {}",
            written.escape_ascii(),
            expected.escape_ascii()
        );
        compared += 1;
    }
    assert!(compared > 150, "{compared}");
}

#[test]
fn a_server_does_not_hear_itself() {
    for Recorded {
        what,
        channel,
        payload,
    } in recorded()
    {
        let itself = match what.split_once(' ').unwrap().0 {
            "classic" => NodeWire::classic("socket.io", "abc123"),
            "sharded" => NodeWire::sharded("socket.io", "19183eaa9eddca93"),
            _ => continue,
        };
        // Answers of Node don't say who gives them. Those of koio do.
        if !channel.contains("-response") {
            assert_eq!(heard(channel, payload, &itself), None, "{what}");
        }
    }
}

#[test]
fn what_was_recorded_means_what_was_said() {
    let message = |said: &str| {
        let found = recorded().into_iter().find(|one| one.what == said);
        let one = found.unwrap_or_else(|| panic!("{said}"));
        heard(one.channel, one.payload, &listener(one.what)).unwrap()
    };
    for form in ["classic /", "sharded dynamic /"] {
        let said = |what: &str| message(&format!("{form} {what}")).message;
        assert_eq!(
            said("broadcast with exceptions"),
            NodeMessage::Broadcast {
                opts: NodeOpts {
                    rooms: rooms(&["room1"]),
                    except: rooms(&["x", "y"]),
                    ..NodeOpts::default()
                },
                packet: packet(r#"["hello","a"]"#),
            }
        );
        assert_eq!(
            said("broadcast with binary data"),
            NodeMessage::Broadcast {
                opts: NodeOpts::default(),
                packet: NeutralPacket {
                    list: Bytes::from_static(
                        br#"["hello",{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}}]"#
                    ),
                    attachments: vec![Bytes::from_static(&[1, 2, 3]), Bytes::new()],
uncompressed: false,
},
            }
        );
        let NodeMessage::Broadcast { opts, packet } = said("broadcast with numbers") else {
            panic!("a broadcast");
        };
        assert_eq!(opts, NodeOpts::default());
        assert_eq!(
            packet.list,
            "[\"n\",0,-1,-32,-33,-129,127,128,255,256,65535,65536,4294967295,4294967296,\
             9007199254740992,-2147483648,-2147483649,1.5,-0.25,10000000000000000000]"
        );
        let NodeMessage::Broadcast { opts, .. } = said("volatile broadcast") else {
            panic!("a broadcast");
        };
        assert!(opts.volatile);
        let NodeMessage::Broadcast { opts, .. } = said("broadcast to a room of a number") else {
            panic!("a broadcast");
        };
        assert_eq!(opts.rooms, rooms(&["123"]));
        let NodeMessage::Broadcast { opts, .. } =
            said("broadcast to an undefined room and another")
        else {
            panic!("a broadcast");
        };
        assert_eq!(opts.rooms, rooms(&["a"]));
        let NodeMessage::Ask { opts, packet, .. } = said("ask of a room") else {
            panic!("a broadcast with acks");
        };
        assert_eq!(opts.timeout, Some(60_000));
        assert_eq!(packet.list, r#"["hello"]"#);
        assert_eq!(
            said("join"),
            NodeMessage::Join {
                opts: NodeOpts {
                    rooms: rooms(&["room1"]),
                    except: rooms(&["x"]),
                    ..NodeOpts::default()
                },
                rooms: rooms(&["a", "b"]),
            }
        );
        let NodeMessage::Fetched { sockets, .. } = said("sockets") else {
            panic!("sockets");
        };
        let [socket] = &*sockets else {
            panic!("one socket");
        };
        assert_eq!(socket.id, "abcdefghijklmnopqrst");
        assert_eq!(socket.rooms, rooms(&["abcdefghijklmnopqrst", "room1"]));
        assert_eq!(socket.data.as_deref(), Some(r#"{"user":"ann","n":1}"#));
        let handshake = &socket.handshake;
        assert_eq!(handshake.header("set-cookie"), Some("a=1, b=2"));
        assert_eq!(handshake.address().unwrap().to_string(), "127.0.0.1:0");
        assert_eq!(handshake.query("x"), Some("1"));
        assert_eq!(handshake.auth, serde_json::json!({ "token": "abc" }));
        assert_eq!(handshake.issued, 1_700_000_000_000);
        assert_eq!(handshake.url(), "/socket.io/?EIO=4&transport=websocket&x=1");
    }
    let NodeMessage::Fetched { sockets, .. } =
        message("sharded dynamic / sockets with binary data").message
    else {
        panic!("sockets");
    };
    assert_eq!(
        sockets[0].data.as_deref(),
        Some(r#"{"b":{"type":"Buffer","data":[5,6]}}"#)
    );
    // A classic emitter does not say who it is in some of its requests.
    assert_eq!(message("emitter / join").uid, None);
    assert_eq!(
        message("emitter / server emit").uid.as_deref(),
        Some("emitter")
    );
}
