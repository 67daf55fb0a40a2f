//! A program whose handlers are found by their attribute alone. It is a program of its own, since it takes every
//! handler that is linked into it.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use koio::{Context, Io, Next, Reply, Result, State, on};
use koio_tests::{Client, client, serve};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

struct Greeting(&'static str);

#[on("hello")]
async fn hello(name: String, greeting: State<Greeting>) -> String {
    format!("{}, {name}", greeting.0)
}

mod inner {
    use super::{Next, Reply, Result, on};

    async fn pass(_: koio::Context, next: Next) -> Result<Reply> {
        next.run().await
    }

    // Private, and listed nowhere.
    #[on("where", ns = "/inner", wrap = [pass])]
    async fn place(ctx: koio::Context) -> String {
        ctx.namespace().to_owned()
    }
}

/// The methods of a value are the one thing that is to be listed: somebody has to give the value.
struct Counter(Mutex<u32>);

#[on]
impl Counter {
    #[on("count")]
    async fn count(&self, _ctx: Context) -> u32 {
        let mut count = self.0.lock().expect("a count");
        *count += 1;
        *count
    }
}

#[tokio::test]
async fn every_function_of_the_program_answers_by_its_attribute_alone() {
    let io = Io::discover().state(Greeting("hello"));
    let server = serve(io.handlers(Counter(Mutex::default()))).await;
    for (number, transport) in client::BOTH.into_iter().enumerate() {
        let mut client = Client::connect(server.target(), transport).await;
        client.send(r#"421["hello","ann"]"#).await;
        client.expect(r#"431["hello, ann"]"#).await;
        client.send(r#"422["count"]"#).await;
        client.expect(&format!("432[{}]", number + 1)).await;
        client.send("40/inner,").await;
        assert!(client.text().await.starts_with("40/inner,"));
        client.send(r#"42/inner,3["where"]"#).await;
        client.expect(r#"43/inner,3["/inner"]"#).await;
    }
}

/// Keeps what one thread logs at `info` and above. It hears all of them, since tracing remembers for each place in
/// the code whether anybody listens.
#[derive(Clone)]
struct Heard(ThreadId, Arc<Mutex<Vec<(Level, String)>>>);

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{value:?}").expect("a string");
    }
}

impl Subscriber for Heard {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if thread::current().id() != self.0 {
            return;
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        let line = (*event.metadata().level(), message.0);
        self.1.lock().expect("lines").push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn the_start_logs_the_table_of_what_was_found_and_warns_of_nothing() {
    let heard = Heard(thread::current().id(), Arc::default());
    tracing::subscriber::set_global_default(heard.clone()).expect("the only subscriber");
    let io = Io::discover().state(Greeting("hello"));
    let table = io.describe().to_string();
    let _service = io.into_service();
    let lines = heard.1.lock().expect("lines").clone();
    let [(level, line)] = lines.as_slice() else {
        panic!("{lines:#?}");
    };
    assert_eq!(*level, Level::INFO);
    assert!(line.contains(&table), "{line}");
    for word in [
        "hello",
        "where",
        "/inner",
        "discover.rs:",
        "pass",
        "name: String",
    ] {
        assert!(table.contains(word), "{word} is not in\n{table}");
    }
}
