//! A CONNECT that the middleware around `connection` has not decided.

use std::time::Duration;

use koio::{Context, Io, Namespace, Next, Reply, Result, State, handlers, on};
use koio_tests::{Received, Transport, client};
use tokio::time::Instant;

use crate::memory::{Memory, Peer, within};
use crate::record::{self, Record};

/// Never lets anybody in; says when it is dropped.
async fn hangs(ctx: Context, next: Next) -> Result<Reply> {
    struct Dropped(Record);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.push("dropped");
        }
    }
    if ctx.event() == "connection" {
        let record = ctx.state::<Record>()?;
        let _dropped = Dropped(Record::clone(&record));
        std::future::pending::<()>().await;
    }
    next.run().await
}

/// Decides after eleven seconds, which is too late.
async fn late(ctx: Context, next: Next) -> Result<Reply> {
    if ctx.event() == "connection" {
        tokio::time::sleep(Duration::from_secs(11)).await;
    }
    next.run().await
}

/// Disconnects everybody and goes on thinking.
async fn throws_out(ctx: Context, next: Next) -> Result<Reply> {
    if ctx.event() == "connection" {
        ctx.socket().disconnect_all();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    next.run().await
}

#[on("throw me out")]
async fn throw_me_out(ctx: Context, record: State<Record>) {
    ctx.socket().disconnect_all();
    record.push("thrown out");
}

fn server(record: &Record) -> Memory {
    let handlers = || handlers![record::all(), throw_me_out];
    let io = Io::new()
        .state(record.clone())
        .handlers(handlers())
        .namespace(
            "/hangs/{n}",
            Namespace::new().wrap(hangs).handlers(handlers![]),
        )
        .namespace("/late", Namespace::new().wrap(late).handlers(handlers![]))
        .namespace(
            "/out",
            Namespace::new().wrap(throws_out).handlers(handlers![]),
        )
        .namespace("/other", Namespace::new().handlers(record::all()));
    Memory::new(io)
}

const TOO_LATE: &str =
    r#"{"message":"the server did not answer within 10s","data":{"code":"timeout"}}"#;
const DISCONNECTED: &str =
    r#"{"message":"disconnected by the server","data":{"code":"disconnected"}}"#;

#[tokio::test(start_paused = true)]
async fn a_middleware_that_hangs_is_refused_in_every_namespace_and_its_slot_is_free() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = server(&record);
        let mut peer = memory.client(transport).await;
        record.take();
        // With `/` that is as many as one client may be in.
        for number in 1..32 {
            peer.send(&format!("40/hangs/{number},")).await;
        }
        peer.send("40/other,").await;
        let full = concat!(
            r#"44/other,{"message":"Too many namespaces: 33 (namespaces 32)","#,
            r#""data":{"code":"too_many_namespaces"}}"#
        );
        peer.expect(full).await;
        let asked = Instant::now();
        let mut refused = Vec::new();
        // The socket that is connected is undisturbed.
        peer.send(r#"421["work",1,0]"#).await;
        peer.expect("431[1]").await;
        for _ in 1..32 {
            refused.push(peer.text().await);
        }
        let took = asked.elapsed();
        assert!(took >= Duration::from_secs(9) && took < Duration::from_secs(12));
        for (number, refusal) in (1..32).zip(refused) {
            assert_eq!(refusal, format!("44/hangs/{number},{TOO_LATE}"));
        }
        let dropped = |lines: Vec<String>| lines.iter().filter(|line| *line == "dropped").count();
        assert_eq!(dropped(record.take()), 31);
        assert_eq!(memory.count(|counts| counts.handlers_dropped), 31);
        peer.join_as("40/other,").await;
        // The client may ask again.
        peer.send("40/hangs/1,").await;
        let again = Instant::now();
        peer.expect(&format!("44/hangs/1,{TOO_LATE}")).await;
        assert!(again.elapsed() >= Duration::from_secs(9));
        peer.send(r#"42/other,2["work",2,0]"#).await;
        peer.expect("43/other,2[2]").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_namespace_that_is_refused_for_its_middleware_leaves_time_for_another() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = server(&record);
        let mut peer = memory.open(transport).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        peer.send("40/late,").await;
        let asked = Instant::now();
        peer.expect(&format!("44/late,{TOO_LATE}")).await;
        let took = asked.elapsed();
        assert!(took >= Duration::from_secs(9), "{took:?}");
        tokio::time::sleep(Duration::from_secs(9)).await;
        peer.join(&memory.io).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_it_waits_is_not_refused_later() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = server(&record);
        let mut peer = memory.client(transport).await;
        peer.send("40/hangs/1,").await;
        peer.send("41/hangs/1,").await;
        tokio::time::sleep(Duration::from_secs(15)).await;
        peer.send(r#"421["work",1,0]"#).await;
        peer.expect("431[1]").await;
    }
}

/// All that a client is sent until its connection ends.
async fn last_words(peer: &mut Peer) -> Vec<String> {
    let (texts, _) = within("the end", peer.ended()).await;
    texts
}

#[tokio::test(start_paused = true)]
async fn disconnect_all_answers_the_namespace_that_is_being_asked_for() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = server(&record);
        let mut peer = memory.open(transport).await;
        peer.send("40/out,").await;
        let refused = format!("44/out,{DISCONNECTED}");
        assert_eq!(last_words(&mut peer).await, [refused], "{transport:?}");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(record.lines().is_empty(), "no handler has run");
    }
}

#[tokio::test(start_paused = true)]
async fn disconnect_all_by_one_namespace_answers_the_others_that_are_asked_for() {
    for transport in client::BOTH {
        let record = Record::default();
        let memory = server(&record);
        let mut peer = memory.client(transport).await;
        peer.send("40/late,").await;
        let all = [
            r#"42["throw me out"]"#,
            "40/other,",
            r#"42/other,["work",1,0]"#,
        ];
        // In one turn: the last two are sent before the client can know.
        peer.send_at_once(&all).await;
        let mut words = last_words(&mut peer).await;
        words.sort();
        assert!(words.contains(&"41".to_owned()), "{words:?}");
        let refused = |namespace| format!("44{namespace},{DISCONNECTED}");
        assert!(words.contains(&refused("/late")), "{words:?}");
        // Over a WebSocket it may come after the end.
        if transport == Transport::Polling {
            assert!(words.contains(&refused("/other")), "{words:?}");
        }
        assert!(!record.lines().iter().any(|line| line.starts_with("begin")));
        assert_eq!(memory.count(|counts| counts.protocol_errors), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_for_nothing_is_still_closed_in_time() {
    let memory = server(&Record::default());
    let mut peer = memory.open(Transport::WebSocket).await;
    let opened = Instant::now();
    assert!(matches!(peer.next().await, Received::End(_)));
    let took = opened.elapsed();
    assert!(took >= Duration::from_secs(9) && took < Duration::from_secs(12));
}
