//! An event without namespace and ack id, which are added for the sockets that it goes to: on each node of a cluster, and
//! in each namespace of a family.

use bytes::Bytes;

use crate::wire::{Frame, JsonPacket, Message};

/// The event's JSON list, its name first, and its attachments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NeutralPacket {
    pub(crate) list: Bytes,
    pub(crate) attachments: Vec<Bytes>,
    /// It is sent as it is, also to clients that take compressed messages.
    pub(crate) uncompressed: bool,
}

impl NeutralPacket {
    /// The packet of an event that was encoded for the sockets of this node in `namespace`, or of an answer. `None` if the frame
    /// is neither.
    pub(crate) fn of_frame(frame: &Frame, namespace: &str) -> Option<Self> {
        let mut parts = frame.parts();
        let text = parts.next().filter(|part| part.text)?.payload;
        // Events and answers alone have lists.
        let list = JsonPacket::read(text, namespace)
            .map(|packet| packet.data)
            .filter(|data| data.starts_with(b"["))?;
        let copied = |slice: &[u8]| Bytes::copy_from_slice(slice);
        Some(Self {
            list: copied(list),
            attachments: parts.map(|part| copied(part.payload)).collect(),
            uncompressed: frame.is_left_uncompressed(),
        })
    }

    /// Says whether it is sent as it is, also to clients that take compressed messages.
    #[cfg(feature = "redis")]
    pub(crate) fn leave_uncompressed(self, uncompressed: bool) -> Self {
        Self {
            uncompressed,
            ..self
        }
    }

    /// Encodes the event for the sockets of this node.
    pub(crate) fn to_frame(&self, namespace: &str, ack: Option<u64>) -> Frame {
        let mut text = match self.attachments.len() {
            0 => "2".to_owned(),
            count => format!("5{count}-"),
        };
        if namespace != "/" {
            text.push_str(namespace);
            text.push(',');
        }
        if let Some(ack) = ack {
            text.push_str(&ack.to_string());
        }
        let mut text = text.into_bytes();
        text.extend_from_slice(&self.list);
        let frame = Frame::message(&Message::Text(text.into()));
        let frame = frame.leave_uncompressed(self.uncompressed);
        if self.attachments.is_empty() {
            return frame;
        }
        let attachments = self.attachments.iter().cloned();
        frame.followed_by(attachments.map(|bytes| Frame::message(&Message::Binary(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[test]
    fn a_packet_gets_the_namespace_and_the_ack_id_of_the_node_that_sends_it() {
        for (namespace, ack) in [
            ("/", None),
            ("/", Some(7)),
            ("/a[1]", None),
            ("/a[1]", Some(12)),
        ] {
            let sent = wire::event(namespace, ack, "e", "x").unwrap();
            let packet = NeutralPacket::of_frame(&sent, namespace).unwrap();
            assert_eq!(packet.list, r#"["e","x"]"#);
            assert_eq!(packet.to_frame(namespace, ack), sent);
            let other = wire::event(namespace, Some(99), "e", "x").unwrap();
            assert_eq!(packet.to_frame(namespace, Some(99)), other);
        }
    }

    #[test]
    fn attachments_stay_beside_the_list() {
        let bytes = crate::wire::Bytes::from(vec![1, 2, 3]);
        for ack in [None, Some(3)] {
            let sent = wire::event("/chat", ack, "e", &bytes).unwrap();
            let packet = NeutralPacket::of_frame(&sent, "/chat").unwrap();
            assert_eq!(packet.attachments, [Bytes::from_static(&[1, 2, 3])]);
            assert_eq!(packet.to_frame("/chat", ack), sent);
        }
    }

    #[test]
    fn a_frame_of_another_namespace_or_kind_is_no_event() {
        let sent = wire::event("/chat", None, "e", &()).unwrap();
        assert_eq!(NeutralPacket::of_frame(&sent, "/other"), None);
        assert_eq!(
            NeutralPacket::of_frame(&wire::disconnect("/chat"), "/chat"),
            None
        );
    }
}
