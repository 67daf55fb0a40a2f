//! The arguments of an event or an ack, not yet decoded.

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::fast_path::FastPath;
use crate::wire::{DecodeError, DecodeErrorKind, json};

/// The undecoded arguments of an event or an ack, and its attachments.
///
/// Cloning costs a reference count or two. Serialized as the arguments of an event or an ack, it passes all of them on as
/// they were received.
#[derive(Clone)]
pub struct RawArgs {
    /// The whole packet, in which `list` is an offset. Slicing it here would store a new `Bytes` right before it is moved,
    /// which defeats store forwarding (16 in flight: 3,080 → 2,820 instructions with all such places).
    packet: Bytes,
    /// Where the list begins, which includes an event's name.
    list: usize,
    /// Where in the list the arguments start: behind the `[`, or behind the name.
    start: usize,
    /// Whether a name comes before the first argument.
    has_name: bool,
    attachments: Attachments,
    /// Whether the list is known to be valid JSON.
    validated: bool,
    /// Whether the arguments are known to have no white space around them.
    compact: bool,
}

/// The attachments of a packet.
#[derive(Clone)]
pub(in crate::wire::socketio) enum Attachments {
    /// The packet is not binary: an object that looks like a placeholder is the user's own.
    None,
    /// None were announced, or none have arrived yet.
    Empty,
    /// One, as most binary packets have.
    One(Bytes),
    /// Several.
    Many(Arc<[Bytes]>),
}

/// Attachments of this length and more have a buffer of their own: no more is read from a socket at once, and over polling
/// every attachment is decoded into one.
const MIN_OWN: usize = 64 * 1024;

/// The memory that small lists share once they are copied.
const CHUNK: usize = 2 * 1024;

/// Copies an attachment out of the buffer that it shares.
pub(in crate::wire::socketio) fn detach_attachment(data: &mut Bytes) {
    if data.len() < MIN_OWN {
        *data = Bytes::copy_from_slice(data);
    }
}

impl RawArgs {
    /// The arguments in the list that begins at `list` of the packet: all of its items, or those behind the name that
    /// ends at `name`.
    #[inline]
    pub(in crate::wire::socketio) fn new(
        packet: Bytes,
        list: usize,
        name: Option<usize>,
        attachments: Attachments,
        validated: bool,
    ) -> Self {
        Self {
            packet,
            list,
            start: name.unwrap_or(1),
            has_name: name.is_some(),
            attachments,
            validated,
            compact: false,
        }
    }

    /// Those behind the name that ends here.
    pub(in crate::wire::socketio) fn behind(self, name: usize) -> Self {
        Self {
            start: name,
            has_name: true,
            ..self
        }
    }

    /// Sets the attachments, which have arrived.
    pub(in crate::wire::socketio) fn attach(&mut self, attachments: Attachments) {
        self.attachments = attachments;
    }

    /// Copies the list out of the read buffer that it shares.
    pub(in crate::wire::socketio) fn detach_list(&mut self) {
        self.packet = match self.list() {
            b"[]" => Bytes::from_static(b"[]"),
            list => Bytes::copy_from_slice(list),
        };
        self.list = 0;
    }

    /// Copies the list and the attachments out of the buffers that they were read with, which may be a whole POST body or
    /// the block that was read from a socket.
    pub(crate) fn detach(&mut self) {
        self.detach_list();
        self.detach_attachments();
    }

    /// [`detach`](Self::detach) with the memory of `chunk` for a list that is small.
    pub(in crate::wire::socketio) fn detach_into(&mut self, chunk: &mut BytesMut) {
        if self.list().len() > CHUNK / 4 {
            return self.detach();
        }
        if chunk.capacity() < self.list().len() {
            chunk.reserve(CHUNK);
        }
        chunk.extend_from_slice(self.list());
        self.packet = chunk.split().freeze();
        self.list = 0;
        self.detach_attachments();
    }

    fn detach_attachments(&mut self) {
        match &mut self.attachments {
            Attachments::None | Attachments::Empty => {}
            Attachments::One(one) => detach_attachment(one),
            Attachments::Many(many) => {
                let mut copies = many.to_vec();
                copies.iter_mut().for_each(detach_attachment);
                *many = copies.into();
            }
        }
    }

