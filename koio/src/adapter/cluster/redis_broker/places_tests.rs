use std::{thread, time::Duration};

use parking_lot::RwLock;

use super::{super::super::redis::RedisOptions, *};
use crate::{
    Result,
    adapter::{
        AckCollector, Adapter, AskGuard, Destination, FetchFuture, Recipient, Rooms,
        cluster::{
            node::NodeId,
            node_wire::SubscriptionMode,
            redis::{RedisConnection, RedisEvents},
        },
    },
    ids::{Room, SocketId},
    observe::Observers,
    wire::Frame,
};

/// The sockets of a node: their places, and nothing else.
#[derive(Default)]
struct Sockets {
    namespaces: RwLock<HashMap<Arc<str>, Arc<Rooms<One>>>>,
    watcher: std::sync::OnceLock<Arc<dyn OccupancyWatcher>>,
}

#[derive(Clone)]
struct One(SocketId);

impl Recipient for One {
    fn id(&self) -> &SocketId {
        &self.0
    }
}

impl Sockets {
    /// The first socket makes the namespace.
    fn enter(&self, namespace: &str, id: SocketId) -> Arc<Rooms<One>> {
        let mut namespaces = self.namespaces.write();
        let name: Arc<str> = namespace.into();
        let watcher = self.watcher.get().unwrap();
        let rooms = namespaces.entry(Arc::clone(&name)).or_insert_with(|| {
            watcher.changed(&name, None);
            Arc::new(Rooms::watched(&name, watcher))
        });
        rooms.add(One(id));
        Arc::clone(rooms)
    }

    fn leave(&self, namespace: &str, id: &SocketId) {
        let mut namespaces = self.namespaces.write();
        let rooms = Arc::clone(namespaces.get(namespace).unwrap());
        rooms.remove(id);
        if rooms.is_empty() {
            namespaces.remove(namespace);
            self.watcher.get().unwrap().changed(&namespace.into(), None);
        }
    }
}

impl Adapter for Sockets {
    fn next_ack(&self, _: &str) -> u64 {
        unreachable!()
    }
    fn broadcast(&self, _: Destination<'_>, _: &Frame, _: bool) -> usize {
        unreachable!()
    }
    fn ask(
        &self,
        _: Destination<'_>,
        _: &Frame,
        _: u64,
        _: Duration,
        _: &Arc<AckCollector>,
    ) -> (AskGuard, usize) {
        unreachable!()
    }
    fn fetch(&self, _: Destination<'_>, _: Duration) -> FetchFuture {
        unreachable!()
    }
    fn join(&self, _: Destination<'_>, _: &[Room]) -> Result<()> {
        unreachable!()
    }
    fn leave(&self, _: Destination<'_>, _: &[Room]) -> Result<()> {
        unreachable!()
    }
    fn disconnect(&self, _: Destination<'_>, _: bool) -> Result<()> {
        unreachable!()
    }
    fn rooms(&self, namespace: &str) -> Vec<Room> {
        let namespaces = self.namespaces.read();
        namespaces
            .get(namespace)
            .map_or_else(Vec::new, |rooms| rooms.names())
    }
    fn has_room(&self, namespace: &str, room: &str) -> bool {
        let namespaces = self.namespaces.read();
        namespaces
            .get(namespace)
            .is_some_and(|rooms| room.is_empty() || rooms.has_room(room))
    }
    fn live_namespaces(&self) -> Vec<Arc<str>> {
        self.namespaces.read().keys().cloned().collect()
    }
    fn watch_occupancy(&self, watcher: Arc<dyn OccupancyWatcher>) {
        assert!(self.watcher.set(watcher).is_ok());
    }
    fn observers(&self) -> &Observers {
        unreachable!()
    }
}

struct NoEvents;

impl RedisEvents for NoEvents {
    fn message(&self, _: bytes::Bytes, _: Option<bytes::Bytes>, _: bytes::Bytes) {}
    fn up(&self) {}
    fn down(&self, _: &str) {}
    fn unpublished(&self, _: u64, _: &str) {}
}

