//! Events between servers: `server_side_emit` and the handlers of `on_server_side`, over a broker within the process.

mod handlers;
mod servers;

use std::sync::Arc;
use std::time::Duration;

use koio::cluster::{self, NodeId, PartialAnswer, ServerEvent};
use koio::{Bytes, Error, Io, Namespace, Result, args};
use tokio::sync::Notify;
use tokio::time::Instant;

use self::servers::{failure_of, settle, take_sorted, three, values, waits};
use crate::memory::Memory as Node;
use crate::record::Record;

#[tokio::test(start_paused = true)]
async fn every_other_server_hears_the_event_with_its_arguments_and_the_sender_does_not() {
    let heard = Record::default();
    let servers = three(|number| {
        let heard = heard.clone();
        Io::new()
            .state(number)
            .on_server_side("hello", move |event: ServerEvent| {
                let heard = heard.clone();
                async move {
                    let (name, bytes, last): (String, Bytes, Option<u8>) =
                        (event.get(0)?, event.get(1)?, event.get(2)?);
                    let number = event.state::<usize>()?;
                    assert!(!event.wants_answer() && event.len() == 2);
                    assert_eq!((event.name(), event.namespace()), ("hello", "/"));
                    heard.push(format!("{} {name} {bytes:?} {last:?}", *number));
                    Ok(())
                }
            })
    });
    let args = args!["ann", Bytes::from(vec![1, 2])];
    servers[0]
        .io
        .server_side_emit("hello", args)
        .expect("no fault");
    settle().await;
    let bytes = format!("{:?}", Bytes::from(vec![1, 2]));
    let expected = [1, 2].map(|number| format!("{number} ann {bytes} None"));
    assert_eq!(take_sorted(&heard), expected);
}

#[tokio::test(start_paused = true)]
async fn the_answers_of_all_other_servers_come_with_their_names() {
    let servers = three(|number| {
        Io::new().on_server_side("number", move |event: ServerEvent| async move {
            let factor: usize = event.get(0)?;
            // Servers answer at the same time.
            tokio::time::sleep(Duration::from_millis(400)).await;
            Ok(args![number * factor, "only the first is read"])
        })
    });
    let started = Instant::now();
    let answers = servers[0].io.server_side_emit_with_ack("number", 10);
    let answers: Vec<(NodeId, Result<usize>)> = answers.await.expect("all answer");
    assert_eq!(started.elapsed(), Duration::from_millis(400));
    assert_ne!(answers[0].0, answers[1].0);
    assert_eq!(values(answers), [10, 20]);
}

