//! Events of a client that does not wait for the answer to its CONNECT.

use std::time::Duration;

use koio::{Bytes, Context, Error, Io, Namespace, Next, Reply, Result, State, handlers, on};
use koio_tests::{Frame, Polling, RawWebSocket, Transport, client};
use tokio::time::Instant;

use crate::memory::{Memory, Peer};
use crate::record::{self, Record};
use crate::scene::Scene;

/// How long the middleware takes.
const THINKS: Duration = Duration::from_secs(1);

async fn thinks(ctx: Context, next: Next) -> Result<Reply> {
    if ctx.event() == "connection" {
        tokio::time::sleep(THINKS).await;
    }
    next.run().await
}

async fn refuses(ctx: Context, next: Next) -> Result<Reply> {
    if ctx.event() == "connection" {
        tokio::time::sleep(THINKS).await;
        return Err(Error::new("refused", "not you"));
    }
    next.run().await
}

#[on("file")]
async fn file(bytes: Bytes, record: State<Record>) -> usize {
    record.push(format!("file {}", bytes.len()));
    bytes.len()
}

fn server(record: &Record) -> Memory {
    let events = || handlers![record::all(), file];
    let io = Io::new()
        .state(record.clone())
        .config(|config| config.socket.event_queue = 16)
        .handlers(events())
        .namespace("/slow", Namespace::new().wrap(thinks).handlers(events()))
        .namespace("/no", Namespace::new().wrap(refuses).handlers(events()));
    Memory::new(io)
}

/// A client that is in `/`, with nothing in the record yet.
async fn connected(transport: Transport) -> (Record, Memory, Peer) {
    let record = Record::default();
    let memory = server(&record);
    let peer = memory.client(transport).await;
    record.take();
    (record, memory, peer)
}

