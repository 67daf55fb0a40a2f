//! Answers to polls, and files, that are compressed for those who ask for it.

use std::io::Read;

use flate2::read::{GzDecoder, ZlibDecoder};
use koio::Io;
use koio::config::{ClientFiles, HttpCompression};
use koio_tests::polling::Open;
use koio_tests::{Http, Polling, Response, Running, http, serve};

use crate::scene;

/// A header that means nothing to a GET, and with which a request is served by hyper.
const LONG_WAY: (&str, &str) = ("Access-Control-Request-Method", "POST");

async fn server(threshold: usize) -> Running {
    let compression = HttpCompression::new().threshold(threshold);
    let io = Io::new().handlers(koio::handlers![scene::echo]);
    serve(io.http_compression(compression)).await
}

/// JSON with some variety in it.
fn text(length: usize) -> String {
    let words = (0_u64..).map(|n| format!("{} says {:x}, ", n % 7, n.wrapping_mul(2_654_435_761)));
    words
        .flat_map(|word| word.into_bytes())
        .take(length)
        .map(char::from)
        .collect()
}

fn inflated(answer: &Response) -> String {
    let mut plain = String::new();
    let read = match answer.header("content-encoding") {
        Some("gzip") => GzDecoder::new(&*answer.body).read_to_string(&mut plain),
        Some("deflate") => ZlibDecoder::new(&*answer.body).read_to_string(&mut plain),
        Some(other) => panic!("an unknown coding: {other}"),
        None => return answer.text().to_owned(),
    };
    read.expect("what was compressed");
    plain
}

