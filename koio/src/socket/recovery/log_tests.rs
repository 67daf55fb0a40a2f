//! The log against a model that keeps everything, with random operations.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    ids::{Pid, Room},
    socket::recovery::stays::Stays,
    wire,
};

fn limits(namespace_bytes: usize, server_bytes: usize) -> LogLimits {
    LogLimits {
        namespace_bytes,
        server_bytes,
        held: Arc::default(),
    }
}

fn new_log(namespace_bytes: usize) -> NamespaceLog {
    NamespaceLog::new(Epoch(*b"epoch1"), limits(namespace_bytes, usize::MAX))
}

fn target(rooms: &[&str], except: &[&str]) -> Target {
    let names = |names: &[&str]| names.iter().map(|name| Room::from(*name)).collect();
    Target {
        rooms: names(rooms),
        except: names(except),
    }
}

fn event(number: u64) -> Frame {
    wire::event("/", None, "e", &number).unwrap()
}

fn append(log: &mut NamespaceLog, to: Target) -> u64 {
    let number = log.last() + 1;
    log.append(event(number), to);
    number
}

fn session(log: &mut NamespaceLog, rooms: &[&str]) -> SessionRecord {
    let id = SocketId::random().unwrap();
    log.enter(id);
    let rooms = rooms.iter().map(|room| Room::from(*room)).collect();
    SessionRecord {
        id,
        pid: Pid::random().unwrap(),
        since: log.last(),
        stays: Stays::begin(rooms, log.last()),
    }
}

/// The events that a session has missed, by their numbers.
fn missed(log: &NamespaceLog, session: &SessionRecord) -> Option<Vec<u64>> {
    let mut missed = MissedEvents::default();
    while !log.collect(session, &mut missed) {}
    let frames = (!missed.has_gap).then_some(missed.frames)?;
    let number = |frame: Frame| (1..=log.last()).find(|number| event(*number) == frame);
    Some(
        frames
            .into_iter()
            .map(|frame| number(frame).unwrap())
            .collect(),
    )
}

#[test]
fn a_client_misses_what_was_for_its_rooms_its_id_and_everybody() {
    let mut log = new_log(1 << 20);
    append(&mut log, target(&[], &[]));
    let mut away = session(&mut log, &["a"]);
    let id = away.id.as_str().to_owned();
    append(&mut log, target(&["a"], &[])); // 2
    append(&mut log, target(&["b"], &[]));
    append(&mut log, target(&["b", "a"], &[])); // 4
    append(&mut log, target(&[], &[&id]));
    append(&mut log, target(&[&id], &[])); // 6
    append(&mut log, target(&[], &["a"]));
    append(&mut log, target(&[], &[])); // 8
    assert_eq!(missed(&log, &away), Some(vec![2, 4, 6, 8]));
    away.since = 4;
    assert_eq!(missed(&log, &away), Some(vec![6, 8]));
    away.since = 8;
    assert_eq!(missed(&log, &away), Some(vec![]));
}

#[test]
fn rooms_count_as_they_were_when_an_event_was_sent() {
    let mut log = new_log(1 << 20);
    let mut record = session(&mut log, &[]);
    append(&mut log, target(&["a"], &[]));
    record.stays.enter("a".into(), log.last());
    append(&mut log, target(&["a"], &[])); // 2
    append(&mut log, target(&[], &["a"]));
    record.stays.leave(&"a".into(), log.last());
    append(&mut log, target(&["a"], &[]));
    append(&mut log, target(&[], &["a"])); // 5
    assert_eq!(missed(&log, &record), Some(vec![2, 5]));
}

