//! koa-compose's behaviours, by the names of its tests: the eighteen of its test file, and the check for a
//! middleware that resolves before what is inside it. Four are compile errors here:
//!
//! | koa-compose | koio |
//! | --- | --- |
//! | should only accept an array | E0061: `compose` takes one argument, a list |
//! | should only accept middleware as functions | E0277: `wrap` wants an `Fn(Context, Next)` |
//! | should throw if next() is called multiple times | E0382: `next` was moved by its first `run` |
//! | "Middleware resolved before downstream" | `unused_must_use`: `next.run()` that is not awaited does nothing, see [`nothing_inside_runs_unless_next_is_awaited`] |
//!
//! Their messages are pinned in `koio-macros/tests/ui/fail/rustc`: `compose_without_a_list`, `middleware_no_function`,
//! `next_twice`, `next_dropped`. The other fifteen are tests of the same name.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::fake::{Notes, Server};
use crate::router::BoxMiddleware;
use crate::router::Setup;
use crate::router::compose;
use crate::{Context, Error, Next, Reply, Result};

async fn pause() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// A middleware that notes a number on the way in and another on the way out.
fn noting(
    notes: &Notes,
    before: u32,
    after: u32,
) -> impl Fn(Context, Next) -> std::pin::Pin<Box<dyn Future<Output = Result<Reply>> + Send>>
+ Send
+ Sync
+ 'static {
    let notes = notes.clone();
    move |_, next| {
        let notes = notes.clone();
        Box::pin(async move {
            notes.add(before);
            pause().await;
            let reply = next.run().await;
            pause().await;
            notes.add(after);
            reply
        })
    }
}

fn three(notes: &Notes) -> Setup {
    Setup::new()
        .wrap(noting(notes, 1, 6))
        .wrap(noting(notes, 2, 5))
        .wrap(noting(notes, 3, 4))
        .on("event", |_| async { Ok(()) })
}

#[tokio::test(start_paused = true)]
async fn should_work() {
    let notes = Notes::default();
    Server::start(three(&notes)).tell("event", json!([])).await;
    assert_eq!(notes.all(), ["1", "2", "3", "4", "5", "6"]);
}

#[tokio::test(start_paused = true)]
async fn should_be_able_to_be_called_twice() {
    let notes = Notes::default();
    let server = Server::start(three(&notes));
    server.tell("event", json!([])).await;
    server.tell("event", json!([])).await;
    assert_eq!(
        notes.all(),
        ["1", "2", "3", "4", "5", "6", "1", "2", "3", "4", "5", "6"]
    );
}

#[test]
fn should_create_next_functions_that_return_a_promise() {
    // A promise is a future here, and koa's "is a promise" is a bound.
    fn is_future<F: Future<Output = Result<Reply>> + Send + 'static>(
        run: fn(Next) -> F,
    ) -> fn(Next) -> F {
        run
    }
    let _ = is_future(Next::run);
}

#[tokio::test]
async fn should_work_with_0_middleware() {
    let server = Server::start(Setup::new().on("event", |_| async { Ok(1) }));
    assert_eq!(server.ask("event", json!([])).await, Some(json!(1)));
    let server = Server::start(
        Setup::new()
            .wrap(compose([]))
            .on("event", |_| async { Ok(2) }),
    );
    assert_eq!(server.ask("event", json!([])).await, Some(json!(2)));
}

#[tokio::test]
async fn should_work_when_yielding_at_the_end_of_the_stack() {
    let notes = Notes::default();
    let noted = notes.clone();
    let setup = Setup::new().wrap(move |_, next| {
        let notes = noted.clone();
        async move {
            // Nothing handles the event: koa's chain resolves to undefined, koio's says so.
            let error = next.run().await.unwrap_err();
            notes.add(error.code());
            Err(error)
        }
    });
    Server::start(setup).tell("event", json!([])).await;
    assert_eq!(notes.all(), ["no_handler"]);
}

