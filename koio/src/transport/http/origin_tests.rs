//! Which origins may connect.

use http::header::HOST;

use super::*;

fn path() -> Uri {
    Uri::from_static("/socket.io/?EIO=4")
}

fn headers(origin: &str, host: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ORIGIN, origin.parse().unwrap());
    headers.insert(HOST, host.parse().unwrap());
    headers
}

fn verdict(origins: &Origins, uri: &Uri, headers: &HeaderMap) -> OriginVerdict {
    origins.judge(uri, headers, &ForwardedRequest::default())
}

fn judge(origin: &str, host: &str) -> OriginVerdict {
    verdict(&Origins::default(), &path(), &headers(origin, host))
}

#[test]
fn a_page_of_the_same_host_may_connect() {
    assert_eq!(
        judge("http://127.0.0.1:3000", "127.0.0.1:3000"),
        OriginVerdict::Same
    );
    assert_eq!(
        judge("https://Chat.example", "chat.example"),
        OriginVerdict::Same
    );
    assert_eq!(
        judge("https://chat.example", "chat.example:443"),
        OriginVerdict::Same
    );
    assert_eq!(
        judge("http://[::1]:3000", "[::1]:3000"),
        OriginVerdict::Same
    );
}

#[test]
fn the_schemes_of_websocket_mean_the_same_host_too() {
    for (origin, host) in [
        ("ws://127.0.0.1:3000", "127.0.0.1:3000"),
        ("wss://chat.example", "chat.example"),
        ("wss://chat.example", "chat.example:443"),
        ("WS://chat.example", "chat.example:80"),
    ] {
        assert_eq!(judge(origin, host), OriginVerdict::Same, "{origin}");
    }
    for (origin, host) in [
        ("ws://evil.example", "chat.example"),
        ("wss://chat.example", "chat.example:80"),
        ("ws://chat.example:3000", "chat.example:3001"),
        ("wss://evil@chat.example", "chat.example"),
    ] {
        assert_eq!(judge(origin, host), OriginVerdict::Foreign, "{origin}");
    }
}

/// Older versions of React Native on Android write a slash behind it, elephant.io (PHP) its URL as the program wrote it.
#[test]
fn clients_that_write_their_own_address_as_a_url_mean_the_same_host() {
    for (origin, host) in [
        ("https://chat.example/", "chat.example"),
        ("http://127.0.0.1:3000/", "127.0.0.1:3000"),
        ("http://chat.example", "chat.example:80"),
        (
            "http://chat.example/tenant/socket.io/?a=1",
            "chat.example:80",
        ),
    ] {
        assert_eq!(judge(origin, host), OriginVerdict::Same, "{origin}");
    }
    for (origin, host) in [
        ("https://evil.example/chat.example", "chat.example"),
        ("https://evil.example/?chat.example/", "chat.example"),
        ("http://chat.example:3001/", "chat.example:3000"),
    ] {
        assert_eq!(judge(origin, host), OriginVerdict::Foreign, "{origin}");
    }
}

#[test]
fn apps_devices_and_extensions_are_refused_until_they_are_listed() {
    for origin in [
        "capacitor://localhost",
        "ionic://localhost",
        "app://localhost",
        "tauri://localhost",
        "http://tauri.localhost",
        "https://localhost",
        "http://localhost",
        "file://",
        "null",
        "chrome-extension://abcdefghijklmnop",
    ] {
        for host in ["chat.example", "127.0.0.1:3000"] {
            assert_eq!(judge(origin, host), OriginVerdict::Foreign, "{origin}");
        }
    }
}

#[test]
fn a_client_without_an_origin_may_connect() {
    assert_eq!(
        verdict(&Origins::default(), &path(), &HeaderMap::new()),
        OriginVerdict::Same
    );
}

#[test]
fn other_pages_are_refused() {
    for origin in [
        "http://evil.example",
        "null",
        "https://127.0.0.1.evil.example:3000",
        "http://127.0.0.1:3001",
        "http://127.0.0.1",
        "file://127.0.0.1:3000",
        "",
    ] {
        assert_eq!(
            judge(origin, "127.0.0.1:3000"),
            OriginVerdict::Foreign,
            "{origin}"
        );
    }
}

#[test]
fn a_user_in_front_of_a_host_is_never_the_same_host() {
    for (origin, host) in [
        ("http://evil@chat.example", "chat.example"),
        ("http://chat.example", "x@chat.example"),
        ("http://x@chat.example", "x@chat.example"),
        ("http://chat.example@evil.example", "evil.example"),
        ("http://@chat.example", "chat.example"),
        ("http://evil:pw@chat.example:80", "chat.example"),
    ] {
        assert_eq!(judge(origin, host), OriginVerdict::Foreign, "{origin}");
    }
}

#[test]
fn two_origins_are_refused() {
    let mut headers = headers("http://a.example", "a.example");
    headers.append(ORIGIN, "http://b.example".parse().unwrap());
    assert_eq!(
        verdict(&Origins::default(), &path(), &headers),
        OriginVerdict::Foreign
    );
}

