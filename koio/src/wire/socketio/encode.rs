//! Writing Socket.IO packets.

use serde::Serialize;

use super::{args::write_args, event_name::is_reserved, limits::MAX_ATTACHMENTS};
use crate::wire::engineio::{Draft, EnginePacket, Frame, PacketBuffer, TEXT_START};
use crate::wire::{
    EncodeError,
    json::{self, push_string},
};

/// Encodes an event.
///
/// `()` is no argument, [`ArgList`](super::ArgList) and [`RawArgs`](super::RawArgs) are several, and anything else is one.
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

/// [`event`] as a draft, for a single recipient.
pub(crate) fn event_draft(
    namespace: &str,
    id: Option<u64>,
    name: &str,
    args: &(impl Serialize + ?Sized),
) -> Result<Draft, EncodeError> {
    if is_reserved(name) {
        return Err(EncodeError::ReservedName);
    }
    let mut buffer = begin(b'2', namespace, id);
    let list = buffer.text.len();
    buffer.text.push(b'[');
    push_string(&mut buffer.text, name);
    let written = write_args(&mut buffer, true, args);
    finish_list(buffer, list, written)
}

/// Encodes the answer to an event, its arguments as those of [`event`].
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

/// [`ack`] as a draft.
pub(crate) fn ack_draft(
    namespace: &str,
    id: u64,
    args: &(impl Serialize + ?Sized),
) -> Result<Draft, EncodeError> {
    let mut buffer = begin(b'3', namespace, Some(id));
    let list = buffer.text.len();
    buffer.text.push(b'[');
    let written = write_args(&mut buffer, false, args);
    finish_list(buffer, list, written)
}

/// Encodes a CONNECT: grants a namespace, under this socket id.
#[must_use]
pub fn connect(namespace: &str, sid: &str) -> Frame {
    connect_with(namespace, sid, None)
}

/// [`connect`] with the secret by which the client may come back.
pub(crate) fn connect_with(namespace: &str, sid: &str, pid: Option<&str>) -> Frame {
    let mut buffer = begin(b'0', namespace, None);
    let text = &mut buffer.text;
    text.extend_from_slice(br#"{"sid":"#);
    push_string(text, sid);
    if let Some(pid) = pid {
        text.extend_from_slice(br#","pid":"#);
        push_string(text, pid);
    }
    text.push(b'}');
    buffer.seal_text().into_frame()
}

/// [`connect`] for a client of Socket.IO 2, which knows the id of its socket.
pub(crate) fn connect_of_2(namespace: &str) -> Frame {
    begin(b'0', namespace, None).seal_text().into_frame()
}

/// Encodes a CONNECT_ERROR: refuses a namespace. `data` is JSON.
#[must_use]
pub fn connect_error(namespace: &str, message: &str, data: Option<&[u8]>) -> Frame {
    let mut buffer = begin(b'4', namespace, None);
    let text = &mut buffer.text;
    text.extend_from_slice(br#"{"message":"#);
    push_string(text, message);
    if let Some(data) = data {
        text.extend_from_slice(br#","data":"#);
        text.extend_from_slice(data);
    }
    text.push(b'}');
    buffer.seal_text().into_frame()
}

/// [`connect_error`] for a client of Socket.IO 2, where the packet is named ERROR and says one thing: `data`, or else the
/// message.
pub(crate) fn connect_error_of_2(namespace: &str, message: &str, data: Option<&[u8]>) -> Frame {
    let mut buffer = begin(b'4', namespace, None);
    match data {
        Some(data) => buffer.text.extend_from_slice(data),
        None => push_string(&mut buffer.text, message),
    }
    buffer.seal_text().into_frame()
}

/// Encodes a DISCONNECT: removes the client from a namespace.
#[must_use]
pub fn disconnect(namespace: &str) -> Frame {
    begin(b'1', namespace, None).seal_text().into_frame()
}

/// A packet with its header written. `kind`: its type digit.
fn begin(kind: u8, namespace: &str, id: Option<u64>) -> Box<PacketBuffer> {
    let mut buffer = PacketBuffer::take_spare();
    let text = &mut buffer.text;
    text.extend_from_slice(&[EnginePacket::MESSAGE, kind]);
    if namespace != "/" {
        text.extend_from_slice(namespace.as_bytes());
        text.push(b',');
    }
    if let Some(id) = id {
        // serde_json writes integers without `fmt`, and can't fail on one.
        let _ = serde_json::to_writer(text, &id);
    }
    buffer
}

/// Ends the list of arguments, which begins at `list`. A packet with binaries becomes a binary one.
fn finish_list(
    mut buffer: Box<PacketBuffer>,
    list: usize,
    written: Result<(), serde_json::Error>,
) -> Result<Draft, EncodeError> {
    let count = buffer.binaries.count;
    if count > MAX_ATTACHMENTS {
        return Err(EncodeError::TooManyAttachments);
    }
    written.map_err(EncodeError::Serialize)?;
    buffer.text.push(b']');
    if count == 0 {
        return Ok(buffer.seal_text());
    }
    let keys = json::count_keys(buffer.text.get(list..).unwrap_or_default(), count)
        .map_err(|error| EncodeError::Serialize(serde::ser::Error::custom(error)))?;
    if keys != count {
        return Err(EncodeError::PlaceholderKey);
    }
    let start = make_binary(&mut buffer.text, count as u8);
    Ok(buffer.seal(start))
}

/// Makes an event or an ack a binary one: rewrites its type and inserts the count of its attachments, in the room before
/// the text. Returns where the text begins then.
fn make_binary(text: &mut [u8], count: u8) -> usize {
    const { assert!(MAX_ATTACHMENTS < 100, "two digits") };
    // From EVENT (2) and ACK (3) to BINARY_EVENT (5) and BINARY_ACK (6).
    let kind = text.get(TEXT_START + 1).map_or(0, |kind| kind + 3);
    let (tens, ones) = (b'0' + count / 10, b'0' + count % 10);
    let long = [EnginePacket::MESSAGE, kind, tens, ones, b'-'];
    let short = [EnginePacket::MESSAGE, kind, ones, b'-'];
    let header = if count < 10 { &short[..] } else { &long };
    let start = TEXT_START + 2 - header.len();
    if let Some(room) = text.get_mut(start..TEXT_START + 2) {
        room.copy_from_slice(header);
    }
    start
}
