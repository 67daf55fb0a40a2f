//! What the CORS headers say to pages of other origins.

use std::time::Duration;

use hyper::http::Method;
use koio::Io;
use koio::config::Cors;
use koio_tests::{Polling, Response, http, serve};

const PAGE: &str = "https://app.example";
const ORIGIN: (&str, &str) = ("Origin", PAGE);
const PREFLIGHT: [(&str, &str); 3] = [
    ORIGIN,
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "x-api-key, x-other"),
];

/// The CORS headers of an answer, and what it varies by, in the order of their names.
fn cors_of(response: &Response) -> Vec<(String, String)> {
    let mut headers = response.headers.clone();
    headers.retain(|(name, _)| name.starts_with("access-control-") || name == "vary");
    headers.sort();
    headers
}

fn are(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    let headers = headers.iter();
    headers
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

async fn ask(io: Io, method: &str, headers: &[(&str, &str)]) -> Response {
    let server = serve(io).await;
    let path = server.target().polling();
    http::request(server.addr, method, &path, headers).await
}

#[tokio::test]
async fn a_plain_cors_says_what_koio_says_without_it() {
    for (method, headers) in [("GET", &[ORIGIN][..]), ("OPTIONS", &PREFLIGHT[..2])] {
        let without = ask(Io::new().allow_origin(PAGE), method, headers).await;
        let with = ask(
            Io::new().allow_origin(PAGE).cors(Cors::new()),
            method,
            headers,
        )
        .await;
        assert_eq!(with.status, without.status);
        assert_eq!(cors_of(&with), cors_of(&without));
    }
}

#[tokio::test]
async fn a_preflight_is_answered_with_what_the_program_allows() {
    let cors = Cors::new()
        .allow_methods([Method::GET, Method::POST, Method::PUT])
        .allow_headers(["x-api-key", "X-Trace"])
        .expose_headers(["x-served-by"])
        .max_age(Duration::from_secs(600));
    let answer = ask(
        Io::new().allow_origin(PAGE).cors(cors),
        "OPTIONS",
        &PREFLIGHT,
    )
    .await;
    assert_eq!((answer.status, answer.text()), (204, ""));
    assert_eq!(
        cors_of(&answer),
        are(&[
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-headers", "x-api-key, X-Trace"),
            ("access-control-allow-methods", "GET, POST, PUT"),
            ("access-control-allow-origin", PAGE),
            ("access-control-max-age", "600"),
            ("vary", "Origin"),
        ])
    );
    // Without a list, what the page asks for, which a cache must tell apart.
    let cors = Cors::new().max_age(Duration::ZERO);
    let answer = ask(
        Io::new().allow_origin(PAGE).cors(cors),
        "OPTIONS",
        &PREFLIGHT,
    )
    .await;
    assert_eq!(
        cors_of(&answer),
        are(&[
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-headers", "x-api-key, x-other"),
            ("access-control-allow-methods", "GET, POST"),
            ("access-control-allow-origin", PAGE),
            ("access-control-max-age", "0"),
            ("vary", "Access-Control-Request-Headers"),
            ("vary", "Origin"),
        ])
    );
}

#[tokio::test]
async fn each_answer_names_the_exposed_headers_and_none_allows_what_was_switched_off() {
    let cors = || {
        Cors::new()
            .expose_headers(["x-served-by", "x-region"])
            .allow_credentials(false)
    };
    let expected = |origin, vary: &[(&str, &str)]| {
        let exposed = ("access-control-expose-headers", "x-served-by, x-region");
        let mut all = are(&[("access-control-allow-origin", origin), exposed]);
        all.extend(are(vary));
        all
    };
    let listed = Io::new().allow_origin(PAGE).cors(cors());
    let judged = Io::new().allow_origin_if(|_, _| true).cors(cors());
    for io in [listed, judged] {
        let server = serve(io).await;
        let mut session = Polling::open(server.target()).await;
        session.send("40").await;
        // A poll, and what refuses one.
        for (path, status) in [(session.path(), 200), (server.target().with("EIO=3"), 400)] {
            let answer = http::request(server.addr, "GET", &path, &[ORIGIN]).await;
            assert_eq!(answer.status, status);
            assert_eq!(cors_of(&answer), expected(PAGE, &[("vary", "Origin")]));
        }
        // A page of the same host needs none.
        let host = format!("http://{}", server.addr);
        let path = server.target().polling();
        let answer = http::request(server.addr, "GET", &path, &[("Origin", &host)]).await;
        assert!(cors_of(&answer).iter().all(|(name, _)| name == "vary"));
    }
    let any = Io::new().allow_any_origin().cors(cors());
    let answer = ask(any, "GET", &[ORIGIN]).await;
    assert_eq!(cors_of(&answer), expected("*", &[]));
}

#[tokio::test]
async fn a_server_of_a_private_network_is_reached_if_the_program_says_so() {
    const ALLOWED: &str = "access-control-allow-private-network";
    let asks = ("Access-Control-Request-Private-Network", "true");
    let mut asking = PREFLIGHT.to_vec();
    asking.push(asks);
    for (allowed, headers, expected) in [
        (true, &asking[..], Some("true")),
        (true, &PREFLIGHT, None),
        (false, &asking, None),
    ] {
        let cors = Cors::new().allow_private_network(allowed);
        let answer = ask(Io::new().allow_origin(PAGE).cors(cors), "OPTIONS", headers).await;
        assert_eq!(answer.header(ALLOWED), expected);
    }
}

#[tokio::test]
async fn cors_that_contradicts_itself_is_refused_at_the_start() {
    let listed = || Io::new().allow_origin(PAGE);
    let any = || Io::new().allow_any_origin();
    for (io, why) in [
        (
            Io::new().cors(Cors::new()),
            "no page of another origin may connect",
        ),
        (
            listed().cors_headers(false).cors(Cors::new()),
            "`cors_headers(false)`",
        ),
        (
            any().cors(Cors::new().allow_credentials(true)),
            "every page on the web",
        ),
        (listed().cors(Cors::new().allow_headers(["*"])), "the star"),
        (listed().cors(Cors::new().expose_headers(["*"])), "the star"),
        (
            listed().cors(Cors::new().allow_headers(["x-\r\ny"])),
            r#""x-\r\ny" is no name"#,
        ),
        (
            listed().cors(Cors::new().expose_headers([""])),
            r#""" is no name"#,
        ),
        (
            listed().cors(Cors::new().expose_headers(["a, b"])),
            "is no name",
        ),
        (
            listed().cors(Cors::new().allow_methods([Method::GET])),
            "without GET and POST",
        ),
        (
            listed().cors(Cors::new().max_age(Duration::from_secs(86_401))),
            "above a day",
        ),
        (
            listed().cors(Cors::new().max_age(Duration::from_millis(1_500))),
            "no number of seconds",
        ),
    ] {
        let error = io.bind("127.0.0.1:0").await.expect_err("a mistake");
        assert!(error.is_setup());
        let error = error.to_string();
        assert!(error.contains(why), "{why}: {error}");
        assert!(error.contains("cors.rs:"), "{error}");
    }
    let star = Cors::new().allow_credentials(false).allow_headers(["*"]);
    assert_eq!(ask(any().cors(star), "GET", &[ORIGIN]).await.status, 200);
}
