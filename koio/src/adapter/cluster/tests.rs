//! Messages, inboxes and the memory broker; the black-box tests run whole servers on them.

use std::time::Duration;

use bytes::Bytes;

use super::{
    super::NeutralPacket,
    broker::{Broker, Topic},
    codec::{self, NotAMessage},
    inbox::{Inbox, InboxItem},
    memory::Memory,
    message::{Address, ClusterEnvelope, ClusterMessage},
    node::NodeId,
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
    }
}

fn envelope(message: ClusterMessage) -> ClusterEnvelope {
    ClusterEnvelope {
        from: NodeId::new("one"),
        message,
    }
}

#[test]
fn a_message_is_read_as_it_was_written() {
    let broadcast = ClusterMessage::Broadcast {
        to: address(),
        volatile: true,
        packet: packet(),
    };
    let read = codec::decode(codec::encode(&envelope(broadcast)).unwrap()).unwrap();
    assert_eq!(read.from, NodeId::new("one"));
    let ClusterMessage::Broadcast {
        to,
        volatile: true,
        packet: read,
    } = read.message
    else {
        panic!("{read:?}");
    };
    assert_eq!(read, packet());
    let (namespace, target) = to.into_target();
    assert_eq!(namespace, "/chat");
    assert_eq!(target.rooms, ["a".into(), "\"b\"".into()]);
    assert_eq!(target.except, ["c".into()]);

    let socket = SocketId::random().unwrap();
    let answered = ClusterMessage::Answered {
        request: u64::MAX,
        socket,
        failure: None,
        args: packet(),
    };
    let read = codec::decode(codec::encode(&envelope(answered)).unwrap()).unwrap();
    assert!(matches!(
        read.message,
        ClusterMessage::Answered { request: u64::MAX, socket: id, failure: None, args }
            if id == socket && args == packet()
    ));
}

#[test]
fn a_message_that_is_cut_short_or_of_another_version_is_refused() {
    let message = ClusterMessage::Broadcast {
        to: address(),
        volatile: false,
        packet: NeutralPacket {
            attachments: Vec::new(),
            ..packet()
        },
    };
    let whole = codec::encode(&envelope(message)).unwrap();
    for len in 0..whole.len() {
        assert!(codec::decode(whole.slice(..len)).is_err(), "{len}");
    }
    let mut other = whole.to_vec();
    other[0] = 1;
    assert!(matches!(
        codec::decode(other.into()),
        Err(NotAMessage::Version(1))
    ));
}

#[tokio::test]
async fn an_inbox_that_is_full_drops_messages_and_reports_their_number() {
    let inbox = Inbox::new(NodeId::new("one"));
    let mut taken = 0_u64;
    while inbox.deliver(Bytes::from_static(b"x")).is_ok() {
        taken += 1;
    }
    assert!(inbox.deliver(Bytes::from_static(b"y")).is_err());
    assert_eq!(inbox.next().await, Some(InboxItem::Dropped(2)));
    for _ in 0..taken {
        let expected = InboxItem::Message(Bytes::from_static(b"x"));
        assert_eq!(inbox.next().await, Some(expected));
    }
    assert!(inbox.deliver(Bytes::from_static(b"z")).is_ok());
    inbox.close();
    assert_eq!(inbox.next().await, None);
    assert!(inbox.deliver(Bytes::from_static(b"z")).is_err());
}

#[tokio::test]
async fn an_inbox_is_full_by_bytes_too_but_takes_one_message_of_any_size() {
    let inbox = Inbox::new(NodeId::new("one"));
    let big = Bytes::from(vec![0; 65 * 1024 * 1024]);
    assert!(inbox.deliver(big.clone()).is_ok());
    assert!(inbox.deliver(Bytes::from_static(b"x")).is_err());
    assert!(matches!(inbox.next().await, Some(InboxItem::Dropped(1))));
    assert_eq!(inbox.next().await, Some(InboxItem::Message(big)));
    assert!(inbox.deliver(Bytes::from_static(b"x")).is_ok());
}

#[tokio::test]
async fn the_memory_broker_brings_messages_to_the_others_or_to_one() {
    let broker = Memory::new();
    let [one, two, three] = ["one", "two", "three"].map(|name| Inbox::new(NodeId::new(name)));
    for inbox in [&one, &two, &three] {
        broker.join(inbox.clone());
    }
    assert_eq!(one.nodes(), [NodeId::new("two"), NodeId::new("three")]);
    assert_eq!(three.nodes().len(), 2);

    let topic = Topic::Namespace {
        namespace: "/".into(),
        room: None,
    };
    let (all, single) = (Bytes::from_static(b"all"), Bytes::from_static(b"single"));
    broker.publish(one.node(), &topic, all.clone()).unwrap();
    let topic = Topic::Node(NodeId::new("two"));
    broker.publish(one.node(), &topic, single.clone()).unwrap();
    broker.leave(one.node());
    for expected in [
        InboxItem::Message(all.clone()),
        InboxItem::Message(single),
        InboxItem::NodeDown(NodeId::new("one")),
    ] {
        assert_eq!(two.next().await, Some(expected));
    }
    assert_eq!(three.next().await, Some(InboxItem::Message(all)));
    let nothing = tokio::time::timeout(Duration::from_millis(1), one.next());
    assert!(nothing.await.is_err());
    assert_eq!(two.nodes(), [NodeId::new("three")]);
}