#[tokio::test]
async fn should_reject_on_errors_in_middleware() {
    let setup = Setup::new().wrap(|_, _| async { Err(Error::new("no", "never")) });
    let answer = Server::start(setup).ask("event", json!([])).await;
    assert_eq!(
        answer,
        Some(json!({"error": {"code": "no", "message": "never"}}))
    );
}

#[tokio::test]
async fn should_keep_the_context() {
    let setup = Setup::new()
        .wrap(|ctx: Context, next: Next| async move {
            ctx.set(Arc::new(1_u8));
            let reply = next.run().await;
            assert_eq!(ctx.get::<Arc<u8>>().as_deref(), Some(&3));
            reply
        })
        .wrap(|ctx: Context, next: Next| async move {
            assert_eq!(ctx.get::<Arc<u8>>().as_deref(), Some(&1));
            ctx.set(Arc::new(2_u8));
            next.run().await
        })
        .on("event", |ctx| async move {
            assert_eq!(ctx.get::<Arc<u8>>().as_deref(), Some(&2));
            ctx.set(Arc::new(3_u8));
            Ok("kept")
        });
    assert_eq!(
        Server::start(setup).ask("event", json!([])).await,
        Some(json!("kept"))
    );
}

#[tokio::test]
async fn should_catch_downstream_errors() {
    let notes = Notes::default();
    let (outer, inner) = (notes.clone(), notes.clone());
    let setup = Setup::new()
        .wrap(move |_, next| {
            let notes = outer.clone();
            async move {
                notes.add(1);
                notes.add(6);
                match next.run().await {
                    Ok(_) => notes.add(7),
                    Err(_) => notes.add(2),
                }
                notes.add(3);
                Ok(Reply::new("saved"))
            }
        })
        .wrap(move |_, _| {
            let notes = inner.clone();
            async move {
                notes.add(4);
                Err(Error::internal("lost"))
            }
        });
    assert_eq!(
        Server::start(setup).ask("event", json!([])).await,
        Some(json!("saved"))
    );
    assert_eq!(notes.all(), ["1", "6", "4", "2", "3"]);
}

#[tokio::test]
async fn should_compose_with_next() {
    // koa's outer `next` is what comes after the composition: here the handler.
    let server = Server::start(
        Setup::new()
            .wrap(compose([]))
            .on("event", |_| async { Ok("called") }),
    );
    assert_eq!(server.ask("event", json!([])).await, Some(json!("called")));
}

#[tokio::test]
async fn should_handle_errors_in_wrapped_non_async_functions() {
    // koa: a function that throws before it returns a promise.
    let setup = Setup::new().wrap(|_, _| -> std::future::Ready<Result<Reply>> { panic!("thrown") });
    let answer = Server::start(setup).ask("event", json!([])).await;
    assert_eq!(
        answer,
        Some(json!({"error": {"code": "internal", "message": "internal error"}}))
    );

    let setup = Setup::new()
        .wrap(|_, next: Next| async {
            let error = next.run().await.unwrap_err();
            Err(Error::new(
                "caught",
                error
                    .downcast_ref::<crate::router::Panic>()
                    .unwrap()
                    .message()
                    .to_owned(),
            ))
        })
        .on("event", |_| -> std::future::Ready<Result<()>> {
            panic!("thrown")
        });
    let answer = Server::start(setup).ask("event", json!([])).await;
    assert_eq!(
        answer,
        Some(json!({"error": {"code": "caught", "message": "thrown"}}))
    );
}

#[tokio::test(start_paused = true)]
async fn should_compose_with_other_compositions() {
    let notes = Notes::default();
    let pair = compose([
        BoxMiddleware::new(noting(&notes, 1, 6)),
        BoxMiddleware::new(noting(&notes, 2, 5)),
    ]);
    let all = compose([
        BoxMiddleware::new(pair),
        BoxMiddleware::new(noting(&notes, 3, 4)),
    ]);
    let setup = Setup::new().wrap(all).on("event", |_| async { Ok(()) });
    Server::start(setup).tell("event", json!([])).await;
    assert_eq!(notes.all(), ["1", "2", "3", "4", "5", "6"]);
}

