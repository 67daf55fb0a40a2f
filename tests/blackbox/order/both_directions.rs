//! Promises 1 and 8: first in, first out, in both directions, text and binary, across the upgrade; and handlers
//! start in the order in which their events arrived.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use koio::{Context, Io, Namespace, Socket, State, handlers, on};
use koio_tests::{Http, Polling, Received, Transport, WebSocket, client, serve};

use crate::memory::{Memory, Peer, within};
use crate::record::{self, Record};

/// Every fifth message is binary.
fn is_binary(number: u64) -> bool {
    number.is_multiple_of(5)
}

/// Emits the number, with bytes if it is its turn; waits for room as long as there is none.
async fn emit(socket: &Socket, number: u64) {
    loop {
        let emitted = if is_binary(number) {
            let bytes = koio::Bytes::from(number.to_be_bytes().to_vec());
            socket.emit("binary", koio::args![number, bytes])
        } else {
            socket.emit("text", number)
        };
        match emitted {
            Ok(()) => return,
            Err(error) if error.is_full() => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Puts together again what [`emit`] sent: numbers, in the order in which they arrived.
#[derive(Default)]
struct Seen {
    numbers: Vec<u64>,
    expects_bytes: bool,
}

impl Seen {
    fn take(&mut self, received: Received) {
        match received {
            Received::Binary(bytes) => {
                assert!(self.expects_bytes, "bytes without their packet");
                let number = *self.numbers.last().expect("a number");
                assert_eq!(bytes, number.to_be_bytes(), "the bytes of another number");
                self.expects_bytes = false;
            }
            Received::Text(text) => {
                assert!(!self.expects_bytes, "{text} between a packet and its bytes");
                let number = text
                    .strip_prefix(r#"42["text","#)
                    .or_else(|| text.strip_prefix(r#"451-["binary","#))
                    .and_then(|rest| rest.split([',', ']']).next())
                    .unwrap_or_else(|| panic!("{text}"));
                self.expects_bytes = text.starts_with("45");
                self.numbers.push(number.parse().expect("a number"));
            }
            Received::End(code) => panic!("ended: {code:?}"),
        }
    }

    fn is_complete(&self, count: u64) -> bool {
        self.numbers.len() as u64 >= count && !self.expects_bytes
    }

    fn assert_sequence(&self, count: u64) {
        assert_eq!(self.numbers, (0..count).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_emitted_arrives_in_order_text_and_binary() {
    const COUNT: u64 = 10_000;
    for transport in client::BOTH {
        let memory = Memory::new(Io::new());
        let (mut peer, socket) = memory.socket(transport).await;
        let emitting = tokio::spawn(async move {
            for number in 0..COUNT {
                emit(&socket, number).await;
            }
        });
        let mut seen = Seen::default();
        while !seen.is_complete(COUNT) {
            seen.take(peer.next().await);
        }
        seen.assert_sequence(COUNT);
        emitting.await.expect("an emitter");
    }
}

/// The numbers that the server was told.
#[derive(Default)]
struct Told(Mutex<Vec<u64>>);

#[on("text")]
async fn text(number: u64, told: State<Told>) {
    told.0.lock().expect("numbers").push(number);
}

#[on("binary")]
async fn binary(number: u64, bytes: koio::Bytes, told: State<Told>) {
    assert_eq!(*bytes, number.to_be_bytes());
    told.0.lock().expect("numbers").push(number);
}

#[on("told")]
async fn how_many(told: State<Told>) -> Vec<u64> {
    told.0.lock().expect("numbers").clone()
}

async fn tell(peer: &mut Peer, number: u64) {
    if is_binary(number) {
        let packet = format!(r#"451-["binary",{number},{{"_placeholder":true,"num":0}}]"#);
        peer.send_with(&packet, &number.to_be_bytes()).await;
    } else {
        peer.send(&format!(r#"42["text",{number}]"#)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_client_sends_is_handled_in_order_text_and_binary() {
    const COUNT: u64 = 5_000;
    for transport in client::BOTH {
        let io = Io::new().state(Told::default());
        let memory = Memory::new(io.handlers(handlers![text, binary, how_many]));
        let mut peer = memory.client(transport).await;
        for number in 0..COUNT {
            tell(&mut peer, number).await;
        }
        peer.send(r#"421["told"]"#).await;
        let all: Vec<u64> = (0..COUNT).collect();
        let all = serde_json::to_string(&[all]).expect("JSON");
        peer.expect(&format!("431{all}")).await;
    }
}

/// What one client's numbers came to, kept with its socket.
struct Counted(Mutex<Vec<u64>>);

#[on("connection")]
async fn counts(ctx: Context) {
    ctx.socket().set(Counted(Mutex::default()));
}

#[on("count")]
async fn count(ctx: Context, number: u64) -> koio::Result<u64> {
    let counted = ctx.socket().get::<Counted>();
    let counted = counted.ok_or_else(|| koio::Error::internal("not set"))?;
    counted.0.lock().expect("numbers").push(number);
    Ok(number)
}

/// Polls until it is told to stop; the poll that is under way then is still answered.
async fn poll_until(reader: &mut Http, path: &str, stop: &AtomicBool, seen: &mut Seen) {
    while !stop.load(Ordering::SeqCst) {
        let response = reader.get(path).await;
        assert_eq!(response.status, 200, "{}", response.text());
        for received in crate::memory::read(response.text()) {
            if received != Received::Text("2".to_owned()) {
                seen.take(received);
            }
        }
    }
}

/// One session that is upgraded in the middle of a stream in each direction, as the official client does it.
async fn upgraded_under_way(server: &koio_tests::Running, count: u64) {
    let mut session = Polling::open(server.target()).await;
    session.send("40").await;
    let response = session.get().await;
    let (_, id) = response.text().split_once(r#""sid":""#).expect("a sid");
    let id = id.trim_end_matches(['"', '}']).parse().expect("an id");
    let socket = server.handle.socket(id).expect("a socket");

    let emitter = socket.clone();
    let emitting = tokio::spawn(async move {
        for number in 0..count {
            emit(&emitter, number).await;
            tokio::task::yield_now().await;
        }
    });

    // A session has two connections: one polls, the other posts.
    let mut reader = Http::connect(server.addr).await;
    let polling = session.path();
    let stop = AtomicBool::new(false);
    let mut seen = Seen::default();
    let mut told = 0;
    let path = server.target().websocket_of(&session.open.sid);
    let posting = async {
        while told < count / 4 {
            session.send(format!(r#"42["count",{told}]"#)).await;
            told += 1;
        }
        let mut socket = WebSocket::open(server.target(), &path).await;
        socket.send("2probe").await;
        // The client goes on posting while it probes.
        while told < count / 2 {
            session.send(format!(r#"42["count",{told}]"#)).await;
            told += 1;
        }
        socket.expect("3probe").await;
        stop.store(true, Ordering::SeqCst);
        socket
    };
    let (mut websocket, ()) =
        tokio::join!(posting, poll_until(&mut reader, &polling, &stop, &mut seen));
    // Paused: nothing is under way over HTTP.
    websocket.send("5").await;
    while told < count {
        websocket.send(format!(r#"42["count",{told}]"#)).await;
        told += 1;
    }
    while !seen.is_complete(count) {
        let received = websocket.next_but_pings().await;
        seen.take(received);
    }
    websocket.send(format!(r#"429["count",{count}]"#)).await;
    websocket.expect(&format!("439[{count}]")).await;

    seen.assert_sequence(count);
    emitting.await.expect("an emitter");
    assert_eq!(socket.transport(), koio::engine::TransportKind::WebSocket);
    let counted = socket.get::<Counted>().expect("numbers");
    let counted = counted.0.lock().expect("numbers");
    assert_eq!(*counted, (0..=count).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_upgrade_loses_doubles_and_reorders_nothing_in_either_direction() {
    let server = serve(Io::new().handlers(handlers![counts, count])).await;
    let sessions = (0..20).map(|_| upgraded_under_way(&server, 400));
    join_all(sessions).await;
}

#[tokio::test(start_paused = true)]
async fn handlers_of_one_socket_run_one_at_a_time_and_start_in_arrival_order() {
    const COUNT: u64 = 100;
    for transport in client::BOTH {
        let record = Record::default();
        let io = Io::new().state(record.clone()).handlers(record::all());
        let memory = Memory::new(io);
        let mut peer = memory.client(transport).await;
        for number in 0..COUNT {
            // The later ones are often the faster ones.
            let milliseconds = (COUNT - number) * 7 % 5;
            peer.send(&format!(r#"42["work",{number},{milliseconds}]"#))
                .await;
        }
        let lines = record.reach(1 + 2 * COUNT as usize).await;
        let expected = (0..COUNT).flat_map(|n| [format!("begin {n}"), format!("end {n}")]);
        let expected: Vec<_> = ["came".to_owned()].into_iter().chain(expected).collect();
        assert_eq!(lines, expected, "{transport:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_holds_up_neither_another_client_nor_another_namespace() {
    let record = Record::default();
    let io = Io::new()
        .state(record.clone())
        .handlers(record::all())
        .namespace("/other", Namespace::new().handlers(record::all()));
    let memory = Memory::new(io);
    for transport in client::BOTH {
        let mut slow = memory.client(transport).await;
        slow.join_as("40/other,").await;
        let mut quick = memory.client(Transport::WebSocket).await;
        slow.send(r#"42["work",1,5000]"#).await;
        record.until("begin 1").await;
        quick.send(r#"422["work",2,0]"#).await;
        quick.expect("432[2]").await;
        slow.send(r#"42/other,3["work",3,0]"#).await;
        slow.expect("43/other,3[3]").await;
        assert!(!record.lines().contains(&"end 1".to_owned()));
        record.until("end 1").await;
        record.take();
    }
}

#[tokio::test(start_paused = true)]
async fn events_wait_until_the_connection_handler_has_finished() {
    for transport in client::BOTH {
        let record = Record::default();
        let slow = record.clone();
        let io = Io::new()
            .state(record.clone())
            .wrap(move |ctx: Context, next: koio::Next| {
                let record = slow.clone();
                async move {
                    let reply = next.run().await;
                    if ctx.event() == "connection" {
                        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
                        record.push("ready");
                    }
                    reply
                }
            })
            .handlers(record::all());
        let memory = Memory::new(io);
        let mut peer = memory.client(transport).await;
        peer.send(r#"421["work",1,0]"#).await;
        peer.expect("431[1]").await;
        assert_eq!(record.lines(), ["came", "ready", "begin 1", "end 1"]);
    }
}

/// Nothing overtakes: an answer stands where it was given among the events.
#[on("count aloud")]
async fn count_aloud(ctx: Context, up_to: u64) -> koio::Result<&'static str> {
    for number in 0..up_to {
        ctx.emit("text", number)?;
    }
    Ok("done")
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_an_event_comes_behind_what_its_handler_emitted() {
    for transport in client::BOTH {
        let memory = Memory::new(Io::new().handlers(handlers![count_aloud]));
        let mut peer = memory.client(transport).await;
        peer.send(r#"421["count aloud",3]"#).await;
        for number in 0..3 {
            peer.expect(&format!(r#"42["text",{number}]"#)).await;
        }
        peer.expect(r#"431["done"]"#).await;
    }
}

/// A handler that is slow in the test of many sockets: it records its own start.
#[on("start")]
async fn start(ctx: Context, number: u64, milliseconds: u64) -> koio::Result<()> {
    let counted = ctx.socket().get::<Counted>();
    let counted = counted.ok_or_else(|| koio::Error::internal("not set"))?;
    counted.0.lock().expect("numbers").push(number);
    tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await;
    Ok(())
}

#[on("started")]
async fn started(ctx: Context) -> Vec<u64> {
    let counted = ctx.socket().get::<Counted>();
    counted.map_or_else(Vec::new, |counted| {
        counted.0.lock().expect("numbers").clone()
    })
}

#[tokio::test(start_paused = true)]
async fn a_hundred_sockets_each_have_their_own_order() {
    const EVENTS: u64 = 50;
    let memory = Memory::new(Io::new().handlers(handlers![counts, start, started]));
    let memory = Arc::new(memory);
    let clients = (0..100_u64).map(|client| {
        let memory = Arc::clone(&memory);
        async move {
            let transport = client::BOTH[(client % 2) as usize];
            let mut peer = memory.client(transport).await;
            for number in 0..EVENTS {
                let milliseconds = (client + number * 3) % 5;
                peer.send(&format!(r#"42["start",{number},{milliseconds}]"#))
                    .await;
            }
            peer.send(r#"421["started"]"#).await;
            let all: Vec<u64> = (0..EVENTS).collect();
            let all = serde_json::to_string(&[all]).expect("JSON");
            peer.expect(&format!("431{all}")).await;
        }
    });
    within("a hundred clients", join_all(clients)).await;
}