    /// These arguments, known to be valid JSON.
    pub(in crate::wire::socketio) fn into_validated(mut self, compact: bool) -> Self {
        self.validated = true;
        self.compact = compact;
        self
    }

    /// The bytes of the list, white space and an event's name included, and of the attachments.
    pub(crate) fn weight(&self) -> usize {
        let each = |data: &Bytes| size_of::<Bytes>() + data.len();
        let attachments: usize = self.attachments().iter().map(each).sum();
        self.list().len() + attachments
    }

    /// No arguments.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            packet: Bytes::from_static(b"[]"),
            list: 0,
            start: 1,
            has_name: false,
            attachments: Attachments::None,
            validated: true,
            compact: true,
        }
    }

    /// The items of a JSON list. If there are attachments, placeholders in it stand for them.
    ///
    /// # Errors
    ///
    /// When the text is no such list.
    pub fn from_list(list: impl Into<Bytes>, attachments: Vec<Bytes>) -> Result<Self, DecodeError> {
        let list = list.into();
        if list.first() != Some(&b'[') {
            return Err(DecodeError::new(DecodeErrorKind::Payload, 0));
        }
        if let Err(error) = std::str::from_utf8(&list) {
            return Err(DecodeError::new(
                DecodeErrorKind::NotUtf8,
                error.valid_up_to(),
            ));
        }
        let attachments = if attachments.is_empty() {
            json::document(&list, json::MAX_DEPTH, &mut json::Unwatched)?;
            Attachments::None
        } else {
            let mut placeholders = json::Placeholders::new(attachments.len());
            json::document(&list, json::MAX_DEPTH, &mut placeholders)?;
            Attachments::Many(attachments.into())
        };
        Ok(Self::new(list, 0, None, attachments, true))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.json().is_empty()
    }

    /// Their JSON text, with commas between them and without the brackets around them. It may be unvalidated: see
    /// [`ArgsReader::finish`](super::ArgsReader::finish).
    #[must_use]
    pub fn json(&self) -> &[u8] {
        let text = self
            .list()
            .get(self.start..)
            .unwrap_or_default()
            .trim_ascii();
        let text = text.strip_suffix(b"]").unwrap_or(text);
        let text = text.trim_ascii();
        match text.strip_prefix(b",") {
            Some(args) if self.has_name && !args.is_empty() => args.trim_ascii_start(),
            _ => text,
        }
    }

    /// The attachments.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        self.binaries().unwrap_or_default()
    }

    /// The attachments if the packet was binary, even if it had none.
    pub(super) fn binaries(&self) -> Option<&[Bytes]> {
        match &self.attachments {
            Attachments::None => None,
            Attachments::Empty => Some(&[]),
            Attachments::One(one) => Some(std::slice::from_ref(one)),
            Attachments::Many(many) => Some(many),
        }
    }

    /// The whole list.
    #[inline]
    pub(in crate::wire::socketio) fn list(&self) -> &[u8] {
        debug_assert!(self.list <= self.packet.len(), "the list is in the packet");
        self.packet.get(self.list..).unwrap_or_default()
    }

    /// Where in the list the arguments start.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Whether an event's name comes before the first argument.
    pub(super) fn has_name(&self) -> bool {
        self.has_name
    }

    /// Whether the list is known to be valid JSON.
    pub(super) fn is_validated(&self) -> bool {
        self.validated
    }

    /// Whether the arguments are known to be valid and without white space around them.
    pub(super) fn is_compact(&self) -> bool {
        self.compact
    }

    /// The fast path of a relay: the text of all arguments, if it can be copied as it is. Slow twin: each argument is
    /// written by itself.
    pub(super) fn verbatim(&self) -> Option<&[u8]> {
        (FastPath::VerbatimArgs.is_on() && self.compact).then(|| self.json())
    }
}

impl Default for RawArgs {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for RawArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Sizes only: a client's data does not belong in logs.
        f.debug_struct("RawArgs")
            .field("json", &self.json().len())
            .field("attachments", &self.attachments().len())
            .finish()
    }
}