/// A node that has declared `/` and `/a`, and what it would subscribe, without a Redis.
struct Node {
    sockets: Arc<Sockets>,
    places: Arc<Places>,
    connection: RedisConnection,
}

impl Node {
    fn new(mode: Option<SubscriptionMode>) -> Self {
        let inbox = Inbox::new(NodeId::new("me"), vec!["/".into(), "/a".into()]);
        let sockets = Arc::new(Sockets::default());
        let local: Arc<dyn Adapter> = Arc::clone(&sockets) as _;
        inbox.serve(Arc::downgrade(&local));
        let wire = match mode {
            Some(mode) => NodeWire::sharded_in("p", "me", mode),
            None => NodeWire::classic("p", "me"),
        };
        let places = Places::new(inbox.clone(), wire, "p".to_owned());
        inbox.watch_occupancy(Arc::clone(&places) as _);
        let probe = RedisChannel::Shard("probe".into());
        let options = RedisOptions::new("redis://127.0.0.1:1", probe);
        let connection = RedisConnection::start_alone(options, Arc::new(NoEvents)).unwrap();
        for namespace in ["/", "/a"] {
            connection.subscribe(places.subscriptions(namespace));
        }
        Self {
            sockets,
            places,
            connection,
        }
    }

    fn sharded() -> Self {
        Self::new(Some(SubscriptionMode::Dynamic))
    }

    /// What is subscribed beside the channels of the declared namespaces.
    fn more(&self) -> Vec<String> {
        self.places.look_now(&self.connection);
        let declared = ["/", "/a"].map(|namespace| self.places.subscriptions(namespace));
        let subscribed = self.connection.subscriptions().into_iter();
        let mut more: Vec<String> = subscribed
            .filter(|channel| !declared.iter().flatten().any(|other| other == channel))
            .map(|channel| match channel {
                RedisChannel::Plain(name)
                | RedisChannel::Pattern(name)
                | RedisChannel::Shard(name) => name.as_ref().to_owned(),
            })
            .collect();
        more.sort();
        more
    }
}

fn id() -> SocketId {
    SocketId::random().unwrap()
}

const MANY: usize = usize::MAX;

#[tokio::test]
async fn a_room_is_subscribed_while_it_has_members() {
    let node = Node::sharded();
    let (one, two) = (id(), id());
    let rooms = node.sockets.enter("/", one);
    node.sockets.enter("/", two);
    rooms.join(&one, "red".into(), MANY).unwrap();
    rooms.join(&two, "red".into(), MANY).unwrap();
    rooms.join(&two, "blue".into(), MANY).unwrap();
    assert_eq!(node.more(), ["p#/#blue#", "p#/#red#"]);
    rooms.leave(&one, &"red".into());
    node.sockets.leave("/", &two);
    assert_eq!(node.more(), Vec::<String>::new());
}

