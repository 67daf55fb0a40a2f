//! Bodies of polling requests.

use koio::CloseReason;
use koio_tests::polling::SEPARATOR;
use koio_tests::{Http, Polling, client, http};

use crate::scene::{SHORT, Scene};

/// A session that is connected to `/`.
async fn connected(scene: &Scene) -> Polling {
    let mut session = Polling::open(scene.target()).await;
    session.send("40").await;
    assert!(session.get().await.text().starts_with("40{"));
    session
}

async fn assert_refused(payloads: &[&str], reason: CloseReason) {
    let mut scene = Scene::new().await;
    for payload in payloads {
        let mut session = connected(&scene).await;
        session.send_refused(payload).await;
        session.ended().await;
        assert_eq!(scene.report().await.reason, reason, "{payload:?}");
    }
    scene.end().await;
}

#[tokio::test]
async fn payloads_that_are_no_engine_packets_end_the_session() {
    let payloads = [
        "",
        "abc",
        "\x1e",
        "3\x1e",
        "7",
        "9x",
        "\u{1F600}",
        " 4",
        "B",
    ];
    assert_refused(&payloads, CloseReason::ParseError).await;
}

#[tokio::test]
async fn payloads_with_bad_base64_end_the_session() {
    let payloads = [
        "b!!!!",
        "bAAA",
        "bAA",
        "bA",
        "bAA=A",
        "bAAAA====",
        "bAAAA\n",
    ];
    assert_refused(&payloads, CloseReason::ParseError).await;
}

#[tokio::test]
async fn payloads_with_pings_end_the_session() {
    assert_refused(&["2", "2probe"], CloseReason::TransportError).await;
}

#[tokio::test]
async fn payloads_that_are_not_utf8_end_the_session() {
    let mut scene = Scene::new().await;
    for bytes in [
        &b"4\xff"[..],
        b"42[\"echo\",\"\xc3\"]",
        b"4\xed\xa0\x80",
        b"\xff",
    ] {
        let mut session = connected(&scene).await;
        session.send_refused(bytes).await;
        session.ended().await;
        assert_eq!(scene.report().await.reason, CloseReason::ParseError);
    }
    scene.end().await;
}