/// The answer to a poll that has these headers, of a client that waits for its own words.
async fn polled(server: &Running, words: &str, headers: &[(&str, &str)]) -> Response {
    let target = server.target();
    let mut session = Polling::connect(target).await;
    let mut polls = Http::connect(server.addr).await;
    let path = session.path();
    // Twice: the second request has the head of the first.
    for _ in 0..2 {
        session.send(format!(r#"421["echo","{words}"]"#)).await;
        polls.head("GET", &path, headers).await;
        let answer = polls.response().await.expect("an answer");
        assert_eq!(answer.status, 200);
        if inflated(&answer) != format!(r#"431["{words}"]"#) {
            panic!("other words, of {} bytes", answer.body.len());
        }
    }
    session.send(format!(r#"421["echo","{words}"]"#)).await;
    polls.head("GET", &path, headers).await;
    polls.response().await.expect("an answer")
}

/// The headers but the date, sorted.
fn headers(answer: &Response) -> Vec<(String, String)> {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| name != "date");
    headers.sort();
    headers
}

#[tokio::test]
async fn an_answer_is_compressed_as_its_client_asks_whichever_way_its_poll_takes() {
    let server = server(1_024).await;
    let words = text(20_000);
    for (accepted, coding) in [
        ("gzip, deflate, br, zstd", Some("gzip")),
        ("gzip, deflate", Some("gzip")),
        ("deflate", Some("deflate")),
        ("gzip;q=0, *", Some("deflate")),
        ("gzip;q=0.2, deflate;q=0.4", Some("deflate")),
        ("identity;q=0, gzip", Some("gzip")),
        ("*", Some("gzip")),
        ("gzip;q=0", None),
        ("identity", None),
        ("identity, gzip;q=0.5", None),
        ("br", None),
    ] {
        let asks = ("Accept-Encoding", accepted);
        let short = polled(&server, &words, &[asks]).await;
        let long = polled(&server, &words, &[asks, LONG_WAY]).await;
        assert_eq!(headers(&short), headers(&long), "{accepted}");
        for answer in [short, long] {
            assert_eq!(answer.header("content-encoding"), coding, "{accepted}");
            let vary = coding.map(|_| "Accept-Encoding");
            assert_eq!(answer.header("vary"), vary, "{accepted}");
            let (sent, plain) = (answer.body.len(), inflated(&answer).len());
            assert_eq!(
                sent < plain / 2,
                coding.is_some(),
                "{accepted}: {sent} of {plain}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_short_or_would_not_get_shorter_is_sent_as_it_is() {
    let of_1024 = server(1_024).await;
    let of_0 = server(0).await;
    // With `431[""]` around them.
    for (server, words, coding) in [
        (&of_1024, text(1_024 - 8), None),
        (&of_1024, text(1_024 - 7), Some("gzip")),
        (&of_0, "a".to_owned(), None),
        (&of_0, text(500), Some("gzip")),
    ] {
        for way in [None, Some(LONG_WAY)] {
            let mut headers = vec![("Accept-Encoding", "gzip")];
            headers.extend(way);
            let answer = polled(server, &words, &headers).await;
            assert_eq!(answer.header("content-encoding"), coding, "{}", words.len());
        }
    }
}

#[tokio::test]
async fn without_the_option_nothing_is_compressed() {
    let server = serve(Io::new().handlers(koio::handlers![scene::echo])).await;
    let answer = polled(&server, &text(9_000), &[("Accept-Encoding", "gzip")]).await;
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(answer.header("vary"), None);
}

#[tokio::test]
async fn a_big_answer_that_is_read_late_arrives_whole() {
    let server = server(1_024).await;
    let target = server.target();
    let words = text(900_000);
    for way in [None, Some(LONG_WAY)] {
        let mut session = Polling::connect(target).await;
        let mut polls = Http::connect(server.addr).await;
        let mut headers = vec![("Accept-Encoding", "gzip")];
        headers.extend(way);
        polls.head("GET", &session.path(), &headers).await;
        session.send(format!(r#"421["echo","{words}"]"#)).await;
        // What the server could not write at once it writes later.
        session.send("3").await;
        let answer = polls.response().await.expect("an answer");
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
        assert!(inflated(&answer) == format!(r#"431["{words}"]"#));
        session.send("1").await;
    }
}

#[tokio::test]
async fn handshakes_answers_to_posts_and_refusals_are_as_they_were() {
    let server = server(0).await;
    let target = server.target();
    let asks = [("Accept-Encoding", "gzip")];
    let opened = http::request(server.addr, "GET", &target.polling(), &asks).await;
    assert_eq!(opened.header("content-encoding"), None);
    let path = target.polling_of(&Open::read(opened.text()).sid);
    for (method, path) in [
        ("GET", target.with("EIO=4&transport=nothing")),
        ("GET", target.polling_of("unknown")),
        ("PUT", path.clone()),
        ("OPTIONS", path.clone()),
    ] {
        let refused = http::request(server.addr, method, &path, &asks).await;
        assert!(refused.status >= 400, "{method}");
        assert_eq!(refused.header("content-encoding"), None, "{method}");
    }
    let mut session = Polling::connect(target).await;
    assert_eq!(session.post("3").await.header("content-encoding"), None);
    let mut compressed = Http::connect(server.addr).await;
    let body = [("Content-Encoding", "gzip"), ("Content-Length", "0")];
    compressed.head("POST", &session.path(), &body).await;
    let refused = compressed.response().await.expect("an answer");
    assert_eq!(
        refused.status, 415,
        "the body of a request is never inflated"
    );
}

#[tokio::test]
async fn a_file_is_compressed_for_who_asks_and_has_a_tag_of_its_own_then() {
    let script = text(40_000);
    let files = ClientFiles::new().file("socket.io.js", script.clone().into_bytes());
    let server = serve(Io::new().serve_client(files)).await;
    let ask = async |headers: &[(&str, &str)]| {
        http::request(server.addr, "GET", "/socket.io/socket.io.js", headers).await
    };
    let mut tags = Vec::new();
    for (accepted, coding) in [
        ("gzip, deflate, br", Some("gzip")),
        ("deflate", Some("deflate")),
        ("identity", None),
    ] {
        let asks = ("Accept-Encoding", accepted);
        let answer = ask(&[asks]).await;
        assert_eq!(answer.header("content-encoding"), coding, "{accepted}");
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
        assert_eq!(inflated(&answer), script);
        let tag = answer.header("etag").expect("a tag").to_owned();
        let known = ask(&[asks, ("If-None-Match", &tag)]).await;
        assert_eq!((known.status, known.header("etag")), (304, Some(&*tag)));
        assert_eq!(known.header("vary"), Some("Accept-Encoding"));
        assert!(!tags.contains(&tag), "{tag}");
        tags.push(tag);
    }
}
