//! Messages, inboxes, requests and the memory broker; the black-box tests run whole servers on them.

use std::{sync::Arc, thread, time::Duration};

use bytes::Bytes;

use super::{
    super::{AckCollector, NeutralPacket},
    awaited::AwaitedNodes,
    broker::{Broker, Topic},
    inbox::{Inbox, InboxItem},
    memory::Memory,
    message::{Address, ClusterMessage, MessageBody},
    node::NodeId,
    request_id::RequestId,
    requests::{ClusterRequest, NodeAnswers, Requests},
};
use crate::{adapter::Target, ids::SocketId};

fn address() -> Address {
    let target = Target {
        rooms: vec!["a".into(), "\"b\"".into()],
        except: vec!["c".into()],
    };
    Address::new("/chat", &target)
}

fn packet() -> NeutralPacket {
    NeutralPacket {
        list: Bytes::from_static(br#"["e",{"_placeholder":true,"num":0}]"#),
        attachments: vec![Bytes::from_static(&[0, 255]), Bytes::new()],
        uncompressed: false,
    }
}

fn message(body: MessageBody) -> ClusterMessage {
    ClusterMessage::new(NodeId::new("one"), body)
}

/// A message that holds so many bytes beside its overhead, and is told apart by them.
fn holding(bytes: usize) -> ClusterMessage {
    message(MessageBody::Broadcast {
        to: address(),
        volatile: false,
        packet: NeutralPacket {
            list: vec![b' '; bytes].into(),
            attachments: Vec::new(),
            uncompressed: false,
        },
    })
}

/// The length of the packet in what an inbox gave.
fn held(item: Option<InboxItem>) -> usize {
    match item {
        Some(InboxItem::Message(message)) => message.body.packet().unwrap().list.len(),
        other => panic!("{other:?}"),
    }
}

fn inbox_of(name: &str) -> Inbox {
    Inbox::new(NodeId::new(name), Vec::new())
}

fn through_bytes(message: &ClusterMessage) -> ClusterMessage {
    ClusterMessage::decode(message.encode().unwrap()).unwrap()
}

#[test]
fn a_message_is_read_as_it_was_written() {
    let broadcast = MessageBody::Broadcast {
        to: address(),
        volatile: true,
        packet: packet(),
    };
    let read = through_bytes(&message(broadcast));
    assert_eq!(read.from, NodeId::new("one"));
    let MessageBody::Broadcast {
        to,
        volatile: true,
        packet: read,
    } = read.body
    else {
        panic!("{read:?}");
    };
    assert_eq!(read, packet());
    let (namespace, target) = to.into_target();
    assert_eq!(namespace, "/chat");
    assert_eq!(target.rooms, ["a".into(), "\"b\"".into()]);
    assert_eq!(target.except, ["c".into()]);

    let socket = SocketId::random().unwrap();
    let asked = RequestId::numbered(u64::MAX);
    let answered = MessageBody::Answered {
        request: asked.clone(),
        socket,
        failure: None,
        args: packet(),
    };
    let read = through_bytes(&message(answered));
    assert!(matches!(
        read.body,
        MessageBody::Answered { request, socket: id, failure: None, args }
            if request == asked && id == socket && args == packet()
    ));
}

#[test]
fn a_message_that_is_cut_short_or_of_another_version_is_refused_with_a_reason() {
    let whole = holding(7).encode().unwrap();
    for len in 0..whole.len() {
        let refused = ClusterMessage::decode(whole.slice(..len));
        assert!(refused.is_err(), "{len}");
    }
    let mut other = whole.to_vec();
    other[0] = 2;
    let refused = ClusterMessage::decode(other.into()).unwrap_err();
    let reason = "it has version 2, and this node speaks 3";
    assert_eq!(refused.to_string(), reason);
}

#[tokio::test]
async fn an_inbox_that_is_full_drops_messages_and_reports_their_number() {
    let inbox = inbox_of("two");
    let mut taken = 0_u64;
    while inbox.deliver(holding(1)).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 8_192);
    assert!(inbox.deliver(holding(2)).is_err());
    assert!(matches!(inbox.next().await, Some(InboxItem::Dropped(2))));
    for _ in 0..taken {
        assert_eq!(held(inbox.next().await), 1);
    }
    assert!(inbox.deliver(holding(3)).is_ok());
    inbox.close();
    assert!(inbox.next().await.is_none());
    assert!(inbox.deliver(holding(3)).is_err());
}