#[tokio::test]
async fn payloads_with_half_a_million_empty_messages_end_at_the_first() {
    let mut scene = Scene::new().await;
    let mut session = connected(&scene).await;
    session.try_post("4\x1e".repeat(400_000)).await;
    session.ended().await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn payloads_with_a_close_drop_what_follows_it() {
    let mut scene = Scene::new().await;
    let mut session = connected(&scene).await;
    session.begin_get().await;
    session.send("1\x1e42[\"bounce\",1]\x1eabc").await;
    let polled = session.polled().await;
    assert_eq!((polled.status, polled.text()), (200, "6"));
    session.assert_gone().await;
    assert_eq!(scene.report().await.reason, CloseReason::TransportClose);
    scene.end().await;
}

#[tokio::test]
async fn payloads_above_the_limit_are_refused_without_being_read_to_their_end() {
    let mut scene = Scene::new().await;
    let mut session = connected(&scene).await;
    let response = session.post("x".repeat(1_000_001)).await;
    assert_eq!(response.status, 413);
    // A hole has happened: the session can't go on as if it had not.
    session.ended().await;
    scene.report().await;

    // In chunks, where no length says it beforehand; the server stops reading soon after the limit.
    let session = connected(&scene).await;
    let mut http = Http::connect(scene.server.addr).await;
    http.head("POST", &session.path(), &[("Transfer-Encoding", "chunked")])
        .await;
    let chunk = format!("{:x}\r\n{}\r\n", 65_536, "x".repeat(65_536));
    for _ in 0..400 {
        if !http.try_write(&chunk).await {
            break;
        }
    }
    if let Some(response) = http.response().await {
        assert_eq!(response.status, 413);
    }
    session.assert_gone().await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn payloads_of_exactly_the_limit_are_taken() {
    let mut scene = Scene::new().await;
    let mut session = connected(&scene).await;
    let text = "x".repeat(1_000_000 - r#"42["echo",""]"#.len());
    session.send(format!(r#"42["echo","{text}"]"#)).await;
    session.send("1").await;
    assert_eq!(scene.report().await.reason, CloseReason::TransportClose);
    scene.end().await;
}

#[tokio::test]
async fn payloads_that_stall_are_cut_off() {
    let mut scene =
        Scene::with(|io| io.config(|config| config.engine.message_timeout = SHORT)).await;
    let session = connected(&scene).await;
    let mut http = Http::connect(scene.server.addr).await;
    http.head("POST", &session.path(), &[("Content-Length", "100")])
        .await;
    http.write("42[").await;
    if let Some(response) = http.response().await {
        assert!(matches!(response.status, 400 | 408), "{}", response.status);
    }
    session.assert_gone().await;
    assert_eq!(scene.report().await.reason, CloseReason::TransportError);
    scene.end().await;
}

#[tokio::test]
async fn payloads_that_trickle_are_cut_off() {
    let mut scene =
        Scene::with(|io| io.config(|config| config.engine.message_timeout = SHORT)).await;
    let session = connected(&scene).await;
    let mut http = Http::connect(scene.server.addr).await;
    http.head("POST", &session.path(), &[("Content-Length", "10000")])
        .await;
    let trickle = async {
        while http.try_write("4").await {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    koio_tests::within("the server to hang up", trickle).await;
    session.assert_gone().await;
    assert_eq!(scene.report().await.reason, CloseReason::TransportError);
    scene.end().await;
}

#[tokio::test]
async fn payloads_that_break_off_end_the_session() {
    let mut scene = Scene::new().await;
    let session = connected(&scene).await;
    let mut http = Http::connect(scene.server.addr).await;
    http.head("POST", &session.path(), &[("Content-Length", "100")])
        .await;
    http.write("42[").await;
    drop(http);
    assert_eq!(scene.report().await.reason, CloseReason::TransportError);
    session.assert_gone().await;
    scene.end().await;
}

#[tokio::test]
async fn two_posts_at_once_end_the_session() {
    let mut scene = Scene::new().await;
    let session = connected(&scene).await;
    let mut first = Http::connect(scene.server.addr).await;
    first
        .head("POST", &session.path(), &[("Content-Length", "100")])
        .await;
    first.write("42[").await;
    // The second is refused once the first has begun; until then it is a request like any other.
    loop {
        let response = http::post(scene.server.addr, &session.path(), "3").await;
        if response.status != 200 {
            assert_eq!(response.status, 400);
            break;
        }
    }
    assert_eq!(scene.report().await.reason, CloseReason::TransportError);
    session.assert_gone().await;
    scene.end().await;
}

#[tokio::test]
async fn two_polls_at_once_end_the_session() {
    let mut scene = Scene::new().await;
    let mut session = connected(&scene).await;
    session.begin_get().await;
    let mut second = Http::connect(scene.server.addr).await;
    second.send_get(&session.path()).await;
    // Which of the two came first is the server's to say: one hears `1`, the other is refused.
    let (first, second) = (
        session.polled().await,
        second.response().await.expect("an answer"),
    );
    let mut answers = [
        (first.status, first.text().to_owned()),
        (second.status, second.text().to_owned()),
    ];
    answers.sort();
    assert_eq!(answers[0], (200, "1".to_owned()));
    assert_eq!(answers[1].0, 400);
    assert_eq!(scene.report().await.reason, CloseReason::TransportError);
    session.assert_gone().await;
    scene.end().await;
}

#[tokio::test]
async fn payloads_of_a_type_that_no_client_uses_are_refused() {
    let mut scene = Scene::new().await;
    for _ in 0..50 {
        let session = connected(&scene).await;
        let headers = [
            ("Content-Type", "application/octet-stream"),
            ("Content-Length", "2"),
        ];
        let mut http = Http::connect(scene.server.addr).await;
        http.head("POST", &session.path(), &headers).await;
        http.try_write("40").await;
        let response = http.response().await.expect("an answer");
        assert!(matches!(response.status, 400 | 415), "{}", response.status);
        session.assert_gone().await;
        assert_eq!(scene.report().await.reason, CloseReason::TransportError);
    }
    scene.end().await;
}

#[tokio::test]
async fn payloads_that_are_compressed_are_refused_and_never_inflated() {
    let scene = Scene::new().await;
    let session = Polling::open(scene.target()).await;
    let headers = [("Content-Encoding", "gzip"), ("Content-Length", "2")];
    let mut http = Http::connect(scene.server.addr).await;
    http.head("POST", &session.path(), &headers).await;
    http.try_write("40").await;
    assert_eq!(http.response().await.expect("an answer").status, 415);
    scene.end().await;
}

#[tokio::test]
async fn payloads_with_characters_split_over_chunks_are_put_together() {
    let mut scene = Scene::new().await;
    let mut session = connected(&scene).await;
    let payload = "421[\"echo\",\"h\u{e9}\u{1F600}\u{20ac}\"]".as_bytes();
    let mut http = Http::connect(scene.server.addr).await;
    http.head("POST", &session.path(), &[("Transfer-Encoding", "chunked")])
        .await;
    for byte in payload {
        http.write([b"1\r\n", &[*byte][..], b"\r\n"].concat()).await;
    }
    http.write("0\r\n\r\n").await;
    assert_eq!(http.response().await.expect("an answer").text(), "ok");
    session.expect("431[\"h\u{e9}\u{1F600}\u{20ac}\"]").await;
    session.send("1").await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_poll_that_is_aborted_ends_the_session_at_once() {
    let mut scene = Scene::new().await;
    let mut session = connected(&scene).await;
    session.begin_get().await;
    // A round trip on the other connection: the poll before it has arrived, most likely.
    session.send("3").await;
    session.abort_get().await;
    assert_eq!(scene.report().await.reason, CloseReason::TransportError);
    session.assert_gone().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_poll_and_the_end_of_its_connection_in_one_go_end_the_session_too() {
    let mut scene = Scene::new().await;
    for _ in 0..100 {
        let mut session = connected(&scene).await;
        session.begin_get().await;
        session.abort_get().await;
        assert_eq!(scene.report().await.reason, CloseReason::TransportError);
        session.assert_gone().await;
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_post_of_a_client_that_hangs_up_at_once_is_not_lost() {
    let mut scene = Scene::new().await;
    for _ in 0..100 {
        let session = connected(&scene).await;
        let head = "Host: x\r\nContent-Length: 1\r\n\r\n";
        let request = format!("POST {} HTTP/1.1\r\n{head}1", session.path());
        let mut http = Http::connect(scene.server.addr).await;
        http.write(request).await;
        drop(http);
        // That it left, or that its request broke off: either way the server knows now.
        let reason = scene.report().await.reason;
        assert!(
            matches!(
                reason,
                CloseReason::TransportClose | CloseReason::TransportError
            ),
            "{reason}"
        );
    }
    scene.end().await;
}

#[tokio::test]
async fn what_fits_over_websocket_fits_over_polling() {
    let scene = Scene::new().await;
    for transport in client::BOTH {
        for bytes in [750_000, 999_999, 1_000_000] {
            let mut client = scene.client(transport).await;
            let packet = r#"451-1["file",{"_placeholder":true,"num":0}]"#;
            client.send_with(packet, &[&vec![7; bytes]]).await;
            client.expect(&format!("431[{bytes}]")).await;
        }
    }
}

#[tokio::test]
async fn what_is_too_long_is_answered_with_the_limit_and_both_numbers() {
    let scene = Scene::new().await;
    for (body, said) in [
        (
            "4".repeat(1_000_001),
            "message of at least 1000001 bytes (max_payload 1000000)",
        ),
        (
            format!("4a{SEPARATOR}b{}", "A".repeat(1_333_340)),
            "message of at least 1000005 bytes (max_payload 1000000)",
        ),
        (
            "4".repeat(1_400_000),
            "request body of at least 1400000 bytes (at most 1334360: max_payload 1000000 in base64)",
        ),
    ] {
        let mut session = connected(&scene).await;
        if let Some(response) = session.try_post(&body).await {
            assert_eq!((response.status, response.text()), (413, said));
        }
        session.assert_gone().await;
    }
    assert_eq!(scene.server.handle.counts().limits_exceeded, 3);
}
