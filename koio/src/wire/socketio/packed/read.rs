//! [`PackedPacket`]: a packet that a peer sent.

use bytes::Bytes;

use crate::wire::{
    DecodeError, DecodeErrorKind,
    json::{self, MAX_DEPTH},
    msgpack::{Binary, Shape, UnpackErrorKind, Unpacked, Unpacker},
    socketio::{
        args::{Attachments, RawArgs},
        assembler::Incoming,
        event::Event,
        event_name::EventName,
        kind::PacketKind,
        limits::PacketLimits,
    },
};

/// A packet in the terms of the default parser.
#[derive(Debug)]
pub(crate) struct PackedPacket {
    pub(crate) kind: PacketKind,
    /// UTF-8.
    pub(crate) namespace: Bytes,
    pub(crate) id: Option<u64>,
    /// Valid JSON, with placeholders for the attachments. Empty where there is none.
    pub(crate) data: Bytes,
    pub(crate) attachments: Vec<Bytes>,
}

/// An attachment of this length and more is not copied when its event waits.
const MIN_OWN: usize = 64 * 1024;

impl PackedPacket {
    /// Reads a packet, and checks all that `socket.io-msgpack-parser` checks. Keys that it does not know are skipped.
    ///
    /// # Errors
    /// When the message is no such packet, or breaks a limit.
    pub(crate) fn read(packed: &Bytes, limits: &PacketLimits) -> Result<Self, DecodeError> {
        let binary = Binary::Attached(limits.attachments);
        let mut unpacker = Unpacker::new(packed, binary, limits.depth.min(MAX_DEPTH));
        let fields = PackedFields::read(&mut unpacker).map_err(|kind| match kind {
            UnpackErrorKind::TooManyAttachments => {
                let came = limits.attachments.saturating_add(1);
                DecodeError::new(DecodeErrorKind::TooManyAttachments, came)
            }
            kind => DecodeError::new(kind.into(), unpacker.at()),
        })?;
        fields.packet(packed, limits)
    }

    /// What the packet says to a server.
    pub(crate) fn into_incoming(self) -> Result<Incoming, DecodeError> {
        let Self {
            namespace,
            id,
            data,
            attachments,
            ..
        } = self;
        let attachments = || match <[Bytes; 1]>::try_from(attachments) {
            Ok([one]) => Attachments::One(one),
            Err(none) if none.is_empty() => Attachments::None,
            Err(many) => Attachments::Many(many.into()),
        };
        Ok(match self.kind {
            PacketKind::Event => {
                let (name, end) = EventName::decode(&data)?;
                let args = RawArgs::new(data, 0, Some(end), attachments(), true);
                let event = Event::named(name, args, id);
                Incoming::Event { namespace, event }
            }
            PacketKind::Ack => Incoming::Ack {
                namespace,
                id: id.unwrap_or(u64::MAX),
                args: RawArgs::new(data, 0, None, attachments(), true),
            },
            PacketKind::Connect => Incoming::Connect {
                namespace,
                auth: data,
            },
            PacketKind::Disconnect => Incoming::Disconnect { namespace },
            PacketKind::ConnectError => Incoming::ConnectError { namespace },
        })
    }
}

/// The entries of the map. Of a key that is there twice the last counts, as in JavaScript.
#[derive(Default)]
struct PackedFields {
    kind: Option<PackedField>,
    namespace: Option<PackedField>,
    id: Option<PackedField>,
    data: Option<PackedField>,
}

struct PackedField {
    shape: Shape,
    /// Where in the message it begins.
    at: usize,
    value: Unpacked,
}

impl PackedFields {
    fn read(unpacker: &mut Unpacker<'_>) -> Result<Self, UnpackErrorKind> {
        let mut fields = Self::default();
        for _ in 0..unpacker.map_len()? {
            let key = unpacker.next_key()?;
            let (shape, at) = (unpacker.shape(), unpacker.at());
            let value = unpacker.next_value()?;
            let field = match &*key {
                br#""type""# => &mut fields.kind,
                br#""nsp""# => &mut fields.namespace,
                br#""id""# => &mut fields.id,
                br#""data""# => &mut fields.data,
                _ => continue,
            };
            *field = Some(PackedField { shape, at, value })
                .filter(|field| field.shape != Shape::Undefined);
        }
        unpacker.end()?;
        Ok(fields)
    }

