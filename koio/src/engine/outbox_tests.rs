//! What is queued, what is written past the queue, and who is woken.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Wake,
};

use super::*;
use crate::wire;

#[path = "cork_tests.rs"]
mod cork;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn outbox(bytes: usize, messages: usize) -> Outbox {
    Outbox::new(&EngineConfig {
        send_queue_bytes: bytes,
        send_queue_messages: messages,
        ..EngineConfig::default()
    })
}

#[test]
fn a_full_queue_refuses_and_keeps_what_it_has() {
    let outbox = outbox(usize::MAX, 2);
    let ping = Frame::ping();
    assert_eq!(outbox.push(&ping, Urgency::Normal), Ok(()));
    assert_eq!(outbox.push(&ping, Urgency::Normal), Ok(()));
    assert_eq!(outbox.push(&ping, Urgency::Normal), Err(SendError::Full));
    assert!(!outbox.is_over_limit());
    assert_eq!(outbox.push(&ping, Urgency::Reply), Ok(()));
    assert!(outbox.is_over_limit());
    assert_eq!(outbox.take_all().count(), 3);
    assert_eq!(outbox.push(&ping, Urgency::Normal), Ok(()));
}

#[test]
fn bytes_are_counted_and_given_back() {
    let ping = Frame::ping();
    let outbox = outbox(ping.len() * 2, usize::MAX);
    outbox.push(&ping, Urgency::Normal).unwrap();
    outbox.push(&ping, Urgency::Normal).unwrap();
    assert_eq!(outbox.push(&ping, Urgency::Normal), Err(SendError::Full));
    assert!(outbox.pop().is_some());
    assert_eq!(outbox.push(&ping, Urgency::Normal), Ok(()));
}

#[test]
fn a_closed_queue_takes_nothing() {
    let outbox = outbox(1_000, 10);
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
    outbox.close(false);
    assert_eq!(
        outbox.push(&Frame::ping(), Urgency::Reply),
        Err(SendError::Closed)
    );
    assert!(outbox.pop().is_some());
}

#[test]
fn volatile_frames_need_a_writable_transport_with_nothing_waiting() {
    let outbox = outbox(1_000, 10);
    let waker = Waker::from(Arc::new(Count::default()));
    assert!(
        outbox
            .push_volatile(&Frame::noop(), &mut WriteBudget::up_to(1))
            .is_none()
    );
    assert!(outbox.uncork(&waker, true));
    assert!(
        outbox
            .push_volatile(&Frame::noop(), &mut WriteBudget::up_to(1))
            .is_some()
    );
    assert!(
        outbox
            .push_volatile(&Frame::noop(), &mut WriteBudget::up_to(1))
            .is_none()
    );
}

#[test]
fn a_push_wakes_only_outside_a_turn_and_a_turn_never_misses_one() {
    let outbox = outbox(1_000, 10);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    assert!(outbox.uncork(&waker, true));
    outbox.push(&Frame::noop(), Urgency::Normal).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    outbox.cork();
    assert!(outbox.take_all().count() > 0);
    outbox.push(&Frame::noop(), Urgency::Normal).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert!(
        !outbox.uncork(&waker, true),
        "something was queued meanwhile"
    );
    assert!(outbox.take_all().count() > 0);
    outbox.wake();
    assert!(!outbox.uncork(&waker, true), "somebody woke it meanwhile");
    assert!(outbox.uncork(&waker, true));
}

/// A connection that takes so many bytes.
struct Takes(Mutex<(usize, Vec<u8>)>);

impl DirectWrite for Takes {
    fn try_write(&self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut taken = self.0.lock().unwrap();
        let count = bytes.len().min(taken.0);
        if count == 0 {
            return Err(std::io::ErrorKind::WouldBlock.into());
        }
        taken.0 -= count;
        taken.1.extend_from_slice(&bytes[..count]);
        Ok(count)
    }
}

fn direct_writer(room: usize) -> (Outbox, Arc<Takes>, Arc<Count>, Waker) {
    let outbox = outbox(1_000, 10);
    let takes = Arc::new(Takes(Mutex::new((room, Vec::new()))));
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    outbox.cork();
    outbox.open_direct_writer(Some(Arc::clone(&takes) as _));
    assert!(outbox.uncork(&waker, true));
    (outbox, takes, count, waker)
}

#[test]
fn an_emitter_writes_itself_where_nothing_waits_and_wakes_nobody() {
    let (outbox, takes, count, _) = direct_writer(1_000);
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
    assert_eq!(&takes.0.lock().unwrap().1, Frame::ping().bytes());
    assert!(outbox.is_empty());
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    // What comes on its heels is queued.
    outbox.push(&Frame::noop(), Urgency::Normal).unwrap();
    assert!(!outbox.is_empty());
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
}

