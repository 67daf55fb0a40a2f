//! What a turn sends, beside what others queue meanwhile.

use std::thread;

use super::*;

/// All that a turn writes at its end.
fn written(outbox: &Outbox) -> Vec<u8> {
    let mut written = Vec::new();
    let mut left = usize::MAX;
    while outbox.gather(&mut written, usize::MAX, &mut left) {
        written.extend_from_slice(&bytes(outbox.pop()));
    }
    written
}

#[test]
fn a_turn_and_those_it_has_to_do_with_are_heard_in_the_order_in_which_they_spoke() {
    // Numbers as noise: each seed is another sequence of who speaks.
    for seed in 1..200_u64 {
        let outbox = outbox(usize::MAX, usize::MAX);
        let mut expected = Vec::new();
        let mut noise = seed;
        outbox.cork();
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
        assert!(outbox.uncork(Waker::noop(), true), "nothing is left");
        outbox.leave();
    }
}

#[test]
fn what_a_turn_could_not_write_is_queued_when_it_ends() {
    let (ours, other) = (outbox(usize::MAX, usize::MAX), outbox(usize::MAX, 10));
    for uncorked in [true, false] {
        ours.cork();
        ours.append(draft("late"), Urgency::Reply).unwrap();
        if uncorked {
            assert!(ours.uncork(Waker::noop(), false));
        }
        ours.leave();
        // The next turn on this thread is another session's.
        other.cork();
        ours.append(draft("later"), Urgency::Reply).unwrap();
        other.append(draft("other"), Urgency::Reply).unwrap();
        assert_eq!(written(&other), draft("other").into_frame().bytes()[..]);
        assert!(other.uncork(Waker::noop(), true));
        other.leave();
        let all = ["late", "later"].map(|text| draft(text).into_frame());
        assert_eq!(bytes(ours.take_all()), bytes(all));
    }
}

#[test]
fn a_turn_does_not_end_writable_while_something_is_left() {
    let outbox = outbox(usize::MAX, usize::MAX);
    outbox.cork();
    outbox.append(draft("x"), Urgency::Reply).unwrap();
    assert!(!outbox.uncork(Waker::noop(), true));
    assert_eq!(written(&outbox), draft("x").into_frame().bytes()[..]);
    assert!(outbox.uncork(Waker::noop(), true));
}

#[test]
fn what_a_turn_sends_counts_like_all_else() {
    let len = draft("x").len();
    for outbox in [outbox(len * 2, usize::MAX), outbox(usize::MAX, 2)] {
        outbox.cork();
        assert!(outbox.uncork(Waker::noop(), true), "writable from now on");
        outbox.cork();
        outbox.append(draft("x"), Urgency::Normal).unwrap();
        outbox.append(draft("x"), Urgency::Normal).unwrap();
        assert!(!outbox.is_over_limit());
        let refused = outbox.append(draft("x"), Urgency::Normal);
        assert_eq!(refused, Err(SendError::Full));
        outbox.append(draft("x"), Urgency::Reply).unwrap();
        assert!(outbox.is_over_limit());
        assert_eq!(outbox.pop().unwrap().messages(), 3);
        assert!(outbox.is_empty() && !outbox.is_over_limit());
        // A volatile one is dropped while something is before it.
        let volatile = || outbox.push_volatile(&Frame::ping(), &mut WriteBudget::up_to(1));
        assert!(volatile().is_some());
        assert_eq!(outbox.pop(), Some(Frame::ping()));
        outbox.append(draft("x"), Urgency::Reply).unwrap();
        assert!(volatile().is_none());
        outbox.leave();
    }
}

#[test]
fn much_is_written_before_the_turn_ends() {
    let outbox = outbox(usize::MAX, usize::MAX);
    outbox.cork();
    let text = "x".repeat(1_000);
    let mut sent = 0;
    while !outbox.is_heavy() {
        outbox.append(draft(&text), Urgency::Reply).unwrap();
        sent += draft(&text).len();
        assert!(sent < 70_000, "it is noticed");
    }
    assert_eq!(written(&outbox).len(), sent);
    assert!(!outbox.is_heavy());
    outbox.leave();
}

#[test]
fn a_session_that_is_closed_in_its_turn_sends_what_came_before_or_nothing() {
    for discard in [false, true] {
        let outbox = outbox(usize::MAX, usize::MAX);
        outbox.cork();
        outbox.append(draft("before"), Urgency::Reply).unwrap();
        outbox.close(discard);
        let refused = outbox.append(draft("after"), Urgency::Reply);
        assert_eq!(refused, Err(SendError::Closed));
        let before = draft("before").into_frame();
        let expected = if discard { &[] } else { &before.bytes()[..] };
        assert_eq!(written(&outbox), expected);
        outbox.leave();
    }
}
