//! Paths, and sessions over several TCP connections.

use koio_tests::{Http, Polling, RawWebSocket, http};

use crate::scene::Scene;

#[tokio::test]
async fn a_path_below_the_path_is_accepted() {
    let scene = Scene::new().await;
    let path = "/socket.io/default/?EIO=4&transport=polling";
    assert_eq!(http::get(scene.server.addr, path).await.status, 200);
    scene.end().await;
}

#[tokio::test]
async fn closing_the_tcp_connection_after_each_request_keeps_the_session() {
    let mut scene = Scene::new().await;
    let session = Polling::open(scene.target()).await;
    let close = ("Connection", "close");
    for (body, answer) in [("40", "40{"), (r#"421["echo",1]"#, "431[1]")] {
        let length = body.len().to_string();
        let mut http = Http::connect(scene.server.addr).await;
        http.head(
            "POST",
            &session.path(),
            &[close, ("Content-Length", &length)],
        )
        .await;
        http.write(body).await;
        assert_eq!(http.response().await.expect("an answer").text(), "ok");
        http.ended().await;
        let mut http = Http::connect(scene.server.addr).await;
        http.head("GET", &session.path(), &[close]).await;
        assert!(
            http.response()
                .await
                .expect("an answer")
                .text()
                .starts_with(answer)
        );
        http.ended().await;
    }
    http::post(scene.server.addr, &session.path(), "1").await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn an_upgrade_request_for_another_path_is_not_found() {
    let scene = Scene::new().await;
    let (_, response) =
        RawWebSocket::ask(scene.target(), "/elsewhere", &RawWebSocket::HEADERS).await;
    assert_eq!(response.expect("an answer").status, 404);
    scene.end().await;
}
