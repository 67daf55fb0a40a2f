//! Promise 2: what a client sees is a prefix of what was accepted for it.

use koio::Io;
use koio_tests::{Received, Transport, client};

use super::memory::{Memory, Peer};
use super::record::{self, Record};
use super::slow::with_queue;

/// Reads to the end; the numbers that came, of which every third has bytes, and the close code.
async fn read_out(peer: &mut Peer) -> (Vec<u64>, Option<u16>) {
    let mut numbers = Vec::new();
    loop {
        let received = peer.next().await;
        let text = match received {
            Received::Text(text) => text,
            Received::Binary(bytes) => panic!("{bytes:?} without their packet"),
            Received::End(code) => return (numbers, code),
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
        numbers.push(number);
    }
}

fn payload(number: u64) -> serde_json::Value {
    serde_json::json!([number, "x".repeat(50)])
}

/// Broadcasts number after number, until the client is gone or `most` are sent.
async fn broadcast(memory: &Memory, most: u64) {
    for number in 0..most {
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
    for pipe in 1_000..1_060 {
        let record = Record::default();
        let memory = with_queue(30, &record);
        let mut stuck = memory.websocket(pipe).await.expect("a session");
        stuck.join(&memory.io).await;
        broadcast(&memory, 2_000).await;
        record.until("left: slow consumer").await;
        let (numbers, code) = read_out(&mut stuck).await;
        assert!(!numbers.is_empty() && numbers.len() < 2_000);
        let count = numbers.len() as u64;
        assert_eq!(numbers, (0..count).collect::<Vec<_>>());
        assert_eq!(code, Some(1008));
    }
}

#[tokio::test(start_paused = true)]
async fn a_polling_client_that_is_cut_as_a_slow_consumer_has_seen_a_prefix_without_gap() {
    let record = Record::default();
    let memory = with_queue(30, &record);
    let mut peer = memory.open(Transport::Polling).await;
    peer.join(&memory.io).await;
    broadcast(&memory, 10).await;
    let (status, payload) = peer.polling().get().await;
    assert_eq!(status, 200);
    broadcast(&memory, 100).await;
    record.until("left: slow consumer").await;
    let texts = super::memory::read(&payload).count();
    // Ten packets, four of them with bytes; and then nothing, instead of what came later.
    assert_eq!(texts, 14);
    let (numbers, _) = read_out(&mut peer).await;
    assert_eq!(numbers, [0; 0]);
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
