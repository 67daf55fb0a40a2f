//! What happens to a connection: each fault is made with a real server.

use std::time::{Duration, Instant};

use super::{
    Record, Told, connected, options, pattern, plain,
    process::{RedisProcess, SwitchedLine, is_there},
    publish_until_heard, shard,
};

fn downs(record: &Record) -> usize {
    record.count(|told| *told == Told::Down)
}

#[tokio::test]
async fn a_killed_listener_comes_back_with_all_its_subscriptions() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let channels = [plain("a"), pattern("p*"), shard("s")];
    let (connection, record) = connected(options(&redis.url()), &channels).await;
    for round in 1..=3 {
        let killed: u32 = redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        assert_eq!(killed, 1);
        record.ups(1 + round).await;
        assert_eq!(downs(&record), round);
        let payload = format!("round {round}");
        for channel in [plain("a"), plain("p1"), shard("s")] {
            connection
                .publish(channel, payload.clone().into())
                .expect("room");
        }
        record
            .until("each kind", |record| {
                record
                    .payloads()
                    .iter()
                    .filter(|heard| **heard == payload)
                    .count()
                    == 3
            })
            .await;
    }
    assert_eq!(record.unpublished(), 0, "the publishing side saw nothing");
    assert_eq!(connection.subscriber_count(plain("a")).await, Some(1));
}

#[tokio::test]
async fn a_killed_publisher_keeps_what_waits_and_the_listener_sees_no_gap() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let (connection, record) = connected(options(&redis.url()), &[plain("a")]).await;
    let _: u32 = redis.command(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    for number in 0..500 {
        connection
            .publish(plain("a"), number.to_string().into())
            .expect("the queue takes it while the first attempt runs");
    }
    // What was on its way may be lost, and is counted then.
    record
        .until("all but the lost", |record| {
            record.payloads().len() as u64 + record.unpublished() >= 500
        })
        .await;
    assert_eq!(downs(&record), 0);
    let numbers: Vec<u32> = record
        .payloads()
        .iter()
        .map(|payload| payload.parse().expect("a number"))
        .collect();
    assert!(numbers.is_sorted(), "in order");
}

#[tokio::test]
async fn it_is_up_again_when_messages_are_taken_again() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let (connection, record) = connected(options(&redis.url()), &[plain("a")]).await;
    let kill = async |kind: &str| -> u32 { redis.command(&["CLIENT", "KILL", "TYPE", kind]).await };
    // Each loss makes the publisher wait longer before it connects again. The listener has lost nothing yet.
    for _ in 0..5 {
        while kill("normal").await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert_eq!(downs(&record), 0);
    assert_eq!(kill("pubsub").await, 1);
    record.ups(2).await;
    connection
        .publish(plain("a"), "at once".into())
        .expect("it is up");
    record.hears("at once").await;
    assert_eq!(downs(&record), 1);
}

#[tokio::test]
async fn a_server_that_crashes_and_starts_again_is_found_again() {
    if !is_there() {
        return;
    }
    let mut redis = RedisProcess::start(&[]);
    let channels = [plain("a"), shard("s")];
    let (connection, record) = connected(options(&redis.url()), &channels).await;
    redis.kill();
    record
        .until("it is down", |record| downs(record) == 1)
        .await;
    // Sooner or later nothing is taken any more; what was taken until then is counted.
    let mut taken = 0;
    let begin = Instant::now();
    while connection.publish(plain("a"), "lost".into()).is_ok() {
        taken += 1;
        assert!(begin.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    record
        .until("what was lost is counted", |record| {
            record.unpublished() == taken
        })
        .await;
    redis.restart();
    record.ups(2).await;
    publish_until_heard(&connection, &record, "back").await;
    assert_eq!(downs(&record), 1, "attempts that fail are not told");
    assert_eq!(connection.subscriber_count(shard("s")).await, Some(1));
}

#[tokio::test]
async fn subscriptions_that_change_while_the_server_is_away_hold_when_it_is_back() {
    if !is_there() {
        return;
    }
    let mut redis = RedisProcess::start(&[]);
    let channels = [plain("a"), plain("old")];
    let (connection, record) = connected(options(&redis.url()), &channels).await;
    redis.kill();
    record
        .until("it is down", |record| downs(record) == 1)
        .await;
    connection.subscribe([plain("new")]);
    connection.unsubscribe([plain("old")]);
    redis.restart();
    record.ups(2).await;
    connection.subscribed().await.expect("subscriptions");
    publish_until_heard(&connection, &record, "back").await;
    assert_eq!(connection.subscriber_count(plain("new")).await, Some(1));
    assert_eq!(connection.subscriber_count(plain("old")).await, Some(0));
}

#[tokio::test]
async fn a_paused_server_loses_no_subscription() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let mut options = options(&redis.url());
    options.connect_timeout = Duration::from_millis(300);
    options.probe_interval = Duration::from_millis(100);
    let (connection, record) = connected(options, &[plain("a")]).await;
    redis.pause();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(downs(&record), 0, "a probe that was not taken says nothing");
    assert_eq!(connection.subscriber_count(plain("a")).await, None);
    redis.resume();
    publish_until_heard(&connection, &record, "back").await;
    assert_eq!(downs(&record), 0);
}

#[tokio::test]
async fn a_listener_that_redis_closes_for_its_backlog_has_a_gap() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&["--client-output-buffer-limit", "pubsub 64kb 0 0"]);
    let (connection, record) = connected(options(&redis.url()), &[plain("a")]).await;
    connection
        .publish(plain("a"), vec![b'x'; 4_000_000].into())
        .expect("room");
    record.ups(2).await;
    assert_eq!(downs(&record), 1);
    publish_until_heard(&connection, &record, "back").await;
}

