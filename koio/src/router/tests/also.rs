//! Several handlers of one event.

use serde_json::json;

use super::fake::{Notes, Server};
use crate::Error;
use crate::router::Route;
use crate::router::Setup;

fn noting(notes: &Notes, note: &'static str) -> Route {
    let notes = notes.clone();
    Route::closure("event", std::panic::Location::caller(), move |_| {
        notes.add(note);
        async { Ok(()) }
    })
}

#[tokio::test]
async fn the_others_run_after_the_first_in_the_order_of_the_list() {
    let notes = Notes::default();
    let list = vec![
        noting(&notes, "second").also(),
        noting(&notes, "first"),
        noting(&notes, "third").also(),
    ];
    Server::start(Setup::new().handlers(list))
        .tell("event", json!([]))
        .await;
    assert_eq!(notes.all(), ["first", "second", "third"]);
}

#[tokio::test]
async fn only_the_first_answers() {
    let notes = Notes::default();
    let setup = Setup::new()
        .on("event", |_| async { Ok("answer") })
        .handlers(noting(&notes, "other").also());
    assert_eq!(
        Server::start(setup).ask("event", json!([])).await,
        Some(json!("answer"))
    );
    assert_eq!(notes.all(), ["other"]);
}

#[tokio::test]
async fn a_handler_that_fails_does_not_keep_the_others_from_running() {
    let notes = Notes::default();
    let seen = notes.clone();
    let failing = Route::closure("event", std::panic::Location::caller(), |_| async {
        Err::<(), _>(Error::new("second", "second"))
    });
    let setup = Setup::new()
        .on("event", |_| async {
            Err::<(), _>(Error::new("first", "first"))
        })
        .handlers(vec![failing.also(), noting(&notes, "third").also()])
        .on_error(move |error, _| seen.add(error.code()));
    let answer = Server::start(setup).ask("event", json!([])).await.unwrap();
    assert_eq!(answer["error"]["code"], "first");
    assert_eq!(notes.all(), ["second", "third", "first"]);
}
