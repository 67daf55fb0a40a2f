//! Frames that are queued first and settled later.

use std::sync::Arc;

use super::*;
use crate::{
    engine::{EngineConfig, TransportKind, outbox::TurnGuard},
    ids::Sid,
    wire::Revision,
};

fn session(config: &EngineConfig) -> Session {
    Session::new(
        Sid::random().unwrap(),
        config,
        TransportKind::WebSocket,
        Revision::Four,
        None,
    )
}

struct Flag(std::sync::atomic::AtomicUsize);

impl std::task::Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

/// A session whose task sleeps, and how often it was woken.
fn asleep() -> (Session, Arc<Flag>, std::task::Waker) {
    let session = session(&EngineConfig::default());
    let flag = Arc::new(Flag(0.into()));
    let waker = std::task::Waker::from(Arc::clone(&flag));
    assert!(TurnGuard::begin(session.clone()).try_end(&waker, true));
    (session, flag, waker)
}

fn woken(flag: &Flag) -> usize {
    flag.0.load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn the_task_is_woken_when_frames_are_settled_and_not_before() {
    let (session, flag, _) = asleep();
    let mut sends = OrderedSends::default();
    sends.share(&session, &Frame::ping().into()).unwrap();
    sends.give(&session, &Frame::noop().into()).unwrap();
    assert_eq!((woken(&flag), sends.sessions.len()), (0, 1));
    sends.finish();
    assert_eq!(woken(&flag), 1);
    let all: Vec<_> = session.shared().outbox.take_all().collect();
    assert_eq!(all, [Frame::ping(), Frame::noop()]);
}

#[test]
fn a_frame_that_is_settled_during_a_turn_keeps_no_later_one_asleep() {
    let (session, flag, waker) = asleep();
    let mut sends = OrderedSends::default();
    sends.share(&session, &Frame::ping().into()).unwrap();
    let turn = TurnGuard::begin(session.clone());
    sends.finish();
    assert_eq!(session.shared().outbox.take_all().count(), 1);
    assert!(turn.try_end(&waker, true));
    let mut sends = OrderedSends::default();
    sends.share(&session, &Frame::noop().into()).unwrap();
    sends.finish();
    assert_eq!(woken(&flag), 1);
}

#[test]
fn a_frame_for_one_is_refused_at_the_first_mark_and_one_for_many_at_the_second() {
    let config = EngineConfig {
        send_queue_bytes: 1_000,
        send_queue_hard: 2_000,
        ..EngineConfig::default()
    };
    let session = session(&config);
    let (mut given, mut shared) = (0, 0);
    for _ in 0..100 {
        let mut sends = OrderedSends::default();
        given +=
            usize::from(session.has_room() && sends.give(&session, &Frame::noop().into()).is_ok());
        sends.finish();
    }
    assert!((10..30).contains(&given), "{given}");
    while session.is_open() && shared < 100 {
        let mut sends = OrderedSends::default();
        assert_eq!(sends.share(&session, &Frame::noop().into()), Ok(()));
        sends.finish();
        shared += 1;
    }
    assert!((10..30).contains(&shared), "{shared}");
    let mut sends = OrderedSends::default();
    assert_eq!(
        sends.share(&session, &Frame::noop().into()),
        Err(NotQueued::Closed)
    );
}

#[test]
fn an_answer_of_many_frames_is_judged_as_one() {
    let config = EngineConfig {
        send_queue_bytes: 1_000,
        send_queue_hard: 2_000,
        ..EngineConfig::default()
    };
    let session = session(&config);
    let mut sends = OrderedSends::default();
    sends
        .reply(&session, Frame::noop(), vec![Frame::noop(); 199])
        .unwrap();
    sends.finish();
    assert!(session.is_open());
    assert_eq!(session.shared().outbox.take_all().count(), 200);
}

#[test]
fn a_volatile_frame_is_queued_only_where_it_would_go_out_at_once() {
    let (session, ..) = asleep();
    let mut sends = OrderedSends::default();
    assert!(sends.share_volatile(&session, &Frame::noop().into()));
    assert!(!sends.share_volatile(&session, &Frame::noop().into()));
}
