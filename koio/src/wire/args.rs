//! The arguments of an event or an ack, not yet decoded.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::json;
use super::{ArgsReader, DecodeError, DecodeErrorKind};

/// The undecoded arguments of an event or an ack, and its attachments.
///
/// Cloning costs a reference count or two. Serialized as the arguments of an event or an ack of
/// ours, it passes them all on as they were received.
#[derive(Clone)]
pub struct RawArgs {
    /// The packet. Cut to its list it would be waited for when it is moved, just after.
    packet: Bytes,
    /// Where the list begins, an event's name included.
    list: usize,
    /// Where in the list the arguments start: behind the `[`, or behind the name.
    start: usize,
    /// Whether a name comes before the first argument.
    named: bool,
    attachments: Attachments,
    /// Whether the list is known to be JSON.
    checked: bool,
    /// Whether the arguments are known to have no white space around them.
    tight: bool,
}

/// What came with a packet.
#[derive(Clone)]
pub(super) enum Attachments {
    /// None can have come: in a packet that is not binary, what looks like a placeholder is plain data.
    None,
    /// None were announced, or none have come yet.
    Empty,
    /// Most binary packets have one, which needs no list.
    One(Bytes),
    Some(Arc<[Bytes]>),
}

impl RawArgs {
    /// The arguments in the list that the packet has from `list` on: behind the name that ends at `name`, or all of its
    /// items.
    #[inline]
    pub(super) fn new(
        packet: Bytes,
        list: usize,
        name: Option<usize>,
        attachments: Attachments,
        checked: bool,
    ) -> Self {
        Self {
            packet,
            list,
            start: name.unwrap_or(1),
            named: name.is_some(),
            attachments,
            checked,
            tight: false,
        }
    }

    /// Takes what came with them.
    pub(super) fn attach(&mut self, attachments: Attachments) {
        self.attachments = attachments;
    }

    /// Keeps no more than their text of the memory that it is in.
    pub(super) fn set_apart(&mut self) {
        self.packet = Bytes::copy_from_slice(self.data());
        self.list = 0;
    }

    /// The same, known to be JSON.
    pub(super) fn approved(mut self, tight: bool) -> Self {
        self.checked = true;
        self.tight = tight;
        self
    }

    /// No arguments.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            packet: Bytes::from_static(b"[]"),
            list: 0,
            start: 1,
            named: false,
            attachments: Attachments::None,
            checked: true,
            tight: true,
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
            Attachments::Some(attachments.into())
        };
        Ok(Self::new(list, 0, None, attachments, true))
    }

    /// Reads them one by one.
    #[must_use]
    pub fn reader(&self) -> ArgsReader<&Self> {
        ArgsReader::new(self)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.json().is_empty()
    }

    /// Their JSON text, with commas between them and without the brackets around them. It may not
    /// have been checked yet: see [`ArgsReader::finish`].
    #[must_use]
    pub fn json(&self) -> &[u8] {
        let text = self
            .data()
            .get(self.start..)
            .unwrap_or_default()
            .trim_ascii();
        let text = text.strip_suffix(b"]").unwrap_or(text);
        let text = text.trim_ascii();
        match text.strip_prefix(b",") {
            Some(rest) if self.named && !rest.is_empty() => rest.trim_ascii_start(),
            _ => text,
        }
    }

    /// The binary data that came with them.
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
            Attachments::Some(some) => Some(some),
        }
    }

    /// The whole list.
    #[inline]
    pub(super) fn data(&self) -> &[u8] {
        self.packet.get(self.list..).unwrap_or_default()
    }

    pub(super) fn start(&self) -> usize {
        self.start
    }

    pub(super) fn is_named(&self) -> bool {
        self.named
    }

    pub(super) fn is_checked(&self) -> bool {
        self.checked
    }

    /// Whether [`json`](Self::json) is what passes them on.
    pub(super) fn is_tight(&self) -> bool {
        self.tight
    }
}

impl Default for RawArgs {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for RawArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Sizes only: what a client sends does not belong into logs.
        f.debug_struct("RawArgs")
            .field("json", &self.json().len())
            .field("attachments", &self.attachments().len())
            .finish()
    }
}
