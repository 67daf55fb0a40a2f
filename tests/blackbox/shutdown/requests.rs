//! What becomes of HTTP requests that are under way at a shutdown.

use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use koio::{Context, Io, Result, handlers, on};
use koio_tests::{Http, Polling, Running, Target, serve, within};
use tokio::time::Instant;

/// Waits until the shutdown has begun.
pub(crate) async fn refusing(target: Target) {
    let open = target.polling();
    let refused = async { while koio_tests::http::get(target.addr, &open).await.status != 503 {} };
    within("a refusal", refused).await;
}

/// A server with something else attached, which answers after so long.
async fn attached(time: Duration) -> Running {
    let slow = tower::service_fn(move |_: Request<Incoming>| async move {
        tokio::time::sleep(time).await;
        Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from("late"))))
    });
    serve(Io::new().attach(slow)).await
}

#[tokio::test]
async fn a_server_ends_when_the_requests_under_way_are_answered() {
    let server = attached(Duration::from_millis(400)).await;
    let mut http = Http::connect(server.addr).await;
    let _idle = Http::connect(server.addr).await;
    http.send_get("/slow").await;
    // It is taken when another connection's is.
    koio_tests::http::get(server.addr, "/socket.io/").await;
    let started = Instant::now();
    within(
        "a shutdown",
        server.handle.shutdown(Duration::from_secs(10)),
    )
    .await;
    server.ended().await.expect("an end in order");
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(took > Duration::from_millis(200), "{took:?}");
    let response = http.response().await.expect("an answer");
    assert_eq!((response.status, response.text()), (200, "late"));
}

#[tokio::test]
async fn a_request_under_way_does_not_hold_up_the_end_beyond_the_deadline() {
    let server = attached(Duration::from_secs(3_600)).await;
    let mut http = Http::connect(server.addr).await;
    http.send_get("/slow").await;
    koio_tests::http::get(server.addr, "/socket.io/").await;
    let started = Instant::now();
    within(
        "a shutdown",
        server.handle.shutdown(Duration::from_millis(300)),
    )
    .await;
    server.ended().await.expect("an end in order");
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(300), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// Asks its own client, and answers what that said.
#[on("ask back")]
async fn ask_back(ctx: Context) -> Result<u64> {
    ctx.socket().emit_with_ack("how many", ()).await
}

#[tokio::test]
async fn a_post_whose_body_arrives_during_a_shutdown_brings_the_ack_that_a_handler_waits_for() {
    let server = serve(Io::new().handlers(handlers![ask_back])).await;
    let mut session = Polling::open(server.target()).await;
    session.send("40").await;
    session.get().await;
    session.send(r#"421["ask back"]"#).await;
    session.expect(r#"420["how many"]"#).await;
    let mut post = Http::connect(server.addr).await;
    post.head("POST", &session.path(), &[("Content-Length", "7")])
        .await;
    post.write("430").await;
    session.begin_get().await;
    let handle = server.handle.clone();
    let ending = tokio::spawn(async move { handle.shutdown(Duration::from_secs(10)).await });
    refusing(server.target()).await;
    post.write("[42]").await;
    let taken = post.response().await.expect("an answer");
    assert_eq!((taken.status, taken.text()), (200, "ok"));
    assert_eq!(session.polled().await.text(), "431[42]");
    let drained = within("a shutdown", ending).await.expect("its end");
    assert_eq!((drained.answered, drained.cut), (1, 0));
    server.ended().await.expect("an end in order");
}

#[tokio::test]
async fn a_post_whose_session_ends_before_its_body_has_come_is_answered_as_refused() {
    let server = serve(Io::new()).await;
    let session = Polling::open(server.target()).await;
    let mut post = Http::connect(server.addr).await;
    post.head("POST", &session.path(), &[("Content-Length", "2")])
        .await;
    post.write("4").await;
    koio_tests::http::get(server.addr, "/socket.io/").await;
    let handle = server.handle.clone();
    within("a shutdown", handle.shutdown(Duration::from_secs(10))).await;
    post.write("0").await;
    let refused = post.response().await.expect("an answer");
    assert_eq!(refused.status, 400);
    server.ended().await.expect("an end in order");
}
