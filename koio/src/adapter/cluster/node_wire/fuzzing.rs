//! For the fuzz target, which is a crate of its own.

use bytes::Bytes;

use super::{
    super::redis_channel::RedisChannel,
    message::{NodeIncoming, NodeMessage},
    node_codec::NodeWire,
};

/// Reads what has come on a channel. What is a message can be written, and then reads back the same.
#[doc(hidden)]
pub fn fuzz_node_wire(sharded: bool, channel: &[u8], payload: &[u8]) {
    let wire = |uid: &str| match sharded {
        true => NodeWire::sharded("p", uid),
        false => NodeWire::classic("p", uid),
    };
    let read =
        |channel: &[u8], payload: Bytes| wire("reader").decode(channel, payload, &|_, _| true);
    let again = |incoming: NodeIncoming| -> NodeIncoming {
        let NodeIncoming {
            namespace, message, ..
        } = incoming;
        let written = wire("writer").encode(&namespace, Some("reader"), &message);
        let written = written.expect("it was read");
        let (RedisChannel::Plain(channel) | RedisChannel::Shard(channel)) = written.channel else {
            unreachable!("nobody publishes to a pattern");
        };
        let incoming = read(channel.as_bytes(), written.payload);
        incoming.expect("koio wrote it").expect("it is for others")
    };
    match read(channel, Bytes::copy_from_slice(payload)) {
        Err(error) => assert!(error.to_string().len() <= 256),
        Ok(None) => {}
        // Their auth is read into values, where serde_json is one digit off now and then.
        Ok(Some(incoming)) if matches!(incoming.message, NodeMessage::Fetched { .. }) => {
            again(incoming);
        }
        // Msgpack has one form for each number, so the first trip may change a text, and the second may not.
        Ok(Some(incoming)) => {
            let first = again(incoming);
            assert_eq!(again(first.clone()).message, first.message);
        }
    }
}
