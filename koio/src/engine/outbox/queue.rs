//! [`FrameQueue`]: the frames that wait to be written, oldest first.

use std::collections::VecDeque;

use bytes::Bytes;

use super::limits::weight;
use crate::{
    engine::transport::{DirectFrames, FrameSource},
    wire::{Draft, Frame},
};

/// Capacity of the list when a second frame comes.
const LIST_CAPACITY: usize = 16;

/// Drafts up to this size are copied end to end into the tail. A bigger one keeps its own memory.
const SMALL: usize = 4 * 1024;

/// Capacity of the tail in a burst.
const TAIL_CAPACITY: usize = 16 * 1024;

/// A frame to be queued.
pub(super) enum QueueEntry<'a> {
    Shared(&'a Frame),
    Own(Frame),
    Draft(&'a mut Draft),
}

impl QueueEntry<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Shared(frame) => frame.len(),
            Self::Own(frame) => frame.len(),
            Self::Draft(draft) => draft.len(),
        }
    }

    fn messages(&self) -> usize {
        match self {
            Self::Shared(frame) => frame.messages(),
            Self::Own(frame) => frame.messages(),
            Self::Draft(draft) => draft.messages().into(),
        }
    }

    /// What it counts in the queue.
    pub(super) fn weight(&self) -> usize {
        weight(self.len(), self.messages())
    }

    fn bytes(&mut self) -> &[u8] {
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

impl DirectFrames for QueueEntry<'_> {
    fn bytes(&mut self) -> &[u8] {
        QueueEntry::bytes(self)
    }

    fn take_unwritten(&mut self, written: usize) -> Bytes {
        let unwritten = match self {
            Self::Shared(frame) => frame.unwritten(written),
            Self::Own(frame) => frame.unwritten(written),
            Self::Draft(draft) => draft.take().unwritten(written),
        };
        unwritten.into_bytes()
    }
}

/// Frames in the order in which they came. It keeps no memory when it is empty.
#[derive(Debug, Default)]
pub(super) struct FrameQueue {
    frames: FrameList,
    /// Small frames for this client alone, end to end. They come behind `frames`.
    tail: Vec<u8>,
    /// Messages in `tail`.
    tail_messages: u16,
}

/// The frames of a queue, offered to a connection.
pub(super) struct OfferedFrames<'a> {
    pub(super) queue: &'a mut FrameQueue,
    /// What the frames that were taken counted.
    pub(super) taken: usize,
    /// Whether the connection has asked for some: what it had before is written.
    pub(super) is_asked: bool,
}

impl FrameSource for OfferedFrames<'_> {
    fn gather(&mut self, buffer: &mut Vec<u8>, enough: usize) -> bool {
        self.is_asked = true;
        let mut left = usize::MAX;
        let gathered = self.queue.gather(buffer, enough, &mut left);
        self.taken += weight(gathered.bytes, gathered.messages);
        !self.queue.is_empty()
    }

    fn next(&mut self) -> Option<Frame> {
        let frame = self.queue.pop()?;
        self.taken += weight(frame.len(), frame.messages());
        Some(frame)
    }
}

/// How much [`FrameQueue::gather`] took out of the queue.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) bytes: usize,
    pub(super) messages: usize,
}

