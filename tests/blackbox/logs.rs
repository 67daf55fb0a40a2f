//! What the logs say, and above all what they do not.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use koio::{Args, CloseReason, Io, handlers, on};
use koio_tests::{Transport, client};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record as Values};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::limits::slow_clients::small_queue;
use crate::memory::Memory;

/// Hands every event and every span to a function, as one line: level, target and all fields.
pub(super) struct Lines<F> {
    line: F,
    spans: AtomicU64,
}

impl<F: Fn(Level, String) + Send + Sync + 'static> Lines<F> {
    pub(super) fn to(line: F) -> Self {
        Self {
            line,
            spans: AtomicU64::new(1),
        }
    }

    fn say(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Fields)) {
        let mut fields = Fields(format!("{} {}", metadata.target(), metadata.name()));
        record(&mut fields);
        (self.line)(*metadata.level(), fields.0);
    }
}

/// `name=value name=value`, values as their `Debug`, a message as it is.
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).expect("a string");
    }
}

impl<F: Fn(Level, String) + Send + Sync + 'static> Subscriber for Lines<F> {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.say(span.metadata(), |fields| span.record(fields));
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &Id, values: &Values<'_>) {
        let mut fields = Fields(String::new());
        values.record(&mut fields);
        (self.line)(Level::TRACE, fields.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.say(event.metadata(), |fields| event.record(fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Everything that is logged on this thread, down to `trace`, while the guard lives.
///
/// There is one subscriber for the whole process: tracing remembers for each place in the code whether anybody
/// listens, and with one subscriber for each test what the others do would decide that.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<(Level, String)>>>);

thread_local! {
    static HEARING: RefCell<Option<Heard>> = const { RefCell::new(None) };
}

/// Stops listening when it is dropped.
pub(crate) struct Listening;

impl Drop for Listening {
    fn drop(&mut self) {
        HEARING.set(None);
    }
}

impl Heard {
    pub(crate) fn listen(&self) -> Listening {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let lines = Lines::to(|level, line| {
                HEARING.with_borrow(|heard| {
                    if let Some(heard) = heard {
                        heard.0.lock().expect("lines").push((level, line));
                    }
                });
            });
            tracing::dispatcher::set_global_default(tracing::Dispatch::new(lines))
                .expect("the only subscriber");
        });
        HEARING.set(Some(self.clone()));
        Listening
    }

    pub(crate) fn lines(&self) -> Vec<(Level, String)> {
        self.0.lock().expect("lines").clone()
    }

    /// The first line that says this.
    pub(crate) fn says(&self, text: &str) -> Option<(Level, String)> {
        self.lines()
            .into_iter()
            .find(|(_, line)| line.contains(text))
    }
}

#[on("echo")]
async fn echo(args: Args) -> Args {
    args
}

#[on("number")]
async fn number(number: u64) -> u64 {
    number
}

#[on("panic")]
async fn panics() {
    panic!("as the test wants it")
}

#[on("disconnect")]
async fn left(_reason: CloseReason) {}

/// A server that has something to say about everything.
fn talkative() -> Memory {
    let io = Io::new()
        .handlers(handlers![echo, number, panics, left])
        .config(|config| {
            small_queue(config, 20);
            config.socket.event_queue = 2;
            config.socket.read_ahead = 1;
        });
    Memory::new(io)
}

#[tokio::test(start_paused = true)]
async fn the_id_of_a_session_never_stands_whole_in_a_log() {
    let heard = Heard::default();
    let _guard = heard.listen();
    let memory = talkative();
    let mut sids = Vec::new();

    // A session that does all it may, is upgraded, and is closed.
    let (mut peer, socket) = memory.socket(Transport::Polling).await;
    let session = peer.polling();
    sids.push(session.sid().to_owned());
    for packet in [
        r#"421["echo",1]"#,
        r#"422["number","x"]"#,
        r#"423["panic"]"#,
        "430[]",
    ] {
        peer.send(packet).await;
    }
    for _ in 0..3 {
        peer.text().await;
    }
    let poll = tokio::spawn({
        let session = session.clone();
        async move { session.get().await }
    });
    let mut websocket = memory.probe(&session).await;
    websocket.send("2probe").await;
    websocket.expect("3probe").await;
    poll.await.expect("a poll");
    websocket.send("5").await;
    websocket.send(r#"424["echo",4]"#).await;
    websocket.expect("434[4]").await;
    // Over the old transport, and to the ended session.
    session.get().await;
    session.post("4").await;
    websocket.send("41").await;
    websocket.send(r#"42["after the end"]"#).await;
    websocket.ended().await;
    session.get().await;
    drop(socket);

    // Sessions that break one rule each.
    for payload in ["4garbage", "x", "2", "0{}", "42[1,", "b4", "450-[]"] {
        let (peer, _socket) = memory.socket(Transport::Polling).await;
        let session = peer.polling();
        sids.push(session.sid().to_owned());
        session.post(payload).await;
        session.get().await;
        session.post(payload).await;
    }
    let (peer, _socket) = memory.socket(Transport::Polling).await;
    let (one, two) = (peer.polling(), peer.polling());
    sids.push(one.sid().to_owned());
    tokio::join!(one.get(), two.get());
    let (peer, _socket) = memory.socket(Transport::Polling).await;
    let (one, two) = (peer.polling(), peer.polling());
    sids.push(one.sid().to_owned());
    tokio::join!(one.post("3"), two.post("3"));
    let (peer, _socket) = memory.socket(Transport::Polling).await;
    let session = peer.polling();
    sids.push(session.sid().to_owned());
    let aborted = tokio::spawn(async move { session.get().await });
    tokio::task::yield_now().await;
    aborted.abort();

    // One that reads nothing, one that answers no ping, one that never connects, and an end to all.
    let (peer, _socket) = memory.socket(Transport::Polling).await;
    sids.push(peer.polling().sid().to_owned());
    for _ in 0..30 {
        memory.io.broadcast("noise", ()).expect("nobody's fault");
    }
    let (peer, _socket) = memory.socket(Transport::Polling).await;
    sids.push(peer.polling().sid().to_owned());
    let peer = memory.open(Transport::Polling).await;
    sids.push(peer.polling().sid().to_owned());
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (peer, _socket) = memory.socket(Transport::Polling).await;
    sids.push(peer.polling().sid().to_owned());
    memory.io.shutdown(Duration::from_secs(1)).await;

    for sid in &sids {
        assert_eq!(sid.len(), 32);
        assert_eq!(heard.says(sid), None);
        // It can be told from others all the same.
        let shown = format!("{}…", &sid[..4]);
        assert!(
            heard.says(&shown).is_some(),
            "{shown} has never been logged"
        );
        // Nor more of it than that.
        assert_eq!(heard.says(&sid[..8]), None);
    }
    let lines = heard.lines();
    assert!(lines.iter().any(|(level, _)| *level == Level::TRACE));
    assert!(lines.len() > 50, "{} lines", lines.len());
}

#[tokio::test(start_paused = true)]
async fn arguments_of_events_are_not_logged() {
    const SECRET: &str = "the eagle has landed";
    let heard = Heard::default();
    let _guard = heard.listen();
    let memory = talkative();
    for transport in client::BOTH {
        let mut peer = memory.open(transport).await;
        peer.join_as(&format!(r#"40{{"token":"{SECRET}"}}"#)).await;
        peer.send(&format!(r#"421["echo","{SECRET}"]"#)).await;
        peer.expect(&format!(r#"431["{SECRET}"]"#)).await;
        memory.io.broadcast("news", SECRET).expect("an emit");
        peer.expect(&format!(r#"42["news","{SECRET}"]"#)).await;
        peer.send(&format!(r#"439["{SECRET}"]"#)).await;
        peer.send(r#"422["echo"]"#).await;
        peer.expect("432[]").await;
        peer.close().await;
    }
    memory.io.shutdown(Duration::from_secs(1)).await;
    assert_eq!(heard.says(SECRET), None);
    assert!(!heard.lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_breaks_the_protocol_is_logged_once_and_at_debug() {
    for transport in client::BOTH {
        let memory = talkative();
        let (mut peer, _socket) = memory.socket(transport).await;
        let heard = Heard::default();
        let _guard = heard.listen();
        peer.try_send("4garbage").await;
        peer.ended().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let lines = heard.lines();
        let about = |line: &&(Level, String)| line.1.contains("undecodable");
        assert_eq!(lines.iter().filter(about).count(), 1, "{lines:#?}");
        let loud = |line: &&(Level, String)| line.0 <= Level::INFO;
        assert_eq!(lines.iter().filter(loud).count(), 0, "{lines:#?}");
    }
}
