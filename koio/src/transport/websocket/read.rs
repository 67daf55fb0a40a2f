//! Reading: whole frames are taken the short way, tungstenite reads everything else. An idle connection holds neither.

use bytes::Bytes;

use super::{
    super::read_buffer::ReadBuffer,
    slow::{Slow, Step},
    whole::Whole,
};
use crate::{engine::EngineConfig, wire::Message};

/// Makes messages of bytes.
pub(super) struct Reader {
    /// Narrow, since each connection has them; 1 GiB is the most that a payload can be.
    max_payload: u32,
    max_fragments: u32,
    whole: Whole,
    /// There only while it holds something.
    slow: Option<Box<Slow>>,
    /// Bytes read from the socket that nobody has taken.
    pub(super) block: ReadBuffer,
}

/// What the bytes were.
#[derive(Debug)]
pub(super) enum Heard {
    /// It has been put where it was asked for.
    Message,
    /// The peer closes; the answer is among the control frames.
    Close,
    /// The peer broke the protocol, and the code of RFC 6455 section 7.4.1 for how.
    Violation(u16),
}

impl Reader {
    /// `unread`: bytes that came right behind the handshake.
    pub(super) fn new(unread: &Bytes, config: &EngineConfig) -> Self {
        Self {
            max_payload: config.max_payload.try_into().unwrap_or(u32::MAX),
            max_fragments: config.max_fragments.try_into().unwrap_or(u32::MAX),
            whole: Whole::default(),
            slow: None,
            block: ReadBuffer::of(unread),
        }
    }

    /// Whether a frame or a fragmented message is under way.
    pub(super) fn is_partial(&self) -> bool {
        self.whole.is_partial() || self.slow.as_ref().is_some_and(|slow| slow.is_partial())
    }

    /// Forgets everything but the control frames.
    pub(super) fn stop(&mut self) {
        self.whole = Whole::default();
        if let Some(slow) = &mut self.slow {
            slow.stop();
        }
        self.block = ReadBuffer::default();
    }

    /// Frames to be written ahead of everything else: what tungstenite answers, at most [`PONGS`](super::slow::PONGS)
    /// bytes of it.
    pub(super) fn take_control(&mut self) -> Vec<u8> {
        let control = self
            .slow
            .as_mut()
            .map(|slow| std::mem::take(slow.control()));
        self.slow.take_if(|slow| slow.is_at_rest());
        control.unwrap_or_default()
    }

    /// These come first.
    pub(super) fn put_control(&mut self, frames: Vec<u8>) {
        if !frames.is_empty() {
            let slow = self
                .slow
                .get_or_insert_with(|| Box::new(Slow::new(self.max_fragments as usize)));
            *slow.control() = frames;
        }
    }

    /// The next thing said in what has been read; `None` when more bytes are needed.
    pub(super) fn next(&mut self, message: &mut Message) -> Option<Heard> {
        if self.block.closed().is_empty() && self.slow.is_none() && !self.whole.has_next() {
            return None;
        }
        let max_payload = self.max_payload as usize;
        loop {
            if let Some(heard) = self.whole.next(message) {
                return Some(heard);
            }
            if self.slow.as_ref().is_none_or(|slow| slow.is_between()) {
                if self.whole.take(&mut self.block, max_payload) {
                    continue;
                }
                if self.block.closed().is_empty() {
                    self.slow.take_if(|slow| slow.is_at_rest());
                    return None;
                }
            }
            let slow = self
                .slow
                .get_or_insert_with(|| Box::new(Slow::new(self.max_fragments as usize)));
            match slow.next(&mut self.block, max_payload) {
                Step::Message(next) => {
                    *message = next;
                    return Some(Heard::Message);
                }
                Step::Heard(heard) => return Some(heard),
                Step::Done => {}
                Step::More => return None,
            }
        }
    }
}

#[cfg(test)]
impl Reader {
    /// Whether nothing of a message is held.
    pub(super) fn is_at_rest(&self) -> bool {
        self.slow.is_none() && !self.whole.is_partial() && self.block.capacity() == 0
    }

    /// Whether tungstenite is in the middle of something.
    pub(super) fn has_context(&self) -> bool {
        self.slow.as_ref().is_some_and(|slow| !slow.is_between())
    }
}