#[tokio::test(start_paused = true)]
async fn should_return_a_valid_middleware() {
    let notes = Notes::default();
    let both = compose([
        BoxMiddleware::new(noting(&notes, 1, 4)),
        BoxMiddleware::new(noting(&notes, 2, 3)),
    ]);
    // The same composition around two namespaces, and around one handler.
    let route = crate::router::Route::closure("event", std::panic::Location::caller(), |_| async {
        Ok("in")
    });
    let setup = Setup::new().wrap(both.clone()).handlers(route.wrap(both));
    assert_eq!(
        Server::start(setup).ask("event", json!([])).await,
        Some(json!("in"))
    );
    assert_eq!(notes.all(), ["1", "2", "1", "2", "3", "4", "3", "4"]);
}

#[tokio::test]
async fn should_return_last_return_value() {
    let setup = Setup::new()
        .wrap(|_, next: Next| async {
            assert_eq!(next.run().await?.downcast_ref(), Some(&2));
            Ok(Reply::new(1))
        })
        .wrap(|_, next: Next| async {
            assert_eq!(next.run().await?.downcast_ref(), Some(&0));
            Ok(Reply::new(2))
        })
        .on("event", |_| async { Ok(0) });
    assert_eq!(
        Server::start(setup).ask("event", json!([])).await,
        Some(json!(1))
    );
}

#[tokio::test(start_paused = true)]
async fn should_not_affect_the_original_middleware_array() {
    let notes = Notes::default();
    let list = vec![BoxMiddleware::new(noting(&notes, 1, 2))];
    let _first = compose(list.clone());
    assert_eq!(list.len(), 1);
    let setup = Setup::new()
        .wrap(compose(list))
        .on("event", |_| async { Ok(()) });
    Server::start(setup).tell("event", json!([])).await;
    assert_eq!(notes.all(), ["1", "2"]);
}

#[tokio::test]
async fn should_not_get_stuck_on_the_passed_in_next() {
    let notes = Notes::default();
    let (inner, passed) = (notes.clone(), notes.clone());
    let list = [BoxMiddleware::new(move |_, next: Next| {
        inner.add("middleware");
        next.run()
    })];
    // The composition's own `next` goes on to what is inside, and not round in a circle.
    let setup = Setup::new()
        .wrap(compose(list))
        .wrap(move |_, next: Next| {
            passed.add("next");
            next.run()
        })
        .on("event", |_| async { Ok(()) });
    Server::start(setup).tell("event", json!([])).await;
    assert_eq!(notes.all(), ["middleware", "next"]);
}

#[tokio::test]
async fn skipping_next_skips_the_handler_and_answers_in_its_place() {
    let setup = Setup::new()
        .wrap(|_, _| async { Ok(Reply::new("closed on Sundays")) })
        .on("event", |_| async {
            Err::<(), _>(Error::internal("never runs"))
        });
    assert_eq!(
        Server::start(setup).ask("event", json!([])).await,
        Some(json!("closed on Sundays"))
    );
}

#[tokio::test]
async fn nothing_inside_runs_unless_next_is_awaited() {
    let notes = Notes::default();
    let noted = notes.clone();
    let setup = Setup::new()
        .wrap(|_, next: Next| async {
            drop(next.run());
            Ok(Reply::none())
        })
        .on("event", move |_| {
            noted.add("ran");
            async { Ok(()) }
        });
    Server::start(setup).tell("event", json!([])).await;
    assert!(notes.all().is_empty());
}

#[tokio::test(start_paused = true)]
async fn dropping_next_half_way_drops_the_handler() {
    let setup = Setup::new()
        .wrap(|_, next: Next| async {
            tokio::time::timeout(Duration::from_secs(1), next.run())
                .await
                .unwrap_or_else(|_| Ok(Reply::new("too slow")))
        })
        .on("event", |_| async {
            std::future::pending::<()>().await;
            Ok(())
        });
    assert_eq!(
        Server::start(setup).ask("event", json!([])).await,
        Some(json!("too slow"))
    );
}
