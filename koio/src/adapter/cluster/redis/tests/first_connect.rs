//! Which servers a connection accepts, and what it says about the others.

use std::{fs, sync::Arc, time::Duration};

use tokio::{io::AsyncWriteExt, net::TcpListener};

use super::{
    super::{
        connection::{RedisConnection, RedisOptions},
        server::RedisServer,
    },
    Record, Told, connected, options, plain,
    process::{RedisProcess, is_there},
    publish_until_heard,
};

async fn refused(options: RedisOptions) -> String {
    let refused = RedisConnection::connect(options, Arc::new(Record::default())).await;
    refused.expect_err("a refusal").to_string()
}

fn says(error: &str, words: &[&str]) {
    for word in words {
        assert!(error.contains(word), "{word} is not in: {error}");
    }
    assert!(!error.contains("secret"), "no password in: {error}");
}

#[test]
fn a_url_that_cannot_be_used_says_why_and_shows_no_password() {
    let refused = |url: &str| {
        let refused = RedisConnection::check(url);
        refused.expect_err("a refusal").to_string()
    };
    says(
        &refused("http://user:secret@example/"),
        &["http://example/", "redis://"],
    );
    says(
        &refused("rediss://user:secret@example"),
        &["rediss://example", "TLS"],
    );
    says(
        &refused("redis-sentinel://:secret@example"),
        &["Sentinel", "master"],
    );
    says(
        &refused("redis://user:secret@example/nonsense"),
        &["redis://example/nonsense", "database"],
    );
    says(&refused("redis://user:secret@"), &["can't be read"]);
    says(&refused("localhost:6379"), &["redis://"]);
    says(&refused("secret"), &["redis://"]);
}

#[test]
fn an_address_is_named_without_the_password() {
    let name = |url: &str| RedisServer::parse(url).expect("a URL").to_string();
    assert_eq!(
        name("redis://user:secret@example:7/3"),
        "redis://user@example:7/3"
    );
    assert_eq!(name("redis://:secret@example"), "redis://example:6379/0");
    assert_eq!(name("redis://[::1]"), "redis://[::1]:6379/0");
    assert_eq!(
        name("unix:///run/redis.sock?db=2&pass=secret"),
        "unix:///run/redis.sock?db=2"
    );
}

#[tokio::test]
async fn nothing_that_listens_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let error = refused(options(&format!("redis://:secret@{address}"))).await;
    says(&error, &[&address.to_string(), "refused"]);
}

#[tokio::test]
async fn another_kind_of_server_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .ok();
        }
    });
    let error = refused(options(&format!("redis://:secret@{address}"))).await;
    says(&error, &[&address.to_string(), "does not speak Redis"]);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut options = options(&format!("redis://:secret@{address}"));
    options.connect_timeout = Duration::from_millis(300);
    let error = refused(options).await;
    says(&error, &[&address.to_string(), "longer than 300ms"]);
}

#[tokio::test]
async fn a_password_is_needed_and_the_right_one_does() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&["--requirepass", "right"]);
    let url = |login: &str| format!("redis://{login}127.0.0.1:{}", redis.port);
    let wrong = refused(options(&url(":secret@"))).await;
    says(&wrong, &["user and password", "127.0.0.1"]);
    let none = refused(options(&url(""))).await;
    says(&none, &["127.0.0.1", "user and password"]);
    let (connection, record) = connected(options(&url(":right@")), &[plain("a")]).await;
    publish_until_heard(&connection, &record, "hello").await;
    let (connection, record) = connected(options(&url("default:right@")), &[plain("a")]).await;
    publish_until_heard(&connection, &record, "hello").await;
}

