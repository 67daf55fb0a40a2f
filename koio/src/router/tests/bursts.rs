//! A run that has finished is restarted with the next event, which must find nothing of the event before.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::fake::Server;
use crate::router::Setup;
use crate::{Context, Result};

#[tokio::test]
async fn a_context_that_is_kept_keeps_its_event() {
    let kept: Arc<Mutex<Vec<Context>>> = Arc::default();
    let keeping = Arc::clone(&kept);
    let setup = Setup::new().on("*", move |ctx: Context| {
        let keeping = Arc::clone(&keeping);
        async move {
            if ctx.event() != "passing" {
                keeping.lock().unwrap().push(ctx);
            }
            Ok(())
        }
    });
    let server = Server::start(setup);
    for (event, number) in [("a", 1), ("passing", 2), ("b", 3), ("passing", 4)] {
        server.ask(event, json!([number])).await;
    }
    let kept = kept.lock().unwrap();
    let seen: Vec<(&str, u8)> = kept
        .iter()
        .map(|ctx| (ctx.event(), ctx.args().unwrap().next().unwrap()))
        .collect();
    assert_eq!(seen, [("a", 1), ("b", 3)]);
}

#[tokio::test]
async fn every_event_has_its_own_answer_and_handler() {
    let setup = Setup::new()
        .on("double", |ctx: Context| async move {
            Ok(ctx.args()?.next::<u8>()? * 2)
        })
        .on("half", |ctx: Context| async move {
            Ok(ctx.args()?.next::<u8>()? / 2)
        });
    let server = Server::start(setup);
    assert_eq!(server.ask("double", json!([4])).await, Some(json!(8)));
    assert_eq!(server.ask("half", json!([4])).await, Some(json!(2)));
    assert_eq!(server.ask("half", json!([8])).await, Some(json!(4)));
    let lost = server.ask("lost", json!([8])).await.unwrap();
    assert_eq!(lost["error"]["code"], "no_handler");
    assert_eq!(server.ask("double", json!([5])).await, Some(json!(10)));
}

/// Counts its clones.
#[derive(Clone)]
struct Left(#[allow(dead_code, reason = "counted")] Arc<()>);

#[tokio::test]
async fn a_value_set_in_a_context_ends_with_its_event() {
    let left = Arc::new(());
    let leaving = Arc::clone(&left);
    let setup = Setup::new()
        .on("leave", move |ctx: Context| {
            let left = Left(Arc::clone(&leaving));
            async move {
                ctx.set(left);
                Ok(())
            }
        })
        .on("look", |ctx: Context| async move {
            let found: Result<bool> = Ok(ctx.get::<Left>().is_some());
            found
        });
    let server = Server::start(setup);
    let counted = Arc::strong_count(&left);
    server.ask("leave", json!([])).await;
    assert_eq!(Arc::strong_count(&left), counted, "dropped with its event");
    assert_eq!(server.ask("look", json!([])).await, Some(json!(false)));
}

/// Panics when it is dropped.
struct Fragile;

impl Drop for Fragile {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[tokio::test]
async fn a_run_serves_the_next_event_however_the_one_before_ended() {
    let setup = Setup::new().on("work", |ctx: Context| async move {
        let what: String = ctx.args()?.next()?;
        if what.contains("later") {
            tokio::task::yield_now().await;
        }
        let _fragile = what.contains("fragile").then(|| Fragile);
        assert!(!what.contains("panic"));
        Ok(what)
    });
    let server = Server::start(setup);
    for what in [
        "now",
        "later",
        "now",
        "panic",
        "now",
        "later: panic",
        "later",
        "fragile",
        "now",
        "later: fragile",
        "now",
    ] {
        let answer = server.ask("work", json!([what])).await.unwrap();
        if what.contains("panic") || what.contains("fragile") {
            assert_eq!(answer["error"]["code"], "internal", "{what}");
        } else {
            assert_eq!(answer, what);
        }
    }
}
