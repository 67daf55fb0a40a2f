//! [`Parser`]: what packets look like on the wire.

use std::borrow::Cow;

#[cfg(any(test, feature = "msgpack"))]
use super::packed;
use crate::wire::{
    EncodeError,
    engineio::{Draft, Frame, OpenPlace},
};

/// What Socket.IO packets look like on the wire: Socket.IO's `parser`. One for each server, since a client can't say which one
/// it speaks. Given to [`Io::parser`](crate::Io::parser).
///
/// Handlers and emits are the same with each: arguments are read and written by serde, and [`Bytes`](crate::Bytes) are binary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parser {
    /// Text, with binary data behind it in messages of their own: what every client speaks by default.
    #[default]
    Json,
    /// One binary message for each packet, of msgpack, binary data included: `socket.io-msgpack-parser` 3, byte for byte. The
    /// client needs it too:
    ///
    /// ```js
    /// import { io } from "socket.io-client";
    /// import parser from "socket.io-msgpack-parser";
    /// const socket = io({ parser });
    /// ```
    ///
    /// It saves the frames of binary data, and bytes where there are many numbers; encoding costs more, since a packet is
    /// written as JSON first. A broadcast is encoded once, whatever the number of recipients. JavaScript's `Date` arrives as its
    /// text, as with JSON, and `undefined` as `null`. An emit of values that are nested deeper than 128 fails.
    #[cfg(any(test, feature = "msgpack"))]
    #[cfg_attr(docsrs, doc(cfg(feature = "msgpack")))]
    Msgpack,
}

/// Each takes what the default parser has made, in `namespace`.
impl Parser {
    /// A packet for a single recipient.
    ///
    /// # Errors
    /// The parser can't say it.
    #[inline(always)]
    pub(crate) fn draft(self, draft: Draft, namespace: &str) -> Result<Draft, EncodeError> {
        let _ = namespace;
        match self {
            Self::Json => Ok(draft),
            #[cfg(any(test, feature = "msgpack"))]
            Self::Msgpack => packed::draft(draft, namespace),
        }
    }

    /// A packet for many recipients.
    ///
    /// # Errors
    /// The parser can't say it: see [`check`](Self::check).
    #[inline]
    pub(crate) fn frame<'a>(
        self,
        frame: &'a Frame,
        namespace: &str,
    ) -> Result<Cow<'a, Frame>, EncodeError> {
        let _ = namespace;
        match self {
            Self::Json => Ok(Cow::Borrowed(frame)),
            #[cfg(any(test, feature = "msgpack"))]
            Self::Msgpack => packed::frame(frame, namespace).map(Cow::Owned),
        }
    }

    /// Whether [`frame`](Self::frame) succeeds with this event.
    ///
    /// # Errors
    /// It does not.
    #[inline]
    pub(crate) fn check(self, draft: &Draft, namespace: &str) -> Result<(), EncodeError> {
        let _ = (draft, namespace);
        match self {
            Self::Json => Ok(()),
            #[cfg(any(test, feature = "msgpack"))]
            Self::Msgpack => packed::check(draft, namespace),
        }
    }

    /// A packet of the protocol itself.
    #[inline]
    pub(crate) fn control(self, frame: Frame, namespace: &str) -> Frame {
        let _ = namespace;
        match self {
            Self::Json => frame,
            #[cfg(any(test, feature = "msgpack"))]
            Self::Msgpack => packed::control(&frame, namespace),
        }
    }

    /// An event with an open place for a last argument of this length. `None` if it is no event, or can't be said.
    pub(crate) fn open_place(
        self,
        frame: &Frame,
        namespace: &str,
        len: usize,
    ) -> Option<OpenPlace> {
        let _ = namespace;
        match self {
            Self::Json => frame.with_open_place(len),
            #[cfg(any(test, feature = "msgpack"))]
            Self::Msgpack => packed::open_place(frame, namespace, len),
        }
    }
}
