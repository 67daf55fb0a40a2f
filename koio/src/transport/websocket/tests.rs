//! A WebSocket over a pipe in memory.

use std::task::Waker;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::{read::PONGS, *};

/// A frame as a client sends it, masked with zeroes.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

/// The same for any length.
fn long(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | 127];
    frame.extend((payload.len() as u64).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

fn open(unread: Vec<u8>) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let config = EngineConfig::default();
    (WebSocket::new(ours, &unread.into(), &config), theirs)
}

fn read(websocket: &mut WebSocket<DuplexStream>) -> Poll<Result<Message, Gone>> {
    websocket.poll_message(&mut Context::from_waker(Waker::noop()))
}

fn write(websocket: &mut WebSocket<DuplexStream>) -> Poll<Result<(), Gone>> {
    websocket.poll_write(&mut Context::from_waker(Waker::noop()), &mut || None)
}

#[tokio::test]
async fn a_violation_right_behind_the_handshake_ends_the_connection_at_once() {
    let mut flood = masked(0x01, b"4");
    for _ in 0..EngineConfig::default().max_fragments {
        flood.extend(masked(0x00, b""));
    }
    let (mut websocket, _theirs) = open(flood);
    assert_eq!(
        read(&mut websocket),
        Poll::Ready(Err(Gone(CloseReason::TransportError)))
    );
}

#[tokio::test]
async fn a_few_pings_are_all_answered_in_order() {
    let (mut websocket, mut theirs) = open(Vec::new());
    for number in 0..10 {
        theirs.write_all(&masked(0x89, &[number])).await.unwrap();
    }
    assert!(read(&mut websocket).is_pending());
    assert!(write(&mut websocket).is_ready());
    let mut pongs = [0; 30];
    theirs.read_exact(&mut pongs).await.unwrap();
    for (number, pong) in pongs.chunks(3).enumerate() {
        assert_eq!(pong, [0x8a, 1, number as u8]);
    }
}

#[tokio::test]
async fn pongs_that_nobody_reads_do_not_pile_up() {
    let (mut websocket, mut theirs) = open(Vec::new());
    for _ in 0..100 {
        for _ in 0..100 {
            theirs.write_all(&masked(0x89, &[7; 125])).await.unwrap();
        }
        assert!(read(&mut websocket).is_pending());
        tokio::task::yield_now().await;
    }
    let waiting = websocket.outgoing.len() + websocket.reader.control.len();
    assert!(waiting <= 2 * PONGS);
}

#[tokio::test]
async fn a_connection_at_rest_holds_no_buffer_and_one_with_half_a_frame_its_context() {
    let (mut websocket, mut theirs) = open(Vec::new());
    let message = masked(0x81, b"4hello");
    let (head, tail) = message.split_at(7);
    for round in 0..3 {
        theirs.write_all(&message).await.unwrap();
        theirs.write_all(head).await.unwrap();
        let whole = Poll::Ready(Ok(Message::Text(Bytes::from_static(b"4hello"))));
        assert_eq!(read(&mut websocket), whole, "round {round}");
        assert!(read(&mut websocket).is_pending());
        assert!(websocket.reader.has_context(), "half a frame is in it");
        theirs.write_all(tail).await.unwrap();
        assert_eq!(read(&mut websocket), whole, "round {round}");
        assert!(read(&mut websocket).is_pending());
        assert!(write(&mut websocket).is_ready());
        assert!(websocket.reader.is_at_rest());
        assert_eq!(websocket.outgoing.capacity(), 0);
    }
}

#[tokio::test]
async fn the_same_messages_come_out_however_the_bytes_are_cut() {
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    for length in [
        0, 1, 125, 126, 4_000, 9_000, 30_000, 70_000, 5, 8_192, 16_384, 3,
    ] {
        let payload = vec![b'a' + (length % 26) as u8; length];
        bytes.extend(long(0x82, &payload));
        expected.push(payload.clone());
        // In three pieces, with a ping between.
        let (head, tail) = payload.split_at(length / 3);
        bytes.extend(long(0x02, head));
        bytes.extend(masked(0x89, b"?"));
        bytes.extend(long(0x00, b""));
        bytes.extend(long(0x80, tail));
        expected.push(payload);
    }
    for cut in [7, 100, 4_096, 10_000, 65_536, 100_000, bytes.len()] {
        let (mut websocket, mut theirs) = open(Vec::new());
        let mut messages = Vec::new();
        for piece in bytes.chunks(cut) {
            theirs.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
            loop {
                match read(&mut websocket) {
                    Poll::Ready(Ok(Message::Binary(data))) => messages.push(data.to_vec()),
                    Poll::Ready(other) => panic!("{other:?}"),
                    Poll::Pending => break,
                }
                if messages.len() % 3 == 0 {
                    // As at the end of a turn.
                    websocket.rest();
                }
            }
            assert!(write(&mut websocket).is_ready());
        }
        assert!(messages == expected, "cut every {cut}");
        assert!(websocket.reader.is_at_rest(), "cut every {cut}");
    }
}
