//! The transport over a pipe in memory.

use std::task::Waker;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

use super::{
    super::{control::MAX_PONGS, *},
    *,
};

fn open(unread: Vec<u8>) -> (WebSocketTransport<DuplexStream>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let config = EngineConfig::default();
    (
        WebSocketTransport::new(ours, &unread.into(), &config),
        theirs,
    )
}

fn read(websocket: &mut WebSocketTransport<DuplexStream>) -> Poll<Result<Message, TransportLost>> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut message = Message::default();
    loop {
        return match websocket.poll_message(&mut cx, &mut message) {
            Poll::Ready(Ok(Received::Part(_))) => continue,
            Poll::Ready(Ok(Received::Breach(_))) => {
                Poll::Ready(Err(TransportLost::gone(CloseReason::TransportError)))
            }
            other => other.map_ok(|_| message),
        };
    }
}

fn write(websocket: &mut WebSocketTransport<DuplexStream>) -> Poll<Result<(), TransportLost>> {
    websocket.poll_write(&mut Context::from_waker(Waker::noop()), &mut None)
}

fn is_idle(websocket: &WebSocketTransport<DuplexStream>) -> bool {
    websocket.reader.is_empty() && websocket.buffer.capacity() == 0
}

#[tokio::test]
async fn a_violation_right_behind_the_handshake_ends_the_connection_at_once() {
    let mut flood = masked(0x01, b"4");
    for _ in 0..EngineConfig::default().fragments() {
        flood.extend(masked(0x00, b""));
    }
    let (mut websocket, _theirs) = open(flood);
    assert_eq!(
        read(&mut websocket),
        Poll::Ready(Err(TransportLost::gone(CloseReason::TransportError)))
    );
}

/// What the client gets, when all is written.
async fn written(
    mut websocket: WebSocketTransport<DuplexStream>,
    mut theirs: DuplexStream,
) -> Vec<u8> {
    assert!(write(&mut websocket).is_ready());
    drop(websocket);
    let mut bytes = Vec::new();
    theirs.read_to_end(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn the_response_of_the_handshake_comes_before_the_close_frame_of_a_violation() {
    let (mut websocket, theirs) = open(frame(0x83, b"a reserved opcode"));
    websocket.lead_with(b"HTTP/1.1 101 ".to_vec());
    assert!(read(&mut websocket).is_ready());
    let expected = b"HTTP/1.1 101 \x88\x02\x03\xea";
    assert_eq!(written(websocket, theirs).await, expected);
}

#[tokio::test]
async fn the_response_of_the_handshake_outlives_a_flood_of_pings_behind_it() {
    let (mut websocket, theirs) = open(masked(0x89, &[7; 125]).repeat(100));
    websocket.lead_with(b"HTTP/1.1 101 ".to_vec());
    assert!(read(&mut websocket).is_pending());
    let written = written(websocket, theirs).await;
    let pongs = written.strip_prefix(b"HTTP/1.1 101 ").unwrap();
    assert!((127..=MAX_PONGS).contains(&pongs.len()), "{}", pongs.len());
    assert!(pongs.starts_with(&[0x8a, 125]));
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
async fn unread_pongs_do_not_pile_up() {
    let (mut websocket, mut theirs) = open(Vec::new());
    for _ in 0..9 {
        for _ in 0..100 {
            theirs.write_all(&masked(0x89, &[7; 125])).await.unwrap();
        }
        assert!(read(&mut websocket).is_pending());
        tokio::task::yield_now().await;
    }
    let waiting = websocket.queue(|queue| queue.byte_len());
    assert!(waiting <= 2 * MAX_PONGS);
}

#[tokio::test]
async fn an_idle_connection_holds_no_buffer_and_half_a_frame_only_its_bytes() {
    let (mut websocket, mut theirs) = open(Vec::new());
    let message = masked(0x81, b"4hello");
    for cut in [1, 5, 6, 11] {
        let (head, tail) = message.split_at(cut);
        theirs.write_all(&message).await.unwrap();
        theirs.write_all(head).await.unwrap();
        let whole = Poll::Ready(Ok(Message::Text(Bytes::from_static(b"4hello"))));
        assert_eq!(read(&mut websocket), whole, "cut at {cut}");
        assert!(read(&mut websocket).is_pending());
        assert!(websocket.arriving().is_some());
        assert_eq!(websocket.buffer.capacity(), 0, "cut at {cut}");
        theirs.write_all(tail).await.unwrap();
        assert_eq!(read(&mut websocket), whole, "cut at {cut}");
        assert!(read(&mut websocket).is_pending());
        assert!(write(&mut websocket).is_ready());
        assert!(is_idle(&websocket));
        assert_eq!(websocket.queue(|queue| queue.capacity()), 0);
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
                    websocket.end_turn();
                }
            }
            assert!(write(&mut websocket).is_ready());
        }
        assert!(messages == expected, "cut every {cut}");
        assert!(is_idle(&websocket), "cut every {cut}");
    }
}

