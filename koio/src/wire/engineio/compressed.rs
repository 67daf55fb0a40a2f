//! The compressed form of what is sent: the same messages, those that become smaller compressed by themselves.

use super::{
    draft::Draft,
    frame::{Frame, Part, Parts},
    open_place::OpenPlace,
};
use crate::wire::{FrameHeader, Opcode, PerMessageDeflate, deflate};

/// A frame in the forms in which its recipients take it.
#[derive(Clone, Debug)]
pub(crate) struct FrameForms {
    pub(crate) plain: Frame,
    /// For those that take compressed messages, if it was made and is smaller.
    /// Boxed, since most frames have none.
    pub(crate) compressed: Option<Box<Frame>>,
}

impl From<Frame> for FrameForms {
    fn from(plain: Frame) -> Self {
        Self {
            plain,
            compressed: None,
        }
    }
}

impl FrameForms {
    /// The form for a recipient.
    pub(crate) fn for_recipient(&self, takes_compressed: bool) -> &Frame {
        match &self.compressed {
            Some(compressed) if takes_compressed => compressed,
            _ => &self.plain,
        }
    }

    /// What the forms hold together.
    pub(crate) fn len(&self) -> usize {
        self.plain.len()
            + self
                .compressed
                .as_ref()
                .map_or(0, |compressed| compressed.len())
    }
}

impl Frame {
    /// Its compressed form, for WebSockets that have agreed on that alone. `None` if nothing of it would become smaller.
    pub(crate) fn compressed(&self, settings: PerMessageDeflate) -> Option<Self> {
        let messages = u16::try_from(self.messages()).unwrap_or(u16::MAX);
        let leaves = self.is_left_uncompressed();
        compressed([self.parts()], self.len(), leaves, settings)
            .map(|frames| Self::new(frames, messages))
    }
}

impl Draft {
    /// As [`Frame::compressed`].
    pub(crate) fn compressed(&self, settings: PerMessageDeflate) -> Option<Frame> {
        let parts = self.pieces().map(Frame::parts_of);
        compressed(parts, self.len(), self.is_left_uncompressed(), settings)
            .map(|frames| Frame::new(frames, self.messages()))
    }
}

/// The messages as frames, if one of them is smaller. `len`: of the frames that they come from.
fn compressed<'a>(
    parts: impl IntoIterator<Item = Parts<'a>>,
    len: usize,
    leaves: bool,
    settings: PerMessageDeflate,
) -> Option<Vec<u8>> {
    if leaves || !settings.may_apply_to(len) {
        return None;
    }
    let mut frames = Vec::new();
    let mut is_smaller = false;
    for Part { text, payload } in parts.into_iter().flatten() {
        let opcode = match text {
            true => Opcode::Text,
            false => Opcode::Binary,
        };
        let made = settings.applies_to(payload.len())
            && deflate::compress(payload, settings, |small| {
                push(&mut frames, opcode, true, &[small]);
            })
            .is_some();
        if !made {
            push(&mut frames, opcode, false, &[payload]);
        }
        is_smaller |= made;
    }
    is_smaller.then_some(frames)
}

/// Appends a frame, whose payload comes in pieces.
fn push(frames: &mut Vec<u8>, opcode: Opcode, rsv1: bool, payload: &[&[u8]]) {
    let len = payload.iter().map(|piece| piece.len()).sum();
    let header = FrameHeader {
        rsv1,
        ..FrameHeader::unmasked(opcode, len)
    };
    let header = header.encode();
    // Exact, since most often no second one follows.
    frames.reserve_exact(header.len() + len);
    frames.extend_from_slice(&header);
    payload
        .iter()
        .for_each(|piece| frames.extend_from_slice(piece));
}

/// The end of a block that was flushed, and the first byte of a block that is not compressed (RFC 1951 section 3.2.4).
const FLUSHED_THEN_STORED: [u8; 5] = [0x00, 0x00, 0xff, 0xff, 0x00];

/// The first byte of an empty block, with which a compressed message ends (RFC 7692 section 7.2.1).
const EMPTY_BLOCK: [u8; 1] = [0x00];

