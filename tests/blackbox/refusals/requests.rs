//! Refused requests: their answers, and what the log says of each.

use koio::Io;
use koio_tests::{Http, Polling, RawWebSocket, Target, http, serve};
use tracing::Level;

use crate::logs::Heard;

/// The only line since the last call that tells of a refusal.
fn refusal(heard: &Heard, seen: &mut usize) -> (Level, String) {
    let all = heard.lines();
    let new = &all[*seen..];
    *seen = all.len();
    let mut lines = new
        .iter()
        .filter(|(_, line)| line.contains("refused") && line.starts_with("koio::transport"));
    let line = lines.next().unwrap_or_else(|| panic!("no line: {new:#?}"));
    assert!(lines.next().is_none(), "{new:#?}");
    line.clone()
}

/// Method, target, headers, the status of the answer, and what the line says.
type Case<'a> = (&'a str, String, Vec<(&'a str, &'a str)>, u16, &'a [&'a str]);

#[tokio::test]
async fn a_refused_request_is_logged_with_the_values_that_decided_it_and_what_to_write() {
    let server = serve(Io::new().config(|config| config.engine.max_unconnected = 3)).await;
    let addr = server.addr;
    let target = Target::socket_io(addr);
    let polled = Polling::open(target).await;
    let moved = RawWebSocket::open(target, &target.websocket()).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    let mut seen = 0;

    let upgrade = RawWebSocket::HEADERS;
    let without = |left_out: &str| {
        let kept = upgrade.into_iter().filter(|(name, _)| *name != left_out);
        kept.collect::<Vec<_>>()
    };
    let session = polled.path();
    let sid = polled.open.sid.clone();
    let websocket = target.websocket();
    let unknown = target.polling_of(&"a".repeat(32));
    let cases: Vec<Case<'_>> = vec![
        (
            "GET",
            "/socket.io/".into(),
            vec![],
            400,
            &["names no transport", "EIO=4&transport=polling"],
        ),
        (
            "GET",
            target.with("EIO=4&transport=foo"),
            vec![],
            400,
            &["`transport=foo`"],
        ),
        (
            "GET",
            target.with("EIO=3&transport=polling"),
            vec![],
            400,
            &["`EIO=3`", "EIO=4"],
        ),
        (
            "GET",
            target.with("transport=polling"),
            vec![],
            400,
            &["no `EIO`"],
        ),
        (
            "POST",
            target.with("EIO=4&transport=polling"),
            vec![("Content-Length", "0")],
            400,
            &["opened with GET", "POST"],
        ),
        (
            "GET",
            target.with("EIO=4&transport=polling&sid=x&sid=y"),
            vec![],
            400,
            &["two values of `sid`"],
        ),
        (
            "GET",
            target.with("EIO=4&transport=polling&sid=x"),
            vec![],
            400,
            &["not the shape"],
        ),
        (
            "GET",
            unknown,
            vec![],
            400,
            &["no session aaaa…", "sticky sessions"],
        ),
        (
            "GET",
            websocket.clone(),
            vec![],
            400,
            &["without an `Upgrade` header", "proxy_set_header Upgrade"],
        ),
        (
            "GET",
            websocket.clone(),
            without("Upgrade"),
            400,
            &["without an `Upgrade` header"],
        ),
        (
            "GET",
            websocket.clone(),
            without("Connection"),
            400,
            &["`Connection: ` does not name the upgrade"],
        ),
        (
            "GET",
            websocket.clone(),
            without("Sec-WebSocket-Key"),
            400,
            &["`Sec-WebSocket-Key` is missing"],
        ),
        (
            "GET",
            websocket.clone(),
            without("Sec-WebSocket-Version"),
            400,
            &["`Sec-WebSocket-Version` is missing", "13"],
        ),
        (
            "POST",
            websocket.clone(),
            upgrade.to_vec(),
            400,
            &["opened with GET", "POST"],
        ),
        (
            "GET",
            target.with("EIO=4&transport=polling"),
            upgrade.to_vec(),
            400,
            &["different transports"],
        ),
        (
            "PUT",
            session.clone(),
            vec![("Content-Length", "0")],
            405,
            &["GET and POST", "PUT"],
        ),
    ];
    for (method, path, headers, status, words) in cases {
        let response = http::request(addr, method, &path, &headers).await;
        assert_eq!(response.status, status, "{method} {path}");
        let (level, line) = refusal(&heard, &mut seen);
        assert_eq!(level, Level::DEBUG, "{line}");
        for word in words {
            assert!(line.contains(word), "{word:?}: {line}");
        }
        for value in [
            format!("method={method:?}"),
            "path=\"/socket.io/\"".into(),
            format!("host=\"{addr}\""),
            "peer=127.0.0.1:".into(),
        ] {
            assert!(line.contains(&value), "{value}: {line}");
        }
        assert!(!line.contains(&sid), "{line}");
    }

    // Which limit, and how to raise it.
    let third = Polling::open(target).await;
    let response = http::get(addr, &target.with("EIO=4&transport=polling")).await;
    assert_eq!(response.status, 503);
    assert_eq!(
        response.text(),
        r#"{"message":"max_unconnected reached: 3 of 3"}"#
    );
    let all = heard.lines();
    let said = |words: &str| all.iter().any(|(_, line)| line.contains(words));
    assert!(said("max_unconnected reached: 3 of 3"), "{all:#?}");
    assert!(said("config.engine.max_unconnected = .."), "{all:#?}");
    let counts = server.handle.counts();
    assert_eq!((counts.requests_refused, counts.sessions_refused), (17, 1));
    drop((third, moved));
}