fn koio(pieces: &[&[u8]], config: &EngineConfig) -> Story {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (mut theirs, mut to_us) = tokio::io::split(theirs);
    let mut websocket = WebSocketTransport::new(ours, &Bytes::new(), config);
    let mut cx = Context::from_waker(Waker::noop());
    let mut messages = Vec::new();
    let mut end = None;
    for piece in pieces {
        let sent = Pin::new(&mut to_us).poll_write(&mut cx, piece);
        assert!(matches!(sent, Poll::Ready(Ok(count)) if count == piece.len()));
        while end.is_none() {
            match read(&mut websocket) {
                Poll::Ready(Ok(message)) => messages.push(message),
                Poll::Ready(Err(lost)) => end = Some(lost.reason),
                Poll::Pending => break,
            }
        }
        assert!(write(&mut websocket).is_ready());
        websocket.end_turn();
    }
    let mut answers = vec![0; 1 << 16];
    let mut buf = tokio::io::ReadBuf::new(&mut answers);
    let _ = Pin::new(&mut theirs).poll_read(&mut cx, &mut buf);
    let length = buf.filled().len();
    answers.truncate(length);
    let end = end.map(|reason| match reason {
        CloseReason::TransportError => {
            // The last frame, and the only close frame. It may say why.
            let start = answers.iter().rposition(|byte| *byte == 0x88);
            let close = answers.split_off(start.expect("a close frame"));
            let &[0x88, length, high, low, ..] = &close[..] else {
                panic!("no close frame in {close:x?}");
            };
            assert_eq!(close.len(), 2 + usize::from(length));
            StreamEnd::Violation(u16::from_be_bytes([high, low]))
        }
        _ => StreamEnd::ClosedByPeer,
    });
    Story {
        messages,
        answers,
        end,
    }
}

#[test]
fn any_three_frames_are_read_as_tungstenite_alone_reads_them() {
    let config = EngineConfig {
        max_payload: 300,
        ..EngineConfig::default()
    };
    let frames = [
        frame(0x81, b""),
        frame(0x81, "4a text, é€😀".as_bytes()),
        frame(0x81, &[b'x'; 300]),
        frame(0x82, &[0xff; 129]),
        frame(0x81, b"half a letter: \xe2\x82"),
        frame(0x81, &[b'x'; 301]),
        long(0x81, b"a length longer than need be"),
        frame(0x01, "the first half: \u{20ac}".as_bytes()),
        frame(0x00, b"more"),
        frame(0x80, b"the rest"),
        frame(0x89, b"ping"),
        frame(0x8a, b"pong"),
        frame(0x88, &[3, 0xe8]),
        vec![0x81, 3, b'b', b'a', b'd'],
        frame(0xc1, b"a reserved bit"),
        frame(0x83, b"a reserved opcode"),
        frame(0x09, b"a ping in pieces"),
    ];
    for first in &frames {
        for second in &frames {
            for third in &frames {
                let bytes = [&first[..], second, third].concat();
                let expected = tungstenite_alone(&bytes, &config);
                for cut in [11, 200, bytes.len()] {
                    let pieces: Vec<_> = bytes.chunks(cut).collect();
                    assert_eq!(koio(&pieces, &config), expected, "{bytes:x?} every {cut}");
                }
            }
            let bytes = [&first[..], second].concat();
            let expected = tungstenite_alone(&bytes, &config);
            for cut in 1..9 {
                let pieces: Vec<_> = bytes.chunks(cut).collect();
                assert_eq!(koio(&pieces, &config), expected, "{bytes:x?} every {cut}");
            }
        }
    }
}
