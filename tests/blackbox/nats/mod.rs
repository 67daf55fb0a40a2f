//! Servers that a real NATS joins.

mod login;
mod slow;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use koio::{
    Io,
    cluster::{Nats, ServerEvent},
};
use koio_tests::{Client, Running, Transport, serve, until, until_async, within};

use crate::programs::{BrokerProcess, Program};

const NATS: Program = Program("nats-server");

/// It runs until this is dropped.
struct NatsProcess(BrokerProcess);

impl NatsProcess {
    async fn start(options: &[&str]) -> Self {
        Self(BrokerProcess::start(&NATS, "--addr", options).await)
    }

    fn broker(&self) -> Nats {
        Nats::new(format!("nats://{}", self.0.addr))
    }
}

/// Two servers that know each other.
async fn pair(nats: &NatsProcess) -> [Running; 2] {
    let one = serve(Io::new().cluster(nats.broker())).await;
    let two = serve(Io::new().cluster(nats.broker())).await;
    know_each_other(&[&one, &two]).await;
    [one, two]
}

/// A server knows another when it finds its sockets.
async fn know_each_other(servers: &[&Running]) {
    let mut clients = Vec::new();
    for server in servers {
        clients.push(Client::connect(server.target(), Transport::WebSocket).await);
    }
    for server in servers {
        until_found(server, "the servers to know each other", |found| {
            found >= servers.len()
        })
        .await;
    }
    for client in clients {
        client.close().await;
    }
    for server in servers {
        until_found(server, "their clients to be gone", |found| found == 0).await;
    }
}

