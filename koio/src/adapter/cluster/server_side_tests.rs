//! Events between servers: who is waited for, and how the handlers of other servers' events start and end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::{
    super::{
        IncomingServerEvent, NeutralPacket, ServerAnswer, ServerFailure, ServerHandlers, ServerRun,
    },
    asked_servers::AskedServers,
    awaited::AwaitedNodes,
    message::{ClusterMessage, MessageBody},
    node::{NodeId, UnnamedServer},
    request_id::RequestId,
    requests::{ClusterRequest, NodeAnswers, Requests},
    server_events::{EventRefused, ServerEvents},
};
use crate::wire::RawArgs;

fn koio() -> NodeId {
    NodeId::new("koio")
}

fn server() -> NodeId {
    NodeId::unnamed(UnnamedServer {
        uid: "abc123".into(),
        namespace: "/".into(),
    })
}

fn answer_of(node: NodeId) -> ServerAnswer {
    (node, Ok(RawArgs::from_list("[1]", Vec::new()).unwrap()))
}

struct Asked {
    requests: Arc<Requests>,
    id: RequestId,
    answers: Arc<NodeAnswers<ServerAnswer>>,
    servers: AskedServers,
}

/// A request that one node of koio's is asked by, and perhaps servers without names.
fn asked(unnamed: bool) -> Asked {
    let requests = Requests::of(&koio());
    let answers = Arc::new(NodeAnswers::new());
    let ask = ClusterRequest::ServerAsk(Arc::clone(&answers));
    let request = requests.begin(&ask, || AwaitedNodes::new(vec![koio()], unnamed));
    Asked {
        id: request.as_ref().unwrap().id.clone(),
        servers: AskedServers::new(Arc::clone(&answers), request),
        requests,
        answers,
    }
}

async fn wait(servers: AskedServers) -> (Vec<ServerAnswer>, Vec<NodeId>) {
    servers
        .answers(Instant::now() + Duration::from_secs(5))
        .await
}

