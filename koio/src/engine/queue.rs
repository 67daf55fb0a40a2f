//! What waits to be written, oldest first.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::wire::{Draft, Frame};

/// FrameList that a queue of several has room for before it grows.
const SEVERAL: usize = 16;

/// FrameList up to this size are copied behind each other if they are for this client alone. For a bigger one memory of
/// its own costs less than to make room for it.
const SMALL: usize = 4 * 1024;

/// Room for the small frames of a burst.
const TAIL: usize = 16 * 1024;

/// What is to be sent.
pub(super) enum Entry<'a> {
    Shared(&'a Frame),
    Own(Frame),
    Draft(&'a mut Draft),
}

impl Entry<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Shared(frame) => frame.len(),
            Self::Own(frame) => frame.len(),
            Self::Draft(draft) => draft.len(),
        }
    }

    pub(super) fn messages(&self) -> usize {
        match self {
            Self::Shared(frame) => frame.messages(),
            Self::Own(frame) => frame.messages(),
            Self::Draft(draft) => draft.messages().into(),
        }
    }

    pub(super) fn bytes(&mut self) -> &[u8] {
        match self {
            Self::Shared(frame) => frame.bytes(),
            Self::Own(frame) => frame.bytes(),
            Self::Draft(draft) => draft.bytes(),
        }
    }

    pub(super) fn into_frame(self) -> Frame {
        match self {
            Self::Shared(frame) => frame.clone(),
            Self::Own(frame) => frame,
            Self::Draft(draft) => draft.take(),
        }
    }
}

/// FrameList in the order in which they came. It keeps no memory when it is empty.
#[derive(Debug, Default)]
pub(super) struct FrameQueue {
    frames: FrameList,
    /// Small frames for this client alone, end to end, behind all others.
    tail: Vec<u8>,
    /// How many messages are in the tail.
    tail_messages: u16,
}

/// How much has been taken out.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) bytes: usize,
    pub(super) messages: usize,
}

/// Nearly all queues never hold more than a single frame: for that one nothing is allocated.
#[derive(Debug, Default)]
enum FrameList {
    #[default]
    None,
    One(Frame),
    Several(VecDeque<Frame>),
}

impl FrameQueue {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self.frames, FrameList::None) && self.tail.is_empty()
    }

    /// Puts the entry behind all that waits.
    pub(super) fn push(&mut self, entry: Entry<'_>) {
        match entry {
            Entry::Draft(draft) if draft.len() <= SMALL => self.append(draft),
            entry => {
                self.end_tail();
                self.frames.push(entry.into_frame());
            }
        }
    }

    pub(super) fn pop(&mut self) -> Option<Frame> {
        self.frames.pop().or_else(|| self.take_tail())
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Frame> + use<> {
        self.end_tail();
        let mut all = std::mem::take(&mut self.frames);
        std::iter::from_fn(move || all.pop())
    }

    /// Puts the small frames that come first behind what is in `together`, at most `left` of them, until that is
    /// `enough`.
    pub(super) fn gather(
        &mut self,
        together: &mut Vec<u8>,
        enough: usize,
        left: &mut usize,
    ) -> Gathered {
        let mut gathered = Gathered::default();
        while *left > 0
            && together.len() < enough
            && let Some(frame) = self.frames.pop_if(|frame| frame.len() <= SMALL)
        {
            *left -= 1;
            gathered.bytes += frame.len();
            gathered.messages += frame.messages();
            together.extend_from_slice(frame.bytes());
        }
        if *left > 0 && together.len() < enough && matches!(self.frames, FrameList::None) {
            *left -= 1;
            gathered.bytes += self.tail.len();
            gathered.messages += usize::from(std::mem::take(&mut self.tail_messages));
            together.append(&mut self.tail);
            self.tail = Vec::new();
        }
        gathered
    }

    /// Puts small frames for this client alone before all that waits.
    pub(super) fn put_first(&mut self, frames: &[u8], messages: u16) {
        if self.is_empty() {
            self.tail = frames.to_vec();
            self.tail_messages = messages;
        } else {
            let first = Bytes::copy_from_slice(frames);
            self.frames.push_front(Frame::new(first, messages));
        }
    }

    fn append(&mut self, draft: &Draft) {
        let len = draft.len();
        if self.tail.capacity() - self.tail.len() < len {
            match self.tail.len() {
                // Often there is no second.
                0 => self.tail.reserve_exact(len),
                1..SMALL => self.tail.reserve_exact(SMALL),
                // To move it would cost more than to leave it where it is.
                _ => {
                    self.end_tail();
                    self.tail.reserve_exact(TAIL);
                }
            }
        }
        draft.append_to(&mut self.tail);
        // A message has two bytes at least: so many a tail can't hold.
        self.tail_messages += draft.messages();
    }

    fn take_tail(&mut self) -> Option<Frame> {
        if self.tail.is_empty() {
            return None;
        }
        let messages = std::mem::take(&mut self.tail_messages);
        Some(Frame::new(std::mem::take(&mut self.tail), messages))
    }

    fn end_tail(&mut self) {
        if let Some(tail) = self.take_tail() {
            self.frames.push(tail);
        }
    }
}

