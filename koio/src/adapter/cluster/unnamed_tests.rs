//! Requests that servers without names answer too.

use std::{future::poll_fn, sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{
    super::{AckCollector, NoAnswer},
    awaited::AwaitedNodes,
    node::{NodeId, UnnamedServer},
    request_id::RequestId,
    requests::{ClusterRequest, NodeAnswers, Requests},
};
use crate::{ids::SocketId, wire::RawArgs};

fn server() -> NodeId {
    NodeId::unnamed(UnnamedServer {
        uid: "abc123".into(),
        namespace: "/".into(),
    })
}

fn koio() -> NodeId {
    NodeId::new("koio")
}

fn answer() -> Option<RawArgs> {
    RawArgs::from_list("[1]", Vec::new()).ok()
}

async fn is_complete(answers: &AckCollector) -> bool {
    let complete = poll_fn(|cx| answers.poll_complete(cx));
    timeout(Duration::from_millis(1), complete).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn the_answers_of_unnamed_servers_are_waited_for_by_their_number_which_may_come_later() {
    let answers = Arc::new(AckCollector::new());
    answers.expect_nodes(|| AwaitedNodes::new(vec![koio()], true));
    let socket = SocketId::random().unwrap();
    answers.node_asked(&koio(), vec![socket]);
    answers.resolve(socket, Ok(answer().unwrap()));
    assert!(!is_complete(&answers).await, "nobody has counted yet");

    // Of three servers one has two clients, one has one, and one has none.
    answers.server_asked(&server(), 2);
    answers.client_answered(answer());
    answers.servers_counted(Some(3));
    answers.server_asked(&server(), 1);
    answers.client_answered(answer());
    answers.client_answered(None);
    assert!(!is_complete(&answers).await, "the third has said nothing");
    answers.server_asked(&server(), 0);
    assert!(is_complete(&answers).await);
    answers.client_answered(answer());

    let (outcomes, missing) = answers.finish();
    assert!(missing.is_empty());
    let of = |id| outcomes.iter().filter(move |outcome| outcome.0 == id);
    assert_eq!(of(socket).count(), 1);
    assert_eq!(of(SocketId::UNKNOWN).count(), 3, "the fourth was not asked");
    let malformed = |outcome: &&(_, Result<_, _>)| matches!(outcome.1, Err(NoAnswer::Malformed));
    assert_eq!(of(SocketId::UNKNOWN).filter(malformed).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn clients_of_unnamed_servers_that_did_not_answer_are_late_and_the_servers_missing() {
    let answers = Arc::new(AckCollector::new());
    answers.expect_nodes(|| AwaitedNodes::new(Vec::new(), true));
    answers.servers_counted(Some(3));
    answers.server_asked(&server(), 3);
    answers.client_answered(answer());
    assert!(!is_complete(&answers).await);
    let (outcomes, missing) = answers.finish();
    let late = |outcome: &&(_, Result<_, _>)| matches!(outcome.1, Err(NoAnswer::Late));
    assert_eq!(
        (outcomes.len(), outcomes.iter().filter(late).count()),
        (3, 2)
    );
    assert_eq!(missing.len(), 2);
    assert_eq!(missing[0].as_str(), "a server of another kind");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_claims_a_million_clients_fills_no_memory() {
    let answers = Arc::new(AckCollector::new());
    answers.expect_nodes(|| AwaitedNodes::new(Vec::new(), true));
    answers.server_asked(&server(), usize::MAX);
    answers.server_asked(&server(), usize::MAX);
    let (outcomes, _) = answers.finish();
    assert_eq!(outcomes.len(), 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn without_a_count_unnamed_servers_are_missing_once_and_not_waited_for() {
    let answers = Arc::new(AckCollector::new());
    answers.expect_nodes(|| AwaitedNodes::new(vec![koio()], true));
    answers.servers_counted(None);
    assert!(!is_complete(&answers).await, "a node with a name is there");
    answers.node_left(&koio());
    assert!(is_complete(&answers).await);
    assert_eq!(answers.finish().1.len(), 1);

    let answers = Arc::new(AckCollector::new());
    answers.expect_nodes(|| AwaitedNodes::new(vec![koio()], true));
    answers.nodes_unreachable();
    assert!(is_complete(&answers).await, "nobody could be asked");
    assert_eq!(answers.finish().1.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_a_name_answers_only_where_there_may_be_one() {
    let answers = Arc::new(AckCollector::new());
    answers.expect_nodes(|| AwaitedNodes::new(vec![koio()], false));
    answers.server_asked(&server(), 5);
    answers.client_answered(answer());
    answers.node_asked(&koio(), Vec::new());
    assert!(is_complete(&answers).await);
    let (outcomes, missing) = answers.finish();
    assert!(outcomes.is_empty() && missing.is_empty());
}

#[tokio::test(start_paused = true)]
async fn sockets_are_fetched_from_nodes_by_name_and_from_servers_by_number() {
    let requests = Requests::of(&koio());
    let answers = Arc::new(NodeAnswers::new());
    let fetch = ClusterRequest::Fetch(Arc::clone(&answers));
    let nodes = || AwaitedNodes::new(vec![koio()], true);
    let request = requests.begin(&fetch, nodes).unwrap();
    let complete = || timeout(Duration::from_millis(1), answers.complete());
    requests.fetched(&request.id, &server(), Vec::new());
    requests.fetched(&RequestId::numbered(0), &server(), Vec::new());
    answers.counted(Some(2));
    requests.fetched(&request.id, &koio(), Vec::new());
    requests.fetched(&request.id, &koio(), Vec::new());
    assert!(complete().await.is_err(), "a node does not answer for two");
    requests.fetched(&request.id, &server(), Vec::new());
    assert!(complete().await.is_ok());
    assert!(answers.finish().1.is_empty());
}

#[test]
fn two_nodes_begin_their_requests_at_different_places() {
    let first = |node: &NodeId| {
        let requests = Requests::of(node);
        let ask = ClusterRequest::Ask(Arc::new(AckCollector::new()));
        let request = requests.begin(&ask, AwaitedNodes::default).unwrap();
        request.id.clone()
    };
    let ids = [NodeId::random().unwrap(), NodeId::random().unwrap()].map(|node| first(&node));
    assert_ne!(ids[0], ids[1]);
}
