//! A server with everything that the tests ask of it, and canaries beside them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;

use koio::{Args, CloseReason, Context, Io, IoHandle, Namespace, Next, Reply, State, handlers, on};
use koio_tests::{Canaries, Client, Polling, Running, Target, Transport, client, within};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Where the disconnect handlers report.
struct Reports(UnboundedSender<Report>);

/// A socket that has left: its namespace, its id and why.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) namespace: String,
    pub(crate) id: String,
    pub(crate) reason: CloseReason,
}

/// What the slow handler waits for.
pub(crate) struct Gate(pub(crate) Semaphore);

/// How often the middleware of `/gated` has run.
pub(crate) struct Knocks(pub(crate) AtomicUsize);

#[on("disconnect")]
async fn left(ctx: Context, reason: CloseReason, reports: State<Reports>) {
    let socket = ctx.socket();
    let report = Report {
        namespace: socket.namespace().to_owned(),
        id: socket.id().to_string(),
        reason,
    };
    // The test may have ended before its sockets do.
    reports.0.send(report).ok();
}

#[on("echo")]
pub(crate) async fn echo(args: Args) -> Args {
    args
}

#[on("bounce")]
async fn bounce(ctx: Context, args: Args) -> koio::Result<()> {
    ctx.emit("bounced", args)
}

#[on("kick")]
async fn kick(ctx: Context) {
    ctx.socket().disconnect();
}

#[on("file")]
pub(crate) async fn file(bytes: koio::Bytes) -> usize {
    bytes.len()
}

/// Waits until the test opens the gate.
#[on("wait")]
async fn wait(number: u64, gate: State<Arc<Gate>>) -> u64 {
    gate.0.acquire().await.expect("an open gate").forget();
    number
}

/// Asks the client and answers with what it answered.
#[on("ask")]
async fn ask(ctx: Context, milliseconds: u64) -> koio::Result<serde_json::Value> {
    let patience = Duration::from_millis(milliseconds);
    ctx.socket()
        .timeout(patience)
        .emit_with_ack("question", ())
        .await
}

