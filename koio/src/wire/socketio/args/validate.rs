//! Checks of a packet's data that reading its arguments does not make.

use crate::wire::socketio::{kind::PacketKind, limits::PacketLimits};
use crate::wire::{DecodeError, DecodeErrorKind, json};

/// Checks by its length and its first and last byte whether the data can belong to a packet of this kind.
pub(in crate::wire::socketio) fn check_data_shape(
    kind: PacketKind,
    data: &[u8],
) -> Result<(), DecodeError> {
    let error = |kind| Err(DecodeError::new(kind, 0));
    match kind {
        PacketKind::Connect if data.is_empty() || data.starts_with(b"{") => Ok(()),
        PacketKind::ConnectError if matches!(data.first(), Some(b'{' | b'"')) => Ok(()),
        PacketKind::Disconnect if data.is_empty() => Ok(()),
        PacketKind::Event | PacketKind::Ack if data.starts_with(b"[") => {
            if data.trim_ascii_end().ends_with(b"]") {
                Ok(())
            } else {
                Err(DecodeError::new(DecodeErrorKind::Json, data.len()))
            }
        }
        _ => error(DecodeErrorKind::Payload),
    }
}

/// Validates the data of a packet. Returns whether all of it is known to be valid now; of the arguments of events and
/// acks without placeholders only the depth is checked.
///
/// `attachments` is `None` in a packet that is not binary, where no object is a placeholder.
#[inline]
pub(in crate::wire::socketio) fn validate_data(
    kind: PacketKind,
    data: &[u8],
    attachments: Option<usize>,
    limits: &PacketLimits,
) -> Result<bool, DecodeError> {
    let is_list = matches!(kind, PacketKind::Event | PacketKind::Ack);
    // A text that is no longer than the limit can't be nested deeper.
    if is_list && attachments.is_none() && data.len() <= limits.depth {
        return Ok(false);
    }
    validate_long(is_list, data, attachments, limits)
}

fn validate_long(
    is_list: bool,
    data: &[u8],
    attachments: Option<usize>,
    limits: &PacketLimits,
) -> Result<bool, DecodeError> {
    if let Some(count) = attachments {
        let mut placeholders = json::Placeholders::new(count);
        json::document(data, limits.depth, &mut placeholders)?;
        return Ok(true);
    }
    if data.is_empty() || is_list && json::is_shallow(data, limits.depth) {
        return Ok(!is_list);
    }
    json::document(data, limits.depth, &mut json::Unwatched)?;
    Ok(true)
}
