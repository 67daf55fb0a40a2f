//! Functions of the program about requests that panic.

use hyper::http::request::Parts;
use koio::Io;
use koio_tests::{Http, Polling, RawWebSocket, Response, http, serve};
use tracing::Level;

use crate::logs::Heard;

/// Panics if the query says so.
fn asked(parts: &Parts, function: &str) {
    let query = parts.uri.query().unwrap_or_default();
    let mut pairs = query.split('&');
    let is_named = pairs.any(|pair| pair.strip_prefix("panic=") == Some(function));
    assert!(!is_named, "as the test wants it");
}

fn panicking(io: Io) -> Io {
    io.headers(|parts, _| asked(parts, "headers"))
        .initial_headers(|parts, _| asked(parts, "initial_headers"))
        .allow_origin_if(|_, parts| {
            asked(parts, "allow_origin_if");
            true
        })
        .generate_id(|parts, random| {
            asked(parts, "generate_id");
            random.to_owned()
        })
        // One that a panic leaves behind takes the place of the next.
        .config(|config| config.engine.max_sessions = Some(1))
}

const ORIGIN: (&str, &str) = ("Origin", "https://a.example");

#[tokio::test]
async fn a_function_that_panics_refuses_its_request_and_ends_neither_connection_nor_session() {
    let heard = Heard::default();
    let _guard = heard.listen();
    let server = serve(panicking(Io::new())).await;
    let target = server.target();
    let mut connection = Http::connect(target.addr).await;
    for function in [
        "headers",
        "initial_headers",
        "allow_origin_if",
        "generate_id",
    ] {
        let path = format!("{}&panic={function}", target.polling());
        connection.head("GET", &path, &[ORIGIN]).await;
        let refused = connection.response().await.expect("an answer");
        let told = (refused.status, refused.text());
        assert_eq!(told, (500, r#"{"message":"Internal error"}"#), "{function}");

        let path = format!("{}&panic={function}", target.websocket());
        let headers = [&RawWebSocket::HEADERS[..], &[ORIGIN]].concat();
        let (_, refused) = RawWebSocket::ask(target, &path, &headers).await;
        let refused = refused.expect("an answer");
        let told = (refused.status, refused.text());
        assert_eq!(told, (500, "Internal error"), "{function}");
        assert_eq!(refused.header("connection"), Some("close"));

        let said = heard.says(&format!("given to `{function}` panicked"));
        assert!(said.is_some(), "{function}: {:?}", heard.lines());
    }
    // The first is a warning, and then one a minute.
    let (level, line) = heard.says("panicked").expect("a line");
    assert_eq!(level, Level::WARN, "{line}");
    let opened = connection.get(&target.polling()).await;
    assert_eq!(opened.status, 200);
    assert_eq!(server.handle.counts().requests_refused, 8);
}

#[tokio::test]
async fn a_request_of_a_session_that_is_refused_so_leaves_the_session_as_it_was() {
    let server = serve(panicking(Io::new())).await;
    let mut session = Polling::open(server.target()).await;
    let path = format!("{}&panic=headers", session.path());
    let refused: Response = http::post(server.addr, &path, "40").await;
    assert_eq!(refused.status, 500);
    session.send("40").await;
    assert!(session.get().await.text().starts_with("40{"));
}
