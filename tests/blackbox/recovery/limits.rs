//! What happens at the limits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use koio::Io;
use koio::recovery::Recovery;
use koio_tests::Transport;
use serde_json::json;

use super::client::{Client, TIME, recovering};
use crate::memory::Memory;

fn small() -> Memory {
    Memory::new(Io::new().recovery(Recovery::new(TIME).namespace_bytes(8_192)))
}

#[tokio::test(start_paused = true)]
async fn a_full_log_is_a_gap_for_those_who_missed_what_is_gone_and_for_nobody_else() {
    let memory = small();
    let quiet = Client::new(&memory, Transport::WebSocket).await;
    quiet.socket(&memory).join("quiet").expect("a room");
    let busy = Client::new(&memory, Transport::WebSocket).await;
    busy.socket(&memory).join("busy").expect("a room");
    let (quiet, busy) = (quiet.lose(&memory).await, busy.lose(&memory).await);
    for number in 0..100 {
        memory.io.to("busy").emit("busy", number).expect("no fault");
    }
    memory.io.to("quiet").emit("quiet", ()).expect("no fault");
    let mut quiet = Client::returning(&memory, Transport::WebSocket, quiet).await;
    assert!(quiet.recovered);
    quiet.expect(&[json!(["quiet"])]).await;
    let mut busy = Client::returning(&memory, Transport::WebSocket, busy).await;
    assert!(!busy.recovered);
    memory.io.broadcast("live", ()).expect("no fault");
    busy.expect(&[json!(["live"])]).await;
    assert_eq!(memory.io.counts().sessions_not_recovered, 1);
}

#[tokio::test(start_paused = true)]
async fn own_broadcasts_that_were_for_the_others_alone_are_no_gap() {
    let memory = small();
    let speaker = Client::new(&memory, Transport::WebSocket).await;
    let socket = speaker.socket(&memory);
    let _listener = Client::new(&memory, Transport::WebSocket).await;
    for number in 0..100 {
        socket.broadcast("said", number).expect("no fault");
    }
    let kept = speaker.lose(&memory).await;
    let back = Client::returning(&memory, Transport::WebSocket, kept).await;
    assert!(back.recovered);
}

#[tokio::test(start_paused = true)]
async fn the_session_that_would_expire_next_makes_room_for_another() {
    let expired = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&expired);
    let recovery = Recovery::new(TIME).waiting_sessions(2);
    let memory = Memory::new(
        Io::new()
            .recovery(recovery)
            .on_session_expired(move |session| {
                seen.lock()
                    .expect("no panic")
                    .push(session.id().to_string());
            }),
    );
    let mut ids = Vec::new();
    let mut lost = Vec::new();
    for _ in 0..4 {
        let client = Client::new(&memory, Transport::WebSocket).await;
        ids.push(client.id.clone());
        lost.push(client.lose(&memory).await);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(*expired.lock().expect("no panic"), ids[..2]);
    assert_eq!(memory.io.counts().sessions_expired, 2);
    let mut all = Vec::new();
    for (number, kept) in lost.into_iter().enumerate() {
        let back = Client::returning(&memory, Transport::WebSocket, kept).await;
        assert_eq!(back.recovered, number >= 2);
        // Its loss would make another expire.
        all.push(back);
    }
}

#[test]
fn limits_that_contradict_each_other_are_refused_at_the_start() {
    let time = Duration::from_secs(60);
    for (recovery, name) in [
        (Recovery::new(Duration::ZERO), "`recovery`"),
        (Recovery::new(Duration::MAX), "`recovery`"),
        (Recovery::new(time).waiting_sessions(0), "waiting_sessions"),
        (Recovery::new(time).namespace_bytes(100), "namespace_bytes"),
        (
            Recovery::new(time)
                .namespace_bytes(1 << 30)
                .server_bytes(1 << 30),
            "send_queue_hard",
        ),
        (Recovery::new(time).server_bytes(1_000), "server_bytes"),
    ] {
        let error = Io::new()
            .recovery(recovery)
            .try_into_service()
            .expect_err("a contradiction");
        assert!(
            error.is_setup() && error.to_string().contains(name),
            "{error}"
        );
        assert!(error.to_string().contains("limits.rs"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_may_have_missed_as_much_as_is_kept() {
    let memory = Memory::new(recovering());
    let client = Client::new(&memory, Transport::WebSocket).await;
    let kept = client.lose(&memory).await;
    let text = "x".repeat(50_000);
    for number in 0..80 {
        memory
            .io
            .broadcast("large", (number, &text))
            .expect("no fault");
    }
    let mut back = Client::returning(&memory, Transport::WebSocket, kept).await;
    assert!(back.recovered);
    for number in 0..80 {
        back.expect(&[json!(["large", [number, text]])]).await;
    }
    assert_eq!(memory.io.counts().slow_consumers, 0);
}
