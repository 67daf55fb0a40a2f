//! What a connection keeps while nothing happens, on koio's own listener. This is the only test of its program: the
//! counter is one for all threads.
//!
//! The limits are what there is today. Whoever brings a number up has to say why; whoever brings one down sets the
//! limit lower.

mod server;

use std::{
    alloc::System,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use koio::recovery::Recovery;
use koio_tests::serve;
use server::io;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes of an idle connection, as they are asked of the allocator; a share of the tables is among them.
const BYTES: usize = 1_730;
/// Its allocations. Each costs some bytes more than what is asked for.
const BLOCKS: usize = 13;
/// What recovery may add to them: the record of the session, its place in the table, and the extras that hold it.
const RECOVERY_BYTES: usize = 512;
const RECOVERY_BLOCKS: usize = 3;
/// Connections before it is counted: what is there once is allocated, and the tables have their size.
const WARM: usize = 120;
const COUNTED: usize = 300;
/// Allocations that are not a connection's: tables that grow.
const OTHERS: usize = 20;

/// A client that keeps nothing on the heap.
fn connect(addr: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).expect("a server");
    let request =
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:12345\r\n\
        Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    // The text `40`, masked with zeros.
    let connect = [0x81, 0x82, 0, 0, 0, 0, b'4', b'0'];
    stream.write_all(request).expect("a server that reads");
    until(&mut stream, b"\"maxPayload\"");
    stream.write_all(&connect).expect("a server that reads");
    until(&mut stream, b"40{\"sid\"");
    stream
}

/// Is answered twice: an event, and then a ping, which stands for all that says nothing to a handler.
fn speak(stream: &mut TcpStream) {
    let event = b"421[\"echo\",\"text\"]";
    let head = [0x81, 0x80 | event.len() as u8, 0, 0, 0, 0];
    let event = [&head[..], event].concat();
    stream.write_all(&event).expect("a server that reads");
    until(stream, b"431[\"text\"]");
    stream
        .write_all(&[0x89, 0x80, 0, 0, 0, 0])
        .expect("a server that reads");
    until(stream, &[0x8a, 0]);
}

fn until(stream: &mut TcpStream, text: &[u8]) {
    let (mut block, mut filled) = ([0; 4096], 0);
    while !block[..filled].windows(text.len()).any(|part| part == text) {
        let read = stream.read(&mut block[filled..]).expect("an answer");
        assert!(read > 0, "the server hung up");
        filled += read;
    }
}

/// Each has heard and said something; `speaks`: and handled events, some time before.
async fn keep_no_more_than_they_did(speaks: bool, recovers: bool) {
    let (mut io, mut most, mut most_blocks) = (io(), BYTES, BLOCKS);
    if recovers {
        io = io.recovery(Recovery::new(Duration::from_secs(60)));
        most += RECOVERY_BYTES;
        most_blocks += RECOVERY_BLOCKS;
    }
    let server = serve(io).await;
    let connect = || {
        let mut stream = connect(server.addr);
        if speaks {
            speak(&mut stream);
        }
        stream
    };
    let mut clients = Vec::with_capacity(WARM + COUNTED);
    clients.extend((0..WARM).map(|_| connect()));
    let region = Region::new(ALLOCATOR);
    clients.extend((0..COUNTED).map(|_| connect()));
    // The last of them may have got its answer before its task is at rest.
    let given_up = Instant::now() + Duration::from_secs(10);
    loop {
        let change = region.change();
        let bytes = (change.bytes_allocated - change.bytes_deallocated) / COUNTED;
        let blocks = change.allocations - change.deallocations;
        if bytes <= most && blocks <= COUNTED * most_blocks + OTHERS {
            return;
        }
        assert!(
            Instant::now() < given_up,
            "{bytes} bytes of a connection, {blocks} allocations of {COUNTED}; events: {speaks}, recovery: {recovers}"
        );
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_idle_connection_keeps_no_more_than_it_did() {
    keep_no_more_than_they_did(false, false).await;
    keep_no_more_than_they_did(true, false).await;
    keep_no_more_than_they_did(false, true).await;
    keep_no_more_than_they_did(true, true).await;
}