#[tokio::test]
async fn a_user_who_may_not_subscribe_is_told() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let user = "ACL SETUSER koio on >right allcommands allkeys resetchannels &b";
    let user: Vec<&str> = user.split(' ').collect();
    let _: String = redis.command(&user).await;
    let url = format!("redis://koio:right@127.0.0.1:{}", redis.port);
    let mut options = RedisOptions::new(url, plain("b"));
    options.connect_timeout = Duration::from_secs(2);
    let record = Arc::new(Record::default());
    let connection = RedisConnection::connect(options, Arc::clone(&record) as _)
        .await
        .expect("a connection");
    connection.subscribe([plain("a")]);
    let error = connection.subscribed().await.expect_err("a refusal");
    says(&error.to_string(), &["subscription", "koio@127.0.0.1"]);
}

#[tokio::test]
async fn a_unix_socket_and_a_database_do() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let socket = redis.unix_socket();
    while fs::metadata(&socket).is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for url in [
        format!("unix://{}?db=1", socket.display()),
        format!("{}/3", redis.url()),
    ] {
        let (connection, record) = connected(options(&url), &[plain("a")]).await;
        publish_until_heard(&connection, &record, "hello").await;
    }
    let error = refused(options(&format!("{}/333", redis.url()))).await;
    says(&error, &["/333"]);
    let missing = refused(options("unix:///nowhere/redis.sock")).await;
    says(&missing, &["/nowhere/redis.sock"]);
}

#[tokio::test]
async fn a_node_of_a_cluster_a_replica_and_a_sentinel_are_refused_by_name() {
    if !is_there() {
        return;
    }
    let cluster = RedisProcess::start(&["--cluster-enabled", "yes"]);
    says(&refused(options(&cluster.url())).await, &["Redis Cluster"]);
    let replica = RedisProcess::start(&["--replicaof", "127.0.0.1 1"]);
    says(&refused(options(&replica.url())).await, &["replica"]);
    let sentinel = RedisProcess::sentinel();
    says(&refused(options(&sentinel.url())).await, &["Sentinel"]);
}

#[tokio::test]
async fn no_place_for_a_client_is_told_and_waited_for() {
    if !is_there() {
        return;
    }
    let redis = RedisProcess::start(&[]);
    let mut control = super::super::socket::RedisSocket::open(
        &RedisServer::parse(&redis.url()).expect("a URL"),
        None::<fn(redis::PushInfo)>,
        Duration::from_secs(20),
    )
    .await
    .expect("a connection");
    let mut set = async |clients: u32| {
        redis::cmd("CONFIG")
            .arg("SET")
            .arg("maxclients")
            .arg(clients)
            .exec_async(&mut control.commands)
            .await
            .expect("an answer");
    };
    set(1).await;
    says(
        &refused(options(&redis.url())).await,
        &["max number of clients"],
    );
    let record = Arc::new(Record::default());
    let connection = RedisConnection::start_alone(options(&redis.url()), Arc::clone(&record) as _)
        .expect("a URL");
    connection.subscribe([plain("a")]);
    let down = |record: &Record| record.told().contains(&Told::Down);
    record.until("it says that it is alone", down).await;
    assert!(connection.publish(plain("a"), "lost".into()).is_err());
    set(100).await;
    record.ups(1).await;
    publish_until_heard(&connection, &record, "hello").await;
    let told = record.told();
    assert_eq!(told.iter().filter(|told| **told == Told::Down).count(), 1);
}

#[tokio::test]
async fn it_starts_without_a_server_and_finds_it_later() {
    if !is_there() {
        return;
    }
    let mut redis = RedisProcess::start(&[]);
    redis.kill();
    let record = Arc::new(Record::default());
    let connection = RedisConnection::start_alone(options(&redis.url()), Arc::clone(&record) as _)
        .expect("a URL");
    connection.subscribe([plain("a")]);
    let refused = connection.publish(plain("a"), "early".into());
    let refused = refused.expect_err("nothing to publish by").to_string();
    assert!(refused.contains("no connection to the broker"), "{refused}");
    redis.restart();
    record.ups(1).await;
    publish_until_heard(&connection, &record, "hello").await;
}
