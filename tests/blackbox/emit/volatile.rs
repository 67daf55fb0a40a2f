//! What is volatile is delivered at once or counted as dropped, and disturbs nothing else.

use koio::Io;
use koio_tests::{Transport, client};

use super::nodes::Memory;

#[tokio::test(start_paused = true)]
async fn what_a_polling_client_has_no_request_for_is_dropped_and_counted() {
    let memory = Memory::of(Io::new);
    let (mut peer, socket) = memory.socket(Transport::Polling).await;
    for number in 0..5 {
        socket
            .volatile()
            .emit("lost", number)
            .expect("an open socket");
    }
    memory
        .io
        .volatile()
        .emit("lost", 5)
        .expect("nobody's fault");
    assert_eq!(memory.count(|counts| counts.volatile_dropped), 6);
    socket.emit("kept", ()).expect("room");
    peer.expect(r#"42["kept"]"#).await;

    let session = peer.polling();
    let poll = tokio::spawn(async move { session.get().await });
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    socket.volatile().emit("seen", ()).expect("an open socket");
    assert_eq!(
        poll.await.expect("a poll"),
        (200, r#"42["seen"]"#.to_owned())
    );
    assert_eq!(memory.count(|counts| counts.volatile_dropped), 6);
}

#[tokio::test(start_paused = true)]
async fn what_a_stuck_websocket_can_not_take_is_dropped_and_counted() {
    let memory = Memory::of(Io::new);
    let mut peer = memory.websocket(1_024).await.expect("a session");
    let socket = memory.join(&mut peer).await;
    socket.volatile().emit("first", ()).expect("an open socket");
    peer.expect(r#"42["first"]"#).await;
    let long = "x".repeat(3_000);
    socket.emit("long", &long).expect("room");
    tokio::task::yield_now().await;
    for number in 0..3 {
        socket
            .volatile()
            .emit("lost", number)
            .expect("an open socket");
    }
    assert_eq!(memory.count(|counts| counts.volatile_dropped), 3);
    peer.expect(&format!(r#"42["long","{long}"]"#)).await;
    tokio::task::yield_now().await;
    socket.volatile().emit("last", ()).expect("an open socket");
    peer.expect(r#"42["last"]"#).await;
    assert_eq!(memory.count(|counts| counts.volatile_dropped), 3);
}

#[tokio::test(start_paused = true)]
async fn every_volatile_emit_is_seen_or_counted_and_the_others_are_all_seen() {
    const COUNT: usize = 3_000;
    for transport in client::BOTH {
        let memory = Memory::of(Io::new);
        let (mut peer, socket) = memory.socket(transport).await;
        let emitting = tokio::spawn(async move {
            for number in 0..COUNT {
                // An uneven pace, so that some find the client ready and others do not.
                for _ in 0..number * 7 % 5 {
                    tokio::task::yield_now().await;
                }
                socket
                    .volatile()
                    .emit("volatile", number)
                    .expect("an open socket");
                if number % 10 == 0 {
                    socket.emit("kept", number).expect("room");
                }
            }
            while socket.emit("end", ()).is_err() {
                tokio::task::yield_now().await;
            }
        });
        let (mut volatile, mut kept) = (Vec::<usize>::new(), Vec::<usize>::new());
        loop {
            let text = peer.text().await;
            let number = |rest: &str| rest.trim_end_matches(']').parse().expect("a number");
            if let Some(rest) = text.strip_prefix(r#"42["volatile","#) {
                volatile.push(number(rest));
            } else if let Some(rest) = text.strip_prefix(r#"42["kept","#) {
                kept.push(number(rest));
            } else {
                assert_eq!(text, r#"42["end"]"#);
                break;
            }
        }
        emitting.await.expect("an emitter");
        let dropped = memory.count(|counts| counts.volatile_dropped) as usize;
        assert_eq!(volatile.len() + dropped, COUNT, "{transport:?}");
        assert!(
            !volatile.is_empty() && dropped > 0,
            "{transport:?}: {dropped}"
        );
        assert!(volatile.is_sorted_by(|one, next| one < next));
        assert_eq!(kept, (0..COUNT).step_by(10).collect::<Vec<_>>());
    }
}