    fn packet(self, packed: &Bytes, limits: &PacketLimits) -> Result<PackedPacket, DecodeError> {
        let (kind, kind_at) = self
            .kind
            .map_or((Err(DecodeErrorKind::UnknownType), 0), |field| {
                (field.kind(), field.at)
            });
        let kind = kind.map_err(|kind| DecodeError::new(kind, kind_at))?;
        let misshapen = |at| DecodeError::new(DecodeErrorKind::Payload, at);
        let namespace = match self.namespace {
            Some(field) if field.shape == Shape::Text => field.text(),
            field => return Err(misshapen(field.map_or(0, |field| field.at))),
        };
        let id = match self.id {
            Some(field) => Some(field.integer().ok_or_else(|| misshapen(field.at))?),
            None => None,
        };
        let (data, attachments) = match (kind, self.data) {
            (PacketKind::Connect, Some(field)) if field.shape == Shape::Map => {
                (field.auth(packed, limits)?, Vec::new())
            }
            (PacketKind::Connect | PacketKind::Disconnect, None) => (Bytes::new(), Vec::new()),
            (PacketKind::Event | PacketKind::Ack, Some(field)) if field.shape == Shape::List => {
                field.list(packed, limits)?
            }
            (PacketKind::ConnectError, Some(field))
                if matches!(field.shape, Shape::Text | Shape::Map) =>
            {
                field.list(packed, limits)?
            }
            (_, field) => return Err(misshapen(field.map_or(0, |field| field.at))),
        };
        Ok(PackedPacket {
            kind,
            namespace,
            id,
            data,
            attachments,
        })
    }
}

impl PackedField {
    fn kind(&self) -> Result<PacketKind, DecodeErrorKind> {
        Ok(match &*self.value.json {
            b"0" => PacketKind::Connect,
            b"1" => PacketKind::Disconnect,
            b"2" => PacketKind::Event,
            b"3" => PacketKind::Ack,
            b"4" => PacketKind::ConnectError,
            _ => return Err(DecodeErrorKind::UnknownType),
        })
    }

    /// A string of JSON without its quotes and escapes.
    fn text(&self) -> Bytes {
        match &*self.value.json {
            br#""/""# => Bytes::from_static(b"/"),
            [b'"', raw @ .., b'"'] => json::unescape(raw).into_owned().into(),
            _ => Bytes::new(),
        }
    }

    /// An integer. One that fits no `u64` becomes the greatest, as with the default parser.
    fn integer(&self) -> Option<u64> {
        let text = str::from_utf8(&self.value.json).ok()?;
        let beyond = || {
            let number: f64 = text.parse().ok()?;
            (number >= 18_446_744_073_709_551_616.0).then_some(u64::MAX)
        };
        text.parse().ok().or_else(beyond)
    }

    fn list(
        self,
        packed: &Bytes,
        limits: &PacketLimits,
    ) -> Result<(Bytes, Vec<Bytes>), DecodeError> {
        let mut attachments = self.value.attachments;
        let bytes = attachments.iter().map(Bytes::len).sum();
        if bytes > limits.attachment_bytes() {
            return Err(DecodeError::new(DecodeErrorKind::AttachmentsTooLong, bytes));
        }
        for attachment in &mut attachments {
            // It would keep the whole message, of which it counts a part.
            if attachment.len() >= MIN_OWN && attachment.len() < packed.len() / 4 * 3 {
                *attachment = Bytes::copy_from_slice(attachment);
            }
        }
        Ok((self.value.json.into(), attachments))
    }

    /// The data of a CONNECT. Binary in it is what the default parser of Node makes of it: text of four times its length at most.
    fn auth(self, packed: &Bytes, limits: &PacketLimits) -> Result<Bytes, DecodeError> {
        if self.value.attachments.is_empty() {
            return Ok(self.value.json.into());
        }
        let mut unpacker = Unpacker::new(packed, Binary::Text, limits.depth.min(MAX_DEPTH));
        unpacker.seek(self.at);
        let value = unpacker.next_value();
        let value = value.map_err(|kind| DecodeError::new(kind.into(), unpacker.at()))?;
        Ok(value.json.into())
    }
}

impl From<UnpackErrorKind> for DecodeErrorKind {
    fn from(kind: UnpackErrorKind) -> Self {
        match kind {
            UnpackErrorKind::TooDeep => Self::TooDeep,
            UnpackErrorKind::TooManyAttachments => Self::TooManyAttachments,
            UnpackErrorKind::PlaceholderKey => Self::Placeholder,
            UnpackErrorKind::Truncated
            | UnpackErrorKind::Trailing
            | UnpackErrorKind::Reserved
            | UnpackErrorKind::NoMap
            | UnpackErrorKind::Key => Self::Msgpack,
        }
    }
}
