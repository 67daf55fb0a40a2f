//! Bytes that are hardly HTTP, or too much of it.

use koio_tests::{Http, Polling};

use crate::scene::{SHORT, Scene};

/// Sends these bytes and returns the status of the answer, or 0 if the server just hung up.
async fn status_of(scene: &Scene, bytes: &str) -> u16 {
    let mut http = Http::connect(scene.server.addr).await;
    http.try_write(bytes).await;
    http.response().await.map_or(0, |response| response.status)
}

const LINE: &str = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n";

#[tokio::test]
async fn more_headers_than_anybody_sends_are_refused() {
    let scene = Scene::new().await;
    for count in [101, 2000] {
        let headers = "X: y\r\n".repeat(count);
        let status = status_of(&scene, &format!("{LINE}{headers}\r\n")).await;
        assert!(
            matches!(status, 431 | 400 | 0),
            "{status} for {count} headers"
        );
    }
    scene.end().await;
}

#[tokio::test]
async fn a_header_of_half_a_megabyte_is_refused() {
    let scene = Scene::new().await;
    let status = status_of(&scene, &format!("{LINE}X: {}\r\n\r\n", "y".repeat(500_000))).await;
    assert!(matches!(status, 431 | 0), "{status}");
    scene.end().await;
}

#[tokio::test]
async fn bytes_that_are_no_request_are_refused() {
    let scene = Scene::new().await;
    let cases = [
        format!("{LINE}no colon here\r\n\r\n"),
        format!("{LINE}X: y\r\n folded\r\n\r\n"),
        format!("{LINE}Origin: a\u{1}b\r\n\r\n"),
        "GET /socket.io/\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{0}\u{5}hello".to_owned(),
        "PING\r\n\r\n".to_owned(),
        "GET http://[::1 HTTP/1.1\r\n\r\n".to_owned(),
    ];
    for bytes in cases {
        let status = status_of(&scene, &bytes).await;
        assert!(matches!(status, 400 | 0), "{status} for {bytes:?}");
    }
    scene.end().await;
}

#[tokio::test]
async fn a_body_whose_length_is_ambiguous_is_refused() {
    let scene = Scene::new().await;
    let session = Polling::open(scene.target()).await;
    let line = format!("POST {} HTTP/1.1\r\nHost: localhost\r\n", session.path());
    let cases = [
        "Content-Length: +5\r\n\r\n4echo",
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\n4echo",
        "Content-Length: 99999999999999999999999\r\n\r\n4echo",
        "Content-Length: -1\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n4echo",
        "Transfer-Encoding: chunked\r\n\r\n-5\r\n4echo\r\n0\r\n\r\n",
        "Transfer-Encoding: gzip\r\n\r\n4echo",
    ];
    for case in cases {
        let status = status_of(&scene, &format!("{line}{case}")).await;
        assert!(matches!(status, 400 | 413 | 0), "{status} for {case:?}");
    }
    scene.end().await;
}

#[tokio::test]
async fn a_length_and_chunks_at_once_never_smuggle_a_request() {
    let scene = Scene::new().await;
    let target = scene.target().polling();
    let body = "0\r\n\r\n";
    let hidden = format!("GET {target}&hidden=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut http = Http::connect(scene.server.addr).await;
    http.try_write(format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n{body}{hidden}",
        body.len() + hidden.len(),
    ))
    .await;
    let response = http.response().await.expect("an answer");
    assert_eq!(response.status, 400);
    // What follows must not be taken for a request of its own.
    if let Some(response) = http.response().await {
        assert_ne!(response.status, 200, "{}", response.text());
    }
    scene.end().await;
}

#[tokio::test]
async fn a_peer_that_resets_while_it_is_answered_harms_nobody() {
    let scene = Scene::new().await;
    for path in [
        scene.target().polling(),
        scene.target().websocket(),
        "/nowhere".to_owned(),
    ] {
        for _ in 0..20 {
            let mut http = Http::connect(scene.server.addr).await;
            http.send_get(&path).await;
            let (stream, _) = http.into_stream();
            stream.set_zero_linger().expect("SO_LINGER");
        }
    }
    scene.end().await;
}

#[tokio::test]
async fn a_head_that_does_not_come_to_an_end_is_cut_off() {
    let scene = Scene::with(|io| io.config(|config| config.header_timeout = SHORT)).await;
    let mut silent = Http::connect(scene.server.addr).await;
    let mut started = Http::connect(scene.server.addr).await;
    started.write(LINE).await;
    // One byte now and then does not buy more time.
    let mut trickling = Http::connect(scene.server.addr).await;
    let trickle = async {
        while trickling.try_write("X").await {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    koio_tests::within("the server to hang up", trickle).await;
    started.ended().await;
    silent.ended().await;
    scene.end().await;
}

#[tokio::test]
async fn a_path_that_is_not_ours_is_not_found() {
    let scene = Scene::new().await;
    for path in [
        "/",
        "/socket.iofoo/?EIO=4&transport=polling",
        "/engine.io/?EIO=4&transport=polling",
    ] {
        let status = koio_tests::http::get(scene.server.addr, path).await.status;
        assert_eq!(status, 404, "{path}");
    }
    scene.end().await;
}

#[tokio::test]
async fn the_path_works_with_and_without_its_slash() {
    let scene = Scene::new().await;
    for path in [
        "/socket.io?EIO=4&transport=polling",
        "/socket.io/?EIO=4&transport=polling",
    ] {
        let status = koio_tests::http::get(scene.server.addr, path).await.status;
        assert_eq!(status, 200, "{path}");
    }
    scene.end().await;
}

#[tokio::test]
async fn two_requests_sent_at_once_are_answered_in_order() {
    let scene = Scene::new().await;
    let session = Polling::open(scene.target()).await;
    let mut http = Http::connect(scene.server.addr).await;
    http.send_post(&session.path(), "40").await;
    http.send_get(&session.path()).await;
    http.send_post(&session.path(), r#"421["echo",1]"#).await;
    assert_eq!(http.response().await.expect("an answer").text(), "ok");
    assert!(
        http.response()
            .await
            .expect("an answer")
            .text()
            .starts_with("40{")
    );
    assert_eq!(http.response().await.expect("an answer").text(), "ok");
    let mut scene = scene;
    http.send_post(&session.path(), "1").await;
    scene.report().await;
    scene.end().await;
}
