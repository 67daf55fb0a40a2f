//! What a connection does while all is well.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    super::connection::RedisConnection,
    Record, Told, connected, options, pattern, plain,
    process::{RedisProcess, is_there},
    shard,
};

#[tokio::test]
async fn each_kind_of_subscription_hears_its_channels() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let channels = [plain("exact"), pattern("p#*"), shard("shard")];
    let (connection, record) = connected(options(&redis.url()), &channels).await;
    connection
        .publish(plain("exact"), "1".into())
        .expect("room");
    connection.publish(plain("p#/#"), "2".into()).expect("room");
    connection
        .publish(shard("shard"), "3".into())
        .expect("room");
    connection
        .publish(plain("shard"), "not for sharded".into())
        .expect("room");
    connection
        .publish(shard("exact"), "not for plain".into())
        .expect("room");
    connection
        .publish(plain("exact"), "last".into())
        .expect("room");
    record.hears("last").await;
    assert_eq!(record.payloads(), ["1", "2", "3", "last"]);
    let channels = [plain("exact"), shard("shard")];
    connection.unsubscribe(channels);
    connection.subscribe([plain("new")]);
    connection.subscribed().await.expect("subscriptions");
    for channel in [plain("exact"), shard("shard"), plain("new")] {
        connection.publish(channel, "late".into()).expect("room");
    }
    connection.publish(plain("p#"), "end".into()).expect("room");
    record.hears("end").await;
    assert!(
        record
            .told()
            .contains(&Told::Message("new".into(), "late".into()))
    );
    assert_eq!(record.payloads(), ["1", "2", "3", "last", "late", "end"]);
    assert_eq!(record.unpublished(), 0);
}

#[tokio::test]
async fn payloads_are_bytes_and_come_as_they_were_sent() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let (connection, record) = connected(options(&redis.url()), &[plain("a")]).await;
    for payload in ["", "\r\n$3\r\n", "ключ"] {
        connection
            .publish(plain("a"), payload.into())
            .expect("room");
    }
    let large = "x".repeat(3_000_000);
    connection
        .publish(plain("a"), large.clone().into())
        .expect("room");
    record.hears(&large).await;
    assert_eq!(record.payloads(), ["", "\r\n$3\r\n", "ключ", &large]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_all_channels_arrive_in_the_order_in_which_they_were_published() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let channels = [plain("a"), pattern("b*"), shard("c")];
    let (connection, record) = connected(options(&redis.url()), &channels).await;
    for number in 0..6_000 {
        let channel = match number % 3 {
            0 => plain("a"),
            1 => plain("b1"),
            _ => shard("c"),
        };
        connection
            .publish(channel, number.to_string().into())
            .expect("room");
    }
    record.hears("5999").await;
    let all: Vec<String> = (0..6_000).map(|number| number.to_string()).collect();
    assert_eq!(record.payloads(), all);
}

#[tokio::test]
async fn many_messages_go_in_few_writes() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let (connection, record) = connected(options(&redis.url()), &[plain("a")]).await;
    let events = |stats: &str| {
        let line = stats
            .lines()
            .find(|line| line.starts_with("total_reads_processed:"));
        let (_, number) = line.expect("a line").split_once(':').expect("a number");
        number.trim().parse::<u64>().expect("a number")
    };
    let before = events(&redis.command::<String>(&["INFO", "stats"]).await);
    for number in 0..5_000 {
        connection
            .publish(plain("a"), number.to_string().into())
            .expect("room");
    }
    record.hears("4999").await;
    let after = events(&redis.command::<String>(&["INFO", "stats"]).await);
    assert!(after - before < 200, "{} reads", after - before);
}

#[tokio::test]
async fn a_full_queue_refuses_by_its_limit_and_loses_nothing_that_it_took() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let mut options = options(&redis.url());
    options.limits.messages = 100;
    let (connection, record) = connected(options, &[plain("a")]).await;
    let mut refused = 0;
    let mut last = String::new();
    for number in 0..1_000 {
        match connection.publish(plain("a"), number.to_string().into()) {
            Ok(()) => last = number.to_string(),
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains("100 messages wait"), "{error}");
                assert!(error.contains("the limit is 100"), "{error}");
                refused += 1;
            }
        }
    }
    record.hears(&last).await;
    assert_eq!(record.payloads().len() + refused, 1_000);
    assert!(refused > 0);
}

#[tokio::test]
async fn subscribers_are_counted_by_channel_and_kind() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let (one, _) = connected(options(&redis.url()), &[plain("a"), shard("a")]).await;
    let (_two, _) = connected(options(&redis.url()), &[plain("a"), pattern("*")]).await;
    assert_eq!(one.subscriber_count(plain("a")).await, Some(2));
    assert_eq!(one.subscriber_count(shard("a")).await, Some(1));
    assert_eq!(one.subscriber_count(plain("nobody's")).await, Some(0));
}

