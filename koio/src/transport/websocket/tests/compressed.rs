//! Compressed messages, after permessage-deflate was negotiated: the shapes of Autobahn's cases 12 and 13.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::{
    super::{event::Violation, *},
    *,
};
use crate::{
    engine::breach::Breach,
    wire::{PerMessageDeflate, compress},
};

const MAX: usize = 1_000_000;
/// "Hello" (RFC 7692 section 7.2.3.1).
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

/// A connection, and what its client sends on it.
fn open(agreed: bool) -> (WebSocketTransport<DuplexStream>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(1 << 22);
    let websocket = WebSocketTransport::new(ours, &Bytes::new(), &EngineConfig::default());
    let agreed = agreed.then(|| negotiate([&b"permessage-deflate"[..]], 15).unwrap());
    (websocket.agreed(agreed), theirs)
}

/// What a stream of frames leads to: messages, or the first that is none.
async fn read_all(agreed: bool, bytes: &[u8], cut: usize) -> (Vec<Message>, Option<String>) {
    let (mut websocket, mut theirs) = open(agreed);
    let mut cx = Context::from_waker(Waker::noop());
    let mut messages = Vec::new();
    for piece in bytes.chunks(cut) {
        theirs.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
        loop {
            let mut message = Message::default();
            match websocket.poll_recv(&mut cx, &mut message) {
                Poll::Pending => break,
                Poll::Ready(Ok(Received::Message)) => messages.push(message),
                Poll::Ready(Ok(Received::Part(_))) => {}
                Poll::Ready(Ok(Received::Breach(breach))) => {
                    return (messages, Some(ended(websocket, theirs, &breach).await));
                }
                Poll::Ready(Ok(Received::Packet(packet))) => panic!("{packet:?}"),
                Poll::Ready(Err(lost)) => {
                    let broken = lost.broken.unwrap_or_default();
                    return (messages, Some(ended(websocket, theirs, &broken).await));
                }
            }
        }
    }
    (messages, None)
}

/// The code of the close frame, and the words of the log.
async fn ended(
    mut websocket: WebSocketTransport<DuplexStream>,
    mut theirs: DuplexStream,
    words: &dyn std::fmt::Display,
) -> String {
    assert!(
        websocket
            .poll_write(&mut Context::from_waker(Waker::noop()), &mut None)
            .is_ready()
    );
    drop(websocket);
    let mut bytes = Vec::new();
    theirs.read_to_end(&mut bytes).await.unwrap();
    let start = bytes.iter().rposition(|byte| *byte == 0x88).unwrap();
    let code = u16::from_be_bytes([bytes[start + 2], bytes[start + 3]]);
    format!("{code} {words}")
}

fn small(message: &[u8]) -> Vec<u8> {
    let settings = PerMessageDeflate::new().max_size(1 << 30);
    compress(message, settings, <[u8]>::to_vec).unwrap_or_else(|| {
        // Stored, since it would not be smaller.
        let mut stored = Vec::new();
        for piece in message.chunks(0xffff) {
            let len = piece.len() as u16;
            stored.push(0);
            stored.extend(len.to_le_bytes());
            stored.extend((!len).to_le_bytes());
            stored.extend(piece);
        }
        stored.push(0);
        stored
    })
}

/// A message in frames of so many bytes.
fn in_frames(opcode: u8, payload: &[u8], each: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    let count = payload.len().div_ceil(each).max(1);
    for (index, piece) in payload.chunks(each).enumerate() {
        let first = if index == 0 { 0x40 | opcode } else { 0 };
        let fin = if index + 1 == count { 0x80 } else { 0 };
        frames.extend(long(first | fin, piece));
    }
    frames
}

/// Text as an application sends it, and binary data.
fn payload(len: usize, noise: u8) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(len as u64);
    let mut payload = vec![b'4'];
    while payload.len() < len {
        payload.extend(b"{\"name\":\"");
        payload.extend((0..noise).map(|_| random.u8(b'a'..=b'z')));
    }
    payload.truncate(len);
    payload
}

#[tokio::test]
async fn messages_of_all_lengths_are_inflated_whole_and_in_fragments() {
    for len in [
        1, 2, 16, 64, 256, 1_024, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072, 999_999,
    ] {
        for noise in [4, 200] {
            let text = payload(len, noise);
            let compressed = small(&text);
            let mut bytes = Vec::new();
            bytes.extend(long(0xc1, &compressed));
            bytes.extend(in_frames(1, &compressed, 8_192.min(len / 3 + 1)));
            // Uncompressed ones may stand between them.
            bytes.extend(long(0x81, b"4plain"));
            bytes.extend(long(0xc2, &compressed));
            let inflated = Message::Text(text.get(1..).unwrap().to_vec().into());
            let binary = Message::Binary(text.clone().into());
            let plain = Message::Text(Bytes::from_static(b"plain"));
            let expected = [inflated.clone(), inflated, plain, binary];
            for cut in [8_192, 1 << 20] {
                let (messages, end) = read_all(true, &bytes, cut).await;
                assert_eq!(end, None, "{len} {noise}");
                assert!(messages == expected);
            }
        }
    }
}

