//! How often a value is encoded.

use std::sync::atomic::{AtomicUsize, Ordering};

use koio::Bytes;
use koio_tests::{Client, Received, client::BOTH, serve};
use serde::{Serialize, Serializer, ser::SerializeTuple};

use super::server::io;

/// Counts how often it is written.
struct Counting<'a> {
    encoded: &'a AtomicUsize,
    bytes: Option<Bytes>,
}

impl Serialize for Counting<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.encoded.fetch_add(1, Ordering::SeqCst);
        let mut tuple = serializer.serialize_tuple(2)?;
        tuple.serialize_element("counted")?;
        tuple.serialize_element(&self.bytes)?;
        tuple.end()
    }
}

#[tokio::test]
async fn a_broadcast_is_encoded_once_whoever_gets_it_over_whatever() {
    let server = serve(io()).await;
    let mut clients = Vec::new();
    for transport in BOTH.into_iter().cycle().take(10) {
        clients.push(Client::connect(server.target(), transport).await);
    }
    for bytes in [None, Some(Bytes::from_static(b"attached"))] {
        let encoded = AtomicUsize::new(0);
        let is_binary = bytes.is_some();
        let value = Counting {
            encoded: &encoded,
            bytes,
        };
        server.handle.broadcast("news", value).expect("no fault");
        for client in &mut clients {
            assert!(client.text().await.contains("counted"));
            if is_binary {
                assert_eq!(client.next().await, Received::Binary(b"attached".to_vec()));
            }
        }
        assert_eq!(encoded.load(Ordering::SeqCst), 1);
    }
}
