//! Many threads that emit to overlapping rooms, and clients whose connections break at any time: gaps and duplicates are
//! counted by content.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use koio::{IoHandle, SocketId};
use koio_tests::{Received, Target, WebSocket, serve, until};
use serde_json::{Value, json};

use super::client::{Kept, recovering};

const THREADS: u64 = 8;
const CLIENTS: usize = 12;
const DROPS: usize = 12;
const ROOMS: [&str; 4] = ["a", "b", "c", "d"];

/// A client in two of the rooms.
struct Client {
    target: Target,
    rooms: [&'static str; 2],
    id: Option<SocketId>,
    kept: Kept,
    /// The numbers that it has got of each thread.
    got: Vec<Vec<u64>>,
    recoveries: usize,
}

impl Client {
    async fn connect(&mut self) -> WebSocket {
        let mut socket = WebSocket::session(self.target).await.0;
        socket.send(self.kept.connect()).await;
        let answer = socket.text().await;
        let json: Value =
            serde_json::from_str(answer.strip_prefix("40").expect("CONNECT")).expect("JSON");
        let pid = json["pid"].as_str().map(str::to_owned);
        if self.kept.pid.is_some() {
            assert_eq!(pid, self.kept.pid, "recovered");
            self.recoveries += 1;
        }
        self.id = json["sid"].as_str().and_then(SocketId::parse);
        self.kept.pid = pid;
        socket
    }

    /// Takes one event; true at the end of all.
    fn take(&mut self, received: Received) -> bool {
        let Received::Text(text) = received else {
            panic!("{received:?}");
        };
        let args: Vec<Value> =
            serde_json::from_str(text.strip_prefix("42").expect("an event")).expect("JSON");
        let [name, rest @ .., offset] = &args[..] else {
            panic!("{text}");
        };
        let offset = offset.as_str().expect("an offset").to_owned();
        assert!(
            self.kept
                .offset
                .as_ref()
                .is_none_or(|before| *before <= offset),
            "{text}"
        );
        self.kept.offset = Some(offset);
        if name == "end" {
            return true;
        }
        if name == "said" {
            let (thread, number) = (
                rest[0].as_u64().expect("a thread"),
                rest[1].as_u64().expect("a number"),
            );
            self.got[usize::try_from(thread).expect("few")].push(number);
        }
        false
    }
}

/// Emits as one thread until `stop`. Returns its numbers, each with the rooms that it went to.
fn emit(io: &IoHandle, thread: u64, stop: &AtomicBool) -> Vec<(u64, Vec<&'static str>)> {
    let mut said = Vec::new();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let one = ROOMS[usize::try_from((number * 7 + thread) % 4).expect("few")];
        let two = ROOMS[usize::try_from((number * 5 + thread * 3) % 4).expect("few")];
        let rooms = match number % 3 {
            0 => vec![one],
            1 => vec![one, two],
            _ => ROOMS.to_vec(),
        };
        let mut emit = io.to(rooms[0]);
        for room in &rooms[1..] {
            emit = emit.to(*room);
        }
        emit.emit("said", koio::args![thread, number])
            .expect("no fault");
        if number % 5 == 0 {
            io.volatile().emit("volatile", ()).expect("no fault");
        }
        said.push((number, rooms));
        number += 1;
        std::thread::sleep(Duration::from_millis(2));
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_threads_leave_no_gap_and_no_duplicate_under_random_drops() {
    let io = recovering().on("connection", |ctx: koio::Context| async move {
        if !ctx.socket().recovered() {
            let rooms: Value = ctx.handshake().auth()?;
            for room in rooms["rooms"].as_array().into_iter().flatten() {
                ctx.socket().join(room.as_str().unwrap_or_default())?;
            }
        }
        // Unseen until the rooms are joined.
        ctx.emit("ready", ())
    });
    let handle = io.handle();
    let server = serve(io).await;
    let mut clients = Vec::new();
    for at in 0..CLIENTS {
        let rooms = [ROOMS[at % 4], ROOMS[(at / 4 + at + 1) % 4]];
        let mut kept = Kept::in_namespace("/");
        kept.auth = json!({"rooms": rooms});
        let mut client = Client {
            target: server.target(),
            rooms,
            id: None,
            kept,
            got: vec![Vec::new(); usize::try_from(THREADS).expect("few")],
            recoveries: 0,
        };
        let mut socket = client.connect().await;
        let ready = socket.next().await;
        assert!(!client.take(ready));
        clients.push((client, socket));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let said = Arc::new(Mutex::new(vec![
        Vec::new();
        usize::try_from(THREADS).expect("few")
    ]));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (io, stop, said) = (handle.clone(), Arc::clone(&stop), Arc::clone(&said));
            std::thread::spawn(move || {
                let all = emit(&io, thread, &stop);
                said.lock().expect("no panic")[usize::try_from(thread).expect("few")] = all;
            })
        })
        .collect();
    let seed = Arc::new(AtomicU64::new(1));
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|(mut client, mut socket)| {
            let (seed, io) = (Arc::clone(&seed), handle.clone());
            tokio::spawn(async move {
                for _ in 0..DROPS {
                    let events = seed.fetch_add(7_919, Ordering::Relaxed) * 31 % 40;
                    for _ in 0..events {
                        let received = socket.next_but_pings().await;
                        assert!(!client.take(received));
                    }
                    drop(socket);
                    let pause = seed.fetch_add(104_729, Ordering::Relaxed) * 17 % 60;
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    // A client that is back within moments of its last CONNECT, before its loss is noticed, is a new one.
                    let is_lost = || client.id.is_none_or(|id| io.socket(id).is_none());
                    until("the loss to be noticed", is_lost).await;
                    socket = client.connect().await;
                }
                (client, socket)
            })
        })
        .collect();
    let mut clients = Vec::new();
    for task in tasks {
        clients.push(task.await.expect("a client"));
    }
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().expect("a thread");
    }
    handle.broadcast("end", ()).expect("no fault");
    let said = std::mem::take(&mut *said.lock().expect("no panic"));
    for (mut client, mut socket) in clients {
        loop {
            let received = socket.next_but_pings().await;
            if client.take(received) {
                break;
            }
        }
        let rooms: BTreeSet<_> = client.rooms.into_iter().collect();
        for (thread, all) in said.iter().enumerate() {
            let meant = all
                .iter()
                .filter(|(_, to)| to.iter().any(|room| rooms.contains(room)));
            let meant: Vec<u64> = meant.map(|(number, _)| *number).collect();
            assert_eq!(client.got[thread], meant, "thread {thread} to {rooms:?}");
        }
        assert_eq!(client.recoveries, DROPS);
    }
    assert_eq!(handle.counts().sessions_not_recovered, 0);
}
