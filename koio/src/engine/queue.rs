//! Frames that wait, oldest first.

use std::collections::VecDeque;

use crate::wire::Frame;

/// Frames that a queue of several has room for before it grows: about the answers to one burst of events.
const SEVERAL: usize = 16;

/// A queue that allocates nothing for a single frame, which is the most that nearly all ever hold, and keeps nothing
/// when it is empty.
#[derive(Debug, Default)]
pub(crate) enum Queue {
    #[default]
    Empty,
    One(Frame),
    Several(VecDeque<Frame>),
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    pub(crate) fn push(&mut self, frame: Frame) {
        match self {
            Self::Empty => *self = Self::One(frame),
            Self::Several(frames) => frames.push_back(frame),
            Self::One(_) => {
                let mut frames = VecDeque::with_capacity(SEVERAL);
                frames.extend(self.pop());
                frames.push_back(frame);
                *self = Self::Several(frames);
            }
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Frame> {
        if let Self::Several(frames) = self
            && frames.len() > 1
        {
            return frames.pop_front();
        }
        match std::mem::take(self) {
            Self::Empty => None,
            Self::One(frame) => Some(frame),
            Self::Several(mut frames) => frames.pop_front(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Frame> {
        let (one, several) = match self {
            Self::Empty => (None, None),
            Self::One(frame) => (Some(frame), None),
            Self::Several(frames) => (None, Some(frames)),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order_and_nothing_stays_behind() {
        for count in 0..40_u8 {
            let frames: Vec<_> = (0..count).map(|number| Frame::pong(&[number])).collect();
            let mut queue = Queue::default();
            for frame in &frames {
                queue.push(frame.clone());
            }
            assert!(queue.iter().eq(&frames));
            assert_eq!(queue.is_empty(), count == 0);
            for frame in frames {
                assert_eq!(queue.pop(), Some(frame));
            }
            assert_eq!(queue.pop(), None);
            assert!(matches!(queue, Queue::Empty));
        }
    }

    #[test]
    fn it_may_grow_and_shrink_at_the_same_time() {
        let mut queue = Queue::default();
        let mut expected = 0..100_u8;
        for number in 0..100_u8 {
            queue.push(Frame::pong(&[number]));
            if number % 3 == 0 {
                let frame = expected.next().map(|number| Frame::pong(&[number]));
                assert_eq!(queue.pop(), frame);
            }
        }
        for number in expected {
            assert_eq!(queue.pop(), Some(Frame::pong(&[number])));
        }
        assert!(queue.is_empty());
    }
}
