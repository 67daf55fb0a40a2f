//! A broadcast is encoded once, whatever the number of its recipients.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use koio::Io;
use koio_tests::client;
use serde::{Serialize, Serializer};

use super::nodes::Memory;

/// Counts how often it is serialised.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl Counting {
    /// How often, since the last time.
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

impl Serialize for Counting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        serializer.serialize_str("counted")
    }
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_to_many_sockets_serialises_its_value_once() {
    let memory = Memory::of(Io::new);
    let mut peers = Vec::new();
    for number in 0..60 {
        let (peer, socket) = memory.socket(client::BOTH[number % 2]).await;
        for room in ["all", "everybody"] {
            socket.join(room).expect("a room");
        }
        peers.push(peer);
    }
    let value = Counting::default();
    let io = &memory.io;
    let all = io.to("all");
    let bytes = koio::Bytes::from(vec![1, 2, 3]);
    let emits: [(&str, &dyn Fn() -> koio::Result<()>); 5] = [
        ("everybody", &|| io.broadcast("n", &value)),
        ("a room", &|| all.emit("n", &value)),
        ("two rooms", &|| {
            io.to("all").to("everybody").emit("n", &value)
        }),
        ("all but none", &|| io.except("nobody").emit("n", &value)),
        ("with bytes", &|| {
            io.broadcast("b", koio::args![&value, &bytes])
        }),
    ];
    for (what, emit) in emits {
        emit().expect(what);
        assert_eq!(value.take(), 1, "{what}");
    }
    for peer in &mut peers {
        for _ in 0..4 {
            peer.expect(r#"42["n","counted"]"#).await;
        }
        peer.expect(r#"451-["b","counted",{"_placeholder":true,"num":0}]"#)
            .await;
        let attachment = koio_tests::Received::Binary(vec![1, 2, 3]);
        assert_eq!(peer.next().await, attachment);
    }

    // A kept part of an emit is encoded anew each time it is used, and once.
    for _ in 0..2 {
        all.emit("n", &value).expect("an emit");
        assert_eq!(value.take(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_emit_to_one_socket_serialises_its_value_once() {
    let memory = Memory::of(Io::new);
    for transport in client::BOTH {
        let (_peer, socket) = memory.socket(transport).await;
        let value = Counting::default();
        socket.emit("n", &value).expect("a socket");
        assert_eq!(value.take(), 1);
        memory.to(&socket).emit("n", &value).expect("a socket");
        assert_eq!(value.take(), 1);
        drop(memory.ask::<()>(&socket, "n", &value));
        assert_eq!(value.take(), 1);
        // A volatile emit that is dropped costs no more.
        socket.volatile().emit("n", &value).expect("a socket");
        assert_eq!(value.take(), 1);
    }
}
