//! The codec against what the packages of Node publish. `recorded.txt` is what they did publish: `tests/cluster/record.js`
//! writes it.

mod channels;
mod garbage;
mod lenient;
mod recorded;
mod written;

use bytes::Bytes;

use super::{super::redis_channel::RedisChannel, *};
use crate::{adapter::NeutralPacket, ids::Room};

/// One line of `recorded.txt`.
struct Recorded {
    what: &'static str,
    channel: &'static str,
    payload: Bytes,
}

fn recorded() -> Vec<Recorded> {
    let line = |line: &'static str| {
        let mut parts = line.split('\t');
        let (what, channel, hex) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Recorded {
            what,
            channel,
            payload: from_hex(hex),
        })
    };
    let text = include_str!("recorded.txt");
    text.lines().map(|text| line(text).unwrap()).collect()
}

/// The lines that are messages; the others are single values of msgpack.
fn recorded_messages() -> impl Iterator<Item = Recorded> {
    let lines = recorded().into_iter();
    lines.filter(|one| !one.what.starts_with("value "))
}

fn from_hex(hex: &str) -> Bytes {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// A server that hears all of it.
fn listener(what: &str) -> NodeWire {
    match what.starts_with("sharded") {
        false => NodeWire::classic("socket.io", "other1"),
        true => NodeWire::sharded("socket.io", "0000000000000001"),
    }
}

fn everywhere(_: &str, _: &str) -> bool {
    true
}

fn heard(channel: &str, payload: impl Into<Bytes>, by: &NodeWire) -> Option<NodeIncoming> {
    by.decode(channel.as_bytes(), payload.into(), &everywhere)
        .unwrap_or_else(|error| panic!("{channel}: {error}"))
}

fn packet(list: &'static str) -> NeutralPacket {
    NeutralPacket {
        list: Bytes::from_static(list.as_bytes()),
        attachments: Vec::new(),
        uncompressed: false,
    }
}

fn rooms(names: &[&str]) -> Vec<Room> {
    names.iter().map(|name| Room::from(*name)).collect()
}