#[tokio::test]
async fn counts_that_are_asked_for_at_once_are_asked_together() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let (connection, _) = connected(options(&redis.url()), &[plain("a")]).await;
    let asks: Vec<_> = (0..200)
        .map(|_| {
            let connection = connection.clone();
            tokio::spawn(async move { connection.subscriber_count(plain("a")).await })
        })
        .collect();
    for ask in asks {
        assert_eq!(ask.await.expect("an end"), Some(1));
    }
    let stats: String = redis.command(&["INFO", "commandstats"]).await;
    let line = stats
        .lines()
        .find(|line| line.starts_with("cmdstat_pubsub|numsub:"));
    let calls = line
        .and_then(|line| line.split_once("calls="))
        .and_then(|(_, rest)| rest.split_once(','))
        .map(|(calls, _)| calls.parse::<u32>().expect("a number"));
    assert!(calls.is_some_and(|calls| calls < 20), "{line:?}");
}

#[tokio::test]
async fn close_unsubscribes_first_sends_what_is_queued_and_ends_everything() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let (witness, heard) = connected(options(&redis.url()), &[plain("a")]).await;
    let (connection, record) = connected(options(&redis.url()), &[plain("a"), plain("b")]).await;
    for number in 0..3_000 {
        connection
            .publish(plain("a"), number.to_string().into())
            .expect("room");
    }
    connection
        .close(vec![plain("a")], Duration::from_secs(10))
        .await;
    heard.hears("2999").await;
    assert_eq!(heard.payloads().len(), 3_000);
    assert_eq!(record.unpublished(), 0);
    let closed = connection.publish(plain("a"), "late".into());
    assert!(closed.expect_err("closed").to_string().contains("left"));
    assert!(connection.subscribed().await.is_err());
    assert_eq!(witness.subscriber_count(plain("a")).await, Some(1));
    clients_are(&redis, 3).await;
}

#[tokio::test]
async fn the_last_handle_ends_connections_and_tasks() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let (connection, record) = connected(options(&redis.url()), &[plain("a")]).await;
    let other = connection.clone();
    drop(connection);
    other.publish(plain("a"), "still".into()).expect("room");
    record.hears("still").await;
    drop(other);
    clients_are(&redis, 1).await;
    // The record is the tasks' as long as there is one.
    let alone = async {
        while Arc::strong_count(&record) > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(20), alone).await;
    assert!(ended.is_ok(), "the tasks end");
}

#[tokio::test]
async fn close_gives_up_at_its_deadline_and_counts_what_is_left() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let (connection, record) = connected(options(&redis.url()), &[plain("a")]).await;
    redis.pause();
    for number in 0..2_000 {
        connection
            .publish(plain("a"), number.to_string().into())
            .expect("room");
        if number == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    connection
        .close(vec![plain("a")], Duration::from_millis(300))
        .await;
    redis.resume();
    assert!(record.unpublished() >= 1_999, "{}", record.unpublished());
}

#[tokio::test]
async fn a_handle_shows_how_it_is_and_no_password() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&["--requirepass", "secret"]);
    let url = format!("redis://:secret@127.0.0.1:{}", redis.port);
    let (connection, _) = connected(options(&url), &[plain("a")]).await;
    let shown = format!("{connection:?}");
    assert!(shown.contains("is_listening: true"), "{shown}");
    assert!(shown.contains("is_publishing: true"), "{shown}");
    assert!(!shown.contains("secret"), "{shown}");
}

/// Waits until the server has so many clients, the one that asks included.
async fn clients_are(redis: &RedisProcess, count: usize) {
    let waiting = async {
        loop {
            let clients: String = redis.command(&["CLIENT", "LIST"]).await;
            if clients.lines().count() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    assert!(waited.is_ok(), "{count} clients");
}

#[tokio::test]
async fn a_message_comes_once_for_each_subscription_that_it_fits() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let record = Arc::new(Record::default());
    let connection = RedisConnection::connect(options(&redis.url()), Arc::clone(&record) as _)
        .await
        .expect("a connection");
    connection.subscribe([plain("a"), plain("a"), pattern("a*")]);
    connection.subscribe([plain("a")]);
    connection.subscribed().await.expect("subscriptions");
    let payload = Bytes::from_static(b"x");
    connection.publish(plain("a"), payload).expect("room");
    connection.publish(plain("ab"), "end".into()).expect("room");
    record.hears("end").await;
    assert_eq!(record.payloads(), ["x", "x", "end"]);
}
