//! The files of the browser client, which `Io::serve_client` serves.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use koio::Io;
use koio::config::ClientFiles;
use koio_tests::{Polling, Response, Target, http, serve};

use crate::hosts::axum_target;
use crate::logs::Heard;

const PAGE: &str = "http://page.example";

const BUNDLE: [&str; 8] = [
    "socket.io.js",
    "socket.io.js.map",
    "socket.io.min.js",
    "socket.io.min.js.map",
    "socket.io.esm.min.js",
    "socket.io.esm.min.js.map",
    "socket.io.msgpack.min.js",
    "socket.io.msgpack.min.js.map",
];

/// A directory of these files, each with its name in it, until this is dropped.
struct Dir(PathBuf);

impl Dir {
    fn with(files: &[&str]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("koio-client-{}-{number}", std::process::id());
        let dir = Self(std::env::temp_dir().join(name));
        fs::create_dir(&dir.0).expect("a directory");
        for file in files {
            fs::write(dir.0.join(file), format!("/* {file} */")).expect("a file");
        }
        dir
    }

    fn bundle() -> Self {
        Self::with(&BUNDLE)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path in UTF-8")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

async fn ask(target: Target, file: &str, headers: &[(&str, &str)]) -> Response {
    let path = format!("{}{file}", target.path);
    http::request(target.addr, "GET", &path, headers).await
}

#[tokio::test]
async fn the_eight_files_of_the_bundle_are_served_with_the_headers_of_the_reference() {
    let dir = Dir::bundle();
    fs::write(dir.0.join("secret.js"), "..").expect("a file");
    let server = serve(Io::new().serve_client(dir.path())).await;
    let mut tags = HashSet::new();
    for file in BUNDLE {
        let answer = ask(server.target(), file, &[]).await;
        assert_eq!(answer.status, 200, "{file}");
        assert_eq!(answer.text(), format!("/* {file} */"));
        let kind = if file.ends_with(".map") {
            "application/json; charset=utf-8"
        } else {
            "application/javascript; charset=utf-8"
        };
        assert_eq!(answer.header("content-type"), Some(kind));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=0"));
        tags.insert(answer.header("etag").expect("a tag").to_owned());
        // A query, whichever it is, changes nothing.
        for query in ["?v=1", "?EIO=4&transport=polling"] {
            let same = ask(server.target(), &format!("{file}{query}"), &[]).await;
            assert_eq!((same.status, same.body), (200, answer.body.clone()));
        }
    }
    assert_eq!(
        tags.len(),
        BUNDLE.len(),
        "a tag is of one content: {tags:?}"
    );
    // What is in the directory beside them is not served.
    assert_eq!(ask(server.target(), "secret.js", &[]).await.status, 404);
}

#[tokio::test]
async fn a_browser_that_has_the_file_is_answered_304() {
    let server = serve(Io::new().serve_client(Dir::bundle().path())).await;
    let target = server.target();
    let tag = ask(target, BUNDLE[0], &[]).await;
    let tag = tag.header("etag").expect("a tag").to_owned();
    let weak = format!("W/{tag}");
    let list = format!("\"other\", {tag}");
    for known in [&tag, &weak, &list] {
        let answer = ask(target, BUNDLE[0], &[("If-None-Match", known)]).await;
        assert_eq!((answer.status, answer.text()), (304, ""), "{known}");
        assert_eq!(answer.header("etag"), Some(&*tag));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=0"));
        assert_eq!(answer.header("content-type"), None);
    }
    let other = ask(target, BUNDLE[2], &[("If-None-Match", &tag)]).await;
    assert_eq!(other.status, 200, "the tag of another file");
}

#[tokio::test]
async fn a_server_that_starts_again_with_the_same_files_gives_the_same_tags() {
    let mut tags = Vec::new();
    for _ in 0..2 {
        let server = serve(Io::new().serve_client(Dir::bundle().path())).await;
        let answer = ask(server.target(), BUNDLE[0], &[]).await;
        tags.push(answer.header("etag").expect("a tag").to_owned());
    }
    assert_eq!(tags[0], tags[1]);
}

#[tokio::test]
async fn head_has_the_headers_of_the_file_without_it() {
    let server = serve(Io::new().serve_client(Dir::bundle().path())).await;
    let mut http = koio_tests::Http::connect(server.addr).await;
    http.head(
        "HEAD",
        "/socket.io/socket.io.js",
        &[("Connection", "close")],
    )
    .await;
    let (stream, ahead) = http.into_stream();
    let mut stream = stream;
    let mut bytes = ahead;
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes)
        .await
        .expect("an answer");
    let answer = String::from_utf8(bytes).expect("text").to_lowercase();
    assert!(answer.starts_with("http/1.1 200 "), "{answer}");
    assert!(answer.contains("\r\ncontent-length: 18\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "no body: {answer}");
}

#[tokio::test]
async fn what_is_not_there_is_answered_404_and_never_looked_for() {
    let dir = Dir::bundle();
    let server = serve(Io::new().serve_client(dir.path())).await;
    let inside = format!("../{}/socket.io.js", dir.path());
    for file in [
        "nothing.js",
        "nothing.js.map",
        "../socket.io.js",
        "..%2fsocket.io.js",
        "%2e%2e/socket.io.js",
        "./socket.io.js",
        "/socket.io.js",
        "socket%2eio.js",
        "SOCKET.IO.JS.js",
        &*inside,
    ] {
        assert_eq!(ask(server.target(), file, &[]).await.status, 404, "{file}");
    }
    // Whatever has not the name of a script is for the sessions, as without the files.
    for path in ["socket.io", "", "socket.io.js/"] {
        let answer = ask(server.target(), path, &[]).await;
        answer.assert_refused(0, "Transport unknown");
    }
    let post = http::post(server.addr, "/socket.io/socket.io.js", "x").await;
    post.assert_refused(0, "Transport unknown");
    // And sessions are served below it as before.
    Polling::connect(server.target()).await.send("1").await;
}

#[tokio::test]
async fn without_the_option_a_script_is_refused_and_the_log_says_what_to_write() {
    let heard = Heard::default();
    let listening = heard.listen();
    let server = serve(Io::new()).await;
    let answer = ask(server.target(), "socket.io.js", &[]).await;
    answer.assert_refused(0, "Transport unknown");
    drop(listening);
    assert!(
        heard.says(".serve_client(").is_some(),
        "{:?}",
        heard.lines()
    );
}

#[tokio::test]
async fn the_files_follow_the_path_of_the_server() {
    for (path, below) in [
        ("/chat", "/chat/"),
        ("/chat/", "/chat/"),
        ("/", "/"),
        ("/a/b", "/a/b/"),
    ] {
        let io = Io::new().path(path).serve_client(Dir::bundle().path());
        let server = serve(io).await;
        let target = Target {
            path: below,
            ..server.target()
        };
        assert_eq!(ask(target, "socket.io.js", &[]).await.status, 200, "{path}");
        assert_eq!(
            http::get(server.addr, "/socket.io/socket.io.js")
                .await
                .status,
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_page_may_load_a_file_and_those_that_are_let_in_may_read_it() {
    let io = Io::new().serve_client(Dir::bundle().path());
    let server = serve(io.allow_origin(PAGE)).await;
    let readable = |answer: &Response| {
        let header = answer.header("access-control-allow-origin");
        header.map(ToOwned::to_owned)
    };
    for (origin, expected) in [(PAGE, Some(PAGE)), ("http://other.example", None)] {
        let answer = ask(server.target(), BUNDLE[0], &[("Origin", origin)]).await;
        assert_eq!(answer.status, 200, "{origin}");
        assert_eq!(readable(&answer).as_deref(), expected);
        let tag = answer.header("etag").expect("a tag");
        let headers = [("Origin", origin), ("If-None-Match", tag)];
        let known = ask(server.target(), BUNDLE[0], &headers).await;
        assert_eq!((known.status, readable(&known).as_deref()), (304, expected));
    }
}

#[tokio::test]
async fn files_in_the_program_are_served_without_a_directory_and_replace_those_of_one() {
    let embedded = ClientFiles::new().file("socket.io.min.js", b"/* in the program */");
    let server = serve(Io::new().serve_client(embedded)).await;
    let answer = ask(server.target(), "socket.io.min.js", &[]).await;
    assert_eq!(answer.text(), "/* in the program */");
    assert_eq!(ask(server.target(), "socket.io.js", &[]).await.status, 404);

    let dir = Dir::bundle();
    let both = ClientFiles::from_dir(dir.path())
        .file("socket.io.js", b"/* mine */")
        .file("transports.mjs", "export {}".to_owned().into_bytes());
    let server = serve(Io::new().serve_client(both)).await;
    for (file, content) in [
        ("socket.io.js", "/* mine */"),
        ("socket.io.min.js", "/* socket.io.min.js */"),
        ("transports.mjs", "export {}"),
    ] {
        assert_eq!(ask(server.target(), file, &[]).await.text(), content);
    }
}

#[tokio::test]
async fn inside_axum_the_files_are_served_however_koio_is_mounted() {
    let io = || Io::new().serve_client(Dir::bundle().path());
    let page = || Router::new().route("/page", get(|| async { "page" }));
    for (how, app) in [
        ("layer", page().layer(io().into_layer())),
        ("fallback", page().fallback_service(io().into_service())),
        (
            "route_service",
            page().route_service("/socket.io/{*file}", io().into_service()),
        ),
        (
            "nest_service",
            page().nest_service("/socket.io", io().path("/").into_service()),
        ),
    ] {
        let target = axum_target(app).await;
        let answer = ask(target, BUNDLE[4], &[]).await;
        assert_eq!(answer.status, 200, "{how}");
        assert_eq!(answer.text(), "/* socket.io.esm.min.js */", "{how}");
        assert_eq!(
            http::get(target.addr, "/page").await.text(),
            "page",
            "{how}"
        );
    }
}

#[tokio::test]
async fn a_directory_without_the_bundle_is_refused_at_the_start_and_named_with_what_is_missing() {
    let dir = Dir::with(&BUNDLE[..6]);
    let refused = |io: Io| async {
        let error = io.bind("127.0.0.1:0").await.expect_err("no server");
        assert!(error.is_setup(), "{error:?}");
        error.message().to_owned()
    };
    let told = refused(Io::new().serve_client(dir.path())).await;
    for part in [
        dir.path(),
        "socket.io.msgpack.min.js, socket.io.msgpack.min.js.map are not there",
        file!(),
    ] {
        assert!(told.contains(part), "{told}");
    }
    // A relative path is shown from its root: the directory in which the program runs is what is wrong most often.
    let told = refused(Io::new().serve_client("no/such/dist")).await;
    let here = std::env::current_dir().expect("a directory");
    let whole = here.join("no/such/dist");
    assert!(told.contains(whole.to_str().expect("UTF-8")), "{told}");
    for name in ["../up.js", "page.html", "socket.io.js/", ".js"] {
        let told = refused(Io::new().serve_client(ClientFiles::new().file(name, b"x"))).await;
        assert!(told.contains(name), "{told}");
    }
    let told = refused(Io::new().serve_client(ClientFiles::new())).await;
    assert!(told.contains("there is no file in it"), "{told}");
    // One that is too long to be a client.
    let dir = Dir::bundle();
    let long = fs::File::create(dir.0.join(BUNDLE[0])).expect("a file");
    long.set_len(16 * 1024 * 1024 + 1).expect("a sparse file");
    let told = refused(Io::new().serve_client(dir.path())).await;
    assert!(
        told.contains("socket.io.js has 16777217 bytes, and may have 16777216"),
        "{told}"
    );
}