#[test]
fn what_a_connection_does_not_take_is_left_to_the_task() {
    let (outbox, takes, count, _) = direct_writer(2);
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    outbox.push(&Frame::noop(), Urgency::Normal).unwrap();
    let rest = outbox.pop().unwrap();
    assert_eq!(rest.bytes(), &Frame::ping().bytes()[2..]);
    assert_eq!(outbox.pop(), Some(Frame::noop()));
    assert_eq!(outbox.pop(), None);
    assert_eq!(takes.0.lock().unwrap().1, Frame::ping().bytes()[..2]);
}

#[test]
fn nothing_is_written_past_a_task_in_its_turn_nor_past_one_that_waits_to_write() {
    let (outbox, takes, _, waker) = direct_writer(1_000);
    outbox.cork();
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
    assert!(outbox.pop().is_some());
    assert!(outbox.uncork(&waker, false));
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
    assert!(outbox.pop().is_some());
    assert_eq!(takes.0.lock().unwrap().1, b"");
}

#[test]
fn an_emit_writes_to_so_many_itself_and_owes_the_others_a_flush() {
    let mut writes = WriteBudget::up_to(2);
    let all = [(); 3].map(|()| direct_writer(1_000));
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
    assert_eq!(takes.0.lock().unwrap().1, b"");
    // Whoever emits next need not wake the task either.
    last.push(&Frame::noop(), Urgency::Normal).unwrap();
    last.flush(&mut WriteBudget::up_to(1));
    let both = [Frame::ping(), Frame::noop()].map(|frame| frame.bytes().to_vec());
    assert_eq!(takes.0.lock().unwrap().1, both.concat());
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    assert!(last.is_empty());
}

#[test]
fn a_closed_queue_lets_its_connection_go() {
    let (outbox, takes, ..) = direct_writer(1_000);
    assert_eq!(Arc::strong_count(&takes), 2);
    outbox.close(false);
    assert_eq!(Arc::strong_count(&takes), 1);
}

#[test]
fn a_flush_that_a_connection_does_not_take_wakes_the_task() {
    let (outbox, takes, count, _) = direct_writer(4);
    for frame in [Frame::ping(), Frame::noop()] {
        outbox.share(&frame, &mut WriteBudget::up_to(0)).unwrap();
    }
    outbox.flush(&mut WriteBudget::up_to(1));
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    let all = [Frame::ping(), Frame::noop()].map(|frame| frame.bytes().to_vec());
    let all = all.concat();
    assert_eq!(takes.0.lock().unwrap().1, all[..4]);
    assert_eq!(outbox.pop().unwrap().bytes(), &all[4..]);
    // What was cut counts until it has gone.
    assert_eq!(outbox.pop(), None);
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
}

#[test]
fn a_poll_needs_the_task_only_if_there_is_something_to_do() {
    let outbox = outbox(1_000, 10);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    outbox.cork();
    assert!(!outbox.poll_waits(), "the task is in its turn");
    assert!(outbox.uncork(&waker, false));
    assert!(
        outbox
            .push_volatile(&Frame::ping(), &mut WriteBudget::up_to(1))
            .is_none()
    );
    assert!(outbox.poll_waits());
    assert!(!outbox.poll_waits(), "there is another one");
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    // What comes now has somewhere to go, also if it is volatile, and wakes the task.
    assert!(
        outbox
            .push_volatile(&Frame::ping(), &mut WriteBudget::up_to(1))
            .is_some()
    );
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    outbox.cork();
    assert!(outbox.uncork(&waker, false));
    assert!(!outbox.poll_waits(), "something is queued");
    outbox.close(true);
    assert!(!outbox.poll_waits(), "it is to be refused");
}

#[test]
fn a_poll_fetches_what_is_queued_unless_the_task_has_a_say() {
    let outbox = outbox(usize::MAX, 2);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let fetched = || outbox.fetch(|| true).map(Iterator::count);
    assert_eq!(fetched(), None, "nothing is queued");
    for _ in 0..2 {
        outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
    }
    outbox.cork();
    assert_eq!(fetched(), None, "the task is in its turn");
    assert!(outbox.uncork(&waker, false));
    assert!(outbox.fetch(|| false).is_none(), "it goes another way");
    assert_eq!(fetched(), Some(2));
    assert!(outbox.is_empty());
    for _ in 0..3 {
        outbox.push(&Frame::ping(), Urgency::Reply).unwrap();
    }
    assert_eq!(
        fetched(),
        None,
        "the task is to be woken, for it reads again"
    );
    assert_eq!(outbox.take_all().count(), 3);
    assert!(outbox.poll_waits());
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
    assert_eq!(fetched(), None, "another poll came first");
    outbox.cork();
    assert!(outbox.uncork(&waker, false));
    outbox.close(false);
    assert_eq!(fetched(), None, "the client is to be told of the end");
}

