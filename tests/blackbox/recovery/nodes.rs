//! Recovery in a cluster: each node recovers its own clients.

use std::time::Duration;

use koio::cluster::SubscriptionMode;
use koio::recovery::Recovery;
use koio::{Io, SocketId};
use koio_tests::{Transport, until_async};
use serde_json::json;

use super::client::{Client, recovering};
use crate::redis::{REDIS, RedisProcess};
use crate::{memory, two_nodes::Memory};

#[tokio::test(start_paused = true)]
async fn emits_of_other_nodes_are_missed_and_come_on_the_own_node_alone() {
    let two = Memory::of(recovering);
    let [there, here] = &two.nodes;
    let settle = || tokio::time::sleep(Duration::from_millis(5));
    let mut client = Client::new(here, Transport::WebSocket).await;
    let id: SocketId = client.id.parse().expect("an id");
    there.io.broadcast("seen", 1).expect("no fault");
    client.expect(&[json!(["seen", 1])]).await;
    let kept = client.lose(here).await;
    there.io.broadcast("missed", 2).expect("no fault");
    there.io.to(id).emit("missed", 3).expect("no fault");
    settle().await;
    let mut back = Client::returning(here, Transport::WebSocket, kept).await;
    assert!(back.recovered);
    back.expect(&[json!(["missed", 2]), json!(["missed", 3])])
        .await;

    let kept = back.lose(here).await;
    let mut other = Client::returning(there, Transport::WebSocket, kept).await;
    assert!(!other.recovered && other.id != id.as_str());
    here.io.broadcast("new", 4).expect("no fault");
    other.expect(&[json!(["new", 4])]).await;
}

/// A server that the Redis joins, in this form.
async fn in_redis(
    io: Io,
    redis: &RedisProcess,
    sharded: Option<SubscriptionMode>,
) -> memory::Memory {
    let broker = redis.broker();
    let broker = match sharded {
        Some(mode) => broker.sharded().subscription_mode(mode),
        None => broker,
    };
    let io = io.cluster(broker).connect_cluster().await;
    let io = io.expect("a Redis");
    let server = memory::Memory::new(io);
    server.io.cluster_subscribed().await.expect("a Redis");
    server
}

/// By Redis, what is for a room has a channel of its own, which a server reads only if it has the room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emits_to_rooms_that_only_a_client_is_in_that_is_away_come_by_redis_too() {
    if !REDIS.is_there() {
        return;
    }
    let redis = RedisProcess::start().await;
    let modes = [SubscriptionMode::Dynamic, SubscriptionMode::DynamicPrivate];
    for sharded in std::iter::once(None).chain(modes.map(Some)) {
        let there = in_redis(recovering(), &redis, sharded).await;
        let here = in_redis(recovering(), &redis, sharded).await;
        let mut stays = Client::new(&here, Transport::WebSocket).await;
        let client = Client::new(&here, Transport::WebSocket).await;
        let id: SocketId = client.id.parse().expect("an id");
        client.socket(&here).join("red").expect("no fault");
        let kept = client.lose(&here).await;
        here.io.cluster_subscribed().await.expect("a Redis");
        there.io.to("red").emit("room", 1).expect("no fault");
        there.io.to(id).emit("own", 2).expect("no fault");
        there.io.broadcast("all", 3).expect("no fault");
        stays.expect(&[json!(["all", 3])]).await;
        let mut back = Client::returning(&here, Transport::WebSocket, kept).await;
        assert!(back.recovered);
        let missed = [json!(["room", 1]), json!(["own", 2]), json!(["all", 3])];
        back.expect(&missed).await;
    }
}

/// The channels of the rooms of `/`, sorted.
async fn room_channels(redis: &RedisProcess) -> String {
    let answer = redis.ask("PUBSUB SHARDCHANNELS socket.io#/#*room#").await;
    let mut names: Vec<_> = answer
        .lines()
        .filter_map(|line| line.strip_prefix("socket.io#/#"))
        .collect();
    names.sort_unstable();
    names.concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_is_subscribed_until_nobody_may_come_back_to_it() {
    if !REDIS.is_there() {
        return;
    }
    let redis = RedisProcess::start().await;
    let io = Io::new().recovery(Recovery::new(Duration::from_secs(2)));
    let here = in_redis(io, &redis, Some(SubscriptionMode::Dynamic)).await;
    let until = async |what: &str| {
        until_async("the channels", async || room_channels(&redis).await == what).await;
    };
    let client = Client::new(&here, Transport::WebSocket).await;
    client.socket(&here).join("a room").expect("no fault");
    client.socket(&here).join("b room").expect("no fault");
    until("a room#b room#").await;
    let kept = client.lose(&here).await;
    here.io.cluster_subscribed().await.expect("a Redis");
    assert_eq!(room_channels(&redis).await, "a room#b room#");
    let back = Client::returning(&here, Transport::WebSocket, kept).await;
    assert!(back.recovered);
    back.socket(&here).leave("b room");
    until("a room#").await;
    back.lose(&here).await;
    until("").await;
}
