//! tower layers around the events of a whole server.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{self, Poll};

use koio::{
    Context, Io, Namespace, handlers,
    middleware::{BoxError, Pipeline},
    on,
};
use koio_tests::{Transport, client};
use tower::{Layer, Service};

use crate::memory::Memory;
use crate::record::Record;

/// Counts how often it is put around something, and records what passes.
#[derive(Clone, Default)]
struct Watching {
    applied: Arc<AtomicUsize>,
    record: Record,
}

impl Layer<Pipeline> for Watching {
    type Service = Watched;

    fn layer(&self, inner: Pipeline) -> Watched {
        self.applied.fetch_add(1, Ordering::SeqCst);
        Watched {
            inner,
            record: self.record.clone(),
            passed: Arc::default(),
        }
    }
}

#[derive(Clone)]
struct Watched {
    inner: Pipeline,
    record: Record,
    /// Shared by the clones of one service, as a limit is.
    passed: Arc<AtomicUsize>,
}

impl Service<Context> for Watched {
    type Response = koio::Reply;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<koio::Reply, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, ctx: Context) -> Self::Future {
        let number = self.passed.fetch_add(1, Ordering::SeqCst);
        let line = format!("{number}: {} in {}", ctx.event(), ctx.namespace());
        self.record.push(line);
        if ctx.event() == "forbidden" {
            return Box::pin(async { Err("the reason is a secret".into()) });
        }
        Box::pin(self.inner.call(ctx))
    }
}

#[on("hello")]
async fn hello() -> &'static str {
    "hello"
}

#[tokio::test(start_paused = true)]
async fn a_layer_is_applied_once_at_the_start_and_is_around_every_namespace_and_all_sockets() {
    let watching = Watching::default();
    let chat = Namespace::new().handlers(handlers![hello]);
    let io = Io::new()
        .layer(watching.clone())
        .handlers(handlers![hello])
        .namespace("/chat", chat);
    assert_eq!(
        watching.applied.load(Ordering::SeqCst),
        0,
        "before the start"
    );
    let memory = Memory::new(io);
    for transport in client::BOTH {
        let mut peer = memory.client(transport).await;
        peer.join_as("40/chat,").await;
        peer.send(r#"421["hello"]"#).await;
        peer.expect(r#"431["hello"]"#).await;
        peer.send(r#"42/chat,1["hello"]"#).await;
        peer.expect(r#"43/chat,1["hello"]"#).await;
    }
    assert_eq!(watching.applied.load(Ordering::SeqCst), 1);
    let expected = [
        "0: connection in /",
        "1: connection in /chat",
        "2: hello in /",
        "3: hello in /chat",
        "4: connection in /",
        "5: connection in /chat",
        "6: hello in /",
        "7: hello in /chat",
    ];
    assert_eq!(watching.record.lines(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_a_layer_fails_with_is_reported_and_hidden() {
    let watching = Watching::default();
    let reported = Record::default();
    let seen = reported.clone();
    let io = Io::new()
        .layer(watching)
        .on_error(move |error, ctx| seen.push(format!("{}: {error}", ctx.event())));
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.send(r#"421["forbidden"]"#).await;
    peer.expect(r#"431[{"error":{"code":"internal","message":"internal error"}}]"#)
        .await;
    assert_eq!(reported.lines(), ["forbidden: the reason is a secret"]);
}
