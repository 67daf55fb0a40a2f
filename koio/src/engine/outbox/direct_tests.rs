//! Writes of emitters to the connection itself. Most are not for `koio_slow_twins`, where there are none.

use super::*;

/// A connection that takes so many bytes.
#[derive(Default)]
pub(super) struct Takes {
    pub(super) room: usize,
    pub(super) taken: Vec<u8>,
    /// The rest of a frame that was begun.
    pub(super) begun: Vec<u8>,
}

impl Takes {
    pub(super) fn take_begun(&mut self) {
        let count = self.begun.len().min(self.room);
        self.room -= count;
        self.taken.extend(self.begun.drain(..count));
    }
}

impl DirectWrite for Mutex<Takes> {
    fn write(&self, frames: &mut dyn DirectFrames) -> DirectWritten {
        let mut takes = self.lock();
        assert!(takes.begun.is_empty(), "a frame that was begun comes first");
        let bytes = frames.bytes();
        let count = bytes.len().min(takes.room);
        let whole = count == bytes.len();
        takes.room -= count;
        takes.taken.extend_from_slice(&bytes[..count]);
        if whole {
            DirectWritten::All
        } else if count == 0 {
            DirectWritten::Nothing
        } else {
            takes.begun = frames.take_unwritten(count).to_vec();
            DirectWritten::Part
        }
    }

    fn flush(&self, source: &mut dyn FrameSource) -> DirectFlushed {
        let mut takes = self.lock();
        let before = takes.taken.len();
        while takes.begun.is_empty() {
            let mut next = Vec::new();
            if !source.gather(&mut next, 1_000) && next.is_empty() {
                break;
            }
            next.extend(source.next().iter().flat_map(|frame| frame.bytes().clone()));
            takes.begun = next;
            takes.take_begun();
        }
        takes.take_begun();
        DirectFlushed {
            progressed: takes.taken.len() > before,
            is_all: takes.begun.is_empty(),
        }
    }
}

pub(super) fn idle(room: usize) -> (Outbox, Arc<Mutex<Takes>>, Arc<Count>, Waker) {
    let outbox = outbox(10);
    let takes = Takes {
        room,
        ..Takes::default()
    };
    let takes = Arc::new(Mutex::new(takes));
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    begin(&outbox);
    outbox.open_direct_writer(Some(Arc::clone(&takes) as _));
    assert!(outbox.end_turn(&waker, true));
    (outbox, takes, count, waker)
}

#[cfg(not(koio_slow_twins))]
#[test]
fn a_frame_for_an_idle_session_is_written_without_waking_its_task() {
    let (outbox, takes, count, _) = idle(1_000);
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
    assert_eq!(&takes.lock().taken, Frame::ping().bytes());
    assert!(outbox.is_empty());
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    // A frame right behind it is queued.
    outbox.push(&Frame::noop(), Urgency::Normal).unwrap();
    assert!(!outbox.is_empty());
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
}

#[cfg(not(koio_slow_twins))]
#[test]
fn the_rest_of_a_partial_write_is_left_to_the_task() {
    let (outbox, takes, count, _) = idle(2);
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    outbox.push(&Frame::noop(), Urgency::Normal).unwrap();
    assert_eq!(takes.lock().begun, Frame::ping().bytes()[2..]);
    assert_eq!(outbox.pop(), Some(Frame::noop()));
    assert_eq!(outbox.pop(), None);
    assert_eq!(takes.lock().taken, Frame::ping().bytes()[..2]);
}

#[cfg(not(koio_slow_twins))]
#[test]
fn a_wait_ends_for_frames_that_the_connection_took_long_before_it_wrote_any() {
    let (outbox, takes, _, waker) = idle(0);
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
    let mut flushed = std::pin::pin!(outbox.flushed(|| false));
    let mut is_flushed = || flushed.as_mut().poll(&mut Context::from_waker(&waker));
    assert_eq!(is_flushed(), Poll::Pending);
    assert!(!outbox.retry(), "nothing is written");
    assert!(outbox.is_empty());
    assert_eq!(takes.lock().begun, *Frame::ping().bytes());
    assert_eq!(is_flushed(), Poll::Pending);
    begin(&outbox);
    takes.lock().room = 1_000;
    takes.lock().take_begun();
    assert!(outbox.end_turn(&waker, true));
    assert_eq!(is_flushed(), Poll::Ready(true));
}