fn draft(text: &str) -> Draft {
    wire::event_draft("/", None, "e", text).unwrap()
}

fn bytes(frames: impl IntoIterator<Item = Frame>) -> Vec<u8> {
    let frames = frames.into_iter();
    frames.flat_map(|frame| frame.bytes().to_vec()).collect()
}

#[test]
fn what_is_for_one_client_alone_stays_in_the_order_of_everything() {
    let lens = [1, 10, 100, 1_000, 4_000, 4_096, 5_000, 70_000];
    let texts: Vec<_> = (0..400)
        .map(|at| {
            format!(
                "{at}{}",
                "x".repeat(lens[at % lens.len()] * usize::from(at % 3 > 0))
            )
        })
        .collect();
    let outbox = outbox(usize::MAX, usize::MAX);
    let mut expected = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let frame = draft(text).into_frame();
        expected.extend_from_slice(frame.bytes());
        match at % 7 {
            3 => outbox.push(&frame, Urgency::Normal).unwrap(),
            5 => outbox.give(frame, Urgency::Reply).unwrap(),
            _ => outbox.append(draft(text), Urgency::Normal).unwrap(),
        }
    }
    let half: Vec<_> = std::iter::from_fn(|| outbox.pop()).take(30).collect();
    let messages: usize = half.iter().map(Frame::messages).sum();
    let rest: Vec<_> = outbox.take_all().collect();
    assert_eq!(
        messages + rest.iter().map(Frame::messages).sum::<usize>(),
        400
    );
    assert_eq!(bytes(half.into_iter().chain(rest)), expected);
    assert!(outbox.is_empty());
    assert_eq!(outbox.pop(), None);
}

#[test]
fn small_frames_for_one_client_alone_leave_together() {
    let outbox = outbox(usize::MAX, usize::MAX);
    for _ in 0..10 {
        outbox.append(draft("x"), Urgency::Reply).unwrap();
    }
    let all = outbox.pop().unwrap();
    assert_eq!(all.messages(), 10);
    let parts = all.parts().map(|part| part.payload);
    assert!(parts.eq([&b"42[\"e\",\"x\"]"[..]; 10]));
    assert_eq!(outbox.pop(), None);
}

#[test]
fn drafts_count_like_frames() {
    let len = draft("x").len();
    let bounded = outbox(len * 2, usize::MAX);
    for outbox in [&bounded, &outbox(usize::MAX, 2)] {
        outbox.append(draft("x"), Urgency::Normal).unwrap();
        outbox.append(draft("x"), Urgency::Normal).unwrap();
        let refused = outbox.append(draft("x"), Urgency::Normal);
        assert_eq!(refused, Err(SendError::Full));
        assert!(!outbox.is_over_limit());
        outbox.append(draft("x"), Urgency::Reply).unwrap();
        assert!(outbox.is_over_limit());
        assert_eq!(outbox.pop().unwrap().messages(), 3);
        assert!(!outbox.is_over_limit());
        outbox.append(draft("x"), Urgency::Normal).unwrap();
        outbox.close(true);
        assert!(outbox.is_empty());
        let refused = outbox.append(draft("x"), Urgency::Reply);
        assert_eq!(refused, Err(SendError::Closed));
    }
}

#[test]
fn a_draft_with_a_binary_that_is_taken_in_part_is_finished_by_the_task() {
    let with_binary = || {
        let data = wire::Bytes::from(vec![7; 300]);
        wire::event_draft("/", None, "e", &data).unwrap()
    };
    let whole = with_binary().into_frame();
    assert_eq!(whole.messages(), 2);
    for room in [0, 1, 40, 100, whole.len() - 1, whole.len()] {
        let (outbox, takes, count, _) = direct_writer(room);
        outbox.append(with_binary(), Urgency::Normal).unwrap();
        let taken = takes.0.lock().unwrap().1.clone();
        assert_eq!(taken, whole.bytes()[..room]);
        let rest = bytes(std::iter::from_fn(|| outbox.pop()));
        assert_eq!([taken, rest].concat(), whole.bytes()[..]);
        let woken = usize::from(room < whole.len());
        assert_eq!(count.0.load(Ordering::Relaxed), woken);
    }
}

#[test]
fn a_flush_writes_drafts_behind_what_was_owed() {
    let (outbox, takes, _, _) = direct_writer(1_000);
    outbox
        .share(&Frame::ping(), &mut WriteBudget::up_to(0))
        .unwrap();
    outbox.append(draft("x"), Urgency::Reply).unwrap();
    outbox.append(draft("y"), Urgency::Reply).unwrap();
    outbox.flush(&mut WriteBudget::up_to(1));
    let all = [
        Frame::ping(),
        draft("x").into_frame(),
        draft("y").into_frame(),
    ];
    assert_eq!(takes.0.lock().unwrap().1, bytes(all));
    assert!(outbox.is_empty());
}
