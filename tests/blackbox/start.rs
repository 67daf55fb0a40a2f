//! What the start refuses, and where it says that the mistake is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use koio::{Error, Io, Namespace, State, handlers, on};

use crate::logs::Heard;
use crate::memory::Memory;

/// This file, as the compiler names it.
const HERE: &str = file!();

struct Db;

#[on("find")]
async fn find(_db: State<Db>) {}

#[on("join")]
async fn join() {}

mod other {
    use koio::on;

    #[on("join")]
    pub(super) async fn join() {}
}

async fn refused(io: Io) -> Error {
    let refused = io.bind("127.0.0.1:0").await;
    let error = refused.expect_err("a server that does not start");
    assert!(error.is_setup(), "{error:?}");
    error
}

/// Where the problem says that something stands: lines of this file.
fn lines(error: &Error) -> Vec<u32> {
    let mut lines = Vec::new();
    for rest in error.message().split(&format!("{HERE}:")).skip(1) {
        let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
        lines.push(number.parse().expect("a line"));
    }
    lines
}

#[tokio::test]
async fn bind_refuses_naming_the_handlers_and_their_file_and_line() {
    let error = refused(Io::new().handlers(handlers![find, join, other::join])).await;
    assert!(error.message().starts_with("2 problems:"), "{error}");
    for name in ["::start::find`", "::start::join`", "::other::join`", "Db`"] {
        assert!(error.message().contains(name), "{error}");
    }
    // Where the attributes stand.
    let source = include_str!("start.rs");
    let attribute = |text: &str| {
        let found = source.lines().position(|line| line.trim() == text);
        u32::try_from(found.expect("an attribute") + 1).expect("a line")
    };
    let first = attribute(r#"#[on("join")]"#);
    let second = attribute("mod other {") + 3;
    let mut named = lines(&error);
    named.sort_unstable();
    assert_eq!(named, [attribute(r#"#[on("find")]"#), first, second]);
}

#[tokio::test]
async fn limits_that_contradict_themselves_are_refused_where_they_were_given() {
    let line = line!() + 1;
    let io = Io::new().ping_timeout(Duration::ZERO).max_payload(10_000);
    let error = refused(io).await;
    assert_eq!(lines(&error), [line], "{error}");
    // What `main` prints of it, which says it once.
    let printed = format!("{error:?}");
    assert_eq!(
        printed.matches("`ping_timeout` is zero").count(),
        1,
        "{printed}"
    );

    let line = line!() + 2;
    let io = Io::new()
        .config(|config| config.socket.event_queue = 0)
        .connect_timeout(Duration::from_secs(1));
    let error = refused(io).await;
    assert!(error.message().contains("`event_queue` is zero"), "{error}");
    assert_eq!(lines(&error), [line], "{error}");

    // What is put right in the end is right.
    let io = Io::new()
        .ping_timeout(Duration::ZERO)
        .ping_timeout(Duration::from_secs(1));
    drop(io.bind("127.0.0.1:0").await.expect("a server"));
}

#[tokio::test]
async fn two_limits_that_contradict_each_other_are_refused() {
    let io = Io::new().config(|config| {
        config.engine.max_payload = 1_024;
        config.socket.packets.attachment_bytes = Some(1 << 30);
    });
    let error = refused(io).await;
    assert!(error.message().contains("attachment_bytes"), "{error}");
    let io = Io::new().config(|config| {
        config.engine.polling = false;
        config.engine.websocket = false;
    });
    let error = refused(io).await;
    assert!(error.message().contains("switched off"), "{error}");
}

#[tokio::test]
async fn whatever_else_can_not_be_is_refused_too() {
    for path in ["socket.io", "/socket.io?x=1", "/socket.io#x", ""] {
        let error = refused(Io::new().path(path)).await;
        assert!(error.message().contains("the path"), "{error}");
    }
    // What is no pattern is refused rather than taken for a name.
    let error = refused(Io::new().namespace("/{room}-{id}", Namespace::new())).await;
    assert!(error.message().contains("/{room}-{id}"), "{error}");
    // An address is not the program's mistake.
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = taken.local_addr().expect("an address");
    let error = Io::new().bind(address).await.expect_err("it is taken");
    assert!(!error.is_setup(), "{error:?}");
    let source = error.downcast_ref::<std::io::Error>().expect("its source");
    assert_eq!(source.kind(), std::io::ErrorKind::AddrInUse);
    assert!(error.message().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn what_no_browser_sends_as_an_origin_is_refused_where_it_was_given() {
    for (origin, why) in [
        ("*", "`allow_any_origin()`"),
        ("https://app.example.com/", "not even a slash"),
        ("app.example.com", "no scheme"),
    ] {
        let line = line!() + 1;
        let io = Io::new().allow_origin(origin);
        let error = refused(io.allow_origin("https://app.example.com")).await;
        assert_eq!(lines(&error), [line], "{error}");
        for part in [format!("`{origin}` is no origin"), why.to_owned()] {
            assert!(error.message().contains(&part), "{error}");
        }
    }
}

#[test]
fn a_layer_and_a_service_are_refused_as_a_server_is() {
    let io = || Io::new().handlers(handlers![find]);
    for error in [
        io().try_into_layer().expect_err("no state"),
        io().try_into_service().expect_err("no state"),
    ] {
        assert!(error.is_setup() && error.message().contains("::start::find`"));
    }
    for panicked in [
        catch_unwind(AssertUnwindSafe(|| drop(io().into_layer()))),
        catch_unwind(AssertUnwindSafe(|| drop(io().into_service()))),
    ] {
        let said = panicked.expect_err("no state");
        let said = said.downcast_ref::<String>().expect("a text");
        assert!(said.contains("::start::find`"), "{said}");
    }
}

#[tokio::test]
async fn the_start_warns_of_each_handler_that_nothing_lists_and_of_no_other() {
    let heard = Heard::default();
    let guard = heard.listen();
    let _memory = Memory::new(Io::new().handlers(handlers![join]));
    drop(guard);
    let (level, line) = heard
        .says("blackbox::start::other::join`")
        .expect("a warning");
    assert_eq!(level, tracing::Level::WARN);
    assert!(line.contains("nothing lists the handler"), "{line}");
    assert!(line.contains(&format!("{HERE}:")), "{line}");
    let warned = heard.lines();
    let listed = |line: &(tracing::Level, String)| {
        line.0 == tracing::Level::WARN && line.1.contains("blackbox::start::join`")
    };
    assert!(!warned.iter().any(listed), "{warned:#?}");
}

const MESSAGE: &str = "message";

mod events {
    pub(super) const TYPING: &str = "typing";
}

#[on(MESSAGE)]
async fn message(count: koio::State<Shared>) -> u32 {
    count.0
}

#[on(events::TYPING, also)]
async fn typing() {}

struct Shared(u32);

fn at_least(least: usize) -> impl koio::Middleware {
    move |ctx: koio::Context, next: koio::Next| async move {
        koio::ensure!(ctx.socket().rooms().len() >= least, "no", "no");
        next.run().await
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_may_be_named_by_a_constant_and_a_state_be_given_in_an_arc() {
    let shared = std::sync::Arc::new(Shared(7));
    let io = koio::Io::new()
        .state(std::sync::Arc::clone(&shared))
        .wrap(at_least(0))
        .handlers(koio::handlers![message, typing])
        .on("closure", |_: koio::Context| async { Ok(()) });
    let table = io.describe();
    let events: Vec<&str> = table.rows().iter().map(|row| row.event()).collect();
    assert_eq!(events, ["message", "typing", "closure"]);
    for row in table.rows() {
        assert_eq!(row.middleware(), ["blackbox::start::at_least"]);
        assert!(!row.handler().contains("{{"), "{}", row.handler());
    }
    let memory = crate::memory::Memory::new(io);
    let mut peer = memory.client(koio_tests::Transport::WebSocket).await;
    peer.send(r#"421["message"]"#).await;
    peer.expect("431[7]").await;
}
