//! The hints of refusals.

use super::*;

fn hint(refusal: Refusal, head: http::request::Builder) -> String {
    let request = head.body(()).unwrap();
    let forwarded = ForwardedRequest::default();
    let request = RefusedRequest::new(&request, None, &forwarded);
    let request = &request;
    RefusalHint { refusal, request }.to_string()
}

fn get(target: &str) -> http::request::Builder {
    Request::get(target).header("host", "chat.example")
}

#[test]
fn the_hint_for_an_origin_names_it_the_host_and_the_line_to_write() {
    let path = "/socket.io/?EIO=4&transport=polling";
    let say = |head| hint(Refusal::Forbidden, head);
    let line = say(get(path).header("origin", "https://app.example"));
    for part in [
        "https://app.example",
        "the host chat.example",
        r#"`.allow_origin("https://app.example")`"#,
        "proxy_set_header Host",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let line = say(Request::get(path).header("origin", "https://app.example"));
    assert!(line.contains("no `Host` header, or several"), "{line}");
    let two = get(path)
        .header("origin", "http://a")
        .header("origin", "http://b");
    assert!(say(two).contains("of 2 `Origin` headers"));
    let bad = say(get(path).header("origin", "https://app.example/"));
    assert!(bad.contains("`allow_origin` does not take it"), "{bad}");
}

#[test]
fn the_hint_for_a_header_that_is_too_long_has_its_own_length() {
    let path = "/socket.io/?EIO=4&transport=websocket";
    let long = "x".repeat(300);
    let key = get(path).header("sec-websocket-key", &long);
    let line = hint(Refusal::WebSocketKey, key);
    assert!(line.contains("has 300 characters"), "{line}");
    let origin = get(path).header("origin", format!("https://{long}"));
    let line = hint(Refusal::Forbidden, origin);
    assert!(line.contains("The origin has 308 bytes"), "{line}");
    // The beginning of the header is the origin of no page.
    assert!(!line.contains("allow_origin"), "{line}");
}

#[test]
fn each_cause_of_a_missing_upgrade_has_its_own_hint() {
    let path = "/socket.io/?EIO=4&transport=websocket";
    let say = |head| hint(Refusal::NoUpgrade, head);
    for (head, words) in [
        (get(path), "without an `Upgrade` header"),
        (
            get(path).header("connection", "upgrade"),
            "without an `Upgrade` header",
        ),
        (get(path).header("upgrade", "h2c"), "`Upgrade: h2c`"),
        (
            get(path)
                .header("upgrade", "websocket")
                .header("connection", "close"),
            "`Connection: close` does not name the upgrade",
        ),
        (get(path).header("upgrade", "websocket"), "`Connection: `"),
        (get(path).version(Version::HTTP_2), "RFC 8441"),
    ] {
        let line = say(head);
        assert!(line.contains(words), "{words}: {line}");
    }
}

#[test]
fn every_hint_has_the_value_that_decided_it() {
    let sid = Sid::parse(&"a".repeat(32)).unwrap();
    let limit = LimitReached {
        limit: "max_sessions",
        count: 7,
        max: 7,
    };
    let polling = TransportKind::Polling;
    let path = "/socket.io/?EIO=3&transport=foo%0A";
    for (refusal, words) in [
        (Refusal::TransportUnknown, r"`transport=foo\n`"),
        (
            Refusal::TransportOff(polling),
            "config.engine.polling = true",
        ),
        (Refusal::SessionUnknown(Some(sid)), "aaaa…"),
        (Refusal::SessionUnknown(None), "`sid`"),
        (Refusal::BadHandshakeMethod, "this is a GET"),
        (Refusal::Ambiguous("EIO"), "two values of `EIO`"),
        (Refusal::Jsonp, "`j`"),
        (
            Refusal::OtherTransport(sid, polling),
            "aaaa… has moved to polling",
        ),
        (Refusal::WebSocketKey, "`Sec-WebSocket-Key` is missing"),
        (Refusal::WebSocketVersion, "koio speaks 13"),
        (Refusal::UnsupportedVersion, "`EIO=3`"),
        (Refusal::MethodNotAllowed, "this is a GET"),
        (Refusal::UpgradeMethod, "this is a GET"),
        (
            Refusal::Overlapping(sid),
            "a second GET of the session aaaa…",
        ),
        (Refusal::Limit(limit), "config.engine.max_sessions = .."),
    ] {
        let line = hint(refusal, get(path));
        assert!(line.contains(words), "{words}: {line}");
        assert!(!line.contains(sid.expose()), "{line}");
    }
}
