//! Frames as WebSockets of revision 3 have them.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::wire::{
    FrameHeader, Opcode,
    engineio::{frame::Frame, packet::EnginePacket},
};

/// The type of a binary message.
const MESSAGE: u8 = 4;

impl Frame {
    /// Whether revision 3 has other bytes for it: it may hold binary messages.
    #[inline]
    pub(crate) fn differs_in_revision_3(&self) -> bool {
        // Every frame of several messages but for a few of the protocol's own.
        self.messages() != 1 || self.parts().next().is_some_and(|part| !part.text)
    }

    /// The same messages as revision 3 has them. `base64`: binary ones as text.
    pub(crate) fn in_revision_3(&self, base64: bool) -> Self {
        let mut bytes = Vec::with_capacity(self.len() + self.messages());
        let mut push = |opcode, kind: &[u8], data: &[u8]| {
            let header = FrameHeader::unmasked(opcode, kind.len() + data.len()).encode();
            bytes.extend_from_slice(&header);
            bytes.extend_from_slice(kind);
            bytes.extend_from_slice(data);
        };
        for part in self.parts() {
            match (part.text, base64) {
                (true, _) => push(Opcode::Text, b"", part.payload),
                (false, false) => push(Opcode::Binary, &[MESSAGE], part.payload),
                (false, true) => {
                    let data = STANDARD.encode(part.payload);
                    push(
                        Opcode::Text,
                        &[b'b', EnginePacket::MESSAGE],
                        data.as_bytes(),
                    );
                }
            }
        }
        let messages = u16::try_from(self.messages()).unwrap_or(u16::MAX);
        Self::new(bytes, messages)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::wire::{self, ArgList, Message};

    #[test]
    fn text_is_the_same_and_binary_has_its_type() {
        let text = Frame::message(&Message::Text(Bytes::from_static(b"hi")));
        assert!(!text.differs_in_revision_3());
        assert_eq!(text.in_revision_3(false), text);
        let binary = Frame::message(&Message::Binary(Bytes::from_static(&[1, 2])));
        assert!(binary.differs_in_revision_3());
        assert_eq!(**binary.in_revision_3(false).bytes(), [0x82, 3, 4, 1, 2]);
        assert_eq!(&**binary.in_revision_3(true).bytes(), b"\x81\x06b4AQI=");
    }

    #[test]
    fn attachments_stay_behind_their_packet() {
        let data = wire::Bytes::from(vec![1, 2, 3]);
        let event = wire::event("/", None, "e", &ArgList((&data, &data))).unwrap();
        assert!(event.differs_in_revision_3());
        for base64 in [false, true] {
            let old = event.in_revision_3(base64);
            assert_eq!(old.messages(), 3);
            let parts: Vec<_> = old.parts().collect();
            assert_eq!(parts[0], event.parts().next().unwrap());
            assert_eq!(parts.len(), 3);
            assert_eq!(parts[1], parts[2]);
            match base64 {
                false => assert_eq!(
                    (parts[1].text, parts[1].payload),
                    (false, &[4, 1, 2, 3][..])
                ),
                true => assert_eq!((parts[1].text, parts[1].payload), (true, &b"b4AQID"[..])),
            }
        }
    }
}
