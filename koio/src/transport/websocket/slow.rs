//! Reading: tungstenite's part, which is everything but whole frames.
//!
//! Its context is given one frame at a time and is dropped when it has made a message of what it got, so that
//! nothing is ever passed from one connection to another.

use std::io::{self, Read, Write};

use bytes::{Buf, Bytes};
use tokio_tungstenite::tungstenite::{
    self,
    error::{CapacityError, Error},
    protocol::{Role, WebSocketConfig, WebSocketContext},
};
use tracing::debug;

use super::{
    super::{
        fragments::{Fragments, TooMany},
        read_buffer::ReadBuffer,
    },
    read::Heard,
};
use crate::wire::Message;

/// Bytes that the context takes at a time.
const STEP: usize = 4 * 1024;
/// Bytes of pongs that wait to be written. Above it the older ones are dropped: only the last ping need be
/// answered (RFC 6455 section 5.5.3), and who sends pings without reading must not fill the memory with them.
pub(super) const PONGS: usize = 4 * 1024;

/// Makes messages of bytes that are not a whole frame's.
pub(super) struct Slow {
    fragments: Fragments,
    /// There only while bytes are under way.
    context: Option<Box<WebSocketContext>>,
    /// The context can give a message without another byte.
    ready: bool,
    /// The context has been given bytes since it last asked for more: a frame that has only begun may break the
    /// rules already.
    fed: bool,
    /// Whole control frames that the context wants written, at most [`PONGS`] bytes of them.
    control: Vec<u8>,
}

/// What came of the next frame.
pub(super) enum Step {
    Message(Message),
    Heard(Heard),
    /// Nothing that anybody else need know.
    Done,
    /// More bytes are needed.
    More,
}

impl Slow {
    pub(super) fn new(max_fragments: usize) -> Self {
        Self {
            fragments: Fragments::new(max_fragments),
            context: None,
            ready: false,
            fed: false,
            control: Vec::new(),
        }
    }

    /// Whether a frame or a fragmented message is under way.
    pub(super) fn is_partial(&self) -> bool {
        self.fragments.is_partial()
    }

    /// Whether the next byte begins a message.
    pub(super) fn is_between(&self) -> bool {
        self.context.is_none() && !self.is_partial()
    }

    /// Whether it holds nothing.
    pub(super) fn is_at_rest(&self) -> bool {
        self.is_between() && self.control.is_empty()
    }

    /// Forgets everything but the control frames.
    pub(super) fn stop(&mut self) {
        self.context = None;
    }

    /// The frames that are to be written.
    pub(super) fn control(&mut self) -> &mut Vec<u8> {
        &mut self.control
    }

    /// Reads the next frame, or what there is of it.
    pub(super) fn next(&mut self, block: &mut ReadBuffer, max_payload: usize) -> Step {
        if !self.ready && !self.fed {
            match self.feed(block, max_payload) {
                Ok(true) => {}
                Ok(false) => return Step::More,
                Err(TooMany) => {
                    debug!("websocket message cut into too many frames");
                    return Step::Heard(Heard::Violation(1008));
                }
            }
        }
        let Some(context) = &mut self.context else {
            return Step::More;
        };
        let mut pipe = Pipe {
            block,
            control: &mut self.control,
        };
        let read = context.read(&mut pipe);
        self.ready = false;
        let step = match read {
            Ok(tungstenite::Message::Text(text)) => Step::Message(Message::Text(Bytes::from(text))),
            Ok(tungstenite::Message::Binary(data)) => Step::Message(Message::Binary(data)),
            // Pings are answered by the context, with the next read unless it is told to; nothing asks for
            // pongs.
            Ok(
                tungstenite::Message::Ping(_)
                | tungstenite::Message::Pong(_)
                | tungstenite::Message::Frame(_),
            ) => {
                let _ = context.flush(&mut pipe);
                Step::Done
            }
            Ok(tungstenite::Message::Close(_)) => {
                let _ = context.flush(&mut pipe);
                return Step::Heard(Heard::Close);
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.fed = false;
                return Step::Done;
            }
            Err(error) => {
                debug!(%error, "websocket violation");
                return Step::Heard(Heard::Violation(violation_code(&error)));
            }
        };
        if pipe.block.open().is_empty() && !self.is_partial() {
            // It holds nothing any more.
            self.context = None;
            self.fed = false;
        }
        step
    }

    /// Gives the context the next frame, or what there is of it. False when there is nothing.
    fn feed(&mut self, block: &mut ReadBuffer, max_payload: usize) -> Result<bool, TooMany> {
        let bytes = block.closed();
        if bytes.is_empty() {
            return Ok(false);
        }
        let count = self.fragments.feed(bytes)?;
        self.ready = self.fragments.take_complete();
        self.fed = true;
        block.let_through(count);
        self.context.get_or_insert_with(|| {
            let limits = WebSocketConfig::default()
                .read_buffer_size(STEP)
                .write_buffer_size(0)
                .max_message_size(Some(max_payload))
                .max_frame_size(Some(max_payload));
            Box::new(WebSocketContext::new(Role::Server, Some(limits)))
        });
        Ok(true)
    }
}

/// RFC 6455 section 7.4.1.
fn violation_code(error: &Error) -> u16 {
    match error {
        Error::Utf8(_) => 1007,
        Error::Capacity(CapacityError::MessageTooLong { .. }) => 1009,
        _ => 1002,
    }
}

/// What the context reads from and writes to.
struct Pipe<'a> {
    block: &'a mut ReadBuffer,
    control: &'a mut Vec<u8>,
}

impl Read for Pipe<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let open = self.block.open();
        let length = buf.len().min(open.len());
        if length == 0 {
            // The end of the stream is noticed where it is read.
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut rest = open;
        rest.copy_to_slice(buf.get_mut(..length).unwrap_or_default());
        self.block.advance(length);
        Ok(length)
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        // Always whole frames: tungstenite hands over its buffer, and all of it is taken.
        if self.control.len().saturating_add(buf.len()) > PONGS {
            self.control.clear();
        }
        self.control.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
