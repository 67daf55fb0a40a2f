//! Socket.IO packets on their way out.

use serde::Serialize;

use super::draft::{Draft, Output, TEXT_AT};
use super::json;
use super::name::is_reserved;
use super::{EncodeError, Frame};

/// How many binaries one packet can have. Official clients drop a connection that sends more.
pub const MAX_ATTACHMENTS: usize = 10;

/// An event.
///
/// `()` is no argument, [`ArgList`](super::ArgList) and [`RawArgs`](super::RawArgs) are several, and
/// anything else is one.
///
/// # Errors
///
/// When the name is reserved, or the arguments have no form on the wire: see [`EncodeError`].
pub fn event(
    namespace: &str,
    id: Option<u64>,
    name: &str,
    args: &(impl Serialize + ?Sized),
) -> Result<Frame, EncodeError> {
    event_draft(namespace, id, name, args).map(Draft::into_frame)
}

/// [`event`] for one client alone.
pub(crate) fn event_draft(
    namespace: &str,
    id: Option<u64>,
    name: &str,
    args: &(impl Serialize + ?Sized),
) -> Result<Draft, EncodeError> {
    if is_reserved(name) {
        return Err(EncodeError::ReservedName);
    }
    let mut output = Output::begin(b'2', namespace, id);
    push_string(&mut output.text, name);
    output.comma = true;
    let written = output.arguments(args);
    output.finish(written)
}

/// The answer to an event, its arguments as those of [`event`].
///
/// # Errors
///
/// When the arguments have no form on the wire: see [`EncodeError`].
pub fn ack(
    namespace: &str,
    id: u64,
    args: &(impl Serialize + ?Sized),
) -> Result<Frame, EncodeError> {
    ack_draft(namespace, id, args).map(Draft::into_frame)
}

/// [`ack`] for one client alone, as all are.
pub(crate) fn ack_draft(
    namespace: &str,
    id: u64,
    args: &(impl Serialize + ?Sized),
) -> Result<Draft, EncodeError> {
    let mut output = Output::begin(b'3', namespace, Some(id));
    let written = output.arguments(args);
    output.finish(written)
}

/// A namespace is granted, under this socket id.
#[must_use]
pub fn connect(namespace: &str, sid: &str) -> Frame {
    let mut output = begin(b'0', namespace, None);
    let text = &mut output.text;
    text.extend_from_slice(br#"{"sid":"#);
    push_string(text, sid);
    text.push(b'}');
    output.seal_text().into_frame()
}

/// A namespace is refused. `data` is JSON.
#[must_use]
pub fn connect_error(namespace: &str, message: &str, data: Option<&[u8]>) -> Frame {
    let mut output = begin(b'4', namespace, None);
    let text = &mut output.text;
    text.extend_from_slice(br#"{"message":"#);
    push_string(text, message);
    if let Some(data) = data {
        text.extend_from_slice(br#","data":"#);
        text.extend_from_slice(data);
    }
    text.push(b'}');
    output.seal_text().into_frame()
}

/// The server leaves a namespace on the client's behalf.
#[must_use]
pub fn disconnect(namespace: &str) -> Frame {
    let output = begin(b'1', namespace, None);
    output.seal_text().into_frame()
}

/// A packet with what comes before the data.
fn begin(kind: u8, namespace: &str, id: Option<u64>) -> Box<Output> {
    let mut output = Output::blank();
    let text = &mut output.text;
    text.extend_from_slice(&[b'4', kind]);
    if namespace != "/" {
        text.extend_from_slice(namespace.as_bytes());
        text.push(b',');
    }
    if let Some(id) = id {
        // Without `fmt`, for which a number is a long way. Making JSON of one can't fail.
        let _ = serde_json::to_writer(text, &id);
    }
    output
}

impl Output {
    /// A packet whose list is about to be written.
    fn begin(kind: u8, namespace: &str, id: Option<u64>) -> Box<Self> {
        let mut output = begin(kind, namespace, id);
        output.list = output.text.len();
        output.text.push(b'[');
        output
    }

    /// Ends the list, and turns the packet into a binary one if it has binaries.
    fn finish(
        mut self: Box<Self>,
        written: Result<(), serde_json::Error>,
    ) -> Result<Draft, EncodeError> {
        let count = self.binaries.count;
        if count > MAX_ATTACHMENTS {
            return Err(EncodeError::TooManyAttachments);
        }
        written.map_err(EncodeError::Serialize)?;
        self.text.push(b']');
        if count == 0 {
            return Ok(self.seal_text());
        }
        let keys = json::count_keys(self.text.get(self.list..).unwrap_or_default(), count)
            .map_err(|error| EncodeError::Serialize(serde::ser::Error::custom(error)))?;
        if keys != count {
            return Err(EncodeError::PlaceholderKey);
        }
        let start = announce(&mut self.text, count as u8);
        Ok(self.seal(start))
    }
}

/// Makes an event or an ack a binary one: its type and the count of its attachments move into the room before the
/// text. Says where the text begins then.
fn announce(text: &mut [u8], count: u8) -> usize {
    const { assert!(MAX_ATTACHMENTS < 100, "two digits") };
    // From EVENT and ACK to their binary kinds.
    let kind = text.get(TEXT_AT + 1).map_or(0, |kind| kind + 3);
    let (tens, ones) = (b'0' + count / 10, b'0' + count % 10);
    let head = [b'4', kind, tens, ones, b'-'];
    let short = [b'4', kind, ones, b'-'];
    let head = if count < 10 { &short[..] } else { &head };
    let start = TEXT_AT + 2 - head.len();
    if let Some(room) = text.get_mut(start..TEXT_AT + 2) {
        room.copy_from_slice(head);
    }
    start
}

fn push_string(text: &mut Vec<u8>, string: &str) {
    // Making JSON of a string can't fail.
    let _ = serde_json::to_writer(text, string);
}
