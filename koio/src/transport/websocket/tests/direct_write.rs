//! An emitter that writes past the session's task.

use std::task::Poll;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::masked;
use crate::{
    engine::{
        EngineConfig,
        transport::{DirectFrames, DirectWritten, Received, Transport, TransportLost},
    },
    transport::{tcp::Tcp, websocket::WebSocketTransport},
    wire::{Frame, Message},
};

/// One frame, for a direct write.
struct WholeFrame(Bytes);

impl DirectFrames for WholeFrame {
    fn bytes(&mut self) -> &[u8] {
        &self.0
    }

    fn take_unwritten(&mut self, written: usize) -> Bytes {
        self.0.slice(written..)
    }
}

#[tokio::test]
async fn a_frame_that_an_emitter_has_begun_is_finished_before_a_pong() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = tokio::net::TcpStream::connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(client, listener.accept());
    let (mut client, (server, _)) = (client.unwrap(), accepted.unwrap());
    let config = EngineConfig::default();
    let mut websocket = WebSocketTransport::new(Tcp::from(server), &Bytes::new(), &config);
    // More than the socket takes at once.
    let big = Frame::message(&Message::Binary(vec![7; 16 << 20].into()));
    let ping = Frame::ping();
    let writer = websocket.direct_writer().unwrap();
    let written = writer.write(&mut WholeFrame(big.bytes().clone()));
    assert_eq!(written, DirectWritten::Part);
    let second = writer.write(&mut WholeFrame(ping.bytes().clone()));
    assert_eq!(second, DirectWritten::Nothing, "the first is not finished");
    client.write_all(&masked(0x89, b"?")).await.unwrap();
    let expected = [&big.bytes()[..], &[0x8a, 1, b'?'], ping.bytes()].concat();
    let mut next = Some(ping);
    let serve = std::future::poll_fn(|cx| {
        let mut message = Message::default();
        let mut received = websocket.poll_recv(cx, &mut message);
        while let Poll::Ready(Ok(Received::Part(_))) = received {
            received = websocket.poll_recv(cx, &mut message);
        }
        assert!(received.is_pending(), "{received:?}");
        let _ = websocket.poll_send(cx, &mut next)?;
        Poll::<Result<(), TransportLost>>::Pending
    });
    let mut read = vec![0; expected.len()];
    tokio::select! {
        served = serve => panic!("{served:?}"),
        read = client.read_exact(&mut read) => assert_eq!(read.unwrap(), expected.len()),
    }
    assert!(read == expected, "nothing stands inside the frame");
}
