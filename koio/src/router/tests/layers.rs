//! tower layers around the onion.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::sync::{Notify, oneshot};
use tower::{
    ServiceBuilder,
    buffer::BufferLayer,
    limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer, RateLimitLayer},
    load_shed::LoadShedLayer,
    timeout::TimeoutLayer,
    util::MapRequestLayer,
};

use super::fake::{Notes, Server};
use crate::router::Setup;
use crate::{Context, Next};

/// A handler that notifies when it has started, and waits until it is notified.
fn held() -> (Setup, Arc<Notify>, Arc<Notify>) {
    let (started, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (starts, waits) = (Arc::clone(&started), Arc::clone(&go));
    let setup = Setup::new().on("event", move |_| {
        let (started, go) = (Arc::clone(&starts), Arc::clone(&waits));
        async move {
            started.notify_one();
            go.notified().await;
            Ok("done")
        }
    });
    (setup, started, go)
}

#[tokio::test(start_paused = true)]
async fn a_timeout_layer_drops_the_handler_and_answers_timeout() {
    let (setup, ..) = held();
    let server = Server::start(setup.layer(TimeoutLayer::new(Duration::from_secs(1))));
    let answer = server.ask("event", json!([])).await.unwrap();
    assert_eq!(
        answer["error"],
        json!({"code": "timeout", "message": "it took too long"})
    );
}

#[tokio::test]
async fn a_concurrency_limit_makes_the_second_event_wait() {
    let (setup, started, go) = held();
    let server = Arc::new(Server::start(setup.layer(ConcurrencyLimitLayer::new(1))));
    let (one, two) = (Arc::clone(&server), Arc::clone(&server));
    let first = tokio::spawn(async move { one.tell("event", json!([])).await });
    started.notified().await;
    let (done, mut is_done) = oneshot::channel();
    let second = tokio::spawn(async move {
        two.tell("event", json!([])).await;
        done.send(()).unwrap();
    });
    tokio::task::yield_now().await;
    assert!(
        is_done.try_recv().is_err(),
        "the second waits for the first"
    );
    go.notify_one();
    first.await.unwrap();
    started.notified().await;
    go.notify_one();
    second.await.unwrap();
}

#[tokio::test]
async fn load_shedding_answers_overloaded() {
    let (setup, started, go) = held();
    let layers = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(1));
    let server = Arc::new(Server::start(setup.layer(layers)));
    let one = Arc::clone(&server);
    let first = tokio::spawn(async move { one.tell("event", json!([])).await });
    started.notified().await;
    let answer = server.ask("event", json!([])).await.unwrap();
    assert_eq!(answer["error"]["code"], "overloaded");
    go.notify_one();
    first.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_behind_a_buffer_spreads_events_over_time() {
    let setup = Setup::new().on("event", |_| async { Ok("done") }).layer(
        ServiceBuilder::new()
            .layer(BufferLayer::new(8))
            .layer(RateLimitLayer::new(1, Duration::from_secs(1))),
    );
    let server = Server::start(setup);
    let started = tokio::time::Instant::now();
    for _ in 0..3 {
        assert_eq!(server.ask("event", json!([])).await, Some(json!("done")));
    }
    assert!(started.elapsed() >= Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_full_rate_limit_behind_load_shedding_answers_overloaded() {
    let setup = Setup::new().on("event", |_| async { Ok("done") }).layer(
        ServiceBuilder::new()
            .layer(BufferLayer::new(8))
            .layer(LoadShedLayer::new())
            .layer(RateLimitLayer::new(1, Duration::from_secs(1))),
    );
    let server = Server::start(setup);
    assert_eq!(server.ask("event", json!([])).await, Some(json!("done")));
    let answer = server.ask("event", json!([])).await.unwrap();
    assert_eq!(answer["error"]["code"], "overloaded");
}

#[tokio::test]
async fn layers_are_outside_the_onion_and_the_first_is_the_outermost() {
    let notes = Notes::default();
    let noting = |note: &'static str| {
        let notes = notes.clone();
        MapRequestLayer::new(move |ctx: Context| {
            notes.add(note);
            ctx
        })
    };
    let middle = notes.clone();
    let setup = Setup::new()
        .wrap(move |_, next: Next| {
            middle.add("middleware");
            next.run()
        })
        .layer(noting("first layer"))
        .layer(noting("second layer"))
        .on("event", |_| async { Ok(()) });
    Server::start(setup).tell("event", json!([])).await;
    assert_eq!(notes.all(), ["first layer", "second layer", "middleware"]);
}

#[tokio::test]
async fn a_koio_error_passes_through_layers_unchanged() {
    let setup = Setup::new()
        .on("event", |_| async {
            Err::<(), _>(crate::Error::new("taken", "by ann"))
        })
        .layer(TimeoutLayer::new(Duration::from_secs(1)))
        .layer(BufferLayer::new(8));
    let answer = Server::start(setup).ask("event", json!([])).await;
    assert_eq!(
        answer,
        Some(json!({"error": {"code": "taken", "message": "by ann"}}))
    );
}

#[tokio::test]
async fn a_panic_behind_a_buffer_does_not_end_the_buffer() {
    let setup = Setup::new()
        .wrap(|ctx: Context, next: Next| {
            assert_ne!(ctx.event(), "bad", "a bug in a middleware");
            next.run()
        })
        .on("good", |_| async { Ok("fine") })
        .layer(BufferLayer::new(8));
    let server = Server::start(setup);
    assert_eq!(
        server.ask("bad", json!([])).await.unwrap()["error"]["code"],
        "internal"
    );
    assert_eq!(server.ask("good", json!([])).await, Some(json!("fine")));
}

#[tokio::test]
async fn a_connection_passes_through_layers_and_a_disconnect_does_not() {
    let notes = Notes::default();
    let (layered, left) = (notes.clone(), notes.clone());
    let setup = Setup::new()
        .layer(MapRequestLayer::new(move |ctx: Context| {
            layered.add(format!("layer: {}", ctx.event()));
            ctx
        }))
        .on("disconnect", move |_| {
            left.add("gone");
            async { Ok(()) }
        });
    let server = Server::start(setup);
    server.connect().await;
    server.disconnect().await;
    assert_eq!(notes.all(), ["layer: connection", "gone"]);
}
