//! The frames that a turn sends, beside those that other tasks queue meanwhile.

use std::thread;

use super::*;

/// All that a turn writes at its end.
fn written(outbox: &Outbox) -> Vec<u8> {
    let mut written = Vec::new();
    let mut left = usize::MAX;
    while outbox.gather(&mut written, usize::MAX, &mut left, Taking::First) {
        written.extend_from_slice(&bytes(outbox.pop()));
    }
    written
}

#[test]
fn turn_and_concurrent_emitters_keep_order() {
    // Each seed is another sequence of senders.
    for seed in 1..200_u64 {
        let outbox = outbox(usize::MAX);
        let mut expected = Vec::new();
        let mut noise = seed;
        begin(&outbox);
        for number in 0..30 {
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let who = (noise >> 33) % 12;
            let text = match (noise >> 40) % 5 {
                0 => format!("{number}{}", "x".repeat(5_000)),
                _ => number.to_string(),
            };
            let frame = draft(&text).into_frame();
            match who {
                0..7 => outbox.append(draft(&text), Urgency::Reply).unwrap(),
                7 => outbox.push(&frame, Urgency::Normal).unwrap(),
                8 => thread::scope(|scope| {
                    let other = || outbox.push(&frame, Urgency::Normal).unwrap();
                    scope.spawn(other).join().unwrap();
                }),
                9 => thread::scope(|scope| {
                    let other = || outbox.append(draft(&text), Urgency::Normal).unwrap();
                    scope.spawn(other).join().unwrap();
                }),
                10 => {
                    assert!(written(&outbox) == expected, "seed {seed}");
                    expected.clear();
                    continue;
                }
                _ => {
                    assert!(bytes(outbox.take_all()) == expected, "seed {seed}");
                    expected.clear();
                    continue;
                }
            }
            expected.extend_from_slice(frame.bytes());
        }
        assert!(written(&outbox) == expected, "seed {seed}");
        assert!(outbox.end_turn(Waker::noop(), true), "nothing is left");
        outbox.leave_thread();
    }
}

#[test]
fn unsent_frames_of_a_turn_are_queued_when_it_ends() {
    let (ours, other) = (outbox(usize::MAX), outbox(10));
    for ended in [true, false] {
        begin(&ours);
        ours.append(draft("late"), Urgency::Reply).unwrap();
        if ended {
            assert!(ours.end_turn(Waker::noop(), false));
        }
        ours.leave_thread();
        // The next turn on this thread is another session's.
        begin(&other);
        ours.append(draft("later"), Urgency::Reply).unwrap();
        other.append(draft("other"), Urgency::Reply).unwrap();
        assert_eq!(written(&other), draft("other").into_frame().bytes()[..]);
        assert!(other.end_turn(Waker::noop(), true));
        other.leave_thread();
        let all = ["late", "later"].map(|text| draft(text).into_frame());
        assert_eq!(bytes(ours.take_all()), bytes(all));
    }
}

#[test]
fn a_turn_does_not_end_writable_while_frames_are_left() {
    let outbox = outbox(usize::MAX);
    begin(&outbox);
    outbox.append(draft("x"), Urgency::Reply).unwrap();
    assert!(!outbox.end_turn(Waker::noop(), true));
    assert_eq!(written(&outbox), draft("x").into_frame().bytes()[..]);
    assert!(outbox.end_turn(Waker::noop(), true));
}

#[test]
fn frames_of_a_turn_count_towards_the_limits() {
    let two = limits::weight(draft("x").len() * 2, 2);
    for outbox in [marked(two, usize::MAX), outbox(2)] {
        begin(&outbox);
        assert!(outbox.end_turn(Waker::noop(), true), "writable from now on");
        begin(&outbox);
        outbox.append(draft("x"), Urgency::Normal).unwrap();
        outbox.append(draft("x"), Urgency::Normal).unwrap();
        let refused = outbox.append(draft("x"), Urgency::Normal);
        assert!(is_full(refused));
        outbox.append(draft("x"), Urgency::Reply).unwrap();
        assert!(outbox.is_above_mark());
        assert_eq!(outbox.pop().unwrap().messages(), 3);
        assert!(outbox.is_empty() && !outbox.is_above_mark());
        // A volatile frame is dropped while another is before it.
        let volatile = || outbox.push_volatile(&Frame::ping(), &mut WriteBudget::up_to(1));
        assert!(volatile().is_some());
        assert_eq!(outbox.pop(), Some(Frame::ping()));
        outbox.append(draft("x"), Urgency::Reply).unwrap();
        assert!(volatile().is_none());
        outbox.leave_thread();
    }
}

#[test]
fn a_heavy_buffer_is_noticed_before_the_turn_ends() {
    let outbox = outbox(usize::MAX);
    begin(&outbox);
    let text = "x".repeat(1_000);
    let mut sent = 0;
    while !outbox.is_heavy() {
        outbox.append(draft(&text), Urgency::Reply).unwrap();
        sent += draft(&text).len();
        assert!(sent < 70_000, "it is noticed");
    }
    assert_eq!(written(&outbox).len(), sent);
    assert!(!outbox.is_heavy());
    outbox.leave_thread();
}

#[test]
fn a_session_closed_in_its_turn_sends_earlier_frames_or_nothing() {
    for discard in [false, true] {
        let outbox = outbox(usize::MAX);
        begin(&outbox);
        outbox.append(draft("before"), Urgency::Reply).unwrap();
        outbox.close(if discard { Ending::Cut } else { Ending::Flush });
        let refused = outbox.append(draft("after"), Urgency::Reply);
        assert_eq!(refused, Err(NotQueued::Closed));
        let before = draft("before").into_frame();
        let expected = if discard { &[] } else { &before.bytes()[..] };
        assert_eq!(written(&outbox), expected);
        outbox.leave_thread();
    }
}
