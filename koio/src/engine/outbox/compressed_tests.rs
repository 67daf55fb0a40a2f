//! Frames for clients that take compressed messages.

use crate::{
    engine::{EngineConfig, Fanout, OrderedSends, Session, TransportKind},
    ids::Sid,
    wire::{
        self, Draft, Frame, FrameForms, Message, PerMessageDeflate, Revision,
        compressed_by_this_thread,
    },
};

fn config() -> EngineConfig {
    EngineConfig {
        per_message_deflate: Some(PerMessageDeflate::new()),
        ..EngineConfig::default()
    }
}

fn session(takes_compressed: bool) -> Session {
    let config = config();
    let sid = Sid::random().unwrap();
    let session = Session::new(sid, &config, TransportKind::WebSocket, Revision::Four, None);
    if takes_compressed {
        session.shared().compress(&config);
    }
    session
}

fn queued(session: &Session) -> Vec<Frame> {
    session.shared().outbox.take_all().collect()
}

fn long() -> Frame {
    wire::event("/", None, "e", &"abc".repeat(1_000)).unwrap()
}

fn compressed(frame: &Frame) -> Frame {
    let compressed = frame.compressed(PerMessageDeflate::new()).unwrap();
    assert!(compressed.len() < frame.len());
    compressed
}

#[test]
fn a_broadcast_is_compressed_once_whatever_the_number_of_recipients() {
    let frame = long();
    let expected = compressed(&frame);
    let sessions: Vec<_> = (0..1_000).map(|number| session(number % 3 > 0)).collect();
    let before = compressed_by_this_thread();
    let mut fanout = Fanout::new(&frame);
    for session in &sessions {
        fanout.send(session).unwrap();
    }
    fanout.finish();
    assert_eq!(compressed_by_this_thread(), before + 1);
    for session in &sessions {
        let expected = match session.deflate() {
            Some(_) => &expected,
            None => &frame,
        };
        assert_eq!(queued(session), std::slice::from_ref(expected));
    }
}

#[test]
fn a_broadcast_without_a_recipient_that_takes_it_is_not_compressed() {
    let (frame, other) = (long(), session(false));
    let before = compressed_by_this_thread();
    let mut fanout = Fanout::new(&frame);
    fanout.send(&other).unwrap();
    fanout.finish();
    assert_eq!(compressed_by_this_thread(), before);
    let short = Frame::ping();
    let mut fanout = Fanout::new(&short);
    let taker = session(true);
    for _ in 0..3 {
        fanout.send(&taker).unwrap();
    }
    fanout.finish();
    assert_eq!(compressed_by_this_thread(), before);
    assert_eq!(
        queued(&taker),
        [Frame::ping(), Frame::ping(), Frame::ping()]
    );
}

#[test]
fn what_does_not_become_smaller_is_tried_once() {
    let mut noise = vec![0; 5_000];
    fastrand::Rng::with_seed(1).fill(&mut noise);
    let frame = Frame::message(&Message::Binary(noise.into()));
    let before = compressed_by_this_thread();
    let mut fanout = Fanout::new(&frame);
    let sessions = [session(true), session(true)];
    for session in &sessions {
        fanout.send(session).unwrap();
    }
    fanout.finish();
    assert_eq!(compressed_by_this_thread(), before + 1);
    assert_eq!(queued(&sessions[1]), [frame]);
}

#[test]
fn each_way_to_one_client_compresses() {
    let (frame, taker) = (long(), session(true));
    let draft = || -> Draft { wire::event_draft("/", None, "e", &"abc".repeat(1_000)).unwrap() };
    taker.send_frame(&frame).unwrap();
    taker.send_draft(draft()).unwrap();
    taker.reply(frame.clone()).unwrap();
    taker.reply_draft(draft()).unwrap();
    let text = Message::Text("x".repeat(3_000).into());
    taker.send(&text).unwrap();
    let small = compressed(&frame);
    let expected = [
        small.clone(),
        small.clone(),
        small.clone(),
        small,
        compressed(&Frame::message(&text)),
    ];
    assert_eq!(queued(&taker), expected);
}

#[test]
fn what_is_left_uncompressed_is_sent_as_it_is_each_way() {
    let (frame, taker) = (long().leave_uncompressed(true), session(true));
    let before = compressed_by_this_thread();
    let mut fanout = Fanout::new(&frame);
    fanout.send(&taker).unwrap();
    fanout.finish();
    taker.send_frame(&frame).unwrap();
    let mut draft = wire::event_draft("/", None, "e", &"abc".repeat(1_000)).unwrap();
    draft.leave_uncompressed();
    taker.send_draft(draft).unwrap();
    assert_eq!(compressed_by_this_thread(), before);
    for sent in queued(&taker) {
        assert_eq!(sent.bytes(), frame.bytes());
    }
}

#[test]
fn frames_in_an_order_go_out_in_the_form_of_their_recipient() {
    let frame = long();
    let forms = FrameForms {
        compressed: Some(Box::new(compressed(&frame))),
        plain: frame.clone(),
    };
    let (taker, other) = (session(true), session(false));
    let mut sends = OrderedSends::default();
    for session in [&taker, &other] {
        sends.share(session, &forms).unwrap();
        sends.give(session, &forms).unwrap();
    }
    sends.finish();
    assert_eq!(queued(&taker), [compressed(&frame), compressed(&frame)]);
    assert_eq!(queued(&other), [frame.clone(), frame]);
}

#[test]
fn what_is_compressed_counts_as_it_is_sent() {
    let config = EngineConfig {
        send_queue_bytes: 4_096,
        ..config()
    };
    let session = |takes| {
        let session = Session::new(
            Sid::random().unwrap(),
            &config,
            TransportKind::WebSocket,
            Revision::Four,
            None,
        );
        if takes {
            session.shared().compress(&config);
        }
        session
    };
    let (taker, other) = (session(true), session(false));
    let accepted = |session: &Session| {
        (0..20)
            .filter(|_| session.send_frame(&long()).is_ok())
            .count()
    };
    assert_eq!((accepted(&taker), accepted(&other)), (20, 2));
}

#[test]
fn a_client_of_revision_3_is_sent_nothing_compressed() {
    let three = Revision::Three { base64: false };
    let sid = Sid::random().unwrap();
    let session = Session::new(sid, &config(), TransportKind::WebSocket, three, None);
    session.shared().compress(&config());
    session.send_frame(&long()).unwrap();
    assert_eq!(queued(&session), [long()]);
}
