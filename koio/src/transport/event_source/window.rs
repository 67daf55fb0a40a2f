//! Packets that were sent, and that the client may not have.

use std::collections::VecDeque;

use crate::wire::Frame;

/// What a kept frame counts beside its bytes.
const OVERHEAD: usize = 64;

/// The last packets that were sent, up to a number of bytes. Packets are counted from the session's first.
pub(super) struct Window {
    frames: VecDeque<SentFrame>,
    /// The packets before those that are kept.
    before: u64,
    /// All packets.
    sent: u64,
    bytes: usize,
    limit: usize,
}

struct SentFrame {
    frame: Frame,
    packets: usize,
}

impl SentFrame {
    fn weight(&self) -> usize {
        self.frame.len() + OVERHEAD
    }
}

impl Window {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            frames: VecDeque::new(),
            before: 0,
            sent: 0,
            bytes: 0,
            limit,
        }
    }

    /// A frame of so many packets was sent.
    pub(super) fn push(&mut self, frame: Frame, packets: usize) {
        let sent = SentFrame { frame, packets };
        self.sent += packets as u64;
        self.bytes += sent.weight();
        self.frames.push_back(sent);
        while self.bytes > self.limit {
            self.pop();
        }
    }

    /// The client has so many packets.
    pub(super) fn received(&mut self, received: u64) {
        while let Some(first) = self.frames.front()
            && self.before + first.packets as u64 <= received
        {
            self.pop();
        }
        if self.frames.is_empty() {
            // An idle session keeps nothing.
            self.frames = VecDeque::new();
        }
    }

    fn pop(&mut self) {
        if let Some(first) = self.frames.pop_front() {
            self.before += first.packets as u64;
            self.bytes -= first.weight();
        }
    }

    /// The kept frames, for a client that has so many packets, and how many packets of the first one it has. Otherwise why it
    /// can't go on.
    pub(super) fn since(
        &mut self,
        received: u64,
    ) -> Result<(impl Iterator<Item = &Frame>, usize), String> {
        self.received(received);
        let (before, sent, limit) = (self.before, self.sent, self.limit);
        if received > sent {
            return Err(format!(
                "the client says that it has {received} packets, and {sent} were sent"
            ));
        }
        if received < before {
            return Err(format!(
                "its stream ended, and of what it has missed {} packets are not kept any more (event_source_window {limit})",
                before - received
            ));
        }
        let skipped = usize::try_from(received - before).unwrap_or(usize::MAX);
        Ok((self.frames.iter().map(|sent| &sent.frame), skipped))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::wire::Message;

    fn frame(text: &'static str) -> Frame {
        Frame::message(&Message::Text(Bytes::from_static(text.as_bytes())))
    }

    fn since(window: &mut Window, received: u64) -> Result<(usize, usize), String> {
        let (frames, skipped) = window.since(received)?;
        Ok((frames.count(), skipped))
    }

    #[test]
    fn a_client_goes_on_behind_what_it_has() {
        let mut window = Window::new(1_000);
        window.push(frame("a"), 1);
        window.push(frame("b"), 3);
        window.push(frame("c"), 1);
        assert_eq!(since(&mut window, 0), Ok((3, 0)));
        assert_eq!(since(&mut window, 1), Ok((2, 0)));
        assert_eq!(since(&mut window, 3), Ok((2, 2)));
        assert_eq!(since(&mut window, 5), Ok((0, 0)));
        let ahead = since(&mut window, 6).unwrap_err();
        assert!(ahead.contains("has 6 packets, and 5 were sent"), "{ahead}");
        assert!(window.frames.capacity() == 0 && window.bytes == 0);
        assert!(since(&mut window, 4).is_err());
    }

    #[test]
    fn no_more_is_kept_than_the_limit_and_a_client_that_needs_more_can_not_go_on() {
        let mut window = Window::new(200);
        for _ in 0..10 {
            window.push(frame("a"), 1);
        }
        assert!(window.bytes <= 200 && window.frames.len() == 2);
        assert_eq!(since(&mut window, 8), Ok((2, 0)));
        let gap = since(&mut window, 7).unwrap_err();
        assert!(
            gap.contains("1 packets are not kept") && gap.contains("event_source_window 200"),
            "{gap}"
        );
    }

    #[test]
    fn a_window_of_no_bytes_keeps_nothing() {
        let mut window = Window::new(0);
        window.push(frame("a"), 1);
        assert_eq!(since(&mut window, 1), Ok((0, 0)));
        assert!(since(&mut window, 0).is_err());
    }
}
