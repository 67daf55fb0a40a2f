//! [`JsonPacket`]: a packet that was encoded for the clients of this server, taken apart again.

use super::kind::PacketKind;

/// The text of a packet of the default parser, in its parts.
pub(crate) struct JsonPacket<'a> {
    pub(crate) kind: PacketKind,
    pub(crate) id: Option<u64>,
    /// Valid JSON. Empty where there is none.
    pub(crate) data: &'a [u8],
}

impl<'a> JsonPacket<'a> {
    /// The packet in this text, which begins with the digit of Engine.IO. The namespace is known, and may have any characters.
    /// `None` if it is another's.
    pub(crate) fn read(text: &'a [u8], namespace: &str) -> Option<Self> {
        let (kind, rest) = text.strip_prefix(b"4")?.split_first()?;
        let (kind, is_binary) = match kind {
            b'0' => (PacketKind::Connect, false),
            b'1' => (PacketKind::Disconnect, false),
            b'2' => (PacketKind::Event, false),
            b'3' => (PacketKind::Ack, false),
            b'4' => (PacketKind::ConnectError, false),
            b'5' => (PacketKind::Event, true),
            b'6' => (PacketKind::Ack, true),
            _ => return None,
        };
        let rest = match is_binary {
            false => rest,
            true => rest.get(memchr::memchr(b'-', rest)? + 1..)?,
        };
        let rest = match namespace {
            "/" => rest,
            name => rest.strip_prefix(name.as_bytes())?.strip_prefix(b",")?,
        };
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (id, data) = rest.split_at_checked(digits)?;
        let id = str::from_utf8(id).ok()?;
        Some(Self {
            kind,
            id: id.parse().ok(),
            data,
        })
    }
}