#[tokio::test]
async fn bodies_that_must_not_be_read_are_refused_with_their_header() {
    for (header, value, status, words) in [
        (
            "Content-Type",
            "application/octet-stream",
            400,
            "`Content-Type: application/octet-stream`",
        ),
        ("Content-Encoding", "gzip", 415, "`Content-Encoding: gzip`"),
    ] {
        let server = serve(Io::new()).await;
        let session = Polling::open(server.target()).await;
        let heard = Heard::default();
        let _guard = heard.listen();
        let mut http = Http::connect(server.addr).await;
        http.head(
            "POST",
            &session.path(),
            &[(header, value), ("Content-Length", "2")],
        )
        .await;
        http.try_write("40").await;
        assert_eq!(http.response().await.expect("an answer").status, status);
        let (_, line) = refusal(&heard, &mut 0);
        assert!(
            line.contains(words) && line.contains("cause=\"body\""),
            "{line}"
        );
        assert_eq!(server.handle.counts().requests_refused, 1);
    }
}

#[tokio::test]
async fn a_websocket_of_another_version_is_told_which_there_is() {
    let server = serve(Io::new()).await;
    for version in ["8", "12", "13, 8", ""] {
        let headers = RawWebSocket::HEADERS.map(|(name, value)| match name {
            "Sec-WebSocket-Version" => (name, version),
            _ => (name, value),
        });
        let path = server.target().websocket();
        let response = http::request(server.addr, "GET", &path, &headers).await;
        assert_eq!(response.status, 400, "{version}");
        assert_eq!(
            response.header("sec-websocket-version"),
            Some("13"),
            "{version}"
        );
    }
}

#[tokio::test]
async fn a_refused_origin_is_a_warning_once_in_a_minute_with_the_line_that_lets_it_in() {
    let server = serve(Io::new()).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    let path = server.target().with("EIO=4&transport=polling");
    for _ in 0..5 {
        let origin = [("Origin", "https://app.example")];
        let response = http::request(server.addr, "GET", &path, &origin).await;
        assert_eq!(response.status, 403);
    }
    let lines = heard.lines();
    let warnings: Vec<_> = lines
        .iter()
        .filter(|(level, _)| *level == Level::WARN)
        .collect();
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    for part in [
        "a page was refused for its origin",
        "a page of https://app.example is not of the host 127.0.0.1:",
        r#"`.allow_origin("https://app.example")`"#,
        r#"origin="https://app.example""#,
        "peer=127.0.0.1:",
        "left_out=0",
    ] {
        assert!(warnings[0].1.contains(part), "{part}: {}", warnings[0].1);
    }
    // The others can be looked at all the same.
    let others = lines
        .iter()
        .filter(|(_, line)| line.contains("request refused"));
    assert_eq!(others.count(), 4);
    assert_eq!(server.handle.counts().origins_refused, 5);
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_refusal_names_the_host_that_the_client_asked() {
    let server = serve(Io::new().trust_proxies(["127.0.0.1"])).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    let mut seen = 0;
    let target = server.target();
    let forwarded = [
        ("X-Forwarded-Host", "chat.example"),
        ("X-Forwarded-For", "192.0.2.1"),
    ];
    let cookie = "x".repeat(66_000);
    for (path, header, status) in [
        (target.with("EIO=4&transport=foo"), ("X-Way", "1"), 400),
        (target.polling_of(&"a".repeat(32)), ("X-Way", "1"), 400),
        (target.polling(), ("Origin", "https://app.example"), 403),
        (target.polling(), ("Cookie", &cookie), 431),
    ] {
        let mut headers = forwarded.to_vec();
        headers.push(header);
        let answer = http::request(server.addr, "GET", &path, &headers).await;
        assert_eq!(answer.status, status);
        let (_, line) = refusal(&heard, &mut seen);
        for part in [r#"host="chat.example""#, "peer=192.0.2.1:0"] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}