#[tokio::test]
async fn an_inbox_is_full_by_bytes_too_but_takes_one_message_of_any_size() {
    let inbox = inbox_of("two");
    let big = 65 * 1024 * 1024;
    assert!(inbox.deliver(holding(big)).is_ok());
    assert!(inbox.deliver(holding(1)).is_err());
    assert!(matches!(inbox.next().await, Some(InboxItem::Dropped(1))));
    assert_eq!(held(inbox.next().await), big);
    assert!(inbox.deliver(holding(1)).is_ok());
}

#[tokio::test]
async fn an_inbox_gives_what_was_malformed_in_its_place_and_ignores_the_nodes_own_messages() {
    let inbox = inbox_of("one");
    assert!(inbox.deliver(holding(1)).is_ok());
    inbox.malformed(&"x".repeat(10_000));
    let Some(InboxItem::Malformed(cause)) = inbox.next().await else {
        panic!("the node's own message was queued");
    };
    assert!(cause.starts_with('x') && cause.len() < 1_000);
}

#[tokio::test]
async fn the_memory_broker_brings_messages_to_the_others_or_to_one() {
    let broker = Memory::new();
    let [one, two, three] = ["one", "two", "three"].map(inbox_of);
    for inbox in [&one, &two, &three] {
        broker.join(inbox.clone());
    }
    assert_eq!(one.nodes(), [NodeId::new("two"), NodeId::new("three")]);
    assert_eq!(three.nodes().len(), 2);

    let topic = Topic::Namespace {
        namespace: "/".into(),
        room: None,
    };
    broker.publish(one.node(), &topic, &holding(1)).unwrap();
    let topic = Topic::Node(NodeId::new("two"));
    broker.publish(one.node(), &topic, &holding(2)).unwrap();
    broker.leave(one.node());
    assert_eq!(held(two.next().await), 1);
    assert_eq!(held(two.next().await), 2);
    let down = two.next().await;
    assert!(matches!(down, Some(InboxItem::NodeDown(node)) if node == NodeId::new("one")));
    assert_eq!(held(three.next().await), 1);
    let nothing = tokio::time::timeout(Duration::from_millis(1), one.next());
    assert!(nothing.await.is_err());
    assert_eq!(two.nodes(), [NodeId::new("three")]);
}

#[test]
fn what_comes_behind_a_join_may_be_for_its_room() {
    let inbox = inbox_of("two");
    assert!(!inbox.may_have_room("/chat", "new"));
    let join = MessageBody::Join {
        to: address(),
        rooms: vec!["new".into()],
    };
    inbox.deliver(message(join)).unwrap();
    assert!(inbox.may_have_room("/chat", "new"), "the join waits");
    inbox.joined();
    assert!(!inbox.may_have_room("/chat", "new"), "nobody has joined");
}

#[test]
fn a_node_that_leaves_while_a_request_begins_is_not_waited_for() {
    let node = NodeId::new("two");
    let (fetched, asked) = (Arc::new(NodeAnswers::new()), Arc::new(AckCollector::new()));
    for request in [
        ClusterRequest::Fetch(Arc::clone(&fetched)),
        ClusterRequest::Ask(Arc::clone(&asked)),
    ] {
        let requests = Requests::of(&NodeId::new("one"));
        let begun = thread::scope(|scope| {
            let nodes = || {
                // It has been read, and is not yet among those that the request waits for.
                let leaving = scope.spawn(|| requests.node_left(&node));
                thread::sleep(Duration::from_millis(20));
                assert!(
                    !leaving.is_finished(),
                    "{request:?}: the request is not found yet"
                );
                AwaitedNodes::new(vec![node.clone()], false)
            };
            requests.begin(&request, nodes)
        });
        assert!(begun.is_some());
    }
    assert!(fetched.finish().1.is_empty());
    assert!(asked.finish().1.is_empty());
}
