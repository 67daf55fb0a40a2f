//! PHP: elephant.io 4. Requests, headers, their order and the order of packets were read in its source: one connection for all of
//! them, its own address as `Origin` and `Referer` with the URL as the program wrote it, the port always in `Host`, cookies
//! given back, CONNECT over polling, then `5` without a probe.

use koio::CloseReason;
use koio_tests::polling::Open;
use koio_tests::{Frame, Http, RawWebSocket};

use super::{ask, conversation, echo, end, filled};
use crate::scene::Scene;

const OPEN: &str = "\
GET /socket.io/?EIO=4&transport=polling&t=PhgNg1H HTTP/1.1
Host: {host}
Accept: */*
Origin: http://{host}
Referer: http://{host}
User-Agent: Elephant.io/4.0.1
Connection: keep-alive

";

const POST: &str = "\
POST /socket.io/?EIO=4&transport=polling&t=PhgNg1I&sid={sid} HTTP/1.1
Host: {host}
Content-Type: text/plain; charset=UTF-8
Content-Length: {length}
Accept: */*
Origin: http://{host}
Referer: http://{host}
User-Agent: Elephant.io/4.0.1
Cookie: {cookie}
Connection: keep-alive

";

const POLL: &str = "\
GET /socket.io/?EIO=4&transport=polling&t=PhgNg1J&sid={sid} HTTP/1.1
Host: {host}
Accept: */*
Origin: http://{host}
Referer: http://{host}
User-Agent: Elephant.io/4.0.1
Cookie: {cookie}
Connection: keep-alive

";

const UPGRADE: &str = "\
GET /socket.io/?EIO=4&transport=websocket&t=PhgNg1K&sid={sid} HTTP/1.1
Host: {host}
Accept: */*
Origin: http://{host}
Referer: http://{host}
User-Agent: Elephant.io/4.0.1
Cookie: {cookie}
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Key: {key}
Sec-WebSocket-Version: 13

";

#[tokio::test]
async fn php_does_all_of_it_on_one_connection() {
    let scene = Scene::with(|io| io.cookie("io")).await;
    let mut http = Http::connect(scene.server.addr).await;
    let answer = ask(&mut http, &scene, OPEN, "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let given = answer.header("set-cookie").expect("a cookie");
    let cookie = given.split(';').next().unwrap_or_default();
    let sid = Open::read(answer.text()).sid;
    let post = POST.replace("{cookie}", cookie);
    http.write(filled(&scene, &post, &sid, 2) + "40").await;
    let answer = http.response().await.expect("an answer to CONNECT");
    assert_eq!((answer.status, answer.text()), (200, "ok"));
    let poll = POLL.replace("{cookie}", cookie);
    let answer = ask(&mut http, &scene, &poll, &sid).await;
    assert!(answer.text().starts_with(r#"40{"sid":""#));
    let upgrade = UPGRADE.replace("{cookie}", cookie);
    assert_eq!(ask(&mut http, &scene, &upgrade, &sid).await.status, 101);
    let mut socket = RawWebSocket::upgraded(http);
    socket.send(&Frame::text("5")).await;
    echo(&mut socket).await;
    socket.send(&Frame::text("1")).await;
    end(scene, CloseReason::TransportClose).await;
}

/// With `transport: websocket`. Its URL may end with a slash, which is in its `Origin` then.
#[tokio::test]
async fn php_opens_a_websocket_with_its_url_as_origin() {
    for url in ["http://{host}", "http://{host}/"] {
        let scene = Scene::new().await;
        let head = UPGRADE
            .replace("&sid={sid}", "")
            .replace("Cookie: {cookie}\n", "")
            .replace("http://{host}", url);
        let mut socket = conversation(&scene, &head, r#"40{"token":"t"}"#).await;
        socket.send(&Frame::text("1")).await;
        end(scene, CloseReason::TransportClose).await;
    }
}
