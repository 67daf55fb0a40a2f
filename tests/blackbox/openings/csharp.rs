//! C# and Unity: SocketIOClient 3. Targets, types and the order of requests were read in its source. The headers are .NET's own
//! and were not: those of `SocketsHttpHandler` and `ClientWebSocket`, and `Expect`, which .NET Framework and Mono add to a POST
//! unless the program sets `Expect100Continue`.

use koio::CloseReason;
use koio_tests::{Frame, Http};

use super::{Heads, Session, ask, conversation, end};
use crate::scene::Scene;

const POLLING: Heads = Heads {
    open: "\
GET /socket.io/?EIO=4&transport=polling HTTP/1.1
Host: {host}

",
    poll: "\
GET /socket.io/?EIO=4&transport=polling&sid={sid}&t=1764470000 HTTP/1.1
Host: {host}

",
    post: "\
POST /socket.io/?EIO=4&transport=polling&sid={sid}&t=1764470000 HTTP/1.1
Host: {host}
Content-Type: text/plain; charset=utf-8
Content-Length: {length}

",
};

const UPGRADE: &str = "\
GET /socket.io/?EIO=4&transport=websocket HTTP/1.1
Host: {host}
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: {key}

";

#[tokio::test]
async fn csharp_and_unity_open_a_websocket() {
    let scene = Scene::new().await;
    let mut socket = conversation(&scene, UPGRADE, "40").await;
    socket.send(&Frame::text("41")).await;
    end(scene, CloseReason::ClientNamespaceDisconnect).await;
}

/// Its upgrade, which is its default, is none: it opens a polling session, reads that there is WebSocket, leaves that session
/// alone and opens another.
#[tokio::test]
async fn csharp_asks_over_polling_for_websocket_and_begins_anew() {
    let scene = Scene::new().await;
    let mut http = Http::connect(scene.server.addr).await;
    let answer = ask(&mut http, &scene, POLLING.open, "").await;
    assert!(answer.text().contains("websocket"), "{}", answer.text());
    let mut socket = conversation(&scene, UPGRADE, "40").await;
    socket.send(&Frame::text("41")).await;
    end(scene, CloseReason::ClientNamespaceDisconnect).await;
}

/// An event and its bytes have a POST each, `t` is the same for a second, and the last request is `41`.
#[tokio::test]
async fn csharp_polls_and_posts_the_bytes_of_an_event_alone() {
    let scene = Scene::new().await;
    let mut session = Session::open(&scene, POLLING).await;
    session.connect("40").await;
    let event = r#"451-["bounce",{"_placeholder":true,"num":0}]"#;
    session.echo(&[event, "bAAH/"]).await;
    session.post("41").await;
    end(scene, CloseReason::ClientNamespaceDisconnect).await;
}

#[tokio::test]
async fn csharp_on_net_framework_waits_for_100_before_it_sends_a_body() {
    let scene = Scene::new().await;
    let heads = Heads {
        post: "\
POST /socket.io/?EIO=4&transport=polling&sid={sid}&t=1764470000 HTTP/1.1
Content-Type: text/plain; charset=utf-8
Host: {host}
Content-Length: {length}
Expect: 100-continue

",
        ..POLLING
    };
    let mut session = Session::open(&scene, heads).await;
    for (body, answer) in [
        ("40", r#"40{"sid":""#),
        (r#"420["echo","ü"]"#, r#"430["ü"]"#),
    ] {
        post_after_100(&mut session, body).await;
        let polled = session.poll().await;
        assert!(polled.starts_with(answer), "{polled}");
    }
    post_after_100(&mut session, "41").await;
    end(scene, CloseReason::ClientNamespaceDisconnect).await;
}

async fn post_after_100(session: &mut Session<'_>, body: &str) {
    let head = session.head_of_post(body);
    session.writer.write(head).await;
    let interim = session.writer.response().await.expect("100 Continue");
    assert_eq!(interim.status, 100);
    session.writer.write(body).await;
    session.posted().await;
}