/// A list that allocates nothing for a single frame. (`SmallVec` has no cheap removal from the front.)
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

    /// Appends the entry.
    pub(super) fn push(&mut self, entry: QueueEntry<'_>) {
        match entry {
            QueueEntry::Draft(draft) if draft.len() <= SMALL => self.append(draft),
            entry => {
                self.end_tail();
                self.frames.push(entry.into_frame());
            }
        }
    }

    /// Appends frames, which are moved together.
    pub(super) fn push_all(&mut self, frames: Vec<Frame>) {
        self.end_tail();
        self.frames.push_all(frames);
    }

    pub(super) fn pop(&mut self) -> Option<Frame> {
        self.frames.pop().or_else(|| self.take_tail())
    }

    /// The frame, if it is the only one and has not been copied into the tail.
    pub(super) fn pop_only(&mut self) -> Option<Frame> {
        match &self.frames {
            FrameList::One(_) if self.tail.is_empty() => self.frames.pop(),
            _ => None,
        }
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Frame> + use<> {
        self.end_tail();
        let mut all = std::mem::take(&mut self.frames);
        std::iter::from_fn(move || all.pop())
    }

    /// Moves the oldest frames to the end of `together` as far as they are small, at most `left` of them, until `together`
    /// holds `enough` bytes.
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

    /// Inserts small frames for this client alone ahead of everything.
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
                // Exact, since often no second frame follows.
                0 => self.tail.reserve_exact(len),
                1..SMALL => self.tail.reserve_exact(SMALL),
                // A new tail, rather than moving the old one.
                _ => {
                    self.end_tail();
                    self.tail.reserve_exact(TAIL_CAPACITY);
                }
            }
        }
        draft.append_to(&mut self.tail);
        // No overflow: a message has at least two bytes, and the tail holds at most TAIL_CAPACITY.
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
                let mut frames = VecDeque::with_capacity(LIST_CAPACITY);
                frames.extend(self.pop());
                frames.push_back(frame);
                *self = Self::Several(frames);
            }
        }
    }

    fn push_all(&mut self, frames: Vec<Frame>) {
        if frames.is_empty() {
            return;
        }
        *self = Self::Several(match std::mem::take(self) {
            Self::None => frames.into(),
            Self::One(frame) => std::iter::once(frame).chain(frames).collect(),
            Self::Several(mut all) => {
                all.extend(frames);
                all
            }
        });
    }

    /// Inserts a frame ahead of the others. There is at least one other.
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
    fn frames_are_popped_in_order_and_no_memory_is_kept() {
        for count in 0..40_u8 {
            let frames: Vec<_> = (0..count).map(|number| Frame::pong(&[number])).collect();
            let mut queue = FrameQueue::default();
            for frame in &frames {
                queue.push(QueueEntry::Shared(frame));
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
    fn pushes_and_pops_may_alternate() {
        let mut queue = FrameQueue::default();
        let mut expected = 0..100_u8;
        for number in 0..100_u8 {
            queue.push(QueueEntry::Own(Frame::pong(&[number])));
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
    fn gathered_frames_are_in_order_and_complete() {
        let mixed: Vec<_> = (0..200_usize)
            .map(|index| (index * 7919) % (2 * SMALL))
            .collect();
        for lens in [&[][..], &[3], &[3, 4, 5], &[2 * SMALL], &mixed] {
            let mut queue = FrameQueue::default();
            let (mut expected, mut written, mut messages) = (Vec::new(), Vec::new(), 0);
            for (index, &len) in lens.iter().enumerate() {
                let mut draft = wire::ack_draft("/", index as u64, &"x".repeat(len)).unwrap();
                draft.append_to(&mut expected);
                queue.push(QueueEntry::Draft(&mut draft));
                if index % 5 == 0 {
                    let frame = Frame::pong(&[index as u8]);
                    expected.extend_from_slice(frame.bytes());
                    queue.push(QueueEntry::Shared(&frame));
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
    fn frames_that_are_pushed_together_come_behind_the_others() {
        let pong = |number: u8| Frame::pong(&[number]);
        for before in 0..4_u8 {
            for together in 0..4_u8 {
                let mut queue = FrameQueue::default();
                (0..before).for_each(|number| queue.push(QueueEntry::Own(pong(number))));
                queue.push_all((before..before + together).map(pong).collect());
                assert_eq!(queue.is_empty(), before + together == 0);
                queue.push(QueueEntry::Own(pong(9)));
                let expected = (0..before + together).chain([9]).map(pong);
                assert!(queue.take_all().eq(expected), "{before} {together}");
                assert!(queue.is_empty());
            }
        }
    }

    #[test]
    fn the_only_frame_is_popped_and_one_of_several_is_not() {
        let pong = Frame::pong(&[1]);
        let mut queue = FrameQueue::default();
        assert_eq!(queue.pop_only(), None);
        queue.push(QueueEntry::Shared(&pong));
        assert_eq!(queue.pop_only(), Some(pong.clone()));
        assert!(queue.is_empty());
        queue.push(QueueEntry::Shared(&pong));
        queue.push(QueueEntry::Draft(
            &mut wire::ack_draft("/", 1, &"x").unwrap(),
        ));
        assert_eq!(queue.pop_only(), None, "one waits behind it");
        queue.push(QueueEntry::Shared(&pong));
        assert_eq!(queue.pop_only(), None);
        assert_eq!(queue.take_all().count(), 3);
    }

    #[test]
    fn put_first_inserts_ahead_of_everything() {
        let pongs: Vec<_> = (0..4_u8).map(|number| Frame::pong(&[number])).collect();
        for count in 0..pongs.len() {
            let mut queue = FrameQueue::default();
            for pong in &pongs[..count] {
                queue.push(QueueEntry::Shared(pong));
            }
            queue.put_first(Frame::ping().bytes(), 1);
            let expected = [&[Frame::ping()], &pongs[..count]].concat();
            assert!(queue.take_all().eq(expected));
        }
    }
}
