//! What one event allocates, in numbers that don't depend on the machine: from the bytes of the client to the bytes of
//! the acknowledgement.
//!
//! The numbers are what there is today. Whoever brings one up has to say why; whoever brings one down says so here.
//!
//! A program of its own, since it counts what is allocated in all of it. The clients allocate nothing while it counts:
//! what they send is made before.

use std::{alloc::System, net::SocketAddr};

use koio::{Bytes, Context, Io, Next, Reply, Result, State, handlers, on};
use koio_tests::{Frame, serve, within};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Events of a small burst, and of a big one. What the big one allocates beyond the small one is its events', but for
/// queues that grow by doubling: those are far fewer than the events.
const FEW: usize = 16;
const MANY: usize = 80;
/// Bursts before it is counted: the buffers of the thread grow to their size.
const WARM: usize = 10;
const ROUNDS: usize = 20;

/// Takes nothing and answers nothing.
#[on("nothing")]
async fn nothing() {}

/// Takes a number and answers one: neither is on the heap.
#[on("number")]
async fn number(number: u64) -> u64 {
    number
}

/// The same with everything that koio gives.
#[on("given")]
async fn given(_ctx: Context, _state: State<u64>, number: u64) -> u64 {
    number
}

/// A text, which is on the heap once.
#[on("text")]
async fn text(text: String) -> String {
    text
}

/// A binary, which is on the heap as well.
#[on("binary")]
async fn binary(bytes: Bytes) -> Bytes {
    bytes
}

/// Waits once before it answers, so that it is kept.
#[on("late")]
async fn late(number: u64) -> u64 {
    tokio::task::yield_now().await;
    number
}

async fn around(_: Context, next: Next) -> Result<Reply> {
    next.run().await
}

fn io() -> Io {
    Io::new()
        .state(1_u64)
        .handlers(handlers![nothing, number, given, text, binary, late])
}

struct Client(TcpStream);

impl Client {
    /// Connects to `/`.
    async fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.expect("a connection");
        let mut client = Self(stream);
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\r\n",
            koio_tests::frames::KEY
        );
        client.exchange(request.as_bytes(), b"}").await;
        client.exchange(&Frame::text("40").bytes(), b"}").await;
        client
    }

    /// Sends these bytes, and reads until what comes ends like this.
    async fn exchange(&mut self, bytes: &[u8], end: &[u8]) {
        self.0.write_all(bytes).await.expect("a server that reads");
        let mut block = [0; 4096];
        loop {
            let read = self.0.read(&mut block).await;
            let read = read.expect("a server that writes");
            assert!(read > 0, "the server hung up");
            if block[..read].ends_with(end) {
                return;
            }
        }
    }

    /// Allocations of a burst. The least of some rounds: now and then a block to read into is used up.
    async fn of_burst(&mut self, event: &[u8], events: usize) -> usize {
        let mut bytes = event.repeat(events);
        bytes.extend(Frame::text("42999[\"nothing\"]").bytes());
        let mut least = usize::MAX;
        for round in 0..WARM + ROUNDS {
            let region = Region::new(ALLOCATOR);
            self.exchange(&bytes, b"43999[]").await;
            let change = region.change();
            if round >= WARM {
                least = least.min(change.allocations + change.reallocations);
            }
        }
        least
    }
}

/// Allocations of one event that comes alone, so that each has a turn of the session.
async fn of_one_alone(event: &str) -> usize {
    let server = serve(io()).await;
    let mut client = Client::connect(server.addr).await;
    let event = Frame::text(event).bytes();
    let mut least = usize::MAX;
    for _ in 0..WARM + ROUNDS {
        let region = Region::new(ALLOCATOR);
        client.exchange(&event, b"]").await;
        let change = region.change();
        least = least.min(change.allocations + change.reallocations);
    }
    least
}

/// Allocations of one event.
async fn of(io: Io, event: &[u8]) -> usize {
    let server = serve(io).await;
    let mut client = Client::connect(server.addr).await;
    let few = client.of_burst(event, FEW).await;
    let many = client.of_burst(event, MANY).await;
    (many - few) / (MANY - FEW)
}

/// One after the other: the counter is one for all threads.
#[tokio::test]
async fn an_event_allocates_its_values_and_no_more() {
    let mut counted = Vec::new();
    let mut count = async |what: &'static str, io: Io, packet: &str| {
        // One binary behind each packet that says so.
        let mut event = Frame::text(packet).bytes();
        if packet.starts_with("45") {
            event.extend(Frame::binary([7; 100]).bytes());
        }
        counted.push((what, within("counting", of(io, &event)).await));
    };
    count("nothing", io(), r#"42["nothing"]"#).await;
    count("nothing, acknowledged", io(), r#"421["nothing"]"#).await;
    count("a number", io(), r#"42["number",7]"#).await;
    count("a number, acknowledged", io(), r#"421["number",7]"#).await;
    count("koio's own, acknowledged", io(), r#"421["given",7]"#).await;
    count("a text", io(), r#"42["text","seven"]"#).await;
    count("a text, acknowledged", io(), r#"421["text","seven"]"#).await;
    let binary = r#"451-["binary",{"_placeholder":true,"num":0}]"#;
    count("a binary", io(), binary).await;
    let binary = binary.replace('-', "-1");
    count("a binary, acknowledged", io(), &binary).await;
    count("nobody's, acknowledged", io(), r#"421["other",7]"#).await;
    count("late, acknowledged", io(), r#"421["late",7]"#).await;
    count("middleware", io().wrap(around), r#"42["number",7]"#).await;
    count(
        "middleware, acknowledged",
        io().wrap(around),
        r#"421["number",7]"#,
    )
    .await;
    count(
        "two middlewares, acknowledged",
        io().wrap(around).wrap(around),
        r#"421["number",7]"#,
    )
    .await;
    count(
        "a layer, acknowledged",
        io().layer(tower::layer::util::Identity::new()),
        r#"421["number",7]"#,
    )
    .await;
    // What is in a text or a binary is one. The handlers of a burst run in one place, its answers share their memory.
    let expected = [
        ("nothing", 0),
        ("nothing, acknowledged", 0),
        ("a number", 0),
        ("a number, acknowledged", 0),
        ("koio's own, acknowledged", 0),
        ("a text", 1),
        ("a text, acknowledged", 1),
        // What waits for it is one more.
        ("a binary", 2),
        ("a binary, acknowledged", 2),
        // The error and its words.
        ("nobody's, acknowledged", 3),
        // What runs it, which can't make room for the next, and what waits in the lane.
        ("late, acknowledged", 2),
        // The middleware's future, and the value that it may look at.
        ("middleware", 3),
        ("middleware, acknowledged", 3),
        ("two middlewares, acknowledged", 4),
        // The futures of the layer and of the handler, and the value.
        ("a layer, acknowledged", 3),
    ];
    assert_eq!(counted, expected);
    // The first thing to be read in a turn makes the memory that all that is read in it shares.
    for packet in [r#"421["nothing"]"#, r#"421["number",7]"#] {
        let alone = within("counting", of_one_alone(packet)).await;
        assert_eq!(alone, 1, "{packet} alone");
    }
}
