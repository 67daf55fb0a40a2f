//! Reading: whole frames are taken the short way, tungstenite reads everything else.
//!
//! Its context is given one frame at a time and is dropped when it has made a message of what it got, so that
//! nothing is ever passed from one connection to another, and an idle one holds nothing.

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
        block::Block,
        fragments::{Fragments, TooMany},
    },
    whole::Whole,
};
use crate::{engine::EngineConfig, wire::Message};

/// Bytes that the context takes at a time.
const STEP: usize = 4 * 1024;
/// Bytes of pongs that wait to be written. Above it the older ones are dropped: only the last ping need be
/// answered (RFC 6455 section 5.5.3), and who sends pings without reading must not fill the memory with them.
pub(super) const PONGS: usize = 4 * 1024;

/// Makes messages of bytes.
pub(super) struct Reader {
    max_payload: usize,
    whole: Whole,
    fragments: Fragments,
    /// There only while bytes are under way that are not a whole frame's.
    context: Option<Box<WebSocketContext>>,
    /// The context can give a message without another byte.
    ready: bool,
    /// The context has been given bytes since it last asked for more: a frame that has only begun may break the
    /// rules already.
    fed: bool,
    /// Bytes read from the socket that the context has not taken.
    pub(super) block: Block,
    /// Whole control frames that the context wants written, at most [`PONGS`] bytes of them.
    pub(super) control: Vec<u8>,
}

/// What the bytes were.
#[derive(Debug)]
pub(super) enum Heard {
    Message(Message),
    /// The peer closes; the answer is among the control frames.
    Close,
    /// The peer broke the protocol, and the code of RFC 6455 section 7.4.1 for how.
    Violation(u16),
}

impl Reader {
    /// `unread`: bytes that came right behind the handshake.
    pub(super) fn new(unread: &Bytes, config: &EngineConfig) -> Self {
        Self {
            max_payload: config.max_payload,
            whole: Whole::default(),
            fragments: Fragments::new(config.max_fragments),
            context: None,
            ready: false,
            fed: false,
            block: Block::of(unread),
            control: Vec::new(),
        }
    }

    /// Whether a frame or a fragmented message is under way.
    pub(super) fn is_partial(&self) -> bool {
        self.whole.is_partial() || self.fragments.is_partial()
    }

    /// Forgets everything but the control frames.
    pub(super) fn stop(&mut self) {
        self.whole = Whole::default();
        self.context = None;
        self.block = Block::default();
    }

    /// The next thing said in what has been read; `None` when more bytes are needed.
    pub(super) fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some(heard) = self.whole.next() {
                return Some(heard);
            }
            let between = self.context.is_none() && !self.fragments.is_partial();
            if between && self.whole.take(&mut self.block, self.max_payload) {
                continue;
            }
            if !self.ready && !self.fed {
                match self.feed() {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(TooMany) => {
                        debug!("websocket message cut into too many frames");
                        return Some(Heard::Violation(1008));
                    }
                }
            }
            let context = self.context.as_mut()?;
            let mut pipe = Pipe {
                block: &mut self.block,
                control: &mut self.control,
            };
            let read = context.read(&mut pipe);
            self.ready = false;
            let heard = match read {
                Ok(tungstenite::Message::Text(text)) => {
                    Some(Heard::Message(Message::Text(Bytes::from(text))))
                }
                Ok(tungstenite::Message::Binary(data)) => {
                    Some(Heard::Message(Message::Binary(data)))
                }
                // Pings are answered by the context, with the next read unless it is told to; nothing asks for
                // pongs.
                Ok(
                    tungstenite::Message::Ping(_)
                    | tungstenite::Message::Pong(_)
                    | tungstenite::Message::Frame(_),
                ) => {
                    let _ = context.flush(&mut pipe);
                    None
                }
                Ok(tungstenite::Message::Close(_)) => {
                    let _ = context.flush(&mut pipe);
                    return Some(Heard::Close);
                }
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.fed = false;
                    continue;
                }
                Err(error) => {
                    debug!(%error, "websocket violation");
                    return Some(Heard::Violation(violation_code(&error)));
                }
            };
            if self.block.open().is_empty() && !self.is_partial() {
                // It holds nothing any more.
                self.context = None;
                self.fed = false;
            }
            if heard.is_some() {
                return heard;
            }
        }
    }

    /// Gives the context the next frame, or what there is of it. False when there is nothing.
    fn feed(&mut self) -> Result<bool, TooMany> {
        let bytes = self.block.closed();
        if bytes.is_empty() {
            return Ok(false);
        }
        let count = self.fragments.feed(bytes)?;
        self.ready = self.fragments.take_complete();
        self.fed = true;
        self.block.let_through(count);
        if self.context.is_none() {
            let limits = WebSocketConfig::default()
                .read_buffer_size(STEP)
                .write_buffer_size(0)
                .max_message_size(Some(self.max_payload))
                .max_frame_size(Some(self.max_payload));
            self.context = Some(Box::new(WebSocketContext::new(Role::Server, Some(limits))));
        }
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
    block: &'a mut Block,
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

#[cfg(test)]
impl Reader {
    /// Whether nothing of a message is held.
    pub(super) fn is_at_rest(&self) -> bool {
        let buffers = self.block.capacity() + self.control.capacity();
        self.context.is_none() && !self.whole.is_partial() && buffers == 0
    }

    pub(super) fn has_context(&self) -> bool {
        self.context.is_some()
    }
}
