//! The life of a handler: it outlives its socket up to the grace, a full queue stops the reading, and nothing of
//! that is anybody else's business.

use std::time::Duration;

use koio::{Context, Io, Namespace, State, handlers, on};
use koio_tests::{Transport, client};
use tokio::time::{Instant, timeout};

use crate::limits::slow_clients::small_queue;
use crate::memory::{Memory, Peer, within};
use crate::record::{self, Record};

fn recorded(record: &Record) -> Io {
    Io::new().state(record.clone()).handlers(record::all())
}

/// Emits to its own client and to everybody, for as long as it runs.
#[on("talk")]
async fn talk(ctx: Context, record: State<Record>) {
    record.push("talk");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let own = ctx.emit("late", ());
    record.push(format!(
        "own: {}",
        own.is_err_and(|error| error.is_closed())
    ));
    let asked = ctx.socket().emit_with_ack::<()>("late", ()).await;
    record.push(format!(
        "asked: {}",
        asked.is_err_and(|error| error.is_closed())
    ));
    let joined = ctx.socket().join("room");
    record.push(format!(
        "joined: {}",
        joined.is_err_and(|error| error.is_closed())
    ));
    record.push(format!("others: {}", ctx.broadcast("late", ()).is_ok()));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_runs_outlives_its_socket_and_its_emits_say_closed() {
    for transport in client::BOTH {
        let record = Record::default();
        let io = Io::new()
            .state(record.clone())
            .handlers(handlers![record::all(), talk]);
        let memory = Memory::new(io);
        let mut other = memory.client(Transport::WebSocket).await;
        record.take();
        let mut peer = memory.client(transport).await;
        peer.send(r#"421["talk"]"#).await;
        record.until("talk").await;
        peer.close().await;
        let left = "left: transport close";
        let lines = record.until(left).await;
        let expected = [
            "came",
            "talk",
            "own: true",
            "asked: true",
            "joined: true",
            "others: true",
            left,
        ];
        assert_eq!(lines, expected, "{transport:?}");
        other.expect(r#"42["late"]"#).await;
        assert_eq!(memory.io.counts().handlers_dropped, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_outlives_the_grace_is_dropped_and_counted() {
    for transport in client::BOTH {
        let record = Record::default();
        let io = recorded(&record).config(|config| {
            config.socket.handler_grace = Duration::from_secs(4);
        });
        let memory = Memory::new(io);
        let mut peer = memory.client(transport).await;
        peer.send(r#"421["stuck"]"#).await;
        record.until("stuck").await;
        // However long it runs while the socket lives.
        tokio::time::sleep(Duration::from_secs(15)).await;
        assert_eq!(memory.io.counts().handlers_dropped, 0);
        let started = Instant::now();
        peer.close().await;
        let lines = record.until("left: transport close").await;
        assert_eq!(lines, ["came", "stuck", "dropped", "left: transport close"]);
        let took = started.elapsed();
        assert!(took >= Duration::from_secs(4), "{took:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!(memory.io.counts().handlers_dropped, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_grace_is_for_all_handlers_together_that_the_end_of_their_socket_left_waiting() {
    let record = Record::default();
    let memory = Memory::new(recorded(&record));
    let mut peer = memory.client(Transport::WebSocket).await;
    // Three times nine seconds, with a grace of ten.
    for number in 0..3 {
        peer.send(&format!(r#"42["work",{number},9000]"#)).await;
    }
    peer.send("41").await;
    let started = Instant::now();
    let left = "left: client namespace disconnect";
    let lines = record.until(left).await;
    assert_eq!(lines, ["came", "begin 0", "end 0", "begin 1", left]);
    let took = started.elapsed();
    assert!(took >= Duration::from_secs(10), "{took:?}");
    assert!(took < Duration::from_secs(11), "{took:?}");
    assert_eq!(memory.io.counts().handlers_dropped, 1);
}

/// Never ends, and so does not let the task of its connection end.
#[on("disconnect")]
async fn stays(record: State<Record>) {
    record.push("stays");
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_handler_has_the_grace_and_no_more() {
    let record = Record::default();
    let io = Io::new().state(record.clone()).handlers(handlers![stays]);
    let memory = Memory::new(io);
    let peer = memory.client(Transport::WebSocket).await;
    peer.close().await;
    record.until("stays").await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(memory.io.counts().handlers_dropped, 1);
    // Nothing is left to wait for.
    let drained = memory.io.shutdown(Duration::from_secs(5)).await;
    assert_eq!((drained.answered, drained.cut), (0, 0));
}

/// A server that reads no further when one event runs and two wait.
fn with_event_queue(record: &Record) -> Memory {
    let io = recorded(record).namespace("/other", Namespace::new().handlers(record::all()));
    Memory::new(io.config(|config| {
        config.socket.event_queue = 2;
        config.socket.read_ahead = 1;
    }))
}

#[tokio::test(start_paused = true)]
async fn a_full_read_ahead_stops_the_reading_of_a_websocket_and_resumes_it() {
    let record = Record::default();
    let memory = with_event_queue(&record);
    let mut other = memory.client(Transport::WebSocket).await;
    record.take();
    // What is not read stays in the pipe.
    let mut peer = memory.websocket(256).await.expect("a session");
    peer.join(&memory.io).await;
    peer.send(r#"42["work",0,60000]"#).await;
    record.until("begin 0").await;
    let mut sent = 1;
    while let Ok(()) = timeout(
        Duration::from_secs(1),
        peer.send(&format!(r#"42["work",{sent},0]"#)),
    )
    .await
    {
        sent += 1;
        assert!(sent < 100, "everything is read");
    }
    // The half-written one is finished below.
    assert_eq!(record.lines(), ["came", "begin 0"]);
    // Everybody else is served as before.
    other.send(r#"421["work",1000,0]"#).await;
    other.expect("431[1000]").await;

    let rest = async {
        peer.send(r#"427["work",2000,0]"#).await;
        peer.expect("437[2000]").await;
    };
    rest.await;
    let begun = record.take();
    let numbers = begun
        .iter()
        .filter_map(|line| line.strip_prefix("begin ")?.parse().ok())
        .filter(|number| ![1000, 2000].contains(number));
    let numbers: Vec<u64> = numbers.collect();
    assert!(numbers.len() as u64 >= sent, "{numbers:?}, {sent} sent");
    assert!(
        numbers.is_sorted_by(|one, next| one + 1 == *next),
        "{numbers:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_read_ahead_holds_back_the_answer_to_a_post() {
    let record = Record::default();
    let memory = with_event_queue(&record);
    let mut peer = memory.client(Transport::Polling).await;
    peer.send(r#"42["work",0,5000]"#).await;
    let events: Vec<_> = (1..=6).map(|n| format!(r#"42["work",{n},0]"#)).collect();
    let started = Instant::now();
    peer.send(&events.join("\u{1e}")).await;
    let took = started.elapsed();
    assert!(took >= Duration::from_secs(4), "{took:?}");
    let lines = record.until("end 6").await;
    let begun = (0..=6).flat_map(|n| [format!("begin {n}"), format!("end {n}")]);
    assert_eq!(lines[1..], begun.collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn while_a_full_read_ahead_stops_the_reading_the_ping_deadline_rests() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = with_event_queue(&record);
        let mut peer = match transport {
            Transport::Polling => memory.open(transport).await,
            Transport::WebSocket => memory.websocket(4 * 1024).await.expect("a session"),
        };
        let socket = peer.join(&memory.io).await;
        // Far beyond `ping_interval` and `ping_timeout` together.
        let events = [
            r#"42["work",0,300000]"#,
            r#"42["work",1,0]"#,
            r#"42["work",2,0]"#,
        ];
        match &mut peer {
            Peer::Polling(session) => {
                let session = session.clone();
                let payload = format!("{}\u{1e}{}", events.join("\u{1e}"), r#"42["work",3,0]"#);
                tokio::spawn(async move { session.post(&payload).await });
            }
            Peer::WebSocket(_) => {
                for event in events {
                    peer.send(event).await;
                }
                peer.send(r#"42["work",3,0]"#).await;
            }
        }
        record.until("begin 0").await;
        let (_, ()) = tokio::join!(record.until("end 0"), async {
            // The client itself answers its pings; the server just does not hear it.
            if transport == Transport::Polling {
                let session = peer.polling();
                let ping = within("a ping", session.get()).await;
                assert_eq!(ping, (200, "2".to_owned()));
            } else {
                peer.expect_ping_and_answer().await;
            }
        });
        record.until("end 3").await;
        assert!(socket.is_connected(), "{transport:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_lets_the_answers_of_other_sockets_through() {
    let record = Record::default();
    let memory = with_event_queue(&record);
    let mut full = memory.client(Transport::WebSocket).await;
    for number in 0..5 {
        full.send(&format!(r#"42["work",{number},60000]"#)).await;
    }
    record.until("begin 0").await;
    for transport in client::BOTH {
        let (mut other, socket) = memory.socket(transport).await;
        let answer = socket.emit_with_ack::<u64>("q", ());
        let question = other.text().await;
        let id = question.trim_start_matches("42").split('[').next();
        other.send(&format!("43{}[5]", id.expect("an id"))).await;
        assert_eq!(answer.await.expect("an answer"), 5);
    }
    assert!(!record.lines().contains(&"end 0".to_owned()));
}

/// Hands its client over to a task that puts it out.
#[on("kicked from elsewhere")]
async fn kicked_from_elsewhere(ctx: Context, record: State<Record>) {
    let socket = ctx.socket().clone();
    tokio::spawn(async move { socket.disconnect() });
    tokio::time::sleep(Duration::from_secs(2)).await;
    record.push(format!("kicked: {}", !ctx.socket().is_connected()));
}

#[tokio::test(start_paused = true)]
async fn another_task_may_disconnect_a_socket_whose_handler_runs() {
    for transport in client::BOTH {
        let record = Record::default();
        let io = Io::new()
            .state(record.clone())
            .handlers(handlers![record::all(), kicked_from_elsewhere])
            .namespace("/other", Namespace::new().handlers(record::all()));
        let memory = Memory::new(io);
        let mut peer = memory.client(transport).await;
        peer.join_as("40/other,").await;
        record.take();
        let started = Instant::now();
        peer.send(r#"421["kicked from elsewhere"]"#).await;
        // The client is told at once, not when the handler has finished.
        peer.expect("41").await;
        assert!(started.elapsed() < Duration::from_secs(1));
        // What it sent before it could know is forgiven, and counted.
        peer.send(r#"42["work",1,0]"#).await;
        let left = "left: server namespace disconnect";
        assert_eq!(record.until(left).await, ["kicked: true", left]);
        assert_eq!(memory.io.counts().late_events, 1);
        // Its other namespace stays.
        peer.send(r#"42/other,2["work",2,0]"#).await;
        peer.expect("43/other,2[2]").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_put_out_may_come_back_over_the_same_connection() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = Memory::new(recorded(&record));
        let (mut peer, first) = memory.socket(transport).await;
        peer.send(r#"42["work",1,3000]"#).await;
        record.until("begin 1").await;
        first.disconnect();
        peer.expect("41").await;
        let second = peer.join(&memory.io).await;
        assert_ne!(first.id(), second.id());
        // The two are two: the old one's handler still runs.
        peer.send(r#"422["work",2,0]"#).await;
        peer.expect("432[2]").await;
        record.until("left: server namespace disconnect").await;
        assert!(second.is_connected());
        assert!(first.emit("n", ()).is_err_and(|error| error.is_closed()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_read_ahead_holds_up_the_other_namespaces_of_its_connection() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = with_event_queue(&record);
        let mut peer = memory.client(transport).await;
        peer.join_as("40/other,").await;
        record.take();
        // One runs, two wait, and the fourth finds no room.
        let events: Vec<_> = (0..4)
            .map(|number| format!(r#"42["work",{number},{}]"#, 60_000 * u64::from(number == 0)))
            .chain([r#"42/other,["work",100,0]"#.to_owned()])
            .collect();
        let sending = match &mut peer {
            Peer::Polling(session) => {
                let session = session.clone();
                Some(tokio::spawn(async move {
                    session.post(&events.join("\u{1e}")).await
                }))
            }
            Peer::WebSocket(_) => {
                for event in &events {
                    peer.send(event).await;
                }
                None
            }
        };
        record.until("begin 0").await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(record.lines(), ["begin 0"], "{transport:?}");
        let lines = record.until("end 100").await;
        assert_eq!(lines[1], "end 0", "{transport:?}");
        record.until("end 3").await;
        if let Some(sending) = sending {
            assert_eq!(sending.await.expect("an answer").0, 200);
        }
    }
}

/// Works until the client's connection has been lost for long, whatever ended it.
#[on("steady")]
async fn steady(ctx: Context, record: State<Record>) {
    record.push("steady");
    while ctx.socket().is_connected() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    record.push("steady to the end");
}

#[tokio::test(start_paused = true)]
async fn a_handler_runs_to_its_end_whatever_ends_its_socket() {
    for (how, reason) in [
        ("41", "client namespace disconnect"),
        ("1", "transport close"),
        ("4garbage", "forced close"),
        (r#"42/nowhere,["e"]"#, "forced server close"),
        ("9", "parse error"),
        ("put out", "server namespace disconnect"),
        ("does not read", "slow consumer"),
    ] {
        let record = Record::default();
        let io = Io::new()
            .state(record.clone())
            .handlers(handlers![record::all(), steady])
            .config(|config| small_queue(config, 3));
        let memory = Memory::new(io);
        let (mut peer, socket) = memory.socket(Transport::Polling).await;
        peer.send(r#"421["steady"]"#).await;
        record.until("steady").await;
        match how {
            "put out" => socket.disconnect(),
            "does not read" => {
                for number in 0..4 {
                    memory.io.broadcast("n", number).expect("nobody's fault");
                }
            }
            packet => {
                peer.try_send(packet).await;
            }
        }
        let left = format!("left: {reason}");
        let lines = record.until(&left).await;
        assert_eq!(
            lines,
            ["came", "steady", "steady to the end", left.as_str()],
            "{how}"
        );
        assert_eq!(memory.io.counts().handlers_dropped, 0, "{how}");
    }
}