#[test]
fn no_frame_is_written_directly_during_a_turn_or_while_the_transport_is_not_writable() {
    let (outbox, takes, _, waker) = idle(1_000);
    begin(&outbox);
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
    assert!(outbox.pop().is_some());
    assert!(outbox.end_turn(&waker, false));
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
    assert!(outbox.pop().is_some());
    assert_eq!(takes.lock().taken, b"");
}

#[cfg(not(koio_slow_twins))]
#[test]
fn an_emit_writes_up_to_its_budget_and_flushes_the_others() {
    let mut writes = WriteBudget::up_to(2);
    let all = [(); 3].map(|()| idle(1_000));
    let sent = all
        .each_ref()
        .map(|(outbox, ..)| outbox.share(&Frame::ping(), &mut writes).unwrap());
    assert_eq!(
        sent,
        [
            SendOutcome::Done,
            SendOutcome::Done,
            SendOutcome::NeedsFlush
        ]
    );
    let woken = all
        .each_ref()
        .map(|(_, _, count, _)| count.0.load(Ordering::Relaxed));
    assert_eq!(woken, [0, 0, 0]);
    let (last, takes, count, _) = &all[2];
    assert_eq!(takes.lock().taken, b"");
    // The next emitter need not wake the task either.
    last.push(&Frame::noop(), Urgency::Normal).unwrap();
    last.flush(&mut WriteBudget::up_to(1));
    let both = [Frame::ping(), Frame::noop()].map(|frame| frame.bytes().to_vec());
    assert_eq!(takes.lock().taken, both.concat());
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    assert!(last.is_empty());
}

#[cfg(not(koio_slow_twins))]
#[test]
fn a_closed_queue_drops_its_connection() {
    let (outbox, takes, ..) = idle(1_000);
    assert_eq!(Arc::strong_count(&takes), 2);
    outbox.close(Ending::Flush);
    assert_eq!(Arc::strong_count(&takes), 1);
}

#[cfg(not(koio_slow_twins))]
#[test]
fn a_flush_that_is_written_in_part_wakes_the_task() {
    let (outbox, takes, count, _) = idle(4);
    for frame in [Frame::ping(), Frame::noop()] {
        outbox.share(&frame, &mut WriteBudget::up_to(0)).unwrap();
    }
    outbox.flush(&mut WriteBudget::up_to(1));
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    let all = [Frame::ping(), Frame::noop()].map(|frame| frame.bytes().to_vec());
    let all = all.concat();
    assert_eq!(takes.lock().taken, all[..4]);
    assert_eq!(takes.lock().begun, all[4..]);
    assert_eq!(outbox.pop(), None);
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
}

#[cfg(not(koio_slow_twins))]
#[test]
fn the_only_frame_of_a_flush_is_written_whole_in_part_or_stays_queued() {
    let bytes = Frame::ping().bytes().clone();
    for room in [0, 2, bytes.len()] {
        let (outbox, takes, count, _) = idle(room);
        outbox
            .share(&Frame::ping(), &mut WriteBudget::up_to(0))
            .unwrap();
        outbox.flush(&mut WriteBudget::up_to(1));
        let is_whole = room == bytes.len();
        assert_eq!(
            count.0.load(Ordering::Relaxed),
            usize::from(!is_whole),
            "{room}"
        );
        assert_eq!(takes.lock().taken, bytes[..room]);
        outbox.push(&Frame::noop(), Urgency::Normal).unwrap();
        takes.lock().room = 1_000;
        takes.lock().take_begun();
        let mut written = takes.lock().taken.clone();
        written.extend(outbox.take_all().flat_map(|frame| frame.bytes().clone()));
        let both = [Frame::ping(), Frame::noop()].map(|frame| frame.bytes().to_vec());
        assert_eq!(written, both.concat(), "{room}");
    }
}