impl OpenPlace {
    /// The compressed form of the event, with its place open. What comes ahead of the place is compressed; the place, and the
    /// few bytes of the text behind it, are a block that is not: so filling it is a copy here as well.
    pub(crate) fn compressed(&self, settings: PerMessageDeflate) -> Option<Self> {
        if self.is_left_uncompressed() || !settings.may_apply_to(self.frames.len()) {
            return None;
        }
        let (header, start) = FrameHeader::parse(&self.frames).ok().flatten()?;
        let end = start.checked_add(usize::try_from(header.payload_len).ok()?)?;
        let head = self.frames.get(start..self.at)?;
        let stored = self.frames.get(self.at..end)?;
        let behind = Frame::parts_of(self.frames.get(end..)?);
        let stored_len = u16::try_from(stored.len()).ok()?;
        if !settings.applies_to(end - start) {
            return None;
        }
        let mut frames = Vec::new();
        deflate::compress(head, settings, |small| {
            let payload = [
                small,
                &FLUSHED_THEN_STORED,
                &stored_len.to_le_bytes(),
                &(!stored_len).to_le_bytes(),
                stored,
                &EMPTY_BLOCK,
            ];
            push(&mut frames, header.opcode, true, &payload);
        })?;
        let at = frames.len().checked_sub(EMPTY_BLOCK.len() + stored.len())?;
        if frames.len() >= end {
            return None;
        }
        let attached = self.frames.get(end..)?;
        match compressed([behind], attached.len(), false, settings) {
            Some(smaller) => frames.extend(smaller),
            None => frames.extend_from_slice(attached),
        }
        Some(Self {
            frames,
            at,
            messages: self.messages,
            uncompressed: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{self, Bytes, Message, Parser, deflate::inflate};

    /// The messages of frames, inflated, and whether each was compressed.
    fn messages(frame: &Frame) -> Vec<(Message, bool)> {
        let mut rest = &frame.bytes()[..];
        let mut messages = Vec::new();
        while let Ok(Some((header, start))) = FrameHeader::parse(rest) {
            assert!(header.fin && !header.rsv2 && !header.rsv3 && header.mask.is_none());
            let (frame, behind) = rest.split_at(start + header.payload_len as usize);
            let payload = match header.rsv1 {
                true => inflate(&frame[start..], 10_000_000).unwrap(),
                false => bytes::Bytes::copy_from_slice(&frame[start..]),
            };
            let message = match header.opcode {
                Opcode::Text => Message::Text(payload),
                _ => Message::Binary(payload),
            };
            messages.push((message, header.rsv1));
            rest = behind;
        }
        assert_eq!(messages.len(), frame.messages());
        messages
    }

    fn plain(frame: &Frame) -> Vec<Message> {
        let copied = |part: Part<'_>| match part.text {
            true => Message::Text(bytes::Bytes::copy_from_slice(part.payload)),
            false => Message::Binary(bytes::Bytes::copy_from_slice(part.payload)),
        };
        frame.parts().map(copied).collect()
    }

    fn noise(len: usize) -> Bytes {
        let mut noise = vec![0; len];
        fastrand::Rng::with_seed(5).fill(&mut noise);
        noise.into()
    }

    #[test]
    fn each_message_of_a_frame_is_compressed_if_it_is_long_and_becomes_smaller() {
        let settings = PerMessageDeflate::new();
        let zeroes = |len: usize| Bytes::from(vec![0; len]);
        let long = "ab".repeat(2_000);
        let (small, random) = (zeroes(1_023), noise(5_000));
        let args = wire::ArgList((&long, small, zeroes(1_024), random));
        let frame = wire::event("/", None, "e", &args).unwrap();
        let compressed = frame.compressed(settings).unwrap();
        let (contents, flags): (Vec<_>, Vec<_>) = messages(&compressed).into_iter().unzip();
        assert_eq!(contents, plain(&frame));
        assert_eq!(flags, [true, false, true, false]);
        let mut draft = wire::event_draft("/", None, "e", &args).unwrap();
        assert_eq!(draft.compressed(settings), Some(compressed));
        draft.leave_uncompressed();
        assert_eq!(draft.compressed(settings), None);
        assert_eq!(draft.into_frame().compressed(settings), None);
    }

    #[test]
    fn what_is_short_long_or_random_stays_as_it_is() {
        let settings = PerMessageDeflate::new().max_size(5_000);
        let tried = deflate::compressed_by_this_thread();
        for len in [0, 10, 1_000, 6_000] {
            let frame = wire::event("/", None, "e", &"x".repeat(len)).unwrap();
            assert_eq!(frame.compressed(settings), None, "{len}");
        }
        assert_eq!(deflate::compressed_by_this_thread(), tried);
        let frame = Frame::message(&Message::Binary(noise(4_000).into()));
        assert_eq!(frame.compressed(settings), None);
    }

    #[test]
    fn an_open_place_is_filled_in_the_compressed_form_too() {
        let settings = PerMessageDeflate::new();
        let position = *b"0123456789-0123456789";
        for parser in [Parser::Json, Parser::Msgpack] {
            for len in [1_100, 5_000, 70_000, 200_000] {
                let args = wire::ArgList(("xyz".repeat(len / 3), Bytes::from(vec![7; 3_000])));
                let event = wire::event("/chat", None, "e", &args).unwrap();
                let place = || parser.open_place(&event, "/chat", position.len()).unwrap();
                let compressed = place().compressed(settings).unwrap();
                let filled = place().fill(&position);
                let messages = messages(&compressed.fill(&position)).into_iter();
                let (contents, flags): (Vec<_>, Vec<_>) = messages.unzip();
                assert_eq!(contents, plain(&filled), "{parser:?} {len}");
                assert!(flags.iter().all(|compressed| *compressed));
            }
        }
    }

    #[test]
    fn an_open_place_stays_as_it_is_where_its_event_does() {
        let settings = PerMessageDeflate::new();
        let place = |event: &Frame| event.with_open_place(20).unwrap();
        let short = wire::event("/", None, "e", &"x".repeat(900)).unwrap();
        assert!(place(&short).compressed(settings).is_none());
        let mut draft = wire::event_draft("/", None, "e", &"x".repeat(5_000)).unwrap();
        assert!(place(&draft.copied()).compressed(settings).is_some());
        draft.leave_uncompressed();
        assert!(place(&draft.into_frame()).compressed(settings).is_none());
    }
}
