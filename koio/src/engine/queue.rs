//! What waits to be written, oldest first.

use std::{cell::Cell, collections::VecDeque};

use bytes::Bytes;

use crate::wire::{Draft, Frame};

/// Frames that a queue of several has room for before it grows.
const SEVERAL: usize = 16;

/// Frames up to this size are copied behind each other if they are for this client alone. For a bigger one memory of
/// its own costs less than to make room for it.
const SMALL: usize = 4 * 1024;

/// Room for the small frames of a burst.
const TAIL: usize = 16 * 1024;

/// What a turn queues is mostly written when it ends: until then it is in a buffer of the thread, of up to this size.
const LENT: usize = 64 * 1024;

/// Bytes of small frames that are put together for one write.
const TOGETHER: usize = 256 * 1024;

thread_local! {
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

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

/// Frames in the order in which they came. Between turns it keeps no memory when it is empty.
#[derive(Debug, Default)]
pub(super) struct Queue {
    frames: Frames,
    /// Small frames for this client alone, end to end, behind all others.
    tail: Vec<u8>,
    /// How many messages are in the tail.
    tail_messages: u16,
    /// The tail's memory is the thread's.
    lent: bool,
}

/// How much has been taken out.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) bytes: usize,
    pub(super) messages: usize,
}

/// Nearly all queues never hold more than a single frame: for that one nothing is allocated.
#[derive(Debug, Default)]
enum Frames {
    #[default]
    None,
    One(Frame),
    Several(VecDeque<Frame>),
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self.frames, Frames::None) && self.tail.is_empty()
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

    /// Puts the small frames that come first behind what is in `together`, at most `left` of them.
    pub(super) fn gather(&mut self, together: &mut Vec<u8>, left: &mut usize) -> Gathered {
        let mut gathered = Gathered::default();
        while *left > 0
            && together.len() < TOGETHER
            && let Some(frame) = self.frames.pop_if(|frame| frame.len() <= SMALL)
        {
            *left -= 1;
            gathered.bytes += frame.len();
            gathered.messages += frame.messages();
            together.extend_from_slice(frame.bytes());
        }
        if *left > 0 && together.len() < TOGETHER && matches!(self.frames, Frames::None) {
            *left -= 1;
            gathered.bytes += self.tail.len();
            gathered.messages += usize::from(std::mem::take(&mut self.tail_messages));
            if self.lent && together.is_empty() {
                std::mem::swap(together, &mut self.tail);
            } else {
                together.append(&mut self.tail);
            }
            if !self.lent {
                self.tail = Vec::new();
            }
        }
        gathered
    }

    /// A turn of the session begins, on this thread.
    pub(super) fn begin_turn(&mut self) {
        if self.tail.capacity() == 0 {
            self.tail = ROOM.take();
            self.lent = true;
        }
    }

    /// The turn ends: what is left gets memory of its own.
    pub(super) fn end_turn(&mut self) {
        if std::mem::take(&mut self.lent) {
            let left = self.tail.as_slice().to_vec();
            let mut room = std::mem::replace(&mut self.tail, left);
            room.clear();
            ROOM.set(room);
        }
    }

    fn append(&mut self, draft: &Draft) {
        let len = draft.len();
        if self.lent {
            if self.tail.len() + len > LENT {
                self.end_tail();
            }
        } else if self.tail.capacity() - self.tail.len() < len {
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
        let bytes = if self.lent {
            let exact = Bytes::copy_from_slice(&self.tail);
            self.tail.clear();
            exact
        } else {
            std::mem::take(&mut self.tail).into()
        };
        Some(Frame::new(bytes, messages))
    }

    fn end_tail(&mut self) {
        if let Some(tail) = self.take_tail() {
            self.frames.push(tail);
        }
    }
}

impl Frames {
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
            let mut queue = Queue::default();
            for frame in &frames {
                queue.push(Entry::Shared(frame));
            }
            assert_eq!(queue.is_empty(), count == 0);
            for frame in frames {
                assert_eq!(queue.pop(), Some(frame));
            }
            assert_eq!(queue.pop(), None);
            assert!(queue.is_empty() && matches!(queue.frames, Frames::None));
        }
    }

    #[test]
    fn it_may_grow_and_shrink_at_the_same_time() {
        let mut queue = Queue::default();
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

    /// What is written of these, small ones and big ones, in turns and between them.
    fn gathered(drafts: &[usize], in_turn: bool) -> (Vec<u8>, Vec<u8>) {
        let mut queue = Queue::default();
        let (mut expected, mut written) = (Vec::new(), Vec::new());
        if in_turn {
            queue.begin_turn();
        }
        for (index, &len) in drafts.iter().enumerate() {
            let text = "x".repeat(len);
            let mut draft = wire::ack_draft("/", index as u64, &text).unwrap();
            draft.append_to(&mut expected);
            queue.push(Entry::Draft(&mut draft));
            if index % 5 == 0 {
                let frame = Frame::pong(&[index as u8]);
                expected.extend_from_slice(frame.bytes());
                queue.push(Entry::Shared(&frame));
            }
        }
        let count = drafts.len() + drafts.len().div_ceil(5);
        let mut messages = 0;
        while !queue.is_empty() {
            let gathered = queue.gather(&mut written, &mut 7);
            messages += gathered.messages;
            if let Some(frame) = queue.pop() {
                messages += frame.messages();
                written.extend_from_slice(frame.bytes());
            }
        }
        assert_eq!(messages, count);
        queue.end_turn();
        assert_eq!(queue.tail.capacity(), 0);
        (written, expected)
    }

    #[test]
    fn what_is_put_together_is_in_order_and_complete() {
        let mixed: Vec<_> = (0..200_usize)
            .map(|index| (index * 7919) % (2 * SMALL))
            .collect();
        for in_turn in [false, true] {
            for drafts in [&[][..], &[3], &[3, 4, 5], &[2 * SMALL], &mixed] {
                let (written, expected) = gathered(drafts, in_turn);
                assert!(written == expected, "{} in a turn: {in_turn}", drafts.len());
            }
        }
    }

    #[test]
    fn what_a_turn_does_not_write_outlives_it() {
        let mut queue = Queue::default();
        queue.begin_turn();
        let mut draft = wire::ack_draft("/", 7, "late").unwrap();
        let frame = wire::ack("/", 7, "late").unwrap();
        queue.push(Entry::Draft(&mut draft));
        queue.end_turn();
        assert_eq!(queue.tail.capacity(), frame.len(), "memory of its own");
        // Another connection's turn has the thread's buffer meanwhile.
        let mut other = Queue::default();
        other.begin_turn();
        other.push(Entry::Draft(&mut wire::ack_draft("/", 8, "other").unwrap()));
        assert_eq!(queue.pop(), Some(frame));
        assert!(queue.is_empty());
    }
}