#[test]
fn a_full_log_is_a_gap_only_for_those_whom_it_concerns() {
    let mut log = new_log(2_000);
    let busy = session(&mut log, &["busy"]);
    let quiet = session(&mut log, &["quiet"]);
    append(&mut log, target(&["quiet"], &[]));
    let seen = SessionRecord {
        since: log.last(),
        ..quiet.clone()
    };
    for _ in 0..1_000 {
        append(&mut log, target(&["busy"], &[]));
    }
    assert!(log.bytes <= 2_000 && !log.entries.is_empty());
    assert_eq!(missed(&log, &busy), None);
    assert_eq!(missed(&log, &quiet), None, "it has missed the first");
    assert_eq!(missed(&log, &seen), Some(vec![]));
    let late = SessionRecord {
        since: log.last() - 1,
        ..busy
    };
    assert_eq!(missed(&log, &late), Some(vec![log.last()]));
}

#[test]
fn events_that_left_out_a_client_are_no_gap_for_it() {
    let mut log = new_log(2_000);
    let speaker = session(&mut log, &["a"]);
    let listener = session(&mut log, &["a"]);
    let own = speaker.id.as_str().to_owned();
    for _ in 0..1_000 {
        append(&mut log, target(&["a"], &[&own]));
        append(&mut log, target(&[], &[&own]));
    }
    assert_eq!(missed(&log, &speaker), Some(vec![]));
    assert_eq!(missed(&log, &listener), None);
}

#[test]
fn an_event_above_the_limit_is_not_kept_and_that_is_a_gap() {
    let mut log = new_log(2_000);
    let away = session(&mut log, &[]);
    let large = wire::event("/", None, "e", &"x".repeat(4_000)).unwrap();
    log.append(large, target(&[], &[]));
    assert_eq!(missed(&log, &away), None);
    assert_eq!(log.bytes, 0);
}

#[test]
fn the_limit_of_the_server_counts_all_logs_and_gives_back_what_is_dropped() {
    let shared = limits(1 << 20, 2_000);
    let held = Arc::clone(&shared.held);
    let mut log = NamespaceLog::new(Epoch(*b"epoch1"), shared);
    let here = session(&mut log, &[]);
    for _ in 0..100 {
        append(&mut log, target(&[], &[]));
        assert!(held.load(Ordering::Relaxed) <= 2_000);
    }
    held.fetch_add(2_000, Ordering::Relaxed);
    append(&mut log, target(&[], &[]));
    assert!(log.entries.is_empty(), "others hold all of it");
    held.fetch_sub(2_000, Ordering::Relaxed);
    append(&mut log, target(&[], &[]));
    log.end(here.id);
    assert_eq!(held.load(Ordering::Relaxed), 0, "nobody can come back");
}

#[test]
fn events_are_kept_for_their_time() {
    let (mut log, start) = (new_log(1 << 20), Instant::now());
    let (keep, second) = (Duration::from_secs(10), Duration::from_secs(1));
    let mut away = session(&mut log, &[]);
    for passed in 0..20 {
        append(&mut log, target(&[], &[]));
        log.trim_older(start + passed * second, keep);
    }
    let oldest = log.first();
    assert_eq!(oldest, 11);
    assert_eq!(missed(&log, &away), None);
    away.since = oldest - 1;
    assert_eq!(missed(&log, &away).map(|missed| missed.len()), Some(10));
}

#[test]
fn an_offset_counts_in_its_own_epoch_and_if_it_was_given() {
    let mut log = new_log(1 << 20);
    let _here = session(&mut log, &[]);
    for _ in 0..5 {
        append(&mut log, target(&[], &[]));
    }
    let text = |offset| String::from_utf8(position::to_text(log.epoch, offset).to_vec()).unwrap();
    assert_eq!(log.seen(2, None), 2);
    assert_eq!(log.seen(2, Some(&text(4))), 4);
    assert_eq!(
        log.seen(4, Some(&text(2))),
        4,
        "an offset of an earlier session"
    );
    assert_eq!(log.seen(2, Some(&text(6))), 2, "it was never given");
    for odd in ["", "yeast", "epoch2----5", "\u{1f600}", &"x".repeat(10_000)] {
        assert_eq!(log.seen(2, Some(odd)), 2);
    }
}

