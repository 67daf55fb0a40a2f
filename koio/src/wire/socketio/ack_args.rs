//! The arguments of an acknowledgement that this side has written, to be sent again.

use bytes::Bytes;

use super::{
    args::RawArgs,
    assembler::{Assembler, Incoming},
    limits::PacketLimits,
};
use crate::wire::{Draft, Message};

/// The arguments of the acknowledgement in this draft, of whichever parser, in memory of their own. `None` if it is none.
pub(crate) fn ack_args(draft: &Draft) -> Option<RawArgs> {
    let frame = draft.copied();
    let limits = PacketLimits {
        attachment_bytes: Some(usize::MAX),
        ..PacketLimits::default()
    };
    #[cfg(any(test, feature = "msgpack"))]
    if let Some(part) = frame.parts().next().filter(|part| !part.text) {
        let packed = Bytes::copy_from_slice(part.payload);
        let packet = super::packed::PackedPacket::read(&packed, &limits).ok()?;
        return args_of(packet.into_incoming().ok()?);
    }
    let mut assembler = Assembler::new(limits);
    for part in frame.parts() {
        let message = match part.text {
            // Without the digit of Engine.IO.
            true => Message::Text(Bytes::copy_from_slice(part.payload.get(1..)?)),
            false => Message::Binary(Bytes::copy_from_slice(part.payload)),
        };
        if let Some(incoming) = assembler.push(message).ok()? {
            return args_of(incoming);
        }
    }
    None
}

fn args_of(incoming: Incoming) -> Option<RawArgs> {
    let Incoming::Ack { mut args, .. } = incoming else {
        return None;
    };
    args.detach();
    // This side has written them.
    Some(args.into_validated(false))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::{Bytes as Binary, Parser, ack, ack_draft};

    #[test]
    fn the_arguments_of_an_ack_are_the_same_under_another_id_with_each_parser() {
        let data = Binary::from(vec![1, 2, 3]);
        let values = [
            serde_json::to_string(&json!([1, "zwei\n€", null])).unwrap_or_default(),
            String::new(),
        ];
        for namespace in ["/", "/chat[1]"] {
            for parser in [Parser::Json, Parser::Msgpack] {
                for value in &values {
                    let draft = ack_draft(namespace, 7, &(value, &data)).unwrap();
                    let draft = parser.draft(draft, namespace).unwrap();
                    let args = ack_args(&draft).unwrap();
                    assert_eq!(
                        ack(namespace, 12, &args).unwrap(),
                        ack(namespace, 12, &(value, &data)).unwrap()
                    );
                }
                let none = ack_draft(namespace, 7, &()).unwrap();
                let args = ack_args(&parser.draft(none, namespace).unwrap()).unwrap();
                assert_eq!(
                    ack(namespace, 0, &args).unwrap(),
                    ack(namespace, 0, &()).unwrap()
                );
            }
        }
    }
}