#[tokio::test]
async fn rooms_that_threads_make_and_empty_at_once_are_subscribed_as_they_are_in_the_end() {
    let node = Node::sharded();
    for round in 0..40 {
        let members: Vec<_> = (0..4).map(|_| id()).collect();
        let rooms: Vec<_> = members
            .iter()
            .map(|id| node.sockets.enter("/", *id))
            .collect();
        let rooms = rooms.first().unwrap();
        thread::scope(|scope| {
            for (number, member) in members.iter().enumerate() {
                scope.spawn(move || {
                    for step in 0..200 {
                        let room: Room = ["a", "b", "c"][step % 3].into();
                        match (step / 3 + number + round) % 2 {
                            0 => drop(rooms.join(member, room, MANY)),
                            _ => drop(rooms.leave(member, &room)),
                        }
                    }
                });
            }
            // This thread looks meanwhile, and finds what is soon not so any more.
            scope.spawn(|| {
                for _ in 0..200 {
                    node.places.look_now(&node.connection);
                }
            });
        });
        let mut expected: Vec<_> = rooms
            .names()
            .iter()
            .map(|room| format!("p#/#{room}#"))
            .collect();
        expected.sort();
        assert_eq!(node.more(), expected, "round {round}");
        for member in &members {
            node.sockets.leave("/", member);
        }
        assert_eq!(node.more(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_channel_that_two_places_have_stays_until_both_are_empty() {
    let node = Node::sharded();
    let (short, long) = (id(), id());
    node.sockets.enter("/a#b", long);
    let rooms = node.sockets.enter("/a", short);
    // The channel of this room is that of all servers with `/a#b`.
    rooms.join(&short, "b".into(), MANY).unwrap();
    let all = ["p#/a#b#", "p#/a#b#me#", "p-koio-node#/a#b#"];
    assert_eq!(node.more(), all);
    rooms.leave(&short, &"b".into());
    assert_eq!(node.more(), all);
    rooms.join(&short, "b".into(), MANY).unwrap();
    node.sockets.leave("/a#b", &long);
    assert_eq!(node.more(), ["p#/a#b#"]);
    rooms.leave(&short, &"b".into());
    assert_eq!(node.more(), Vec::<String>::new());
}

#[tokio::test]
async fn more_changes_than_are_kept_are_found_by_looking_everywhere() {
    let node = Node::sharded();
    let member = id();
    let rooms = node.sockets.enter("/", member);
    rooms.join(&member, "left meanwhile".into(), MANY).unwrap();
    assert_eq!(node.more(), ["p#/#left meanwhile#"]);
    rooms.leave(&member, &"left meanwhile".into());
    rooms
        .join(&member, "joined meanwhile".into(), MANY)
        .unwrap();
    for number in 0..MAX_CHANGED {
        let room: Room = number.to_string().into();
        rooms.join(&member, room.clone(), MANY).unwrap();
        rooms.leave(&member, &room);
    }
    node.sockets.enter("/pattern", id());
    assert_eq!(*node.places.changed.lock(), ChangedPlaces::All);
    let namespace = ["p#/pattern#", "p#/pattern#me#", "p-koio-node#/pattern#"];
    let expected = [&["p#/#joined meanwhile#"][..], &namespace].concat();
    assert_eq!(node.more(), expected);
}

#[tokio::test]
async fn a_classic_node_is_told_of_namespaces_and_of_no_room() {
    let node = Node::new(None);
    let member = id();
    let rooms = node.sockets.enter("/pattern", member);
    rooms.join(&member, "red".into(), MANY).unwrap();
    let subscribed = [
        "p#/pattern#*",
        "p-koio-node#/pattern#",
        "p-request#/pattern#",
        "p-response#/pattern#",
        "p-response#/pattern#me#",
    ];
    assert_eq!(node.more(), subscribed);
    node.sockets.leave("/pattern", &member);
    assert_eq!(node.more(), Vec::<String>::new());
}

#[tokio::test]
async fn the_answers_of_a_namespace_that_was_asked_are_heard_for_their_time() {
    for (mode, answers) in [
        (
            None,
            vec!["p-response#/pattern#", "p-response#/pattern#me#"],
        ),
        (Some(SubscriptionMode::Static), vec!["p#/pattern#me#"]),
        (Some(SubscriptionMode::Dynamic), vec!["p#/pattern#me#"]),
    ] {
        let node = Node::new(mode);
        let ask = |seconds| {
            let wait = Duration::from_secs(seconds);
            node.places.ask(&"/pattern".into(), wait, &node.connection);
        };
        ask(10);
        ask(5);
        assert_eq!(node.more(), answers);
        // A socket that comes and goes takes nothing away.
        let member = id();
        node.sockets.enter("/pattern", member);
        assert!(node.more().len() > answers.len());
        node.sockets.leave("/pattern", &member);
        assert_eq!(node.more(), answers);
        let now = Instant::now();
        node.places.sweep(now + Duration::from_secs(9));
        assert_eq!(node.more(), answers);
        node.places.sweep(now + Duration::from_secs(11));
        assert_eq!(node.more(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_node_that_has_left_remembers_no_change() {
    let node = Node::sharded();
    node.places.close();
    node.sockets.enter("/pattern", id());
    assert_eq!(*node.places.changed.lock(), ChangedPlaces::Closed);
    let no_connection = || None;
    node.places.follow(no_connection).await;
}