/// A small generator, so that a failure can be repeated by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What one session was to get, by the rule and not by the log.
struct Modelled {
    record: SessionRecord,
    rooms: BTreeSet<&'static str>,
    meant: BTreeMap<u64, Target>,
}

const ROOMS: [&str; 3] = ["a", "b", "c"];

#[test]
fn what_is_emitted_between_two_slices_is_collected_too() {
    let mut log = new_log(usize::MAX);
    let away = session(&mut log, &["a"]);
    log.lose(away.id, Vec::new());
    let slice = SLICE as u64;
    for number in 0..3 * slice {
        append(
            &mut log,
            target(&[if number % 3 == 0 { "b" } else { "a" }], &[]),
        );
    }
    let mut collected = MissedEvents::default();
    let mut slices = 1;
    while !log.collect(&away, &mut collected) {
        append(&mut log, target(&["a"], &[]));
        slices += 1;
    }
    assert_eq!(slices, 4, "each adds one event behind the others");
    assert_eq!(collected.frames.len() as u64, 2 * slice + 3);
    assert_eq!(
        missed(&log, &away).map(|all| all.len() as u64),
        Some(2 * slice + 3)
    );
}

#[test]
fn what_a_stream_has_missed_is_collected_in_slices_too() {
    let mut log = new_log(usize::MAX);
    log.follow();
    let slice = SLICE as u64;
    for number in 0..3 * slice {
        let (rooms, except): (&[&str], &[&str]) = match number % 3 {
            0 => (&["a", "b"], &[]),
            1 => (&["b"], &[]),
            _ => (&[], &["a"]),
        };
        append(&mut log, target(rooms, except));
    }
    let rooms = [Room::from("a")];
    let mut collected = MissedEvents::default();
    let mut slices = 1;
    while !log.collect_for_stream(0, &rooms, &mut collected) {
        append(&mut log, target(&["a"], &[]));
        slices += 1;
    }
    assert_eq!(slices, 4, "each adds one event behind the others");
    assert_eq!(collected.frames.len() as u64, slice + 3);
    log.trim_first();
    for (seen, is_gap) in [(1, false), (0, true)] {
        let mut missed = MissedEvents::default();
        log.collect_for_stream(seen, &rooms, &mut missed);
        assert_eq!(missed.has_gap, is_gap);
    }
}

#[test]
fn a_namespace_that_was_followed_is_kept_for_as_long_as_its_clients_may_come_back() {
    let mut log = new_log(usize::MAX);
    let (begun, keep) = (Instant::now(), Duration::from_secs(60));
    log.follow();
    log.follow();
    append(&mut log, target(&[], &[]));
    log.unfollow(begun);
    assert!(!log.lapse(begun + keep, keep), "one is left");
    log.unfollow(begun + keep);
    assert!(!log.lapse(begun + keep, keep) && log.is_kept());
    let seen = log.last();
    let of_socket = session(&mut log, &["a"]);
    assert!(!log.lapse(begun + 2 * keep, keep), "a socket is connected");
    log.end(of_socket.id);
    assert!(log.bytes > 0);
    assert!(log.lapse(begun + 2 * keep, keep));
    assert!(!log.is_kept() && log.bytes == 0);
    assert!(!log.lapse(begun + 2 * keep, keep), "once");
    let mut late = MissedEvents::default();
    assert!(log.collect_for_stream(seen, &[], &mut late) && late.has_gap);
}

#[test]
fn what_others_emit_does_not_keep_a_client_from_coming_back() {
    let mut log = new_log(usize::MAX);
    let away = session(&mut log, &["a"]);
    log.lose(away.id, Vec::new());
    let emit = |log: &mut NamespaceLog| {
        for _ in 0..2 * SLICE {
            append(log, target(&["a"], &[]));
        }
    };
    emit(&mut log);
    let mut collected = MissedEvents::default();
    let mut slices = 1;
    while !log.collect(&away, &mut collected) {
        assert!(slices < 10, "more comes between two slices than is in one");
        emit(&mut log);
        slices += 1;
    }
    assert_eq!(collected.frames.len() as u64, log.last());
}

