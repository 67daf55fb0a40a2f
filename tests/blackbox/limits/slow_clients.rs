//! Promise 3: an emit to one says accepted, full or closed; an emit to many fails only for the caller's fault;
//! and who does not read pays for it alone.

use std::time::Duration;

use koio::{Io, Room, config::Config};
use koio_tests::{Received, Transport, client};
use tokio::time::Instant;

use crate::memory::{Memory, within};
use crate::record::{self, Record};

/// A server whose clients may have so many small messages waiting: none is queued when so many do.
pub(crate) fn with_queue(messages: usize, record: &Record) -> Memory {
    let io = Io::new()
        .state(record.clone())
        .handlers(record::all())
        .config(|config| small_queue(config, messages));
    Memory::new(io)
}

/// Both marks at so many small messages.
pub(crate) fn small_queue(config: &mut Config, messages: usize) {
    config.engine.send_queue_bytes = messages * 64;
    config.engine.send_queue_hard = messages * 64;
}

#[tokio::test(start_paused = true)]
async fn an_emit_to_one_says_full_and_queues_nothing_of_it() {
    let memory = with_queue(3, &Record::default());
    // Who polls and has no request waiting takes nothing.
    let (mut peer, socket) = memory.socket(Transport::Polling).await;
    for number in 0..3 {
        socket.emit("n", number).expect("room");
    }
    let id = socket.id();
    assert!(socket.emit("n", "lost").is_err_and(|error| error.is_full()));
    assert!(
        memory
            .io
            .to(id)
            .emit("n", "lost")
            .is_err_and(|error| error.is_full())
    );
    let asked = socket.emit_with_ack::<()>("n", "lost").await;
    assert!(asked.is_err_and(|error| error.is_full()));
    for number in 0..3 {
        peer.expect(&format!(r#"42["n",{number}]"#)).await;
    }
    socket.emit("n", 3).expect("room again");
    peer.expect(r#"42["n",3]"#).await;
    // Being full is not being slow: it was the caller who was told.
    assert_eq!(memory.io.counts().slow_consumers, 0);
    assert!(socket.is_connected());
}

#[tokio::test(start_paused = true)]
async fn an_emit_to_one_is_full_by_bytes_as_well() {
    let io = Io::new().config(|config| config.engine.send_queue_bytes = 2_000);
    let memory = Memory::new(io);
    let (mut peer, socket) = memory.socket(Transport::Polling).await;
    let bytes = koio::Bytes::from(vec![7; 1_500]);
    socket.emit("small", ()).expect("room");
    // What waits counts, not what comes: a message of any size finds room.
    for _ in 0..2 {
        socket.emit("bytes", &bytes).expect("room");
    }
    let full = socket.emit("small", ()).expect_err("no room");
    assert!(full.is_full());
    // Five messages, since both packets have an attachment, each with its header of 2 or 4 bytes.
    let packet = r#"451-["bytes",{"_placeholder":true,"num":0}]"#;
    let waiting = 5 * 64 + (11 + 2) + 2 * (packet.len() + 2 + 1_500 + 4);
    let says = format!(
        "the client does not read fast enough: {waiting} bytes wait (`send_queue_bytes`: 2000)"
    );
    assert_eq!(full.message(), says);
    peer.expect(r#"42["small"]"#).await;
    for _ in 0..2 {
        peer.expect(packet).await;
        assert_eq!(peer.next().await, Received::Binary(vec![7; 1_500]));
    }
    socket.emit("small", ()).expect("room again");
}

#[tokio::test(start_paused = true)]
async fn an_emit_to_one_that_is_gone_says_closed() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = with_queue(10, &record);
        let (peer, socket) = memory.socket(transport).await;
        let id = socket.id();
        peer.close().await;
        record.until("left: transport close").await;
        assert!(socket.emit("n", 1).is_err_and(|error| error.is_closed()));
        assert!(
            memory
                .io
                .to(id)
                .emit("n", 1)
                .is_err_and(|error| error.is_closed())
        );
        let volatile = socket.volatile().emit("n", 1);
        assert!(volatile.is_err_and(|error| error.is_closed()));
        for asked in [
            socket.emit_with_ack::<()>("n", 1),
            memory.io.to(id).emit_with_ack("n", 1),
        ] {
            assert!(asked.await.is_err_and(|error| error.is_closed()));
        }
        assert!(!socket.is_connected());
        assert!(memory.io.socket(id).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn an_emit_to_many_never_fails_for_a_recipient() {
    let record = Record::default();
    let memory = with_queue(2, &record);
    let (peer, gone) = memory.socket(Transport::WebSocket).await;
    let (_full, full) = memory.socket(Transport::Polling).await;
    for socket in [&gone, &full] {
        socket.join("room").expect("a room");
    }
    for number in 0..2 {
        full.emit("n", number).expect("room");
    }
    peer.close().await;
    record.until("left: transport close").await;
    memory.io.broadcast("n", 3).expect("nobody's fault");
    memory.io.to("room").emit("n", 4).expect("nobody's fault");
    memory
        .io
        .to("nowhere")
        .emit("n", 5)
        .expect("nobody's fault");
    let ids = memory.io.to(gone.id()).to(full.id());
    ids.emit("n", 6).expect("nobody's fault");
    record.until("left: slow consumer").await;
}

#[tokio::test(start_paused = true)]
async fn an_emit_fails_for_the_callers_fault_whether_to_one_or_to_many() {
    let memory = Memory::new(Io::new());
    let (_peer, socket) = memory.socket(Transport::WebSocket).await;
    let many = memory.io.to(Room::from("room"));
    let eleven = || vec![koio::Bytes::from(vec![1]); 11];
    let keyed = std::collections::HashMap::from([((1, 2), 3)]);
    for (what, failed) in [
        ("a reserved name", socket.emit("disconnect", ())),
        ("a reserved name", memory.io.broadcast("connect", ())),
        ("eleven binaries", many.emit("bytes", eleven())),
        ("eleven binaries", socket.emit("bytes", eleven())),
        ("no JSON", many.emit("map", &keyed)),
        ("no JSON", socket.emit("map", &keyed)),
    ] {
        let error = failed.expect_err(what);
        assert!(!error.is_full() && !error.is_closed(), "{what}: {error:?}");
    }
    assert!(socket.is_connected());
}

#[tokio::test(start_paused = true)]
async fn a_slow_consumer_is_closed_with_its_own_reason_and_disturbs_no_other_client() {
    for slow in client::BOTH {
        let record = Record::default();
        let memory = with_queue(500, &record);
        let mut readers = Vec::new();
        for transport in client::BOTH {
            readers.push(memory.client(transport).await);
        }
        let mut stuck = match slow {
            Transport::Polling => memory.open(slow).await,
            Transport::WebSocket => memory.websocket(1_024).await.expect("a session"),
        };
        let socket = stuck.join(&memory.io).await;
        let noise = "x".repeat(1_000);
        for round in 0..20 {
            for number in 0..20 {
                let event = (round, number, &noise);
                memory.io.broadcast("n", event).expect("nobody's fault");
            }
            for reader in &mut readers {
                for number in 0..20 {
                    let event = format!(r#"42["n",[{round},{number},"{noise}"]]"#);
                    reader.expect(&event).await;
                }
            }
        }
        let lines = record.until("left: slow consumer").await;
        let left = lines.iter().filter(|line| line.starts_with("left"));
        assert_eq!(left.count(), 1, "{lines:?}");
        assert!(!socket.is_connected());
        assert_eq!(memory.io.counts().slow_consumers, 1);
        assert_eq!(memory.io.sockets().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_for_the_write_timeout_is_a_slow_consumer() {
    let record = Record::default();
    let memory = with_queue(1_000, &record);
    let mut stuck = memory.websocket(1_024).await.expect("a session");
    let socket = stuck.join(&memory.io).await;
    let started = Instant::now();
    socket.emit("long", "x".repeat(5_000)).expect("room");
    record.until("left: slow consumer").await;
    let took = started.elapsed();
    // The default of `write_timeout`.
    assert!(took >= Duration::from_secs(10), "{took:?}");
    assert!(took < Duration::from_secs(11), "{took:?}");
    assert_eq!(memory.io.counts().slow_consumers, 1);
    assert_eq!(memory.io.counts().write_timeouts, 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_not_cut_off() {
    // The ping waits behind what was emitted before it, so its deadline must be as generous.
    let memory = Memory::new(Io::new().ping_timeout(Duration::from_secs(300)));
    let mut slow = memory.websocket(1_024).await.expect("a session");
    let socket = slow.join(&memory.io).await;
    for number in 0..8 {
        socket
            .emit("long", (number, "x".repeat(1_000)))
            .expect("room");
    }
    for number in 0..8 {
        tokio::time::sleep(Duration::from_secs(9)).await;
        let text = within("a text", slow.text()).await;
        assert!(
            text.starts_with(&format!(r#"42["long",[{number},"#)),
            "{text}"
        );
    }
    assert!(socket.is_connected());
    assert_eq!(memory.io.counts().slow_consumers, 0);
}