impl FrameList {
    fn push(&mut self, frame: Frame) {
        match self {
            Self::None => *self = Self::One(frame),
            Self::Several(frames) => frames.push_back(frame),
            Self::One(_) => {
                let mut frames = VecDeque::with_capacity(SEVERAL);
                frames.extend(self.pop());
                frames.push_back(frame);
                *self = Self::Several(frames);
            }
        }
    }

    /// Before all others, of which there are some.
    fn push_front(&mut self, frame: Frame) {
        if let Self::Several(frames) = self {
            frames.push_front(frame);
            return;
        }
        let others = std::mem::take(self);
        self.push(frame);
        if let Self::One(other) = others {
            self.push(other);
        }
    }

    fn pop_if(&mut self, is: impl FnOnce(&Frame) -> bool) -> Option<Frame> {
        let first = match self {
            Self::None => None,
            Self::One(frame) => Some(&*frame),
            Self::Several(frames) => frames.front(),
        };
        if first.is_some_and(is) {
            self.pop()
        } else {
            None
        }
    }

    fn pop(&mut self) -> Option<Frame> {
        if let Self::Several(frames) = self
            && frames.len() > 1
        {
            return frames.pop_front();
        }
        match std::mem::take(self) {
            Self::None => None,
            Self::One(frame) => Some(frame),
            Self::Several(mut frames) => frames.pop_front(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[test]
    fn what_goes_in_comes_out_in_order_and_nothing_stays_behind() {
        for count in 0..40_u8 {
            let frames: Vec<_> = (0..count).map(|number| Frame::pong(&[number])).collect();
            let mut queue = FrameQueue::default();
            for frame in &frames {
                queue.push(Entry::Shared(frame));
            }
            assert_eq!(queue.is_empty(), count == 0);
            for frame in frames {
                assert_eq!(queue.pop(), Some(frame));
            }
            assert_eq!(queue.pop(), None);
            assert!(queue.is_empty() && matches!(queue.frames, FrameList::None));
        }
    }

    #[test]
    fn it_may_grow_and_shrink_at_the_same_time() {
        let mut queue = FrameQueue::default();
        let mut expected = 0..100_u8;
        for number in 0..100_u8 {
            queue.push(Entry::Own(Frame::pong(&[number])));
            if number % 3 == 0 {
                let frame = expected.next().map(|number| Frame::pong(&[number]));
                assert_eq!(queue.pop(), frame);
            }
        }
        let rest: Vec<_> = expected.map(|number| Frame::pong(&[number])).collect();
        assert!(queue.take_all().eq(rest));
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_put_together_is_in_order_and_complete() {
        let mixed: Vec<_> = (0..200_usize)
            .map(|index| (index * 7919) % (2 * SMALL))
            .collect();
        for lens in [&[][..], &[3], &[3, 4, 5], &[2 * SMALL], &mixed] {
            let mut queue = FrameQueue::default();
            let (mut expected, mut written, mut messages) = (Vec::new(), Vec::new(), 0);
            for (index, &len) in lens.iter().enumerate() {
                let mut draft = wire::ack_draft("/", index as u64, &"x".repeat(len)).unwrap();
                draft.append_to(&mut expected);
                queue.push(Entry::Draft(&mut draft));
                if index % 5 == 0 {
                    let frame = Frame::pong(&[index as u8]);
                    expected.extend_from_slice(frame.bytes());
                    queue.push(Entry::Shared(&frame));
                }
            }
            while !queue.is_empty() {
                let gathered = queue.gather(&mut written, usize::MAX, &mut 7);
                messages += gathered.messages;
                if let Some(frame) = queue.pop() {
                    messages += frame.messages();
                    written.extend_from_slice(frame.bytes());
                }
            }
            assert!(written == expected, "{} drafts", lens.len());
            assert_eq!(messages, lens.len() + lens.len().div_ceil(5));
            assert_eq!(queue.tail.capacity(), 0);
        }
    }

    #[test]
    fn what_comes_first_is_before_all_others() {
        let pongs: Vec<_> = (0..4_u8).map(|number| Frame::pong(&[number])).collect();
        for count in 0..pongs.len() {
            let mut queue = FrameQueue::default();
            for pong in &pongs[..count] {
                queue.push(Entry::Shared(pong));
            }
            queue.put_first(Frame::ping().bytes(), 1);
            let expected = [&[Frame::ping()], &pongs[..count]].concat();
            assert!(queue.take_all().eq(expected));
        }
    }
}