#[test]
fn the_host_of_an_absolute_target_is_the_pages_and_the_header_beside_it_is_none() {
    let uri = Uri::from_static("https://chat.example/socket.io/?EIO=4");
    let judge = |origin, host| verdict(&Origins::default(), &uri, &headers(origin, host));
    let same = judge("https://chat.example", "other.example");
    assert_eq!(same, OriginVerdict::Same);
    let foreign = judge("https://other.example", "other.example");
    assert_eq!(foreign, OriginVerdict::Foreign);
}

#[test]
fn what_a_proxy_says_of_host_and_scheme_counts() {
    let judge = |origin, host: Option<&str>, scheme: Option<&str>| {
        let forwarded = ForwardedRequest {
            host: host.map(str::to_owned),
            scheme: scheme.map(str::to_owned),
            ..ForwardedRequest::default()
        };
        let headers = headers(origin, "inner:3000");
        Origins::default().judge(&path(), &headers, &forwarded)
    };
    let (page, host) = ("https://chat.example", Some("chat.example"));
    assert_eq!(judge(page, host, Some("https")), OriginVerdict::Same);
    assert_eq!(judge(page, host, None), OriginVerdict::Same);
    assert_eq!(judge(page, host, Some("http")), OriginVerdict::Foreign);
    assert_eq!(judge(page, None, Some("https")), OriginVerdict::Foreign);
    let inner = judge("http://inner:3000", host, None);
    assert_eq!(inner, OriginVerdict::Foreign);
    let ported = judge("https://chat.example", Some("chat.example:443"), None);
    assert_eq!(ported, OriginVerdict::Same);
}

#[test]
fn without_cors_headers_only_the_check_is_left() {
    let mut origins = Origins::default();
    origins.allow("https://app.example").unwrap();
    origins.cors_headers(false);
    let judge = |origin| verdict(&origins, &path(), &headers(origin, "api.example"));
    assert_eq!(judge("https://app.example"), OriginVerdict::Same);
    assert_eq!(judge("https://evil.example"), OriginVerdict::Foreign);
}

#[test]
fn a_listed_origin_must_match_exactly() {
    let mut origins = Origins::default();
    origins.allow("https://app.example").unwrap();
    let judge = |origin| verdict(&origins, &path(), &headers(origin, "api.example"));
    assert!(matches!(
        judge("https://app.example"),
        OriginVerdict::Listed(_)
    ));
    for origin in [
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil",
    ] {
        assert_eq!(judge(origin), OriginVerdict::Foreign, "{origin}");
    }
}

#[test]
fn origins_that_browsers_apps_and_devices_send_can_be_listed() {
    for origin in [
        "https://app.example.com",
        "HTTPS://App.Example.Com",
        "http://localhost:5173",
        "http://127.0.0.1:8080",
        "http://[::1]:3000",
        "http://[::1]",
        "https://xn--bcher-kva.example",
        "http://app.example:443",
        "capacitor://localhost",
        "ionic://localhost",
        "tauri://localhost",
        "http://tauri.localhost",
        "https://tauri.localhost",
        "https://localhost",
        "http://localhost",
        "null",
        "chrome-extension://abcdefghijklmnop",
        "moz-extension://0f334731-19e3-42f8-85e2-03dbf50026df",
        "safari-web-extension://3FAD6DAE-0632-4DE6-ACBA-13C69C5D62B5",
        "app://.",
        "app://localhost",
        "file://",
    ] {
        let mut origins = Origins::default();
        assert_eq!(origins.allow(origin), Ok(()), "{origin}");
        let verdict = verdict(
            &origins,
            &path(),
            &headers(&origin.to_ascii_lowercase(), "api.example"),
        );
        assert!(matches!(verdict, OriginVerdict::Listed(_)), "{origin}");
    }
}

#[test]
fn origins_that_no_browser_sends_can_not_be_listed() {
    for (origin, why) in [
        ("*", "allow_any_origin"),
        ("https://*.example.com", "list each origin"),
        ("", "no scheme"),
        ("app.example.com", "no scheme"),
        ("localhost:5173", "no scheme"),
        ("https:app.example.com", "no scheme"),
        ("//app.example.com", "no scheme"),
        ("://app.example.com", "its scheme is none"),
        ("ht tp://app.example.com", "its scheme is none"),
        ("https://", "no host"),
        ("https://:8080", "its host is none"),
        ("https://a..b::c", "its host is none"),
        ("https://app.example.com/", "not even a slash"),
        ("https://app.example.com/page", "not even a slash"),
        ("https://app.example.com?", "not even a slash"),
        ("https://ann@app.example.com", "scheme, host and port"),
        ("https://app.example.com ", "ASCII"),
        ("https://bücher.example", "ASCII"),
        ("https://app.example.com:443", "the scheme's own"),
        ("http://app.example.com:80", "the scheme's own"),
        ("https://app.example.com:", "its port is none"),
        ("https://app.example.com:port", "is none"),
        ("https://app.example.com:08080", "its port is none"),
        ("https://app.example.com:80800", "its port is none"),
    ] {
        let refused = Origins::default().allow(origin).expect_err(origin);
        assert!(refused.to_string().contains(why), "{origin}: {refused}");
    }
}