#[test]
fn what_is_trimmed_between_two_slices_is_a_gap_only_if_it_was_not_collected_and_is_meant() {
    let slice = SLICE as u64;
    for (room, is_gap) in [("a", true), ("b", false)] {
        let mut log = new_log(usize::MAX);
        let away = session(&mut log, &["a"]);
        log.lose(away.id, Vec::new());
        for number in 0..3 * slice {
            append(
                &mut log,
                target(&[if number < slice { "a" } else { room }], &[]),
            );
        }
        let mut collected = MissedEvents::default();
        assert!(!log.collect(&away, &mut collected));
        for _ in 0..slice {
            log.trim_first();
        }
        assert!(
            !log.collect(&away, &mut collected) && !collected.has_gap,
            "it was collected"
        );
        while log.trim_first() {}
        assert!(log.collect(&away, &mut collected));
        assert_eq!(collected.has_gap, is_gap);
    }
}

#[test]
fn random_histories_give_exactly_what_was_meant_or_say_that_something_is_gone() {
    let (mut exact, mut gaps) = (0, 0);
    for seed in 0..400 {
        let mut random = Random(seed);
        let mut log = new_log([4_000, 1 << 20][usize::try_from(seed % 2).unwrap()]);
        let mut sessions: Vec<_> = (0..4)
            .map(|_| Modelled {
                record: session(&mut log, &[]),
                rooms: BTreeSet::new(),
                meant: BTreeMap::new(),
            })
            .collect();
        for _ in 0..60 {
            let who = usize::try_from(random.below(4)).unwrap();
            let room = ROOMS[usize::try_from(random.below(3)).unwrap()];
            let other = ROOMS[usize::try_from(random.below(3)).unwrap()];
            let id = sessions[who].record.id.as_str().to_owned();
            let at = log.last();
            let to = match random.below(9) {
                0 => {
                    let one = &mut sessions[who];
                    if one.rooms.insert(room) {
                        one.record.stays.enter(room.into(), at);
                    }
                    continue;
                }
                1 => {
                    let one = &mut sessions[who];
                    if one.rooms.remove(room) {
                        one.record.stays.leave(&room.into(), at);
                    }
                    continue;
                }
                2 => target(&[], &[]),
                3 => target(&[], &[&id]),
                4 => target(&[room], &[other]),
                5 => target(&[room, other], &[]),
                6 => target(&[&id], &[]),
                7 => target(&[room], &[&id]),
                _ => target(&[room], &[]),
            };
            let number = append(&mut log, to.clone());
            for one in &mut sessions {
                let has = |room: &Room| {
                    room.as_str() == one.record.id.as_str() || one.rooms.contains(room.as_str())
                };
                let is_in = to.rooms.is_empty() || to.rooms.iter().any(has);
                if is_in && !to.except.iter().any(has) {
                    one.meant.insert(number, to.clone());
                }
            }
        }
        for one in &mut sessions {
            one.record.since = random.below(log.last() + 1);
            let since = one.record.since;
            let meant: Vec<u64> = one.meant.range(since + 1..).map(|(at, _)| *at).collect();
            let first = log.first();
            match missed(&log, &one.record) {
                Some(missed) => {
                    assert_eq!(missed, meant, "seed {seed}");
                    exact += 1;
                }
                None => {
                    assert!(log.first() > 1, "seed {seed}: nothing was trimmed");
                    gaps += usize::from(meant.iter().any(|at| *at < first));
                }
            }
        }
    }
    assert!(exact > 800 && gaps > 100, "{exact} {gaps}");
}
