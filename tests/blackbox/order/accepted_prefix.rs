//! Promise 2: what a client sees is a prefix of what was accepted for it.

use std::ops::Range;

use koio::Io;
use koio_tests::{Received, Transport, client};

use crate::limits::slow_clients::with_queue;
use crate::memory::{Memory, Peer};
use crate::record::{self, Record};

/// The next number, with its bytes if it has some; or the close code at the end.
async fn number(peer: &mut Peer) -> Result<u64, Option<u16>> {
    let text = match peer.next().await {
        Received::Text(text) => text,
        Received::Binary(bytes) => panic!("{bytes:?} without their packet"),
        Received::End(code) => return Err(code),
    };
    let number = text
        .strip_prefix(r#"42["n",["#)
        .or_else(|| text.strip_prefix(r#"451-["n",["#))
        .and_then(|rest| rest.split(',').next()?.parse().ok())
        .unwrap_or_else(|| panic!("{text}"));
    if text.starts_with("45") {
        // What is cut is cut between packets, never between a packet and its bytes.
        let Received::Binary(bytes) = peer.next().await else {
            panic!("no bytes after {text}");
        };
        assert_eq!(bytes.len(), 100);
    }
    Ok(number)
}

fn payload(number: u64) -> serde_json::Value {
    serde_json::json!([number, "x".repeat(50)])
}

/// Broadcasts one number after the other.
async fn broadcast(memory: &Memory, numbers: Range<u64>) {
    for number in numbers {
        if number % 3 == 0 {
            let bytes = koio::Bytes::from(vec![1; 100]);
            let emitted = memory.io.broadcast("n", (number, bytes));
            emitted.expect("nobody's fault");
        } else {
            let emitted = memory.io.broadcast("n", payload(number));
            emitted.expect("nobody's fault");
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_cut_as_a_slow_consumer_has_seen_a_prefix_without_gap() {
    // Every size of pipe cuts somewhere else: inside a header, a text, an attachment.
    for pipe in (1_000..1_060).step_by(3) {
        let record = Record::default();
        let memory = with_queue(30, &record);
        let mut stuck = memory.websocket(pipe).await.expect("a session");
        stuck.join(&memory.io).await;
        broadcast(&memory, 0..2_000).await;
        // It wakes up, too late: there is room again for what comes now, but not for what was left out.
        let (code, ()) = tokio::join!(
            async {
                for expected in 0..2_000 {
                    match number(&mut stuck).await {
                        Ok(number) => assert_eq!(number, expected, "a gap"),
                        Err(code) => return code,
                    }
                }
                panic!("it has missed nothing");
            },
            broadcast(&memory, 2_000..4_000)
        );
        record.until("left: slow consumer").await;
        assert_eq!(code, Some(1008));
    }
}

#[tokio::test(start_paused = true)]
async fn a_polling_client_that_is_cut_as_a_slow_consumer_has_seen_a_prefix_without_gap() {
    let record = Record::default();
    let memory = with_queue(30, &record);
    let mut peer = memory.open(Transport::Polling).await;
    peer.join(&memory.io).await;
    broadcast(&memory, 0..10).await;
    let (status, payload) = peer.polling().get().await;
    assert_eq!(status, 200);
    broadcast(&memory, 10..110).await;
    record.until("left: slow consumer").await;
    let texts = crate::memory::read(&payload).count();
    // Ten packets, four of them with bytes; and then nothing, instead of what came later.
    assert_eq!(texts, 14);
    assert!(number(&mut peer).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_put_out_has_seen_all_that_was_accepted() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = with_queue(1_000, &record);
        let (mut peer, socket) = memory.socket(transport).await;
        for number in 0..300 {
            socket.emit("n", payload(number)).expect("room");
        }
        socket.disconnect_all();
        record.until("left: server namespace disconnect").await;
        assert!(socket.emit("n", payload(300)).is_err());
        for number in 0..300 {
            let text = peer.text().await;
            assert!(text.starts_with(&format!(r#"42["n",[{number},"#)), "{text}");
        }
        peer.expect("41").await;
        assert!(matches!(peer.next().await, Received::End(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_before_the_client_broke_the_protocol_is_still_delivered() {
    for transport in client::BOTH {
        let record = Record::default();
        let io = Io::new().state(record.clone()).handlers(record::all());
        let memory = Memory::new(io);
        let (mut peer, socket) = memory.socket(transport).await;
        for number in 0..10 {
            socket.emit("n", number).expect("room");
        }
        peer.try_send("4what is this").await;
        record.until("left: forced close").await;
        for number in 0..10 {
            peer.expect(&format!(r#"42["n",{number}]"#)).await;
        }
        assert!(matches!(peer.next().await, Received::End(_)));
        assert_eq!(memory.io.counts().protocol_errors, 1);
    }
}