/// Asks so many questions at once and answers with how many were answered, were late, and were too
/// many to be waited for.
#[on("ask-many")]
async fn ask_many(ctx: Context, count: usize) -> koio::Result<[usize; 3]> {
    let socket = ctx.socket().timeout(SHORT);
    let questions = (0..count).map(|_| socket.emit_with_ack::<serde_json::Value>("question", ()));
    let mut outcomes = [0; 3];
    for outcome in join_all(questions).await {
        match outcome {
            Ok(_) => outcomes[0] += 1,
            Err(error) if error.is_timeout() => outcomes[1] += 1,
            Err(error) if error.is_full() => outcomes[2] += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(outcomes)
}

/// Answers with its name whatever nothing else takes.
#[on("*")]
async fn any(ctx: Context) -> String {
    ctx.event().to_owned()
}

/// Lets a connection into `/gated` only once the test opens the gate.
async fn gated(ctx: Context, next: Next) -> koio::Result<Reply> {
    if ctx.event() == "connection" {
        let knocks: State<Arc<Knocks>> = ctx.state()?;
        knocks.0.fetch_add(1, Ordering::SeqCst);
        let gate: State<Arc<Gate>> = ctx.state()?;
        gate.0.acquire().await.expect("an open gate").forget();
    }
    next.run().await
}

async fn panics(_ctx: Context, _next: Next) -> koio::Result<Reply> {
    panic!("a secret that no client may see")
}

async fn refuses(_ctx: Context, _next: Next) -> koio::Result<Reply> {
    Err(koio::Error::new("refused", "not you").data(serde_json::json!({ "why": "because" })))
}

async fn joins_and_refuses(ctx: Context, _next: Next) -> koio::Result<Reply> {
    ctx.socket().join("room")?;
    Err(koio::Error::new("refused", "not you"))
}

/// A running server with two canaries.
pub(crate) struct Scene {
    pub(crate) server: Running,
    pub(crate) gate: Arc<Gate>,
    pub(crate) knocks: Arc<Knocks>,
    canaries: Option<Canaries>,
    reports: UnboundedReceiver<Report>,
}

impl Scene {
    /// A server with the default limits.
    pub(crate) async fn new() -> Self {
        Self::with(|io| io).await
    }

    /// A server with other limits.
    pub(crate) async fn with(limits: impl FnOnce(Io) -> Io) -> Self {
        let mut scene = Self::alone(limits).await;
        scene.canaries = Some(Canaries::fly(scene.target()).await);
        scene
    }

    /// A server, and the handle that a test emits with: `two_nodes` has another node's.
    pub(crate) async fn with_handle() -> (Self, IoHandle) {
        let scene = Self::new().await;
        let handle = scene.server.handle.clone();
        (scene, handle)
    }

    /// A server without canaries, for tests that end it.
    pub(crate) async fn alone(limits: impl FnOnce(Io) -> Io) -> Self {
        let (sender, reports) = unbounded_channel();
        let gate = Arc::new(Gate(Semaphore::new(0)));
        let knocks = Arc::new(Knocks(AtomicUsize::new(0)));
        let common = || handlers![left, echo, bounce];
        let io = Io::new()
            .state(Reports(sender))
            .state(Arc::clone(&gate))
            .state(Arc::clone(&knocks))
            .handlers(handlers![common(), kick, file, wait, ask, ask_many, any])
            .namespace("/custom", Namespace::new().handlers(common()))
            .namespace("/gated", Namespace::new().wrap(gated).handlers(common()))
            .namespace("/panics", Namespace::new().wrap(panics).handlers(common()))
            .namespace(
                "/refuses",
                Namespace::new().wrap(refuses).handlers(common()),
            )
            .namespace(
                "/joins-and-refuses",
                Namespace::new().wrap(joins_and_refuses).handlers(common()),
            );
        let server = koio_tests::serve(limits(io)).await;
        Self {
            server,
            gate,
            knocks,
            canaries: None,
            reports,
        }
    }

    pub(crate) fn target(&self) -> Target {
        self.server.target()
    }

    /// A connection to `/`.
    pub(crate) async fn client(&self, transport: Transport) -> Client {
        Client::connect(self.target(), transport).await
    }

    /// A polling session that is connected to `/`.
    pub(crate) async fn polling(&self) -> Polling {
        Polling::connect(self.target()).await
    }

    /// The next socket that leaves.
    pub(crate) async fn report(&mut self) -> Report {
        within("a disconnect handler", self.reports.recv())
            .await
            .expect("a report")
    }

    /// Nobody has left but those who were reported.
    pub(crate) fn assert_nobody_left(&mut self) {
        if let Ok(report) = self.reports.try_recv() {
            panic!("left: {report:?}");
        }
    }

    /// Ends the test: the canaries have noticed nothing.
    pub(crate) async fn end(mut self) {
        self.assert_nobody_left();
        if let Some(canaries) = self.canaries {
            assert!(canaries.land().await > 0);
        }
    }
}

/// Over each transport, a connection to `/` sends these packets and is ended, for this reason.
pub(crate) async fn assert_ends(packets: &[&str], reason: CloseReason) {
    for transport in client::BOTH {
        let mut scene = Scene::new().await;
        for packet in packets {
            let mut client = scene.client(transport).await;
            client.try_send(*packet).await;
            client.ended().await;
            let report = scene.report().await;
            assert_eq!(report.reason, reason, "{packet} over {transport:?}");
        }
        scene.end().await;
    }
}

/// Over each transport, a connection to `/` sends this and gets that, for each pair.
pub(crate) async fn assert_answers(pairs: &[(&str, &str)]) {
    for transport in client::BOTH {
        let scene = Scene::new().await;
        let mut client = scene.client(transport).await;
        for (packet, answer) in pairs {
            client.send(*packet).await;
            client.expect(answer).await;
        }
        client.send(r#"421["echo","alive"]"#).await;
        client.expect(r#"431["alive"]"#).await;
        client.close().await;
        let mut scene = scene;
        scene.report().await;
        scene.end().await;
    }
}

/// A time that is short enough to wait for in a test, and long enough for a busy machine.
pub(crate) const SHORT: Duration = Duration::from_millis(400);
