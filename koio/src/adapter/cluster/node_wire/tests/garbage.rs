//! A program that may publish to Redis may write anything.

use super::*;

fn readers() -> [NodeWire; 2] {
    [
        NodeWire::classic("socket.io", "other1"),
        NodeWire::sharded("socket.io", "0000000000000001"),
    ]
}

fn read(payload: &[u8], channel: &str) {
    for wire in &readers() {
        let payload = Bytes::copy_from_slice(payload);
        if let Err(error) = wire.decode(channel.as_bytes(), payload, &everywhere) {
            assert!(error.to_string().len() <= 256, "{error}");
        }
    }
}

#[test]
fn no_cut_of_a_message_is_a_message() {
    for Recorded {
        what,
        channel,
        payload,
    } in recorded_messages()
    {
        for len in 0..payload.len() {
            let cut = payload.slice(..len);
            let read = listener(what).decode(channel.as_bytes(), cut, &everywhere);
            assert!(read.is_err(), "{what}, {len} bytes");
        }
        let more = [&*payload, b"\x00"].concat();
        let read = listener(what).decode(channel.as_bytes(), more.into(), &everywhere);
        assert!(read.is_err(), "{what}");
    }
}

#[test]
fn no_change_of_a_message_is_a_panic() {
    let mut random = fastrand::Rng::with_seed(7);
    for Recorded {
        channel, payload, ..
    } in recorded()
    {
        let mut changed = payload.to_vec();
        for at in 0..payload.len().min(400) {
            changed[at] ^= 1 << (at % 8);
            read(&changed, channel);
            changed[at] = random.u8(..);
            read(&changed, channel);
            changed[at] = payload[at];
        }
    }
}

#[test]
fn lengths_that_are_claimed_allocate_nothing() {
    for marker in [0xc6, 0xc9, 0xdb, 0xdd, 0xdf] {
        for before in [&[][..], b"\x93", b"\x93\xa3you", b"\x93\xa3you\x81\xa4data"] {
            read(
                &[before, &[marker, 0xff, 0xff, 0xff, 0xff]].concat(),
                "socket.io#/#",
            );
            read(
                &[before, &[marker, 0xff, 0xff, 0xff, 0xff, 0]].concat(),
                "socket.io#/#",
            );
        }
    }
}

#[test]
fn deep_nesting_is_an_error() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for channel in [
            "socket.io#/#",
            "socket.io-request#/#",
            "socket.io-response#/#",
        ] {
            for depth in [100_usize, 200, 10_000] {
                let nested = open.repeat(depth) + "1" + &close.repeat(depth);
                for key in ["data", "opts", "rooms", "packet", "sockets", "uid", "else"] {
                    for kind in [3, 5, 6, 7, 9] {
                        let text = format!(
                            r#"{{"type":{kind},"nsp":"/","requestId":"r","{key}":{nested}}}"#
                        );
                        read(text.as_bytes(), channel);
                    }
                }
                if depth == 10_000 {
                    read(&[0x91].repeat(depth), channel);
                    read(&[0x81].repeat(depth), channel);
                    read(&[0x81, 0xa1, b'a'].repeat(depth), channel);
                }
            }
        }
    }
}