#[tokio::test]
async fn the_examples_of_the_rfc_are_read_with_a_ping_between_their_fragments() {
    let bytes = [
        masked(0xc2, &HELLO),
        masked(0x42, &HELLO[..3]),
        masked(0x89, b"?"),
        masked(0x80, &HELLO[3..]),
        // The first fragment of an empty message.
        masked(0x42, b""),
        masked(0x80, &[0x00]),
        masked(0xc2, &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]),
    ]
    .concat();
    let hello = || Message::Binary(Bytes::from_static(b"Hello"));
    let expected = vec![hello(), hello(), Message::Binary(Bytes::new()), hello()];
    for cut in [1, 3, bytes.len()] {
        assert_eq!(read_all(true, &bytes, cut).await, (expected.clone(), None));
    }
}

#[tokio::test]
async fn the_reserved_bit_is_for_the_first_frame_of_a_negotiated_message_alone() {
    let expected = format!("1002 broken WebSocket: {}", Violation::ReservedBits);
    for (agreed, bytes) in [
        (false, masked(0xc1, &HELLO)),
        (true, masked(0xa1, &HELLO)),
        (true, masked(0x91, &HELLO)),
        (true, masked(0xf1, &HELLO)),
        (true, masked(0xc9, b"ping")),
        (true, masked(0xca, b"pong")),
        (true, masked(0xc8, &[0x03, 0xe8])),
        (
            true,
            [masked(0x41, &HELLO[..3]), masked(0xc0, &HELLO[3..])].concat(),
        ),
        (
            true,
            [masked(0x02, &HELLO[..3]), masked(0xc0, &HELLO[3..])].concat(),
        ),
    ] {
        for cut in [1, bytes.len()] {
            let (messages, end) = read_all(agreed, &bytes, cut).await;
            assert_eq!(
                (messages, end.as_deref()),
                (vec![], Some(&*expected)),
                "{bytes:02x?}"
            );
        }
    }
}

#[tokio::test]
async fn text_is_validated_when_it_is_inflated() {
    let valid = "4é€😀".as_bytes();
    let cut = |at: usize| in_frames(1, &small(valid), at);
    for bytes in [cut(1), cut(2), cut(100)] {
        let (messages, end) = read_all(true, &bytes, 100).await;
        assert_eq!((messages.len(), end), (1, None));
    }
    for invalid in [&b"4\xff"[..], b"4\xe2\x82", b"\xc3\x284"] {
        let (messages, end) = read_all(true, &long(0xc1, &small(invalid)), 100).await;
        let expected = format!("1007 broken WebSocket: {}", Violation::InvalidUtf8);
        assert_eq!((messages, end), (vec![], Some(expected)));
        // The same bytes are no text.
        let (messages, end) = read_all(true, &long(0xc2, &small(invalid)), 100).await;
        assert_eq!((messages.len(), end), (1, None));
    }
}

#[tokio::test]
async fn what_can_t_be_inflated_is_answered_with_1007() {
    let expected = format!("1007 broken WebSocket: {}", Violation::Corrupt);
    for corrupt in [
        &[0xff; 9][..],
        // It refers to the message before it.
        &[0xf2, 0x00, 0x11, 0x00, 0x00],
    ] {
        let bytes = [masked(0xc2, &HELLO), masked(0xc2, corrupt)].concat();
        let (messages, end) = read_all(true, &bytes, 7).await;
        assert_eq!((messages.len(), end.as_deref()), (1, Some(&*expected)));
    }
}

#[tokio::test]
async fn a_bomb_is_answered_with_1009_and_both_numbers() {
    let bomb = small(&vec![b'4'; 5_000_000]);
    assert!(bomb.len() < 6_000);
    for bytes in [long(0xc1, &bomb), in_frames(2, &bomb, 100)] {
        let (messages, end) = read_all(true, &bytes, 65_536).await;
        let words = end.unwrap();
        let breach = Breach::InflatesTooLong {
            compressed: bomb.len() as u64,
            bytes: MAX as u64 + 1,
            max: MAX as u64,
        };
        assert_eq!(breach.limit(), "max_payload");
        assert_eq!((messages, words), (vec![], format!("1009 {breach}")));
        assert_eq!(
            breach.to_string(),
            format!(
                "message of {} bytes that inflates to at least 1000001 (max_payload 1000000)",
                bomb.len()
            )
        );
    }
    let most = long(0xc2, &small(&vec![0; MAX]));
    assert_eq!(read_all(true, &most, 65_536).await.1, None);
}

#[tokio::test]
async fn a_compressed_packet_that_is_no_message_is_short() {
    let long_pong = [&b"3"[..], &[b'x'; 100_000]].concat();
    let (_, end) = read_all(true, &long(0xc1, &small(&long_pong)), 65_536).await;
    assert_eq!(
        end,
        Some(format!("1002 broken WebSocket: {}", Violation::LongPacket))
    );
}

#[tokio::test]
async fn a_connection_that_closes_inflates_nothing() {
    let (mut websocket, mut theirs) = open(true);
    websocket.close(CloseReason::ForcedServerClose, Ending::Cut);
    theirs.write_all(&masked(0xc2, &[0xff; 9])).await.unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(websocket.poll_close(&mut cx), CloseProgress::AwaitingClient);
    assert_eq!(websocket.phase, ConnectionPhase::Open);
}
