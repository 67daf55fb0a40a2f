//! The attribute and its options, on functions, on the methods of a value, and the closures beside them.

use std::sync::Mutex;
use std::time::Duration;

use koio::{Context, Handlers, Io, Namespace, Next, Reply, Result, State, handlers, on};
use koio_tests::Transport;
use tokio::time::Instant;

use crate::memory::Memory;
use crate::record::Record;

type Running = std::pin::Pin<Box<dyn Future<Output = Result<Reply>> + Send>>;

/// A middleware that records that it was entered, and left.
fn ring(name: &'static str) -> impl Fn(Context, Next) -> Running + Clone {
    move |ctx, next| {
        Box::pin(async move {
            // The life cycle passes here as well; it is tested elsewhere.
            if ["connection", "disconnect"].contains(&ctx.event()) {
                return next.run().await;
            }
            let record: State<Record> = ctx.state()?;
            record.push(format!("{name} in"));
            let reply = next.run().await;
            record.push(format!("{name} out"));
            reply
        })
    }
}

#[on("wrapped", wrap = [ring("first"), ring("second")])]
async fn wrapped(record: State<Record>) {
    record.push("handler");
}

#[tokio::test(start_paused = true)]
async fn the_middleware_of_a_handler_is_inside_all_other_and_the_first_is_the_outermost() {
    let record = Record::default();
    let chat = Namespace::new().wrap(ring("namespace"));
    let io = Io::new()
        .state(record.clone())
        .wrap(ring("server"))
        .namespace("/chat", chat.handlers(handlers![wrapped, plain]));
    let memory = Memory::new(io);
    let mut peer = memory.open(Transport::WebSocket).await;
    peer.join_as("40/chat,").await;
    peer.send(r#"42/chat,1["wrapped"]"#).await;
    peer.expect("43/chat,1[]").await;
    let expected = [
        "server in",
        "namespace in",
        "first in",
        "second in",
        "handler",
        "second out",
        "first out",
        "namespace out",
        "server out",
    ];
    assert_eq!(record.take(), expected);
    // And around that handler only.
    peer.send(r#"42/chat,2["plain"]"#).await;
    peer.expect(r#"43/chat,2["plain"]"#).await;
    let expected = ["server in", "namespace in", "namespace out", "server out"];
    assert_eq!(record.take(), expected);
}

#[on("plain")]
async fn plain() -> &'static str {
    "plain"
}

#[on("here", ns = "/chat")]
async fn here(ctx: Context) -> String {
    ctx.namespace().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_names_a_namespace_belongs_there_and_nowhere_else() {
    let memory = Memory::new(Io::new().handlers(handlers![here]));
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.join_as("40/chat,").await;
    peer.send(r#"42/chat,1["here"]"#).await;
    peer.expect(r#"43/chat,1["/chat"]"#).await;
    peer.send(r#"421["here"]"#).await;
    let answer = peer.text().await;
    assert!(answer.contains("no_handler"), "{answer}");
}

#[on("told")]
async fn told(number: u8, record: State<Record>) -> u8 {
    record.push(format!("told {number}"));
    number
}

#[on("told", also)]
async fn also_told(number: u8, record: State<Record>) -> Result<()> {
    record.push(format!("also {number}"));
    koio::bail!("also", "which the client does not hear of")
}

#[on("told", also)]
async fn told_last(text: Option<String>, record: State<Record>) {
    record.push(format!("last {text:?}"));
}

#[tokio::test(start_paused = true)]
async fn others_that_have_the_event_run_behind_the_first_read_it_anew_and_do_not_answer() {
    let record = Record::default();
    let seen = record.clone();
    let io = Io::new()
        .state(record.clone())
        .on_error(move |error, _| seen.push(error.code()))
        // Whatever their place in the list, the one that answers is first.
        .handlers(handlers![also_told, told, told_last]);
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.send(r#"421["told",7]"#).await;
    peer.expect("431[7]").await;
    // The last reads the same first argument, for which it has the wrong type.
    assert_eq!(record.take(), ["told 7", "also 7", "also", "bad_request"]);
}

#[tokio::test(start_paused = true)]
async fn the_middleware_runs_once_for_an_event_that_several_handlers_have() {
    let record = Record::default();
    let io = Io::new()
        .state(record.clone())
        .wrap(ring("server"))
        .handlers(handlers![told, also_told]);
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.send(r#"421["told",7]"#).await;
    peer.expect("431[7]").await;
    assert_eq!(
        record.take(),
        ["server in", "told 7", "also 7", "server out"]
    );
}

struct Dropped(Record);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.push("dropped");
    }
}

#[on("slow", timeout = "5s")]
async fn slow(milliseconds: u64, record: State<Record>) -> &'static str {
    let _dropped = Dropped(Record::clone(&record));
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    record.push("done");
    "done"
}

#[tokio::test(start_paused = true)]
async fn a_timeout_drops_the_future_of_the_handler_answers_and_lets_the_next_event_in() {
    let record = Record::default();
    let seen = record.clone();
    let io = Io::new()
        .state(record.clone())
        .on_error(move |error, _| seen.push(error.code()))
        .handlers(handlers![slow]);
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    let started = Instant::now();
    peer.send(r#"421["slow",60000]"#).await;
    peer.send(r#"422["slow",4000]"#).await;
    let answer = peer.text().await;
    assert!(
        answer.starts_with(r#"431[{"error":{"code":"timeout","message":""#),
        "{answer}"
    );
    assert_eq!(started.elapsed().as_secs(), 5);
    peer.expect(r#"432["done"]"#).await;
    assert_eq!(started.elapsed().as_secs(), 9);
    assert_eq!(record.take(), ["dropped", "timeout", "done", "dropped"]);
}

/// A value whose methods are handlers.
#[derive(Default)]
struct Chat {
    names: Mutex<Vec<String>>,
}

#[on(ns = "/chat")]
impl Chat {
    #[on("connection")]
    async fn came(&self, ctx: Context) -> Result<()> {
        ctx.emit("names", self.all())
    }

    #[on("join")]
    async fn join(&self, ctx: Context, name: String) -> Result<Vec<String>> {
        koio::ensure!(!name.is_empty(), "no_name", "a name is needed");
        self.names.lock().expect("names").push(name);
        ctx.broadcast("names", self.all())?;
        Ok(self.all())
    }

    fn all(&self) -> Vec<String> {
        self.names.lock().expect("names").clone()
    }
}

#[tokio::test(start_paused = true)]
async fn the_methods_of_one_value_serve_all_sockets() {
    let memory = Memory::new(Io::new().handlers(Chat::default()));
    let mut ann = memory.open(Transport::WebSocket).await;
    ann.join_as("40/chat,").await;
    ann.expect(r#"42/chat,["names",[]]"#).await;
    ann.send(r#"42/chat,1["join","ann"]"#).await;
    ann.expect(r#"43/chat,1[["ann"]]"#).await;
    let mut ben = memory.open(Transport::Polling).await;
    ben.join_as("40/chat,").await;
    ben.expect(r#"42/chat,["names",["ann"]]"#).await;
    ben.send(r#"42/chat,1["join",""]"#).await;
    ben.expect(r#"43/chat,1[{"error":{"code":"no_name","message":"a name is needed"}}]"#)
        .await;
    ben.send(r#"42/chat,2["join","ben"]"#).await;
    ben.expect(r#"43/chat,2[["ann","ben"]]"#).await;
    ann.expect(r#"42/chat,["names",["ann","ben"]]"#).await;
}

mod rooms {
    use koio::{Handlers, handlers, on};

    // Private: only the module can name it.
    #[on("leave")]
    async fn leave() -> &'static str {
        "left"
    }

    #[on("join")]
    pub(super) async fn join() -> &'static str {
        "joined"
    }

    pub(super) fn all() -> Handlers {
        handlers![leave]
    }
}

#[tokio::test(start_paused = true)]
async fn lists_of_functions_of_modules_and_of_lists_answer_each_its_own() {
    let list: Handlers = handlers![plain, rooms::join, rooms::all()];
    let memory = Memory::new(Io::new().handlers(handlers![(list), Chat::default()]));
    let mut peer = memory.client(Transport::WebSocket).await;
    for (id, event, answer) in [
        (1, "plain", "plain"),
        (2, "join", "joined"),
        (3, "leave", "left"),
    ] {
        peer.send(&format!(r#"42{id}["{event}"]"#)).await;
        peer.expect(&format!(r#"43{id}["{answer}"]"#)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_closure_reads_its_arguments_from_the_context_and_may_fail() {
    let greeting = "hello".to_owned();
    let io = Io::new().on("echo", move |ctx: Context| {
        let greeting = greeting.clone();
        async move {
            let name: String = ctx.args()?.next()?;
            koio::ensure!(name != "ben", "not_you", "not you, {name}");
            Ok(format!("{greeting}, {name}"))
        }
    });
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.send(r#"421["echo","ann"]"#).await;
    peer.expect(r#"431["hello, ann"]"#).await;
    peer.send(r#"422["echo","ben"]"#).await;
    peer.expect(r#"432[{"error":{"code":"not_you","message":"not you, ben"}}]"#)
        .await;
}

#[on("sum")]
async fn sum(left: u32, right: u32) -> Result<u32> {
    left.checked_add(right)
        .ok_or_else(|| koio::Error::new("too_much", "too much"))
}

#[tokio::test]
async fn a_handler_is_a_function_that_a_test_may_call() {
    assert_eq!(sum(1, 2).await.expect("a sum"), 3);
    let error = sum(u32::MAX, 1).await.expect_err("too much");
    assert_eq!(error.code(), "too_much");
    let chat = Chat::default();
    chat.names.lock().expect("names").push("ann".to_owned());
    assert_eq!(chat.all(), ["ann"]);
}
