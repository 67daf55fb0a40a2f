//! What is agreed on, and where: on koio's own listener, in both of its ways, and inside other servers.

use axum::Router;
use axum::http::HeaderValue;
use koio::Io;
use koio::config::PerMessageDeflate;
use koio_tests::{Frame, Polling, RawWebSocket, Target, serve};

use super::{AGREED, BROWSER, Peer, compressed, handled, io, mixed};

/// An event of the client and its answer, compressed both ways.
async fn assert_compresses(target: Target) {
    let mut peer = Peer::connect(target, &[BROWSER]).await;
    assert_eq!(peer.agreed.as_deref(), Some(AGREED));
    assert_answers(&mut peer).await;
}

async fn assert_answers(peer: &mut Peer) {
    let words = mixed(100);
    let event = compressed(format!(r#"421["echo","{words}"]"#).as_bytes());
    peer.socket.send(&Frame::text(&event).reserved(4)).await;
    let wire = peer.expect_compressed(&format!(r#"431["{words}"]"#)).await;
    assert!(wire < words.len() / 2, "{wire} of {}", words.len());
}

#[tokio::test]
async fn on_koios_own_listener_messages_are_compressed_both_ways() {
    let server = serve(io()).await;
    assert_compresses(server.target()).await;
}

#[tokio::test]
async fn on_the_way_of_requests_that_are_not_plain_they_are_too() {
    // The program's own headers are hyper's way.
    let own = |io: Io| {
        io.initial_headers(|_, headers| {
            headers.insert("x-own", HeaderValue::from_static("1"));
            // How frames are read is koio's to say.
            headers.insert("sec-websocket-extensions", HeaderValue::from_static("x"));
        })
    };
    let server = serve(own(io())).await;
    assert_compresses(server.target()).await;
    let server = serve(own(handled())).await;
    let peer = Peer::connect(server.target(), &[BROWSER]).await;
    assert_eq!(peer.agreed, None);
}

#[tokio::test]
async fn inside_axum_they_are_too() {
    let app = Router::new().layer(io().into_layer());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let target = Target::socket_io(listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    assert_compresses(target).await;
}

#[tokio::test]
async fn a_session_that_upgrades_from_polling_is_compressed_from_then_on() {
    let server = serve(io()).await;
    let mut session = Polling::connect(server.target()).await;
    let words = mixed(100);
    session.send(&format!(r#"421["echo","{words}"]"#)).await;
    session.expect(&format!(r#"431["{words}"]"#)).await;
    session.begin_get().await;
    let path = server.target().websocket_of(&session.open.sid);
    let (socket, agreed) = RawWebSocket::offer(server.target(), &path, &[BROWSER]).await;
    let mut peer = Peer { socket, agreed };
    assert_eq!(peer.agreed.as_deref(), Some(AGREED));
    peer.send("2probe").await;
    peer.expect_plain("3probe").await;
    assert_eq!(session.polled().await.text(), "6");
    peer.send("5").await;
    assert_answers(&mut peer).await;
}

#[tokio::test]
async fn off_by_default_and_without_an_offer_nothing_is_agreed_on() {
    let words = mixed(100);
    let answer = format!(r#"431["{words}"]"#);
    for (io, offers) in [(handled(), &[BROWSER][..]), (io(), &[])] {
        let server = serve(io).await;
        let mut peer = Peer::connect(server.target(), offers).await;
        assert_eq!(peer.agreed, None);
        peer.send(format!(r#"421["echo","{words}"]"#)).await;
        peer.expect_plain(&answer).await;
        // What was not agreed on breaks the framing.
        peer.socket
            .send(&Frame::text(compressed(b"40")).reserved(4))
            .await;
        assert_eq!(peer.socket.ended().await, Some(1002));
    }
}

#[tokio::test]
async fn of_several_offers_the_first_that_can_be_met_is_and_what_can_t_be_is_declined() {
    let server = serve(io()).await;
    for (offers, agreed) in [
        (
            &[
                "permessage-deflate; server_max_window_bits=8",
                "permessage-deflate",
            ][..],
            true,
        ),
        (
            &["x-own; a=1, permessage-deflate; client_max_window_bits=9"],
            true,
        ),
        (&["permessage-deflate; server_max_window_bits=10"], false),
        (&["permessage-deflate; server_no_context_takeover=1"], false),
        (&["permessage-deflate; unknown"], false),
        (&["permessage-deflate; =, permessage-deflate"], false),
        (&["x-webkit-deflate-frame"], false),
        (&[""], false),
    ] {
        let mut peer = Peer::connect(server.target(), offers).await;
        assert_eq!(
            peer.agreed.as_deref(),
            agreed.then_some(AGREED),
            "{offers:?}"
        );
        peer.send(r#"421["echo","x"]"#).await;
        peer.expect_plain(r#"431["x"]"#).await;
    }
}

#[tokio::test]
async fn a_server_with_a_short_window_meets_offers_that_ask_for_one() {
    let deflate = PerMessageDeflate::new().window_bits(9).level(9);
    let server = serve(handled().per_message_deflate(deflate)).await;
    let offer = "permessage-deflate; server_max_window_bits=9; client_max_window_bits=8";
    let mut peer = Peer::connect(server.target(), &[offer]).await;
    let agreed = format!("{AGREED}; server_max_window_bits=9");
    assert_eq!(peer.agreed.as_deref(), Some(agreed.as_str()));
    assert_answers(&mut peer).await;
}

#[tokio::test]
async fn settings_that_contradict_themselves_are_refused_at_the_start() {
    let settings = PerMessageDeflate::new();
    for (wrong, words) in [
        (settings.level(0), "per_message_deflate.level"),
        (settings.window_bits(8), "per_message_deflate.window_bits"),
        (
            settings.threshold(2_000).max_size(1_000),
            "per_message_deflate.max_size",
        ),
    ] {
        let refused = Io::new()
            .per_message_deflate(wrong)
            .bind("127.0.0.1:0")
            .await;
        let error = refused.expect_err("a contradiction").to_string();
        assert!(error.contains(words), "{error}");
    }
}