#[tokio::test(start_paused = true)]
async fn they_wait_until_it_is_decided_and_are_handled_and_answered_in_order() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = server(&record);
        let mut peer = memory.open(transport).await;
        let file = r#"451-/slow,3["file",{"_placeholder":true,"num":0}]"#;
        let packets = [
            "40/slow,",
            r#"42/slow,1["work",1,0]"#,
            r#"42/slow,["work",2,0]"#,
        ];
        peer.send_at_once(&packets).await;
        peer.send_with(file, &[7; 100]).await;
        peer.send(r#"42/slow,4["work",4,0]"#).await;
        assert!(record.lines().is_empty(), "{:?}", record.lines());
        let asked = Instant::now();
        assert!(peer.text().await.starts_with(r#"40/slow,{"sid":""#));
        assert!(asked.elapsed() <= THINKS);
        for answer in ["43/slow,1[1]", "43/slow,3[100]", "43/slow,4[4]"] {
            peer.expect(answer).await;
        }
        let lines = record.take();
        let begun: Vec<_> = lines
            .iter()
            .filter(|line| !line.starts_with("end"))
            .collect();
        let expected = ["came", "begin 1", "begin 2", "file 100", "begin 4"];
        assert_eq!(begun, expected, "{transport:?}");
        assert_eq!(memory.count(|counts| counts.late_events), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn those_of_a_client_that_is_refused_are_dropped_and_counted_and_it_may_go_on() {
    for transport in client::BOTH {
        let (record, memory, mut peer) = connected(transport).await;
        let packets = ["40/no,", r#"42/no,1["work",1,0]"#, r#"42/no,["work",2,0]"#];
        peer.send_at_once(&packets).await;
        assert!(peer.text().await.starts_with("44/no,"));
        assert_eq!(memory.count(|counts| counts.late_events), 2);
        // It may not know yet.
        peer.send(r#"42/no,["work",3,0]"#).await;
        peer.send(r#"421["work",4,0]"#).await;
        peer.expect("431[4]").await;
        assert_eq!(memory.count(|counts| counts.late_events), 3);
        assert_eq!(record.take(), ["begin 4", "end 4"]);
        assert_eq!(memory.count(|counts| counts.protocol_errors), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn those_for_a_namespace_that_there_is_not_are_dropped_and_counted() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = server(&record);
        let mut peer = memory.open(transport).await;
        let packets = [
            "40/nothing,",
            r#"42/nothing,["work",1,0]"#,
            "40",
            r#"421["work",2,0]"#,
        ];
        peer.send_at_once(&packets).await;
        assert!(peer.text().await.starts_with("44/nothing,"));
        assert!(peer.text().await.starts_with("40{"));
        peer.expect("431[2]").await;
        assert_eq!(memory.count(|counts| counts.late_events), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn those_of_a_client_that_leaves_before_it_is_decided_are_dropped_and_counted() {
    for transport in client::BOTH {
        let (record, memory, mut peer) = connected(transport).await;
        let packets = ["40/slow,", r#"42/slow,["work",1,0]"#, "41/slow,"];
        peer.send_at_once(&packets).await;
        tokio::time::sleep(2 * THINKS).await;
        peer.send(r#"421["work",2,0]"#).await;
        peer.expect("431[2]").await;
        assert_eq!(memory.count(|counts| counts.late_events), 1);
        assert_eq!(record.take(), ["begin 2", "end 2"]);
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_as_a_queue_holds_are_read_and_the_others_when_it_is_decided() {
    for transport in client::BOTH {
        let (_record, memory, mut peer) = connected(transport).await;
        let mut packets = vec!["40/slow,".to_owned()];
        packets.extend((0..16).map(|number| format!(r#"42/slow,["work",{number},0]"#)));
        // Behind the bound of 16.
        packets.push(r#"421["work",100,0]"#.to_owned());
        packets.extend((16..40).map(|number| format!(r#"42/slow,{number}["work",{number},0]"#)));
        let began = Instant::now();
        // A POST is answered when its packets were taken.
        peer.send_at_once(&packets).await;
        assert!(peer.text().await.starts_with(r#"40/slow,{"sid":""#));
        assert!(began.elapsed() >= THINKS);
        let mut answers = Vec::new();
        while answers.len() < 25 {
            answers.push(peer.text().await);
        }
        answers.retain(|answer| answer != "431[100]");
        let expected: Vec<_> = (16..40)
            .map(|number| format!("43/slow,{number}[{number}]"))
            .collect();
        assert_eq!(answers, expected, "{transport:?}");
        assert_eq!(memory.count(|counts| counts.late_events), 0);
        assert_eq!(memory.count(|counts| counts.protocol_errors), 0);
    }
}

const TOGETHER: [&str; 2] = ["40/gated,", r#"42/gated,1["echo","early"]"#];

#[tokio::test]
async fn connect_and_an_event_in_one_post_are_answered_when_it_is_decided() {
    let mut scene = Scene::new().await;
    let mut session = Polling::open(scene.target()).await;
    session.send(TOGETHER.join("\u{1e}")).await;
    scene.gate.0.add_permits(1);
    let mut packets = Vec::new();
    while packets.len() < 2 {
        let answer = session.get().await;
        packets.extend(answer.text().split('\u{1e}').map(str::to_owned));
    }
    assert!(packets[0].starts_with(r#"40/gated,{"sid":""#));
    assert_eq!(packets[1], r#"43/gated,1["early"]"#);
    session.send("1").await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn connect_and_an_event_in_one_segment_of_a_websocket_are_answered_when_it_is_decided() {
    let mut scene = Scene::new().await;
    let (mut socket, _) = RawWebSocket::session(scene.target()).await;
    let segment = TOGETHER.map(|packet| Frame::text(packet).bytes()).concat();
    socket.write(segment).await;
    scene.gate.0.add_permits(1);
    let connected = socket.next().await.expect("an answer").payload;
    assert!(connected.starts_with(br#"40/gated,{"sid":""#));
    socket.expect(r#"43/gated,1["early"]"#).await;
    drop(socket);
    scene.report().await;
    scene.end().await;
}