#[tokio::test(start_paused = true)]
async fn without_another_server_there_are_no_answers_and_no_wait() {
    let alone = Node::new(Io::new());
    let joined = Node::new(Io::new().cluster(cluster::Memory::new()));
    let before_the_start = Io::new().cluster(cluster::Memory::new()).handle();
    let started = Instant::now();
    for io in [&alone.io, &joined.io, &before_the_start] {
        io.server_side_emit("hello", ()).expect("no fault");
        let answers = io.server_side_emit_with_ack::<u8>("hello", ());
        assert!(answers.await.expect("nobody").is_empty());
    }
    assert!(started.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn an_event_belongs_to_its_namespace_and_a_pattern_takes_those_of_its_family() {
    let heard = Record::default();
    let listens = |name: &'static str| {
        let heard = heard.clone();
        move |event: ServerEvent| {
            heard.push(format!("{name} {}", event.namespace()));
            assert_eq!(event.here().namespace(), event.namespace());
            assert_eq!(event.io().namespace(), "/");
            async { Ok(()) }
        }
    };
    let servers = three(|_| {
        Io::new()
            .on_server_side("e", listens("root"))
            .namespace(
                "/chat",
                Namespace::new().on_server_side("e", listens("chat")),
            )
            .namespace(
                "/room/{id}",
                Namespace::new().on_server_side("e", listens("room")),
            )
    });
    let io = &servers[0].io;
    for (namespace, expected) in [
        ("/", "root /"),
        ("/chat", "chat /chat"),
        ("/room/7", "room /room/7"),
        ("/room/{id}", "room /room/{id}"),
    ] {
        io.of(namespace)
            .server_side_emit("e", ())
            .expect("no fault");
        let answers = io.of(namespace).server_side_emit_with_ack::<()>("e", ());
        assert_eq!(answers.await.expect("both").len(), 2);
        assert_eq!(take_sorted(&heard), [expected; 4]);
    }
    let undeclared = io.of("/nowhere").server_side_emit("e", ());
    assert!(undeclared.expect_err("a typo").is_no_namespace());
    let undeclared = io.of("/nowhere").server_side_emit_with_ack::<()>("e", ());
    assert!(undeclared.await.expect_err("a typo").is_no_namespace());
}

#[tokio::test(start_paused = true)]
async fn reserved_names_are_refused_and_those_of_clients_are_not() {
    let [one, two, _three] =
        three(|_| Io::new().on_server_side("disconnect", |_: ServerEvent| async { Ok(1) }));
    for name in ["connect", "connection", "new_namespace"] {
        assert!(one.io.server_side_emit(name, ()).is_err(), "{name}");
        let asked = one.io.server_side_emit_with_ack::<()>(name, ());
        assert!(asked.await.is_err(), "{name}");
    }
    let asked = two.io.server_side_emit_with_ack("disconnect", ());
    assert_eq!(values::<u8>(asked.await.expect("all")), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_fails_with_is_the_answer_of_its_server() {
    let broker = cluster::Memory::new();
    let two = Io::new()
        .on_server_side("shown", |_: ServerEvent| async {
            Err::<(), _>(Error::new("no_such_user", "nobody has that name"))
        })
        .on_server_side("hidden", |_: ServerEvent| async {
            "x".parse::<u8>()?;
            Ok(())
        })
        .on_server_side("panics", |event: ServerEvent| async move {
            assert!(event.is_empty(), "a bug");
            Ok(())
        })
        .on_server_side("panics at once", |event: ServerEvent| {
            assert!(event.is_empty(), "a bug");
            async { Ok(()) }
        })
        .on_server_side(
            "number",
            |event: ServerEvent| async move { event.get::<u8>(0) },
        )
        .on_server_side("text", |_: ServerEvent| async { Ok("seven") })
        .cluster(broker.clone());
    let two = Node::new(two);
    let one = Node::new(Io::new().cluster(broker));
    let io = &one.io;

    let shown = failure_of(io, "shown", ()).await;
    assert_eq!(
        (shown.code(), shown.message()),
        ("no_such_user", "nobody has that name")
    );
    for event in ["hidden", "panics", "panics at once"] {
        let hidden = failure_of(io, event, 1).await;
        assert_eq!(hidden.code(), "internal");
        assert_eq!(
            hidden.message(),
            "the handler of that server failed; its log says why"
        );
    }
    let misfit = failure_of(io, "number", "x").await;
    assert_eq!(misfit.code(), "bad_request");
    assert!(
        misfit.message().starts_with("argument 1 does not fit: "),
        "{misfit}"
    );
    let missing = failure_of(io, "number", ()).await;
    assert_eq!(missing.message(), "argument 1 is missing");
    let answer = failure_of(io, "text", ()).await;
    assert!(answer.is_bad_request(), "{answer}");
    let unknown = failure_of(io, "nothing", ()).await;
    assert!(unknown.is_no_handler());
    assert_eq!(unknown.message(), "no handler takes the event `nothing`");
    // It serves on.
    let answers = io.server_side_emit_with_ack("number", 7);
    assert_eq!(values::<u8>(answers.await.expect("an answer")), [7]);
    drop(two);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_in_time_is_named_and_the_answers_of_the_others_are_kept() {
    let go = Arc::new(Notify::new());
    let servers = three(|number| match number {
        2 => Io::new().on_server_side("q", waits(&go)),
        _ => Io::new().on_server_side("q", |_: ServerEvent| async { Ok(7) }),
    });
    let io = &servers[0].io;
    let answers = io.server_side_emit_with_ack::<u8>("names", ());
    let names: Vec<_> = answers
        .await
        .expect("both")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for own in [None, Some(Duration::from_millis(100))] {
        let asked = io.server_side_emit_with_ack::<u8>("q", ());
        let started = Instant::now();
        let error = match own {
            None => asked.await,
            Some(time) => asked.timeout(time).await,
        };
        let error = error.expect_err("one is silent");
        assert_eq!(started.elapsed(), own.unwrap_or(Duration::from_secs(5)));
        assert_eq!(error.code(), "partial_answer");
        let partial = error
            .downcast_ref::<PartialAnswer>()
            .expect("a partial answer");
        let answers = partial.server_answers::<u8>();
        let [(answered, Ok(7))] = answers.as_slice() else {
            panic!("{answers:?}");
        };
        assert_eq!(partial.missing().len(), 1);
        assert!(names.contains(answered) && names.contains(&partial.missing()[0]));
        assert_ne!(answered, &partial.missing()[0]);
        // An answer that is late is ignored.
        go.notify_waiters();
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn handlers_that_never_end_are_bounded_and_the_asker_is_told_both_numbers() {
    let go = Arc::new(Notify::new());
    let broker = cluster::Memory::new();
    let two = Io::new()
        .on_server_side("q", waits(&go))
        .config(|config| config.socket.server_events = 3)
        .cluster(broker.clone());
    let two = Node::new(two);
    let one = Node::new(Io::new().cluster(broker));
    let asked: Vec<_> = (0..3)
        .map(|_| one.io.server_side_emit_with_ack::<u8>("q", ()))
        .collect();
    let refused = failure_of(&one.io, "q", ()).await;
    assert!(refused.is_overloaded());
    assert_eq!(
        refused.message(),
        "3 handlers of other servers' events run there (server_events 3)"
    );
    one.io.server_side_emit("q", ()).expect("no fault");
    settle().await;
    assert_eq!(two.io.counts().server_events_dropped, 2);
    go.notify_waiters();
    for asked in asked {
        assert_eq!(values(asked.await.expect("an answer")), [5]);
    }
    let served = one.io.server_side_emit_with_ack::<u8>("q", ());
    settle().await;
    go.notify_waiters();
    assert_eq!(values(served.await.expect("an answer")), [5]);
}

#[tokio::test(start_paused = true)]
async fn handlers_start_in_order_and_hold_up_no_other_message() {
    let (heard, go) = (Record::default(), Arc::new(Notify::new()));
    let servers = three(|_| {
        let (heard, go) = (heard.clone(), Arc::clone(&go));
        Io::new().on_server_side("n", move |event: ServerEvent| {
            let (heard, go) = (heard.clone(), Arc::clone(&go));
            async move {
                heard.push(event.get::<String>(0)?);
                go.notified().await;
                Ok(())
            }
        })
    });
    let [one, two, three] = &servers;
    three.io.shutdown(Duration::ZERO).await;
    let (mut client, _) = two.socket(koio_tests::Transport::WebSocket).await;
    let numbers: Vec<String> = (0..300).map(|number| number.to_string()).collect();
    for number in &numbers {
        one.io.server_side_emit("n", number).expect("no fault");
    }
    one.io.broadcast("news", ()).expect("no fault");
    client.expect(r#"42["news"]"#).await;
    settle().await;
    assert_eq!(heard.lines(), numbers);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_handlers_and_drops_them_at_its_deadline() {
    let go = Arc::new(Notify::new());
    let servers = three(|_| Io::new().on_server_side("q", waits(&go)));
    let [one, two, three] = &servers;
    let asked = one.io.server_side_emit_with_ack::<u8>("q", ());
    settle().await;
    let started = Instant::now();
    three.io.shutdown(Duration::from_secs(2)).await;
    let took = started.elapsed();
    assert!(
        took >= Duration::from_secs(2) && took < Duration::from_secs(4),
        "{took:?}"
    );
    assert_eq!(three.io.counts().server_events_dropped, 1);
    let leaves = two.io.shutdown(Duration::from_secs(2));
    let ends = async {
        settle().await;
        go.notify_waiters();
    };
    tokio::join!(leaves, ends);
    assert_eq!(two.io.counts().server_events_dropped, 0);
    // The one that has left without an answer is not waited for.
    assert_eq!(values(asked.await.expect("one")), [5]);
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_ends_delays_a_shutdown_by_the_grace_and_no_longer() {
    let go = Arc::new(Notify::new());
    let servers = three(|_| Io::new().on_server_side("q", waits(&go)));
    let [one, two, _] = &servers;
    one.io.server_side_emit("q", ()).expect("no fault");
    settle().await;
    let started = Instant::now();
    two.io.shutdown(Duration::from_secs(60)).await;
    assert_eq!(started.elapsed(), Duration::from_secs(10));
    assert_eq!(two.io.counts().server_events_dropped, 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_leaves_refuses_events_at_once_while_its_last_handlers_run() {
    let go = Arc::new(Notify::new());
    let servers = three(|number| match number {
        1 => Io::new().on_server_side("q", waits(&go)).on_server_side(
            "asks",
            |event: ServerEvent| async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let others = event.io().server_side_emit_with_ack::<u8>("number", ());
                Ok(values(others.await?))
            },
        ),
        number => {
            Io::new().on_server_side("number", move |_: ServerEvent| async move { Ok(number) })
        }
    });
    let [one, two, _] = &servers;
    one.io.server_side_emit("q", ()).expect("no fault");
    let asks = one.io.server_side_emit_with_ack::<Vec<u8>>("asks", ());
    settle().await;
    let leaves = two.io.shutdown(Duration::from_secs(60));
    let asked = async {
        settle().await;
        let started = Instant::now();
        one.io.server_side_emit("q", ()).expect("no fault");
        let refused = one.io.server_side_emit_with_ack::<u8>("q", ());
        // The one that leaves is not waited for.
        let refused = refused.await.expect("the other answers");
        assert!(started.elapsed() < Duration::from_millis(10));
        assert_eq!(refused.len(), 1);
        assert!(refused[0].1.as_ref().is_err_and(Error::is_no_handler));
        assert_eq!(two.io.counts().server_events_dropped, 2);
        // A handler that runs may still ask.
        let answers = asks.await.expect("both answer");
        let numbers: Vec<_> = answers
            .into_iter()
            .filter_map(|(_, answer)| answer.ok())
            .collect();
        assert_eq!(numbers, [[0, 2]]);
        go.notify_waiters();
    };
    tokio::join!(leaves, asked);
    assert_eq!(two.io.counts().server_events_dropped, 2);
}

#[tokio::test(start_paused = true)]
async fn the_start_refuses_two_handlers_of_an_event_and_reserved_names() {
    let quiet = |_: ServerEvent| async { Ok(()) };
    let refused = Io::new()
        .on("q", |_: koio::Context| async { Ok(()) })
        .on_server_side("q", quiet)
        .on_server_side("q", quiet)
        .on_server_side("connection", quiet)
        .namespace(
            "/chat",
            Namespace::new()
                .on_server_side("", quiet)
                .on_server_side("q", quiet),
        )
        .try_into_layer();
    let refused = refused.expect_err("a contradiction").to_string();
    for part in [
        "3 problems",
        "`q` of other servers has two handlers in `/`",
        "takes `connection` of other servers, which is a reserved name",
        "has no event name",
    ] {
        assert!(refused.contains(part), "{refused}");
    }
    assert_eq!(
        refused.matches("server_side/mod.rs:").count(),
        4,
        "{refused}"
    );
    let zero = Io::new().config(|config| config.socket.server_events = 0);
    let zero = zero.try_into_layer().expect_err("no place");
    assert!(zero.to_string().contains("server_events"), "{zero}");
}

#[tokio::test(start_paused = true)]
async fn handlers_are_in_the_table_and_end_with_their_server() {
    struct Held;
    let held = Arc::new(Held);
    let mine = Arc::clone(&held);
    let io = Io::new().cluster(cluster::Memory::new());
    let handle = io.handle();
    let io = io.on_server_side("q", move |_: ServerEvent| {
        let _ = (&mine, &handle);
        async { Ok(7) }
    });
    let table = io.describe();
    let row = table
        .rows()
        .iter()
        .find(|row| row.event() == "q")
        .expect("its row");
    assert!(row.is_server_side() && row.namespace() == "/");
    assert!(
        table.to_string().contains("q (of other servers)"),
        "{table}"
    );
    let node = Node::new(io);
    assert_eq!(Arc::strong_count(&held), 2);
    drop((node, table));
    settle().await;
    assert_eq!(
        Arc::strong_count(&held),
        1,
        "a handler may hold a handle of its server"
    );
}
