//! Compressed messages of the server: which are, for whom, and each way that an event can take.

use std::time::Duration;

use koio::cluster::Memory;
use koio::config::{Parser, PerMessageDeflate};
use koio::recovery::Recovery;
use koio::{Bytes, Io, args};
use koio_tests::{Client, Transport, serve, until};

use super::{AGREED, BROWSER, Peer, handled, io, mixed};

async fn joined(server: &koio_tests::Running, count: usize) {
    until("the sockets are there", || {
        server.handle.sockets().len() == count
    })
    .await;
}

#[tokio::test]
async fn a_broadcast_goes_out_compressed_to_those_that_take_it_and_plain_to_the_others() {
    let server = serve(io()).await;
    let mut takers = Vec::new();
    for _ in 0..3 {
        takers.push(Peer::connect(server.target(), &[BROWSER]).await);
    }
    let mut plain = Client::connect(server.target(), Transport::WebSocket).await;
    let mut polling = Client::connect(server.target(), Transport::Polling).await;
    joined(&server, 5).await;
    let words = mixed(120);
    server.handle.broadcast("news", &words).expect("no fault");
    let expected = format!(r#"42["news","{words}"]"#);
    for taker in &mut takers {
        taker.expect_compressed(&expected).await;
    }
    plain.expect(&expected).await;
    polling.expect(&expected).await;
}

#[tokio::test]
async fn what_is_short_or_would_not_shrink_or_is_above_the_limit_goes_out_as_it_is() {
    let deflate = PerMessageDeflate::new().threshold(300).max_size(20_000);
    let server = serve(handled().per_message_deflate(deflate)).await;
    let mut peer = Peer::connect(server.target(), &[BROWSER]).await;
    joined(&server, 1).await;
    for (len, is_compressed) in [(100, false), (400, true), (19_000, true), (21_000, false)] {
        let words: String = mixed(len / 10)[..len].to_owned();
        server.handle.broadcast("e", &words).expect("no fault");
        let expected = format!(r#"42["e","{words}"]"#);
        match is_compressed {
            true => drop(peer.expect_compressed(&expected).await),
            false => peer.expect_plain(&expected).await,
        }
    }
    let mut noise = vec![0; 5_000];
    let mut seed = 1_u64;
    for byte in &mut noise {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *byte = (seed >> 56) as u8;
    }
    server
        .handle
        .broadcast("e", Bytes::from(noise.clone()))
        .expect("no fault");
    peer.expect_plain(r#"451-["e",{"_placeholder":true,"num":0}]"#)
        .await;
    let (frame, wire) = peer.next().await;
    assert_eq!((frame.opcode, frame.payload, wire), (2, noise, None));
}

#[tokio::test]
async fn each_attachment_is_a_message_of_its_own() {
    let server = serve(io()).await;
    let mut peer = Peer::connect(server.target(), &[BROWSER]).await;
    joined(&server, 1).await;
    let (long, short) = (vec![7; 10_000], vec![9; 100]);
    let sent = args![Bytes::from(long.clone()), Bytes::from(short.clone())];
    server.handle.broadcast("files", sent).expect("no fault");
    let text = r#"452-["files",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    peer.expect_plain(text).await;
    let (frame, wire) = peer.next().await;
    assert_eq!((frame.opcode, frame.payload), (2, long));
    assert!(wire.is_some_and(|wire| wire < 200));
    let (frame, wire) = peer.next().await;
    assert_eq!((frame.opcode, frame.payload, wire), (2, short, None));
}

#[tokio::test]
async fn each_kind_of_emit_compresses_unless_it_says_otherwise() {
    let server = serve(io()).await;
    let mut peer = Peer::connect(server.target(), &[BROWSER]).await;
    joined(&server, 1).await;
    let words = mixed(100);
    let handle = server.handle.clone();
    let socket = handle.sockets().pop().expect("a socket");
    socket.join("room").expect("a room");
    let expected = format!(r#"42["e","{words}"]"#);
    let volatile = || async {
        // Volatile events go out only while nothing waits.
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    socket.emit("e", &words).expect("no fault");
    peer.expect_compressed(&expected).await;
    handle.to("room").emit("e", &words).expect("no fault");
    peer.expect_compressed(&expected).await;
    handle
        .to(socket.id())
        .compress(true)
        .emit("e", &words)
        .expect("no fault");
    peer.expect_compressed(&expected).await;
    volatile().await;
    handle.volatile().emit("e", &words).expect("no fault");
    peer.expect_compressed(&expected).await;
    volatile().await;
    socket.volatile().emit("e", &words).expect("no fault");
    peer.expect_compressed(&expected).await;

    socket.compress(false).emit("e", &words).expect("no fault");
    peer.expect_plain(&expected).await;
    handle.compress(false).emit("e", &words).expect("no fault");
    peer.expect_plain(&expected).await;
    handle
        .to("room")
        .compress(false)
        .emit("e", &words)
        .expect("no fault");
    peer.expect_plain(&expected).await;
    handle
        .of("/")
        .compress(false)
        .emit("e", &words)
        .expect("no fault");
    peer.expect_plain(&expected).await;
    volatile().await;
    handle
        .volatile()
        .compress(false)
        .emit("e", &words)
        .expect("no fault");
    peer.expect_plain(&expected).await;

    for compress in [true, false] {
        let one = socket.compress(compress).emit_with_ack::<()>("ask", &words);
        let many = handle
            .compress(compress)
            .emit_with_acks::<()>("ask", &words);
        for _ in 0..2 {
            let (frame, wire) = peer.next().await;
            assert_eq!(wire.is_some(), compress);
            let text = super::text(frame);
            let id: String = text[2..].chars().take_while(char::is_ascii_digit).collect();
            peer.send(format!("43{id}[]")).await;
        }
        one.await.expect("an answer");
        assert_eq!(many.await.expect("answers").len(), 1);
    }
}

#[tokio::test]
async fn many_messages_of_all_sizes_keep_their_order() {
    let server = serve(io()).await;
    let mut peer = Peer::connect(server.target(), &[BROWSER]).await;
    let mut sent = Vec::new();
    for number in 0..200_usize {
        let words = &mixed(200)[..(number * 37) % 5_000];
        let event = format!(r#"42{number}["echo",{number},"{words}"]"#);
        sent.push(format!(r#"43{number}[{number},"{words}"]"#));
        peer.send(event).await;
    }
    for expected in sent {
        assert_eq!(peer.text().await, expected);
    }
}

#[tokio::test]
async fn a_big_message_to_a_client_that_is_slow_to_read_arrives_whole() {
    let deflate = PerMessageDeflate::new().max_size(8 << 20);
    let server = serve(handled().per_message_deflate(deflate)).await;
    let mut peer = Peer::connect(server.target(), &[BROWSER]).await;
    joined(&server, 1).await;
    let words = mixed(150_000);
    for _ in 0..3 {
        server.handle.broadcast("e", &words).expect("no fault");
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    for _ in 0..3 {
        peer.expect_compressed(&format!(r#"42["e","{words}"]"#))
            .await;
    }
}

#[tokio::test]
async fn with_msgpack_the_binary_message_is_compressed() {
    let server = serve(io().parser(Parser::Msgpack)).await;
    let mut peer = Peer::open(server.target(), &[BROWSER]).await;
    let connect = b"\x82\xa4type\x00\xa3nsp\xa1/";
    peer.socket.send(&koio_tests::Frame::binary(connect)).await;
    assert_eq!(peer.next().await.0.opcode, 2);
    joined(&server, 1).await;
    let words = mixed(100);
    server.handle.broadcast("e", &words).expect("no fault");
    let (frame, wire) = peer.next().await;
    assert!(wire.is_some_and(|wire| wire < words.len() / 2));
    let packed = String::from_utf8_lossy(&frame.payload).into_owned();
    assert!(frame.opcode == 2 && packed.contains(&words));
    server
        .handle
        .compress(false)
        .emit("e", &words)
        .expect("no fault");
    assert_eq!(peer.next().await.1, None);
}

#[tokio::test]
async fn with_recovery_an_event_is_compressed_up_to_its_offset_and_comes_again_so() {
    let recovery = Recovery::new(Duration::from_secs(60));
    let server = serve(io().recovery(recovery)).await;
    let mut peer = Peer::open(server.target(), &[BROWSER]).await;
    let answer = peer.join("40").await;
    let pid = answer.split(r#""pid":""#).nth(1).expect("a secret");
    let pid = pid.split('"').next().expect("its end").to_owned();
    let mut other = Peer::connect(server.target(), &[BROWSER]).await;
    let mut plain = Client::connect(server.target(), Transport::WebSocket).await;
    joined(&server, 3).await;
    let words = mixed(100);
    let start = format!(r#"42["e","{words}",""#);
    server.handle.broadcast("e", &words).expect("no fault");
    let mut offset = String::new();
    for peer in [&mut peer, &mut other] {
        let (frame, wire) = peer.next().await;
        let text = super::text(frame);
        assert!(wire.is_some_and(|wire| wire < words.len() / 2));
        let found = text
            .strip_prefix(&start)
            .and_then(|rest| rest.strip_suffix(r#""]"#));
        offset = found.expect("an offset").to_owned();
    }
    plain.expect(&format!(r#"{start}{offset}"]"#)).await;
    // To one alone, and one that is to stay as it is.
    let id = answer.split(r#""sid":""#).nth(1).expect("an id");
    let id: koio::SocketId = id
        .split('"')
        .next()
        .expect("its end")
        .parse()
        .expect("an id");
    server.handle.to(id).emit("e", &words).expect("no fault");
    assert!(peer.next().await.1.is_some());
    server
        .handle
        .compress(false)
        .emit("e", &words)
        .expect("no fault");
    assert!(peer.next().await.1.is_none());
    drop(peer);
    joined(&server, 2).await;
    server.handle.broadcast("missed", &words).expect("no fault");
    server
        .handle
        .compress(false)
        .emit("missed", &words)
        .expect("no fault");
    let mut peer = Peer::open(server.target(), &[BROWSER]).await;
    let connect = format!(r#"40{{"pid":"{pid}","offset":"{offset}"}}"#);
    let again = peer.join(&connect).await;
    assert!(again.contains(&id.to_string()), "{again}");
    let mut missed = Vec::new();
    for _ in 0..4 {
        let (frame, wire) = peer.next().await;
        let name = super::text(frame)[4..]
            .split('"')
            .next()
            .expect("a name")
            .to_owned();
        missed.push((name, wire.is_some()));
    }
    let event = |name: &str, compressed| (name.to_owned(), compressed);
    let expected = [
        event("e", true),
        event("e", false),
        event("missed", true),
        event("missed", false),
    ];
    assert_eq!(missed, expected);
}

#[tokio::test]
async fn an_event_of_another_node_is_compressed_and_stays_as_it_is_if_its_emit_said_so() {
    let broker = Memory::new();
    let one = serve(io().cluster(broker.clone())).await;
    let other = serve(Io::new().cluster(broker)).await;
    let mut peer = Peer::connect(one.target(), &[BROWSER]).await;
    assert_eq!(peer.agreed.as_deref(), Some(AGREED));
    joined(&one, 1).await;
    let words = mixed(100);
    let expected = format!(r#"42["e","{words}"]"#);
    other.handle.broadcast("e", &words).expect("no fault");
    peer.expect_compressed(&expected).await;
    other
        .handle
        .compress(false)
        .emit("e", &words)
        .expect("no fault");
    peer.expect_plain(&expected).await;
}