/// Waits until the server finds so many sockets in the cluster.
async fn until_found(server: &Running, what: &str, enough: impl Fn(usize) -> bool) {
    until_async(what, async || {
        let found = server.handle.fetch_sockets().await;
        found.is_ok_and(|all| enough(all.len()))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_between_servers_arrive_in_order_and_are_answered() {
    if !NATS.is_there() {
        return;
    }
    let nats = NatsProcess::start(&[]).await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let make = || {
        let heard = Arc::clone(&heard);
        let io = Io::new().on_server_side("n", move |event: ServerEvent| {
            let heard = Arc::clone(&heard);
            async move {
                heard.lock().expect("no panic").push(event.get::<u32>(0)?);
                Ok(())
            }
        });
        io.on_server_side("double", |event: ServerEvent| async move {
            Ok(koio::Bytes::from(
                [&*event.get::<koio::Bytes>(0)?; 2].concat(),
            ))
        })
    };
    let one = serve(make().cluster(nats.broker())).await;
    let two = serve(make().cluster(nats.broker())).await;
    know_each_other(&[&one, &two]).await;
    let numbers: Vec<u32> = (0..300).collect();
    for number in &numbers {
        one.handle.server_side_emit("n", number).expect("no fault");
    }
    let bytes = koio::Bytes::from(vec![1, 2]);
    let asked = one
        .handle
        .server_side_emit_with_ack::<koio::Bytes>("double", bytes);
    let answers = within("the answer", asked)
        .await
        .expect("the other answers");
    let [(_, Ok(answer))] = answers.as_slice() else {
        panic!("{answers:?}");
    };
    assert_eq!(&**answer, [1, 2, 1, 2]);
    assert_eq!(*heard.lock().expect("no panic"), numbers);
    let unknown = one.handle.server_side_emit_with_ack::<()>("unknown", ());
    let unknown = within("the answer", unknown)
        .await
        .expect("the other answers");
    assert!(matches!(&unknown[..], [(_, Err(error))] if error.is_no_handler()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emits_requests_and_rooms_reach_the_sockets_of_both_servers() {
    if !NATS.is_there() {
        return;
    }
    let nats = NatsProcess::start(&[]).await;
    let [one, two] = pair(&nats).await;
    let mut here = Client::connect(one.target(), Transport::WebSocket).await;
    let mut there = Client::connect(two.target(), Transport::WebSocket).await;
    one.handle
        .broadcast("binary", koio::Bytes::from(vec![1, 2]))
        .expect("no fault");
    for client in [&mut here, &mut there] {
        client
            .expect(r#"451-["binary",{"_placeholder":true,"num":0}]"#)
            .await;
        client.expect_binary(&[1, 2]).await;
    }
    let sockets = one.handle.fetch_sockets().await.expect("both answer");
    assert_eq!(sockets.len(), 2);
    let [remote] = &two.handle.sockets()[..] else {
        panic!("one socket");
    };
    let answer = one.handle.to(remote.id()).emit_with_ack::<u32>("ask", ());
    assert_eq!(there.text().await, r#"420["ask"]"#);
    there.send("430[5]").await;
    assert_eq!(answer.await.expect("an answer"), 5);
    one.handle
        .to(remote.id())
        .sockets_join("room")
        .expect("no fault");
    let joined = || !two.handle.to("room").sockets().is_empty();
    until("the socket to join", joined).await;
    one.handle.to("room").emit("news", 1).expect("no fault");
    there.expect(r#"42["news",1]"#).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_shuts_down_is_waited_for_no_longer() {
    if !NATS.is_there() {
        return;
    }
    let nats = NatsProcess::start(&[]).await;
    let [one, two] = pair(&nats).await;
    two.handle.shutdown(Duration::from_secs(5)).await;
    two.ended().await.expect("no fault");
    until_async("the server to know", async || {
        let started = tokio::time::Instant::now();
        let fetched = one.handle.fetch_sockets().await;
        fetched.is_ok() && started.elapsed() < Duration::from_secs(1)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nats_that_crashes_is_a_gap_and_is_found_again() {
    if !NATS.is_there() {
        return;
    }
    let mut nats = NatsProcess::start(&[]).await;
    let [one, two] = pair(&nats).await;
    let mut here = Client::connect(one.target(), Transport::WebSocket).await;
    let mut there = Client::connect(two.target(), Transport::WebSocket).await;
    assert_eq!(one.handle.alone_since(), None);
    nats.0.kill();
    let alone = || [&one, &two].map(|server| server.handle.alone_since().is_some());
    until("both to be alone", || alone() == [true; 2]).await;
    one.handle.broadcast("local", ()).expect("no fault");
    here.expect(r#"42["local"]"#).await;
    assert!(one.handle.counts().cluster_unpublished > 0);
    nats.0.restart().await;
    until("both to be together", || alone() == [false; 2]).await;
    one.handle.broadcast("again", ()).expect("no fault");
    for client in [&mut here, &mut there] {
        client.expect(r#"42["again"]"#).await;
    }
    assert_eq!(one.handle.counts().cluster_gaps, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_starts_without_nats_only_if_it_may() {
    if !NATS.is_there() {
        return;
    }
    let mut nats = NatsProcess::start(&["--user", "koio", "--pass", "right"]).await;
    let url = |password: &str| format!("nats://koio:{password}@{}", nats.0.addr);
    let refused = async |broker: Nats| {
        let refused = Io::new().cluster(broker).bind("127.0.0.1:0").await;
        let error = format!("{:#?}", refused.expect_err("no start"));
        assert!(
            error.contains(&format!("nats://{}", nats.0.addr)),
            "{error}"
        );
        assert!(!error.contains("secret"), "{error}");
        error
    };
    let wrong = refused(Nats::new(url("secret"))).await;
    assert!(wrong.contains("authorization"), "{wrong}");
    let right = url("right");
    nats.0.kill();
    let refused = Io::new()
        .cluster(Nats::new(&*right))
        .bind("127.0.0.1:0")
        .await;
    assert!(refused.is_err());
    let alone = serve(Io::new().cluster(Nats::new(&*right).start_alone())).await;
    assert!(alone.handle.alone_since().is_some());
    nats.0.restart().await;
    let together = || alone.handle.alone_since().is_none();
    until("it to be together", together).await;
    let other = serve(Io::new().cluster(Nats::new(right))).await;
    know_each_other(&[&alone, &other]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_above_what_nats_takes_is_counted_and_the_next_one_arrives() {
    if !NATS.is_there() {
        return;
    }
    let nats = NatsProcess::start(&[]).await;
    let [one, two] = pair(&nats).await;
    let mut there = Client::connect(two.target(), Transport::WebSocket).await;
    let before = one.handle.counts().cluster_unpublished;
    let large = "x".repeat(1_100_000);
    one.handle.broadcast("large", large).expect("no fault");
    one.handle.broadcast("small", ()).expect("no fault");
    there.expect(r#"42["small"]"#).await;
    assert_eq!(one.handle.counts().cluster_unpublished, before + 1);
}

/// A private key as NATS writes it.
const SEED: &str = "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y";

#[tokio::test]
async fn contradictory_options_are_refused_at_the_start() {
    for (broker, word) in [
        (Nats::new("nats://127.0.0.1").prefix("a.*"), "prefix"),
        (Nats::new("nats://127.0.0.1").prefix(""), "prefix"),
        (
            Nats::new("nats://127.0.0.1").publish_queue(0, 1),
            "publish_queue",
        ),
        (Nats::new("nats://koio:secret@ho st"), "can't be read"),
        (Nats::new(format!("nats://{SEED}@127.0.0.1")), "nkey"),
        (
            Nats::new("tls://127.0.0.1").root_certificates("/nowhere.pem"),
            "`root_certificates` of `Nats` can't be read: /nowhere.pem",
        ),
        (
            Nats::new("tls://127.0.0.1").root_certificates("/"),
            "`root_certificates` of `Nats` can't be read: /: ",
        ),
    ] {
        let refused = Io::new().cluster(broker).try_into_layer();
        let error = format!("{:?}", refused.expect_err("no start"));
        assert!(error.contains(word), "{word}: {error}");
        assert!(!error.contains("secret"), "{error}");
        assert!(!error.contains(SEED), "{error}");
    }
}
