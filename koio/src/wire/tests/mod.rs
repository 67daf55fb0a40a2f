//! The codec from outside its files: bytes in, values out.

mod arguments;
mod attachments;
mod codec;
mod encoding;
mod engineio_3;
mod integers;
mod limits;
mod msgpack;
mod packed;
mod packets;
mod prefixes;
mod random;
mod relay;
mod roundtrip;
mod scanner;
mod typed_attachments;
mod websocket_header;
mod written_values;

use bytes::Bytes;

use super::*;

fn text(text: &str) -> Message {
    Message::Text(Bytes::copy_from_slice(text.as_bytes()))
}

fn binary(data: &[u8]) -> Message {
    Message::Binary(Bytes::copy_from_slice(data))
}

fn decode(text: &str) -> Result<Packet, DecodeErrorKind> {
    let text = Bytes::copy_from_slice(text.as_bytes());
    Packet::decode(&text, &PacketLimits::default()).map_err(|error| error.kind())
}

/// The packets in the messages of a new connection, and the error that ended it.
fn receive(
    messages: impl IntoIterator<Item = Message>,
) -> (Vec<Incoming>, Option<DecodeErrorKind>) {
    let mut assembler = Assembler::new(PacketLimits::default());
    let mut packets = Vec::new();
    for message in messages {
        match assembler.push(message) {
            Ok(packet) => packets.extend(packet),
            Err(error) => return (packets, Some(error.kind())),
        }
    }
    (packets, None)
}

fn one(messages: impl IntoIterator<Item = Message>) -> Incoming {
    let (packets, error) = receive(messages);
    assert_eq!(error, None);
    assert_eq!(packets.len(), 1);
    packets.into_iter().next().unwrap()
}

/// The name and the arguments of an event.
fn event_of(messages: impl IntoIterator<Item = Message>) -> (String, RawArgs) {
    match one(messages) {
        Incoming::Event { event, .. } => (event.name().to_owned(), event.args),
        other => panic!("{other:?}"),
    }
}

/// The arguments of an event of this text and these attachments.
fn args_of(header: &str, attachments: &[&[u8]]) -> RawArgs {
    let attachments = attachments.iter().map(|data| binary(data));
    event_of(std::iter::once(text(header)).chain(attachments)).1
}

/// The messages of a frame, as text or as a list of bytes.
fn shown(frame: &Frame) -> Vec<String> {
    let parts: Vec<_> = frame
        .parts()
        .map(|part| match part.text {
            true => String::from_utf8(part.payload.to_vec()).unwrap(),
            false => format!("{:?}", part.payload),
        })
        .collect();
    assert_eq!(parts.len(), frame.messages());
    parts
}

/// The messages that a client would have to send for this frame.
fn sent(frame: &Frame) -> Vec<Message> {
    let parts = frame.parts().map(|part| match part.text {
        false => Message::Binary(Bytes::copy_from_slice(part.payload)),
        true => match EnginePacket::decode(Bytes::copy_from_slice(part.payload)) {
            Ok(EnginePacket::Message(message)) => message,
            other => panic!("{other:?}"),
        },
    });
    parts.collect()
}