#[tokio::test]
async fn a_silent_listener_is_probed_and_stays() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let mut options = options(&redis.url());
    options.probe_interval = Duration::from_millis(60);
    let (connection, record) = connected(options, &[plain("a")]).await;
    let (_, before) = publishes(&redis).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let (_, after) = publishes(&redis).await;
    assert!(after - before >= 5, "{} probes", after - before);
    assert_eq!(downs(&record), 0);
    assert_eq!(record.payloads(), [""; 0], "a probe is no message");
    drop(connection);
}

#[tokio::test]
async fn a_busy_listener_is_not_probed() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let mut options = options(&redis.url());
    options.probe_interval = Duration::from_secs(1);
    let (connection, record) = connected(options, &[plain("a")]).await;
    let (_, before) = publishes(&redis).await;
    for number in 0..60 {
        connection
            .publish(plain("a"), number.to_string().into())
            .expect("room");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    record.hears("59").await;
    let (_, after) = publishes(&redis).await;
    assert_eq!(after - before, 60, "no probe beside the messages");
}

/// The server's count of `PUBLISH`.
async fn publishes(redis: &RedisProcess) -> (String, u64) {
    let stats: String = redis.command(&["INFO", "commandstats"]).await;
    let calls = stats
        .lines()
        .find_map(|line| line.strip_prefix("cmdstat_publish:calls="))
        .and_then(|rest| rest.split_once(','))
        .map_or(0, |(calls, _)| calls.parse().expect("a number"));
    (stats, calls)
}

/// What a failover looks like behind a name: the publisher is on the new master, the listener still on the old one, which
/// says nothing any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_stays_with_the_old_server_is_found_out_and_moves() {
    if !is_there() {
        return;
    }
    let (old, new) = (RedisProcess::start(&[]), RedisProcess::start(&[]));
    let line = SwitchedLine::to(&old).await;
    let mut options = options(&format!("redis://127.0.0.1:{}", line.port));
    options.probe_interval = Duration::from_millis(300);
    let (connection, record) = connected(options, &[plain("a")]).await;
    publish_until_heard(&connection, &record, "before").await;
    line.switch_to(&new);
    let _: u32 = old.command(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    let begin = Instant::now();
    record.ups(2).await;
    assert!(begin.elapsed() < Duration::from_secs(10));
    let causes = record.causes.lock().clone();
    assert!(
        causes
            .iter()
            .any(|cause| cause.contains("nothing came for")),
        "{causes:?}"
    );
    publish_until_heard(&connection, &record, "after").await;
    let subscribers: Vec<(String, u32)> = new.command(&["PUBSUB", "NUMSUB", "a"]).await;
    assert_eq!(subscribers, [("a".to_owned(), 1)]);
}

#[tokio::test]
async fn a_server_that_ends_each_connection_is_not_asked_in_a_loop() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("redis://{}", listener.local_addr().expect("an address"));
    let record = std::sync::Arc::new(Record::default());
    let connection =
        super::RedisConnection::start_alone(options(&url), std::sync::Arc::clone(&record) as _)
            .expect("a URL");
    let accepting = async {
        let mut accepted = 0;
        loop {
            if listener.accept().await.is_ok() {
                accepted += 1;
            }
            if accepted > 40 {
                return;
            }
        }
    };
    let looped = tokio::time::timeout(Duration::from_secs(3), accepting).await;
    assert!(looped.is_err(), "at most 40 connections in 3 s");
    assert_eq!(downs(&record), 1);
    drop(connection);
}

#[tokio::test]
async fn a_password_that_changes_is_told_and_waited_for() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let url = format!("redis://:right@127.0.0.1:{}", redis.port);
    let _: String = redis
        .command(&["ACL", "SETUSER", "default", "resetpass", ">right"])
        .await;
    let (connection, record) = connected(options(&url), &[plain("a")]).await;
    let server = super::super::server::RedisServer::parse(&url).expect("a URL");
    let mut control = super::super::socket::RedisSocket::open(
        &server,
        None::<fn(redis::PushInfo)>,
        Duration::from_secs(20),
    )
    .await
    .expect("a connection");
    let mut set = async |words: &[&str]| {
        let (name, arguments) = words.split_first().expect("a command");
        redis::cmd(name)
            .arg(arguments)
            .exec_async(&mut control.commands)
            .await
            .expect("an answer");
    };
    set(&["ACL", "SETUSER", "default", "resetpass", ">other"]).await;
    set(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    record
        .until("it is down", |record| downs(record) == 1)
        .await;
    connection.subscribe([plain("b")]);
    let error = connection.subscribed().await.expect_err("not subscribed");
    assert!(error.to_string().contains("password"), "{error}");
    set(&["ACL", "SETUSER", "default", "resetpass", ">right"]).await;
    record.ups(2).await;
    publish_until_heard(&connection, &record, "back").await;
}
