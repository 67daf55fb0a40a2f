//! The outbox: its queue, direct writes, and wake-ups.
//!
//! The tests of direct writes alone are not for `koio_slow_twins`, where there are none.

#[cfg(not(koio_slow_twins))]
use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll},
    thread,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
    time::Duration,
};

use super::limits::MESSAGE_WEIGHT;
use super::*;
use crate::{
    engine::transport::{DirectFlushed, DirectFrames, FrameSource},
    wire,
};

#[cfg(not(koio_slow_twins))]
use self::direct::{Takes, idle};

#[path = "direct_tests.rs"]
mod direct;
#[path = "turn_tests.rs"]
mod turn;

/// A turn begins, on this thread.
fn begin(outbox: &Outbox) {
    outbox.begin_turn();
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// An outbox with these marks.
fn marked(first: usize, second: usize) -> Outbox {
    Outbox::new(&EngineConfig {
        send_queue_bytes: first,
        send_queue_hard: second,
        ..EngineConfig::default()
    })
}

/// An outbox that is full when so many small messages wait.
fn outbox(messages: usize) -> Outbox {
    let first = messages.saturating_mul(MESSAGE_WEIGHT);
    marked(first, first.saturating_mul(8))
}

fn is_full<T>(sent: Result<T, NotQueued>) -> bool {
    matches!(sent, Err(NotQueued::Full))
}

#[test]
fn a_full_queue_refuses_and_keeps_what_it_has() {
    let outbox = outbox(2);
    let ping = Frame::ping();
    assert_eq!(outbox.push(&ping, Urgency::Normal), Ok(()));
    assert_eq!(outbox.push(&ping, Urgency::Normal), Ok(()));
    assert!(is_full(outbox.push(&ping, Urgency::Normal)));
    assert!(outbox.is_above_mark());
    assert_eq!(outbox.push(&ping, Urgency::Reply), Ok(()));
    assert_eq!(outbox.take_all().count(), 3);
    assert!(!outbox.is_above_mark());
    assert_eq!(outbox.push(&ping, Urgency::Normal), Ok(()));
}

#[test]
fn popped_bytes_no_longer_count() {
    let ping = Frame::ping();
    let outbox = marked(limits::weight(ping.len() * 2, 2), usize::MAX);
    outbox.push(&ping, Urgency::Normal).unwrap();
    outbox.push(&ping, Urgency::Normal).unwrap();
    assert!(is_full(outbox.push(&ping, Urgency::Normal)));
    assert!(outbox.pop().is_some());
    assert_eq!(outbox.push(&ping, Urgency::Normal), Ok(()));
}

#[test]
fn the_first_mark_judges_what_waits_and_not_the_frame() {
    let outbox = outbox(3);
    outbox.append(draft("x"), Urgency::Normal).unwrap();
    let big = draft(&"x".repeat(100_000));
    outbox.append(big, Urgency::Normal).unwrap();
    let waiting = limits::weight(draft("x").len() + draft(&"x".repeat(100_000)).len(), 2);
    let refused = outbox.append(draft("x"), Urgency::Normal);
    let limit = 3 * MESSAGE_WEIGHT;
    assert_eq!(refused, Err(NotQueued::Full));
    let told = outbox.refused(NotQueued::Full);
    assert_eq!(told, SendError::Full { waiting, limit });
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_is_queued_between_the_marks_while_the_client_takes_something() {
    let outbox = marked(1_000, 4_000);
    let frame = draft(&"x".repeat(100)).into_frame();
    let mut budget = WriteBudget::up_to(0);
    let mut share = || outbox.share(&frame, &mut budget).map(drop);
    // Far more than `write_timeout`, in steps that are shorter.
    for _ in 0..10 {
        tokio::time::advance(Duration::from_secs(9)).await;
        while share().is_ok() {
            if outbox.state().waiting >= 3_000 {
                break;
            }
        }
        assert!(is_full(outbox.push(&frame, Urgency::Normal)));
        for _ in 0..3 {
            assert!(outbox.pop().is_some());
        }
    }
    assert_eq!(share(), Ok(()));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(share(), Err(NotQueued::SlowConsumer));
    assert_eq!(outbox.slow_cause().limit(), "write_timeout");
    // An answer may still wait.
    outbox.push(&frame, Urgency::Reply).unwrap();
}

#[cfg(not(koio_slow_twins))]
#[tokio::test(start_paused = true)]
async fn a_retry_that_the_connection_takes_nothing_of_is_no_progress() {
    let outbox = marked(1_000, 100_000);
    begin(&outbox);
    outbox.open_direct_writer(Some(Arc::new(Mutex::new(Takes::default()))));
    assert!(outbox.end_turn(Waker::noop(), true));
    let frame = draft(&"x".repeat(100)).into_frame();
    let share = || {
        let mut budget = WriteBudget::up_to(0);
        outbox.share(&frame, &mut budget).map(drop)
    };
    for _ in 0..20 {
        share().unwrap();
    }
    assert!(outbox.is_above_mark());
    tokio::time::advance(Duration::from_secs(9)).await;
    assert!(!outbox.retry());
    share().unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(share(), Err(NotQueued::SlowConsumer));
}

#[test]
fn nothing_is_queued_above_the_second_mark() {
    let frame = draft(&"x".repeat(100)).into_frame();
    for urgency in [Urgency::Shared, Urgency::Reply] {
        let outbox = marked(1_000, 4_000);
        let refused = loop {
            if let Err(refused) = outbox.push(&frame, urgency) {
                break refused;
            }
        };
        assert_eq!(refused, NotQueued::SlowConsumer);
        let waiting = outbox.state().waiting;
        assert!((4_000..4_200).contains(&waiting), "{waiting}");
        let cause = SlowCause::Queue {
            waiting,
            limit: 4_000,
        };
        assert_eq!(outbox.slow_cause(), cause);
        let text = format!("{waiting} bytes wait (`send_queue_hard`: 4000)");
        assert_eq!(cause.to_string(), text);
    }
}

#[test]
fn a_closed_queue_takes_nothing() {
    let outbox = outbox(10);
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
    outbox.close(Ending::Flush);
    assert_eq!(
        outbox.push(&Frame::ping(), Urgency::Reply),
        Err(NotQueued::Closed)
    );
    assert!(outbox.pop().is_some());
}

#[test]
fn volatile_frames_need_a_writable_transport_with_nothing_waiting() {
    let outbox = outbox(10);
    let waker = Waker::from(Arc::new(Count::default()));
    assert!(
        outbox
            .push_volatile(&Frame::noop(), &mut WriteBudget::up_to(1))
            .is_none()
    );
    assert!(outbox.end_turn(&waker, true));
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
fn a_push_wakes_the_task_only_outside_a_turn_and_no_turn_misses_one() {
    let outbox = outbox(10);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    assert!(outbox.end_turn(&waker, true));
    outbox.push(&Frame::noop(), Urgency::Normal).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    begin(&outbox);
    assert!(outbox.take_all().count() > 0);
    outbox.push(&Frame::noop(), Urgency::Normal).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert!(
        !outbox.end_turn(&waker, true),
        "something was queued meanwhile"
    );
    assert!(outbox.take_all().count() > 0);
    outbox.wake();
    assert!(!outbox.end_turn(&waker, true), "somebody woke it meanwhile");
    assert!(outbox.end_turn(&waker, true));
}

#[test]
fn a_poll_needs_the_task_only_if_there_is_something_to_do() {
    let outbox = outbox(10);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    begin(&outbox);
    assert!(!outbox.set_writable(), "the task is in its turn");
    assert!(outbox.end_turn(&waker, false));
    assert!(
        outbox
            .push_volatile(&Frame::ping(), &mut WriteBudget::up_to(1))
            .is_none()
    );
    assert!(outbox.set_writable());
    assert!(!outbox.set_writable(), "there is another one");
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    // A frame that comes now is accepted, also a volatile one, and wakes the task.
    assert!(
        outbox
            .push_volatile(&Frame::ping(), &mut WriteBudget::up_to(1))
            .is_some()
    );
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    begin(&outbox);
    assert!(outbox.end_turn(&waker, false));
    assert!(!outbox.set_writable(), "something is queued");
    outbox.close(Ending::Cut);
    assert!(!outbox.set_writable(), "it is to be refused");
}

#[test]
fn a_poll_fetches_what_is_queued_unless_the_task_must_see_it() {
    let outbox = outbox(2);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let fetched = || outbox.take_queued(|| true).map(Iterator::count);
    assert_eq!(fetched(), None, "nothing is queued");
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
    begin(&outbox);
    assert_eq!(fetched(), None, "the task is in its turn");
    assert!(outbox.end_turn(&waker, false));
    assert!(
        outbox.take_queued(|| false).is_none(),
        "it goes another way"
    );
    assert_eq!(fetched(), Some(1));
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
    assert!(outbox.set_writable());
    outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
    assert_eq!(fetched(), None, "another poll came first");
    begin(&outbox);
    assert!(outbox.end_turn(&waker, false));
    outbox.close(Ending::Flush);
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
fn drafts_keep_their_place_among_frames() {
    let lens = [1, 10, 100, 1_000, 4_000, 4_096, 5_000, 70_000];
    let texts: Vec<_> = (0..400)
        .map(|at| {
            format!(
                "{at}{}",
                "x".repeat(lens[at % lens.len()] * usize::from(at % 3 > 0))
            )
        })
        .collect();
    let outbox = outbox(usize::MAX);
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
fn small_drafts_leave_as_one_frame() {
    let outbox = outbox(usize::MAX);
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
    let two = limits::weight(draft("x").len() * 2, 2);
    for outbox in [marked(two, usize::MAX), outbox(2)] {
        outbox.append(draft("x"), Urgency::Normal).unwrap();
        outbox.append(draft("x"), Urgency::Normal).unwrap();
        let refused = outbox.append(draft("x"), Urgency::Normal);
        assert!(is_full(refused));
        assert!(outbox.is_above_mark());
        outbox.append(draft("x"), Urgency::Reply).unwrap();
        assert_eq!(outbox.pop().unwrap().messages(), 3);
        assert!(!outbox.is_above_mark());
        outbox.append(draft("x"), Urgency::Normal).unwrap();
        outbox.close(Ending::Cut);
        assert!(outbox.is_empty());
        let refused = outbox.append(draft("x"), Urgency::Reply);
        assert_eq!(refused, Err(NotQueued::Closed));
    }
}

#[cfg(not(koio_slow_twins))]
#[test]
fn a_draft_with_a_binary_that_is_taken_in_part_is_finished_by_the_task() {
    let with_binary = || {
        let data = wire::Bytes::from(vec![7; 300]);
        wire::event_draft("/", None, "e", &data).unwrap()
    };
    let whole = with_binary().into_frame();
    assert_eq!(whole.messages(), 2);
    for room in [0, 1, 40, 100, whole.len() - 1, whole.len()] {
        let (outbox, takes, count, _) = idle(room);
        outbox.append(with_binary(), Urgency::Normal).unwrap();
        let taken = takes.lock().taken.clone();
        assert_eq!(taken, whole.bytes()[..room]);
        let rest = bytes(std::iter::from_fn(|| outbox.pop()));
        let begun = takes.lock().begun.clone();
        assert_eq!([taken, begun, rest].concat(), whole.bytes()[..]);
        let woken = usize::from(room < whole.len());
        assert_eq!(count.0.load(Ordering::Relaxed), woken);
    }
}

#[cfg(not(koio_slow_twins))]
#[test]
fn a_flush_writes_drafts_behind_earlier_frames() {
    let (outbox, takes, _, _) = idle(1_000);
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
    assert_eq!(takes.lock().taken, bytes(all));
    assert!(outbox.is_empty());
}

#[cfg(not(koio_slow_twins))]
#[test]
fn a_write_in_the_middle_of_a_turn_wakes_the_tasks_that_wait_for_room() {
    let outbox = marked(1_000, usize::MAX);
    let takes = Takes {
        room: usize::MAX,
        ..Takes::default()
    };
    outbox.open_direct_writer(Some(Arc::new(Mutex::new(takes))));
    begin(&outbox);
    assert!(outbox.end_turn(Waker::noop(), true));
    begin(&outbox);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut ready = pin!(outbox.ready(|| false));
    // By another thread, which may not write during the turn.
    let mut poll_ready = || {
        thread::scope(|scope| {
            let poll = || ready.as_mut().poll(&mut Context::from_waker(&waker));
            scope.spawn(poll).join().unwrap().is_ready()
        })
    };
    let big = draft(&"x".repeat(100_000)).into_frame();
    thread::scope(|scope| {
        let push = || outbox.push(&big, Urgency::Normal).unwrap();
        scope.spawn(push).join().unwrap();
    });
    assert!(!poll_ready());
    // An answer of the turn, which writes all that waits.
    outbox.append(draft("x"), Urgency::Reply).unwrap();
    assert!(!outbox.is_above_mark());
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert!(poll_ready());
    assert!(outbox.end_turn(Waker::noop(), true));
    outbox.leave_thread();
}
