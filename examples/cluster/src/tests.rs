//! Both nodes without a network: `cargo test -p cluster`.

use koio::cluster::Memory;
use koio::testing::{TestClient, TestServer};
use koio::{Io, Result, args};
use serde_json::{Value, json};

use super::node;

struct Nodes {
    one: TestServer,
    two: TestServer,
}

async fn start() -> Result<Nodes> {
    let broker = Memory::new();
    Ok(Nodes {
        one: TestServer::new(node("one", broker.clone())).await?,
        two: TestServer::new(node("two", broker)).await?,
    })
}

async fn person(node: &TestServer, name: &str) -> Result<TestClient> {
    node.connect("/").auth(json!({ "name": name })).await
}

#[tokio::test]
async fn a_broadcast_reaches_both_nodes_and_a_room_only_who_is_in_it() -> Result<()> {
    let nodes = start().await?;
    let mut ann = person(&nodes.one, "ann").await?;
    let mut ben = person(&nodes.two, "ben").await?;
    ann.ask::<()>("say", "hi").await?;
    for client in [&mut ann, &mut ben] {
        let said = client.expect("said").await?;
        assert_eq!(
            (said.get(0)?, said.get(1)?),
            ("one".to_owned(), "hi".to_owned())
        );
    }
    ben.ask::<()>("join", "tea").await?;
    ann.ask::<()>("tell", args!["tea", "hot"]).await?;
    assert_eq!(ben.expect("said").await?.get::<String>(1)?, "hot");
    ann.expect_nothing().await;
    Ok(())
}

#[tokio::test]
async fn a_socket_of_the_other_node_is_asked_and_answers() -> Result<()> {
    let nodes = start().await?;
    let mut ann = person(&nodes.one, "ann").await?;
    let mut ben = person(&nodes.two, "ben").await?;
    let answer = ann.ask::<String>("ask", args![ben.id(), "tea?"]);
    let question = ben.expect("question").await?;
    assert_eq!(question.get::<String>(0)?, "tea?");
    question.reply("yes").await?;
    assert_eq!(answer.await?, "yes");
    // A socket that is nowhere.
    let gone = ben.id();
    ben.close().await;
    let error = ann
        .ask::<String>("ask", args![gone, "tea?"])
        .await
        .unwrap_err();
    assert_eq!(error.code(), "closed");
    Ok(())
}

#[tokio::test]
async fn who_is_in_a_room_is_known_on_both_nodes() -> Result<()> {
    let nodes = start().await?;
    let mut ann = person(&nodes.one, "ann").await?;
    let mut ben = person(&nodes.two, "ben").await?;
    for client in [&mut ann, &mut ben] {
        client.ask::<()>("join", "tea").await?;
    }
    for client in [&mut ann, &mut ben] {
        let mut members: Vec<Value> = client.ask("who", "tea").await?;
        members.sort_by_key(|member| member["name"].to_string());
        let expected = json!([{ "name": "ann", "node": "one" }, { "name": "ben", "node": "two" }]);
        assert_eq!(Value::from(members), expected);
    }
    nodes.two.shutdown(std::time::Duration::from_secs(1)).await;
    let members: Value = ann.ask("who", "tea").await?;
    assert_eq!(members, json!([{ "name": "ann", "node": "one" }]));
    Ok(())
}

#[tokio::test]
async fn who_is_in_a_room_is_told_also_with_strangers_in_it() -> Result<()> {
    let broker = Memory::new();
    let one = TestServer::new(node("one", broker.clone())).await?;
    let other = TestServer::new(Io::new().cluster(broker)).await?;
    let stranger = other.connect("/").await?;
    let socket = other.handle().socket(stranger.id());
    let socket = socket.expect("it is connected");
    socket.set_data(&json!({ "version": 2 }))?;
    socket.join("room:tea")?;
    let mut ann = person(&one, "ann").await?;
    ann.ask::<()>("join", "tea").await?;
    let members = ann.ask::<Value>("who", "tea").await?;
    assert_eq!(members, json!([{ "name": "ann", "node": "one" }]));
    Ok(())
}
