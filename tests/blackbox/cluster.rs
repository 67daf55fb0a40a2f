//! Several servers as one: what reaches the sockets of other nodes, and what happens when a node is gone or silent.

use std::collections::BTreeSet;
use std::time::Duration;

use koio::cluster::{self, Broker, Inbox, Message, NodeId, PartialAnswer, PublishError, Topic};
use koio::{Io, SocketId};
use koio_tests::{Received, Transport};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::memory::Memory as Node;
use crate::two_nodes::Memory;

fn pair() -> Memory {
    Memory::of(Io::new)
}

/// Lets the nodes' tasks apply what has been published.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_with_binary_reaches_every_node_and_a_local_one_does_not() {
    let two = pair();
    let (mut here, _) = two.socket(Transport::WebSocket).await;
    let (mut there, _) = two.socket(Transport::Polling).await;
    two.io.local().emit("here", ()).expect("no fault");
    two.io
        .broadcast("binary", koio::Bytes::from(vec![1, 2]))
        .expect("no fault");
    here.expect(r#"42["here"]"#).await;
    for peer in [&mut here, &mut there] {
        peer.expect(r#"451-["binary",{"_placeholder":true,"num":0}]"#)
            .await;
        assert_eq!(peer.next().await, Received::Binary(vec![1, 2]));
    }
}

#[tokio::test(start_paused = true)]
async fn an_emit_to_a_namespace_with_remote_sockets_only_goes_out() {
    let make = || Io::new().namespace("/chat", koio::Namespace::new());
    let two = Memory::of(make);
    let mut there = two.nodes[1].open(Transport::WebSocket).await;
    let id: SocketId = there.join_as("40/chat,").await.parse().expect("an id");
    let chat = two.io.of("/chat");
    chat.broadcast("all", 1).expect("no fault");
    there.expect(r#"42/chat,["all",1]"#).await;
    chat.to(id).emit("one", 2).expect("no fault");
    there.expect(r#"42/chat,["one",2]"#).await;
    let answer = chat.to(id).emit_with_ack::<u32>("ask", ());
    assert_eq!(there.text().await, r#"42/chat,0["ask"]"#);
    there.send("43/chat,0[5]").await;
    assert_eq!(answer.await.expect("an answer"), 5);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_not_started_reaches_no_other() {
    let broker = cluster::Memory::new();
    let one = Node::new(Io::new().cluster(broker.clone()));
    let (mut peer, socket) = one.socket(Transport::WebSocket).await;
    let io = Io::new().cluster(broker);
    let handle = io.handle();
    handle.broadcast("early", ()).expect("no fault");
    let early = handle.to(socket.id()).emit("early", ());
    assert!(early.is_err_and(|error| error.is_closed()));
    let early = handle.to(socket.id()).emit_with_ack::<()>("early", ());
    assert!(early.await.is_err_and(|error| error.is_closed()));
    assert!(handle.fetch_sockets().await.expect("no node").is_empty());
    assert_eq!(handle.counts(), koio::observe::Counts::default());
    settle().await;

    let _two = Node::new(io);
    handle.broadcast("news", ()).expect("no fault");
    peer.expect(r#"42["news"]"#).await;
    assert_eq!(handle.fetch_sockets().await.expect("both").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_no_node_has_a_socket_for_is_closed_at_once() {
    let two = pair();
    let (peer, socket) = two.socket(Transport::WebSocket).await;
    let id = socket.id();
    peer.close().await;
    settle().await;
    let started = Instant::now();
    let answer = two.nodes[1].io.to(id).emit_with_ack::<()>("ask", ());
    assert!(answer.await.expect_err("gone").is_closed());
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Name {
    name: String,
}

#[tokio::test(start_paused = true)]
async fn sockets_are_fetched_with_rooms_data_and_handshake_and_do_what_they_are_told() {
    let two = pair();
    let (_here, local) = two.socket(Transport::WebSocket).await;
    let (mut peer, remote) = two.socket(Transport::WebSocket).await;
    remote.join("red").expect("a room");
    let ann = Name {
        name: "ann".to_owned(),
    };
    remote.set_data(&ann).expect("an object");
    assert_eq!(remote.data().expect("a name"), Some(ann));
    assert_eq!(local.data::<Name>().expect("none"), None);
    assert_eq!(two.io.sockets().len(), 1);

    let sockets = two.io.fetch_sockets().await.expect("both nodes");
    let ids: BTreeSet<_> = sockets.iter().map(|socket| socket.id()).collect();
    assert_eq!(ids, BTreeSet::from([local.id(), remote.id()]));
    let seen = sockets
        .iter()
        .find(|socket| socket.id() == remote.id())
        .expect("it");
    assert_eq!(seen.rooms(), ["red".into()]);
    assert!(seen.is_in("red") && seen.is_in(remote.id()) && !seen.is_in("blue"));
    assert_eq!(
        seen.data::<Name>().expect("a name").expect("a name").name,
        "ann"
    );
    assert_eq!(seen.handshake().query("EIO"), Some("4"));
    assert_eq!(seen.handshake().header("host"), Some("koio.test"));

    seen.emit("told", 1).expect("no fault");
    peer.expect(r#"42["told",1]"#).await;
    seen.join("blue").expect("a room");
    seen.leave("red").expect("a broker");
    settle().await;
    assert_eq!(remote.rooms(), ["blue".into()]);
    let answer = seen.emit_with_ack::<u32>("ask", ());
    assert_eq!(peer.text().await, r#"420["ask"]"#);
    peer.send("430[7]").await;
    assert_eq!(answer.await.expect("an answer"), 7);
    seen.disconnect().expect("a broker");
    peer.expect("41").await;
}

#[tokio::test(start_paused = true)]
async fn sockets_of_all_nodes_join_leave_and_are_disconnected() {
    let two = pair();
    let (mut here, local) = two.socket(Transport::WebSocket).await;
    let (mut there, remote) = two.socket(Transport::WebSocket).await;
    two.io.sockets_join("red").expect("a room");
    assert!(local.is_in("red"), "applied here at once");
    settle().await;
    assert!(remote.is_in("red"));
    two.io.to("red").sockets_leave("red").expect("a broker");
    settle().await;
    assert!(!local.is_in("red"));
    // The room was left here first: the other node has it still, and leaves it itself.
    assert!(!remote.is_in("red"));
    two.io.disconnect_sockets().expect("a broker");
    here.expect("41").await;
    there.expect("41").await;
}

#[tokio::test(start_paused = true)]
async fn sockets_of_all_nodes_join_and_leave_a_list_of_rooms() {
    let two = pair();
    let (_here, local) = two.socket(Transport::WebSocket).await;
    let (_there, remote) = two.socket(Transport::WebSocket).await;
    two.io.sockets_join(["red", "blue"]).expect("rooms");
    settle().await;
    for socket in [&local, &remote] {
        assert!(socket.is_in("red") && socket.is_in("blue"));
    }
    two.io
        .sockets_leave(["red", "green", "blue"])
        .expect("a broker");
    two.io
        .to(Vec::<&str>::new())
        .disconnect_sockets()
        .expect("nobody");
    settle().await;
    assert_eq!((local.rooms(), remote.rooms()), (Vec::new(), Vec::new()));
    assert!(local.is_connected() && remote.is_connected());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_leaves_is_not_waited_for() {
    let two = pair();
    let (_peer, local) = two.socket(Transport::WebSocket).await;
    let (_quiet, remote) = two.nodes[1].socket(Transport::WebSocket).await;
    let answers = two
        .io
        .timeout(Duration::from_secs(10))
        .emit_with_acks::<()>("q", ());
    settle().await;
    let started = Instant::now();
    two.nodes[1].io.shutdown(Duration::from_secs(1)).await;
    assert_eq!(two.io.fetch_sockets().await.expect("one node").len(), 1);
    assert!(started.elapsed() < Duration::from_secs(5));
    let answers = answers.await.expect("no node is missing");
    let outcome = |id| {
        answers
            .iter()
            .find(|(socket, _)| *socket == id)
            .expect("it")
    };
    assert!(
        outcome(remote.id())
            .1
            .as_ref()
            .expect_err("gone")
            .is_disconnected()
    );
    assert!(
        outcome(local.id())
            .1
            .as_ref()
            .expect_err("silent")
            .is_timeout()
    );
}

/// Says that there is a node which never answers.
struct WithSilentNode(cluster::Memory);

impl Broker for WithSilentNode {
    fn join(&self, inbox: Inbox) {
        inbox.node_up(NodeId::new("silent"));
        self.0.join(inbox);
    }

    fn publish(&self, from: &NodeId, topic: &Topic, message: &Message) -> Result<(), PublishError> {
        self.0.publish(from, topic, message)
    }

    fn leave(&self, node: &NodeId) {
        self.0.leave(node);
    }
}

#[tokio::test(start_paused = true)]
async fn a_partial_answer_names_who_is_missing_and_has_what_came() {
    let broker = cluster::Memory::new();
    let one = Node::new(Io::new().cluster(WithSilentNode(broker.clone())));
    let two = Node::new(Io::new().cluster(broker));
    let (mut peer, socket) = two.socket(Transport::WebSocket).await;
    let started = Instant::now();
    let error = one.io.fetch_sockets().await.expect_err("a silent node");
    assert_eq!(started.elapsed().as_secs(), 5);
    assert_eq!(error.code(), "partial_answer");
    let partial = error.downcast_ref::<PartialAnswer>().expect("what came");
    assert_eq!(partial.missing(), [NodeId::new("silent")]);
    assert_eq!(partial.sockets()[0].id(), socket.id());

    let answers = one
        .io
        .timeout(Duration::from_secs(1))
        .emit_with_acks::<u32>("q", ());
    assert_eq!(peer.text().await, r#"420["q"]"#);
    peer.send("430[3]").await;
    let error = answers.await.expect_err("a silent node");
    let partial = error.downcast_ref::<PartialAnswer>().expect("what came");
    assert_eq!(partial.missing(), [NodeId::new("silent")]);
    let answers = partial.answers::<u32>();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].0, socket.id());
    assert!(matches!(answers[0].1, Ok(3)));

    // One socket is meant, and it has answered: nothing is missing.
    let answer = one.io.to(socket.id()).emit_with_ack::<u32>("q", ());
    assert_eq!(peer.text().await, r#"421["q"]"#);
    peer.send("431[4]").await;
    assert_eq!(answer.await.expect("an answer"), 4);
}

/// Takes nothing.
struct Broken;

impl Broker for Broken {
    fn join(&self, inbox: Inbox) {
        inbox.node_up(NodeId::new("other"));
    }

    fn publish(&self, _: &NodeId, _: &Topic, _: &Message) -> Result<(), PublishError> {
        Err(PublishError::new("broken"))
    }

    fn leave(&self, _: &NodeId) {}
}

/// Can't be reached, or is lost behind the start and found again.
struct Unsteady {
    reachable: bool,
    inbox: std::sync::Arc<std::sync::OnceLock<Inbox>>,
}

impl Broker for Unsteady {
    fn connect(&self) -> cluster::Connecting<'_> {
        Box::pin(async {
            match self.reachable {
                true => Ok(()),
                false => Err(koio::Error::new("cluster", "no broker at nowhere:1")),
            }
        })
    }

    fn join(&self, inbox: Inbox) {
        self.inbox.set(inbox).expect("once");
    }

    fn publish(&self, _: &NodeId, _: &Topic, _: &Message) -> Result<(), PublishError> {
        Ok(())
    }

    fn leave(&self, _: &NodeId) {}
}

#[tokio::test]
async fn a_broker_that_cant_be_reached_is_an_error_of_the_start_which_names_it() {
    let unreachable = || {
        Io::new().cluster(Unsteady {
            reachable: false,
            inbox: Default::default(),
        })
    };
    for error in [
        unreachable().bind("127.0.0.1:0").await.expect_err("alone"),
        unreachable().connect_cluster().await.expect_err("alone"),
    ] {
        assert!(error.to_string().contains("nowhere:1"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_says_since_when_its_broker_is_gone_and_counts_it() {
    let inbox = std::sync::Arc::<std::sync::OnceLock<Inbox>>::default();
    let io = Io::new().namespace("/chat", koio::Namespace::new());
    let one = Node::new(io.cluster(Unsteady {
        reachable: true,
        inbox: inbox.clone(),
    }));
    let inbox = inbox.get().expect("it has joined");
    assert!(inbox.namespaces().any(|namespace| namespace == "/chat"));
    inbox.together();
    assert_eq!(one.io.alone_since(), None);
    inbox.alone(&"cut");
    tokio::time::sleep(Duration::from_secs(7)).await;
    inbox.alone(&"cut again");
    let since = one.io.alone_since().expect("alone");
    assert_eq!(
        Instant::from_std(since).elapsed(),
        Duration::from_secs(7),
        "it counts from the first loss"
    );
    inbox.unpublished(3, &"cut");
    inbox.together();
    settle().await;
    assert_eq!(one.io.alone_since(), None);
    let counts = one.io.counts();
    assert_eq!((counts.cluster_gaps, counts.cluster_unpublished), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_broken_broker_changes_nothing_on_this_node_and_is_counted() {
    let one = Node::new(Io::new().cluster(Broken));
    let (mut peer, socket) = one.socket(Transport::WebSocket).await;
    one.io.broadcast("news", 1).expect("no fault of the caller");
    peer.expect(r#"42["news",1]"#).await;
    let error = one.io.sockets_join("red").expect_err("not everywhere");
    assert_eq!(error.code(), "cluster");
    assert!(socket.is_in("red"), "but here");
    assert_eq!(one.io.counts().cluster_unpublished, 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_the_broker_refused_is_not_waited_for() {
    let one = Node::new(Io::new().cluster(Broken));
    let (mut peer, socket) = one.socket(Transport::WebSocket).await;
    let begun = tokio::time::Instant::now();
    let fetched = one.io.fetch_sockets().await.expect_err("a node is missing");
    let partial = fetched.downcast_ref::<PartialAnswer>().expect("partial");
    assert_eq!(partial.missing(), [NodeId::new("other")]);
    assert_eq!(partial.sockets()[0].id(), socket.id());

    let answers = one
        .io
        .timeout(Duration::from_secs(60))
        .emit_with_acks::<u32>("q", ());
    assert_eq!(peer.text().await, r#"420["q"]"#);
    peer.send("430[3]").await;
    let error = answers.await.expect_err("a node is missing");
    let partial = error.downcast_ref::<PartialAnswer>().expect("partial");
    assert_eq!(partial.missing(), [NodeId::new("other")]);
    assert!(matches!(partial.answers::<u32>()[..], [(_, Ok(3))]));
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "no timeout was waited for"
    );
}

#[tokio::test(start_paused = true)]
async fn an_ack_of_a_socket_that_no_node_could_be_asked_for_is_a_partial_answer_at_once() {
    let one = Node::new(Io::new().cluster(Broken));
    let started = Instant::now();
    let nowhere = SocketId::parse(&format!("_{}", "A".repeat(19))).expect("an id");
    let answer = one.io.to(nowhere).emit_with_ack::<()>("q", ()).await;
    assert_eq!(answer.expect_err("another node").code(), "partial_answer");
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(one.io.counts().cluster_unpublished, 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_none_is_counted_and_ignored() {
    /// Gives each node bytes that no node has sent.
    struct Inject;
    impl Broker for Inject {
        fn join(&self, inbox: Inbox) {
            for bytes in ["", "nonsense", "\u{3}\0\0\0\u{2}{}"] {
                match Message::decode(bytes.into()) {
                    Ok(message) => inbox.deliver(message).expect("room"),
                    Err(error) => inbox.malformed(&error),
                }
            }
        }
        fn publish(&self, _: &NodeId, _: &Topic, _: &Message) -> Result<(), PublishError> {
            Ok(())
        }
        fn leave(&self, _: &NodeId) {}
    }
    let node = Node::new(Io::new().cluster(Inject));
    settle().await;
    assert_eq!(node.io.counts().cluster_malformed, 3);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_too_far_behind_drops_counts_and_goes_on() {
    let two = pair();
    let (mut there, _) = two.nodes[1].socket(Transport::WebSocket).await;
    // The other node's task gets no turn meanwhile.
    for number in 0..10_000 {
        two.io.volatile().emit("flood", number).expect("no fault");
    }
    settle().await;
    let dropped = two.nodes[1].io.counts().cluster_dropped;
    assert_eq!(dropped, 10_000 - 8_192);
    two.io.broadcast("last", ()).expect("no fault");
    while there.text().await != r#"42["last"]"# {}
}

#[tokio::test(start_paused = true)]
async fn the_data_of_a_socket_is_a_bounded_object() {
    let node = Node::new(Io::new());
    let (_peer, socket) = node.socket(Transport::WebSocket).await;
    assert!(socket.set_data(&5).is_err(), "no object");
    let long = Name {
        name: "x".repeat(65_525),
    };
    assert!(socket.set_data(&long).is_ok(), "exactly 64 KiB");
    let longer = Name {
        name: "x".repeat(65_526),
    };
    let error = socket.set_data(&longer).expect_err("too long").to_string();
    assert!(
        error.contains("65536") && error.contains("65537"),
        "{error}"
    );
    assert_eq!(socket.data::<Name>().expect("a name"), Some(long));
    assert!(socket.data::<Vec<u8>>().is_err());
}