#[tokio::test(start_paused = true)]
async fn each_server_answers_once_and_one_that_was_not_asked_does_not() {
    let asked = asked(false);
    let hear = |node| asked.requests.server_answered(&asked.id, answer_of(node));
    hear(NodeId::new("other"));
    hear(server());
    hear(koio());
    hear(koio());
    let other = RequestId::numbered(0);
    asked.requests.server_answered(&other, answer_of(koio()));
    let started = Instant::now();
    let (answers, missing) = wait(asked.servers).await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].0, koio());
    assert!(missing.is_empty() && started.elapsed().is_zero());
    // The wait has ended: nothing keeps what comes now.
    asked.requests.server_answered(&asked.id, answer_of(koio()));
    assert!(asked.answers.finish().0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn servers_without_names_are_waited_for_by_their_number_and_missing_by_it() {
    let one = asked(true);
    for node in [server(), koio(), server()] {
        one.requests.server_answered(&one.id, answer_of(node));
    }
    one.answers.counted(Some(2));
    let (answers, missing) = wait(one.servers).await;
    assert_eq!((answers.len(), missing.len()), (3, 0));

    let two = asked(true);
    two.answers.counted(Some(2));
    two.requests.server_answered(&two.id, answer_of(server()));
    let started = Instant::now();
    let (answers, missing) = wait(two.servers).await;
    assert_eq!(started.elapsed(), Duration::from_secs(5));
    assert_eq!(answers.len(), 1);
    let missing: Vec<_> = missing.iter().map(NodeId::as_str).collect();
    assert_eq!(missing, ["koio", "a server of another kind"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_leaves_is_neither_waited_for_nor_missing() {
    for says_it in [false, true] {
        let asked = asked(false);
        match says_it {
            false => asked.requests.node_left(&koio()),
            true => asked.requests.server_leaves(&asked.id, &koio()),
        }
        let started = Instant::now();
        let (answers, missing) = wait(asked.servers).await;
        assert!(answers.is_empty() && missing.is_empty());
        assert!(started.elapsed().is_zero());
    }
}

#[tokio::test(start_paused = true)]
async fn what_invented_servers_answer_is_bounded() {
    let asked = asked(true);
    for _ in 0..10_002 {
        let answer = answer_of(server());
        asked.requests.server_answered(&asked.id, answer);
    }
    assert_eq!(asked.answers.finish().0.len(), 10_000);
}

#[test]
fn an_event_and_its_answers_are_read_as_they_were_written() {
    let packet = NeutralPacket {
        list: Bytes::from_static(br#"["e",{"_placeholder":true,"num":0}]"#),
        attachments: vec![Bytes::from_static(&[0, 255])],
        uncompressed: false,
    };
    let id = RequestId::numbered(7);
    let through_bytes = |body| {
        let message = ClusterMessage::new(koio(), body);
        ClusterMessage::decode(message.encode().unwrap())
            .unwrap()
            .body
    };
    for request in [None, Some(id.clone())] {
        let read = through_bytes(MessageBody::ServerEvent {
            request: request.clone(),
            namespace: "/chat".to_owned(),
            packet: packet.clone(),
        });
        assert!(matches!(
            read,
            MessageBody::ServerEvent { request: read, namespace, packet: its }
                if read == request && namespace == "/chat" && its == packet
        ));
    }
    let leaves = through_bytes(MessageBody::ServerLeaves {
        request: id.clone(),
    });
    assert!(matches!(leaves, MessageBody::ServerLeaves { request } if request == id));
    let failed = ServerFailure::Failed {
        code: "c".to_owned(),
        message: "m".to_owned(),
    };
    let overloaded = ServerFailure::Overloaded {
        running: 2,
        limit: 2,
    };
    let failures = [
        None,
        Some(ServerFailure::NoHandler),
        Some(overloaded),
        Some(failed),
    ];
    for failure in failures {
        let args = match failure {
            None => packet.clone(),
            Some(_) => NeutralPacket::default(),
        };
        let read = through_bytes(MessageBody::ServerAnswered {
            request: id.clone(),
            failure: failure.clone(),
            args: args.clone(),
        });
        assert!(matches!(
            read,
            MessageBody::ServerAnswered { request, failure: read, args: its }
                if request == id && read == failure && its == args
        ));
    }
}

/// Handlers that say that they have started, and end when they are told to. `quick` ends at once.
#[derive(Default)]
struct Handlers {
    started: Mutex<Vec<String>>,
    dropped: AtomicBool,
    go: Arc<Notify>,
}

struct SaysDropped(Arc<Handlers>);

impl Drop for SaysDropped {
    fn drop(&mut self) {
        self.0.dropped.store(true, Ordering::Release);
    }
}

struct Shared(Arc<Handlers>);

impl ServerHandlers for Shared {
    fn handle(&self, event: IncomingServerEvent) -> Option<ServerRun> {
        if event.name == "none" {
            return None;
        }
        let handlers = Arc::clone(&self.0);
        Some(Box::pin(async move {
            handlers.started.lock().push(event.name.clone());
            if event.name != "quick" {
                let _guard = SaysDropped(Arc::clone(&handlers));
                handlers.go.notified().await;
            }
            Ok(NeutralPacket::default())
        }))
    }
}

fn event(name: &str) -> IncomingServerEvent {
    IncomingServerEvent {
        namespace: "/".to_owned(),
        from: koio(),
        name: name.to_owned(),
        args: RawArgs::empty(),
        is_asked: true,
    }
}

type Results = Arc<Mutex<Vec<Result<NeutralPacket, ServerFailure>>>>;

fn scene(limit: usize) -> (Arc<Handlers>, ServerEvents, Results) {
    let handlers = Arc::new(Handlers::default());
    let events = ServerEvents::start(Arc::new(Shared(Arc::clone(&handlers))), limit);
    (handlers, events, Results::default())
}

fn push(events: &ServerEvents, results: &Results, name: &str) -> Result<(), EventRefused> {
    let results = Arc::clone(results);
    let answer = Box::new(move |result| results.lock().push(result));
    events.push(events.place()?, event(name), answer);
    Ok(())
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn handlers_start_in_the_order_of_their_events_and_overlap() {
    let (handlers, events, results) = scene(200);
    let names: Vec<_> = (0..100).map(|number| number.to_string()).collect();
    for name in &names {
        push(&events, &results, name).unwrap();
    }
    push(&events, &results, "quick").unwrap();
    push(&events, &results, "none").unwrap();
    settle().await;
    let started = handlers.started.lock().clone();
    assert_eq!(started[..100], names);
    let quick = [Ok(NeutralPacket::default()), Err(ServerFailure::NoHandler)];
    assert_eq!(*results.lock(), quick, "slow ones hold up nothing");
    handlers.go.notify_waiters();
    settle().await;
    assert_eq!(results.lock().len(), 102);
}

#[tokio::test(start_paused = true)]
async fn as_many_handlers_run_as_may_and_no_more() {
    let (handlers, events, results) = scene(2);
    push(&events, &results, "a").unwrap();
    push(&events, &results, "b").unwrap();
    let full = EventRefused::Full {
        running: 2,
        limit: 2,
    };
    assert_eq!(push(&events, &results, "c"), Err(full));
    settle().await;
    assert_eq!(push(&events, &results, "c"), Err(full));
    handlers.go.notify_one();
    settle().await;
    push(&events, &results, "d").unwrap();
    settle().await;
    assert_eq!(*handlers.started.lock(), ["a", "b", "d"]);
}

#[tokio::test(start_paused = true)]
async fn the_end_is_waited_for_or_drops_what_runs() {
    let (handlers, events, results) = scene(2);
    push(&events, &results, "a").unwrap();
    settle().await;
    let soon = Duration::from_secs(1);
    assert!(timeout(soon, events.ended()).await.is_err());
    assert_eq!(
        push(&events, &results, "b"),
        Err(EventRefused::Closed),
        "it was to end"
    );
    handlers.go.notify_one();
    assert!(timeout(soon, events.ended()).await.is_ok());
    assert_eq!(results.lock().len(), 1);

    let (handlers, events, results) = scene(2);
    push(&events, &results, "a").unwrap();
    settle().await;
    assert!(!handlers.dropped.load(Ordering::Acquire));
    assert_eq!(events.abort(), 1);
    settle().await;
    assert!(handlers.dropped.load(Ordering::Acquire));
    assert!(results.lock().is_empty());
}
