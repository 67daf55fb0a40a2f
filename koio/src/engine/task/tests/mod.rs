//! The session's task with a scripted WebSocket and a recording layer above: paused time, no network.

mod between_polls;
mod memory;
mod script;

use std::time::Duration;

use bytes::Bytes;

use self::script::*;
use crate::{
    engine::{CloseReason, EngineConfig, SendError, Session, TransportKind, transport::Arriving},
    ids::Sid,
    time::now,
    transport::polling::PollResponse,
    wire::Message,
};

#[tokio::test(start_paused = true)]
async fn a_websocket_session_begins_with_its_handshake_and_echoes_in_order() {
    let (_engine, above, wire) = websocket(config());
    for text in ["4a", "4b", "4c"] {
        wire.send(text);
    }
    settle().await;
    let written = wire.written();
    assert!(written[0].starts_with("0{\"sid\":\""), "{written:?}");
    assert!(written[0].contains("\"upgrades\":[]"));
    assert_eq!(written[1..], ["4a", "4b", "4c"]);
    assert_eq!(above.heard(), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_poll_waits_for_a_packet_and_a_post_is_answered_after_its_packets_are_received() {
    let (_engine, above, session) = polling(config());
    let poll = session.poll().unwrap();
    assert_eq!(posted(&session, "4a\x1e4b").await, PollResponse::Taken);
    assert_eq!(above.heard(), ["a", "b"]);
    let PollResponse::Payload(payload) = poll.await.unwrap() else {
        panic!("refused")
    };
    assert_eq!(*payload, *b"4a\x1e4b");
}

#[tokio::test(start_paused = true)]
async fn of_two_polls_at_once_the_first_is_closed_and_the_second_refused() {
    let (engine, above, session) = polling(config());
    let first = session.poll().unwrap();
    settle().await;
    assert_eq!(polled(&session).await, "refused");
    assert!(matches!(first.await.unwrap(), PollResponse::Payload(payload) if *payload == *b"1"));
    settle().await;
    assert_eq!(above.closed(), [CloseReason::TransportError]);
    assert!(engine.get(&session.sid()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_graceful_end_delivers_first_and_then_says_noop_and_close() {
    let (engine, above, session) = polling(config());
    let message = Message::Text(Bytes::from_static(b"last"));
    session.send(&message).unwrap();
    session.close(CloseReason::ForcedClose);
    assert_eq!(session.send(&message), Err(SendError::Closed));
    assert_eq!(polled(&session).await, "4last");
    assert_eq!(above.closed(), [CloseReason::ForcedClose]);
    assert!(engine.get(&session.sid()).is_some());
    assert_eq!(polled(&session).await, "6\x1e1");
    settle().await;
    assert!(engine.get(&session.sid()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_graceful_end_answers_a_waiting_poll_with_a_close() {
    let (_engine, _above, session) = polling(config());
    let poll = session.poll().unwrap();
    settle().await;
    session.close(CloseReason::ForcedClose);
    assert!(matches!(poll.await.unwrap(), PollResponse::Payload(payload) if *payload == *b"1"));
}

#[tokio::test(start_paused = true)]
async fn a_close_packet_answers_the_waiting_poll_with_a_noop() {
    let (engine, above, session) = polling(config());
    let poll = session.poll().unwrap();
    settle().await;
    assert_eq!(posted(&session, "1\x1e4late").await, PollResponse::Taken);
    assert!(matches!(poll.await.unwrap(), PollResponse::Payload(payload) if *payload == *b"6"));
    settle().await;
    assert_eq!(above.heard(), [""; 0]);
    assert_eq!(above.closed(), [CloseReason::TransportClose]);
    assert!(engine.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_comes_right_behind_a_close_packet_is_answered_with_a_noop() {
    let (engine, above, session) = polling(config());
    session.begin_post().unwrap();
    let post = session.post(packets("1")).unwrap();
    settle().await;
    assert_eq!(above.closed(), [CloseReason::TransportClose]);
    assert_eq!(polled(&session).await, "6");
    assert_eq!(post.await.unwrap(), PollResponse::Taken);
    settle().await;
    assert!(engine.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_close_packet_without_a_poll_is_answered_at_once() {
    let (engine, _above, session) = polling(config());
    let begun = now();
    assert_eq!(posted(&session, "1").await, PollResponse::Taken);
    assert!(now() - begun <= Duration::from_millis(21));
    settle().await;
    assert!(engine.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_post_is_refused_and_ends_the_session() {
    let (engine, above, session) = polling(config());
    assert_eq!(
        posted(&session, "4a\x1eabc\x1e4b").await,
        PollResponse::Refused
    );
    settle().await;
    assert_eq!(above.heard(), ["a"]);
    assert_eq!(above.closed(), [CloseReason::ParseError]);
    assert!(engine.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_keeps_the_order_of_messages() {
    let (_engine, above, session) = polling(config());
    let poll = session.poll().unwrap();
    settle().await;
    let wire = probed(&session).await;
    assert_eq!(wire.written(), ["3probe"]);
    assert!(matches!(poll.await.unwrap(), PollResponse::Payload(payload) if *payload == *b"6"));
    assert_eq!(posted(&session, "4a").await, PollResponse::Taken);
    assert_eq!(session.transport(), TransportKind::Polling);
    // `5` and what follows it arrive in one read.
    wire.with(|script| {
        for text in ["5", "4b"] {
            let text = Bytes::from_static(text.as_bytes());
            script.incoming.push_back(Message::Text(text));
        }
    });
    settle().await;
    assert_eq!(session.transport(), TransportKind::WebSocket);
    assert_eq!(above.heard(), ["a", "b"]);
    assert_eq!(wire.written(), ["4a", "4b"]);
}

#[tokio::test(start_paused = true)]
async fn a_post_that_an_upgrade_overtakes_is_received_before_messages_behind_the_upgrade() {
    let (_engine, above, session) = polling(config());
    let wire = probed(&session).await;
    above.0.lock().unwrap().full = true;
    session.begin_post().unwrap();
    let post = session.post(packets("4a\x1e4b")).unwrap();
    settle().await;
    wire.send("5");
    wire.send("4c");
    settle().await;
    assert_eq!(session.transport(), TransportKind::WebSocket);
    assert_eq!(above.heard(), [""; 0]);
    above.0.lock().unwrap().full = false;
    session.wake();
    assert_eq!(post.await.unwrap(), PollResponse::Taken);
    settle().await;
    assert_eq!(above.heard(), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn polls_that_come_while_probing_are_answered_again_and_again() {
    let (_engine, _above, session) = polling(config());
    let _wire = probed(&session).await;
    for _ in 0..5 {
        assert_eq!(polled(&session).await, "6");
    }
}

#[tokio::test(start_paused = true)]
async fn a_probed_session_without_polls_is_not_woken() {
    let (_engine, above, session) = polling(config());
    let wire = probed(&session).await;
    let turns = above.polled();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(above.polled(), turns);
    wire.send("5");
    settle().await;
    assert_eq!(session.transport(), TransportKind::WebSocket);
}

#[tokio::test(start_paused = true)]
async fn the_layer_above_is_polled_at_its_deadline() {
    let (_engine, above, session) = polling(config());
    settle().await;
    // A later deadline, then an earlier one.
    for seconds in [20, 500, 1, 10] {
        let time = Duration::from_secs(seconds);
        for time in [time, 2 * time, time] {
            above.0.lock().unwrap().deadline = Some(now() + time);
            session.wake();
            settle().await;
        }
        let turns = above.polled();
        tokio::time::sleep(time - Duration::from_millis(5)).await;
        assert_eq!(above.polled(), turns, "{seconds}");
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(above.0.lock().unwrap().deadline.is_none(), "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_websocket_is_closed_and_the_first_goes_on() {
    let (_engine, above, wire) = websocket(config());
    let second = Wire::default();
    above.session().probe(Box::new(second.clone())).unwrap();
    settle().await;
    assert_eq!(second.closed(), Some(1000));
    wire.send("4still here");
    settle().await;
    assert_eq!(above.heard(), ["still here"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_layer_above_stops_the_reading_and_the_deadline() {
    let mut impatient = config();
    impatient.ping_interval = Duration::from_secs(1);
    impatient.ping_timeout = Duration::from_secs(1);
    let (_engine, above, wire) = websocket(impatient);
    above.0.lock().unwrap().full = true;
    wire.send("4a");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(above.heard(), [""; 0]);
    assert_eq!(above.closed(), []);
    above.0.lock().unwrap().full = false;
    above.session().wake();
    settle().await;
    assert_eq!(above.heard(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_a_slow_consumer() {
    let (engine, above, wire) = websocket(config());
    settle().await;
    wire.with(|script| script.blocked = true);
    above
        .session()
        .send(&Message::Text(Bytes::from_static(b"x")))
        .unwrap();
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(above.closed(), [CloseReason::SlowConsumer]);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(engine.is_empty());
    assert_eq!(engine.sessions().tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_is_lost_ends_everything_at_once() {
    let (engine, above, wire) = websocket(config());
    settle().await;
    wire.hang_up();
    settle().await;
    assert_eq!(above.closed(), [CloseReason::TransportClose]);
    assert!(engine.is_empty());
    assert_eq!(engine.sessions().tasks(), 0);
    assert!(!above.session().is_open());
}

#[tokio::test(start_paused = true)]
async fn a_graceful_end_of_a_websocket_waits_for_the_client_to_answer() {
    let (engine, above, wire) = websocket(config());
    settle().await;
    above.session().close(CloseReason::ServerShuttingDown);
    settle().await;
    assert_eq!(wire.closed(), Some(1001));
    assert_eq!(engine.sessions().tasks(), 1);
    wire.hang_up();
    settle().await;
    assert_eq!(engine.sessions().tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_silent_session_is_gone_after_interval_and_timeout() {
    let (engine, above, _session) = polling(EngineConfig::default());
    tokio::time::sleep(Duration::from_millis(45_001)).await;
    assert_eq!(above.closed(), [CloseReason::PingTimeout]);
    assert!(engine.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_comes_with_the_end_of_its_session_is_closed() {
    let (_engine, above, session) = polling(config());
    settle().await;
    above.0.lock().unwrap().farewell = true;
    // Both have arrived when the session's task runs.
    session.lost(CloseReason::TransportError);
    let wire = Wire::default();
    session.probe(Box::new(wire.clone())).unwrap();
    settle().await;
    assert_eq!(wire.closed(), Some(1000));
}

#[tokio::test(start_paused = true)]
async fn a_layer_above_that_has_work_at_the_end_gets_its_turn_after_a_failed_write() {
    let (engine, above, wire) = websocket(config());
    settle().await;
    wire.with(|script| script.broken = true);
    settle().await;
    assert_eq!(above.closed(), [CloseReason::TransportClose]);
    assert_eq!(engine.sessions().tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wake_up_during_a_turn_is_not_lost() {
    let (_engine, above, session) = polling(config());
    settle().await;
    above.0.lock().unwrap().polled = 0;
    above.0.lock().unwrap().wakes = 1;
    // The first wake-up takes the waker, so the one during the turn finds none.
    session.wake();
    settle().await;
    assert_eq!(above.0.lock().unwrap().wakes, 0);
    assert!(above.0.lock().unwrap().polled >= 2);
}

#[tokio::test(start_paused = true)]
async fn a_polling_client_that_stops_polling_misses_its_ping() {
    let (engine, above, session) = polling(EngineConfig::default());
    let big = vec![b'x'; 2 * 1024 * 1024];
    session.send(&Message::Text(big.into())).unwrap();
    tokio::time::sleep(Duration::from_secs(46)).await;
    assert_eq!(above.closed(), [CloseReason::PingTimeout]);
    assert!(engine.is_empty());
}

#[tokio::test(start_paused = true)]
async fn messages_that_follow_each_other_without_a_gap_each_have_their_own_deadline() {
    let (_engine, above, wire) = websocket(config());
    // Every read ends in the middle of the next message, as it does while a client sends all it can.
    let arriving = Arriving {
        is_judged: false,
        bytes: 1,
        expected: 2,
    };
    wire.with(|script| script.arriving = Some(arriving));
    for _ in 0..20 {
        wire.send("4x");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(above.closed(), []);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(above.closed(), [CloseReason::TransportError]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_takes_sixty_four_control_frames_and_lets_other_tasks_run() {
    let (_engine, _above, wire) = websocket(config());
    settle().await;
    wire.with(|script| script.control_frames = Some(0));
    wire.send("4wake");
    let mut before = 0;
    for _ in 0..20 {
        tokio::task::yield_now().await;
        let count = wire.with(|script| script.control_frames.unwrap());
        // Up to four turns in one poll.
        assert!(count - before <= 4 * 64, "{before} to {count}");
        before = count;
    }
    assert!(before > 64, "{before}");
    wire.with(|script| script.control_frames = None);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_without_a_pause_is_still_answered() {
    let (_engine, _above, wire) = websocket(config());
    settle().await;
    wire.written();
    wire.with(|script| script.flood = true);
    settle().await;
    wire.with(|script| script.flood = false);
    assert!(!wire.written().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_opens_while_a_shutdown_begins() {
    for _ in 0..200 {
        let (engine, _above) = engine(config());
        let opener = engine.clone();
        let opening = tokio::task::spawn_blocking(move || while open_polling(&opener).is_ok() {});
        while engine.is_empty() {
            tokio::task::yield_now().await;
        }
        engine.sessions().refuse(crate::time::now());
        engine.sessions().cut_all(CloseReason::ServerShuttingDown);
        opening.await.unwrap();
        let drained = tokio::time::timeout(Duration::from_secs(5), engine.sessions().drained());
        assert!(drained.await.is_ok(), "{} sessions are left", engine.len());
    }
}

#[tokio::test]
async fn ended_sessions_leave_the_table() {
    let (engine, _above) = engine(config());
    assert!(engine.get(&Sid::random().unwrap()).is_none());
}

#[tokio::test]
async fn the_table_shrinks_when_its_sessions_end() {
    let (engine, _above) = engine(config());
    let mut opened = 0;
    while opened < 1_000 && open_polling(&engine).is_ok() {
        opened += 1;
    }
    assert!(engine.sessions().capacity() >= opened);
    engine.sessions().cut_all(CloseReason::ServerShuttingDown);
    let drained = tokio::time::timeout(Duration::from_secs(60), engine.sessions().drained());
    assert!(drained.await.is_ok());
    assert_eq!(engine.sessions().capacity(), 0);
}

/// tokio allocates a task in steps of 128 bytes, and adds 104 of its own. A byte more would cost every connection 128.
#[test]
fn a_session_s_task_fits_into_256_bytes() {
    assert!(size_of::<super::SessionTask>() + 104 <= 256);
}
