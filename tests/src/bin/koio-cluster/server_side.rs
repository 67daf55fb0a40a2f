//! Events between servers: what a client has this one send, and the handlers that those of Node have in these tests too.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use koio::cluster::{NodeId, ServerEvent};
use koio::{Args, Bytes, Context, Error, Handlers, Io, Namespace, Result, State, handlers, on};
use serde_json::{Value, json};

use super::{Whom, missing, names};

/// What other servers have sent.
#[derive(Default)]
struct Heard(Mutex<Vec<Value>>);

impl Heard {
    fn lock(&self) -> MutexGuard<'_, Vec<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[on("server emit", ns = "/control")]
async fn server_emit(ctx: Context, whom: Whom, event: String, value: Value) -> Result<()> {
    let io = ctx.io().of(&whom.namespace);
    io.server_side_emit(&event, koio::args![value, "last"])
}

#[on("server ask", ns = "/control")]
async fn server_ask(ctx: Context, whom: Whom, event: String, args: Args) -> Result<Value> {
    let values: Vec<Value> = (2..args.len())
        .map(|index| args.get(index))
        .collect::<Result<_>>()?;
    let io = ctx.io().of(&whom.namespace);
    let asked = io.server_side_emit_with_ack::<Value>(&event, koio::args![..values]);
    let (answers, missing) = match asked.timeout(Duration::from_millis(whom.timeout)).await {
        Ok(answers) => (answers, Vec::new()),
        Err(error) => {
            let partial = missing(&error)?;
            let names = names(partial).into_iter().map(str::to_owned);
            (partial.server_answers(), names.collect())
        }
    };
    let each = |(_, answer): (NodeId, Result<Value>)| match answer {
        Ok(value) => value,
        Err(error) => json!({ "failed": error.code(), "message": error.message() }),
    };
    let values: Vec<Value> = answers.into_iter().map(each).collect();
    Ok(json!({ "values": values, "missing": missing }))
}

/// Each server says which binary data it was sent.
#[on("server bytes", ns = "/control")]
async fn server_bytes(ctx: Context, value: Bytes) -> Result<Vec<Value>> {
    let asked = ctx.io().server_side_emit_with_ack("bytes", value);
    asked.await?.into_iter().map(|(_, answer)| answer).collect()
}

/// What this server has heard since the last call.
#[on("heard", ns = "/control")]
async fn heard(heard: State<Heard>) -> Vec<Value> {
    std::mem::take(&mut *heard.lock())
}

/// The handlers of `/control`.
pub(crate) fn control() -> Handlers {
    handlers![server_emit, server_ask, server_bytes, heard]
}

async fn hear(event: ServerEvent) -> Result<()> {
    let args: Result<Vec<Value>> = (0..event.len()).map(|index| event.get(index)).collect();
    let text = json!({
        "event": event.name(),
        "namespace": event.namespace(),
        "from": event.from().as_str(),
        "args": args?,
    });
    event.state::<Heard>()?.lock().push(text);
    Ok(())
}

/// Handles events of other servers for a namespace.
pub(crate) fn handled(namespace: Namespace) -> Namespace {
    namespace
        .on_server_side("hello", hear)
        .on_server_side("kind", |_: ServerEvent| async { Ok("koio") })
}

/// The same for `/`, and more.
pub(crate) fn handled_in_root(io: Io) -> Io {
    io.state(Heard::default())
        .on_server_side("hello", hear)
        .on_server_side("kind", |_: ServerEvent| async { Ok("koio") })
        .on_server_side("sum", |event: ServerEvent| async move {
            let (a, b): (i64, i64) = (event.get(0)?, event.get(1)?);
            Ok(koio::args![json!({ "sum": a + b }), "not read"])
        })
        .on_server_side("bytes", |event: ServerEvent| async move {
            Ok(event.get::<Bytes>(0)?.to_vec())
        })
        .on_server_side("nothing", |_: ServerEvent| async { Ok(()) })
        .on_server_side("silent", |_: ServerEvent| async {
            // Longer than the tests wait, and shorter than they wait for the end of this server.
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok(())
        })
        .on_server_side("fails", |_: ServerEvent| async {
            Err::<(), _>(Error::new("refused", "not today"))
        })
        .on_server_side("panics", |event: ServerEvent| async move {
            assert!(event.name().is_empty(), "a panic that a test wants");
            Ok(())
        })
}
