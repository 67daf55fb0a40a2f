//! Errors: how they are answered, observed, and given codes.

use std::fmt;

use serde_json::json;

use super::fake::{Notes, Server};
use crate::error::BoxError;
use crate::router::Panic;
use crate::router::Setup;
use crate::{Error, Next, Result};

#[derive(Debug)]
struct NoSuchUser(u32);

impl fmt::Display for NoSuchUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no user {}", self.0)
    }
}

impl std::error::Error for NoSuchUser {}

fn find(id: u32) -> Result<(), NoSuchUser> {
    Err(NoSuchUser(id))
}

#[test]
fn an_error_is_one_pointer() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
}

#[tokio::test]
async fn an_error_of_ones_own_is_shown_with_its_data() {
    let setup = Setup::new().on("event", |_| async {
        Err::<(), _>(Error::new("taken", "by ann").data(["ann"]))
    });
    let answer = Server::start(setup).ask("event", json!([])).await;
    assert_eq!(
        answer,
        Some(json!({"error": {"code": "taken", "message": "by ann", "data": ["ann"]}}))
    );
}

#[tokio::test]
async fn any_error_converts_and_is_hidden_and_kept() {
    let notes = Notes::default();
    let seen = notes.clone();
    let setup = Setup::new()
        .on("event", |_| async { Ok(find(3)?) })
        .on_error(move |error, ctx| {
            seen.add(format!(
                "{} {:?} {error}",
                ctx.event(),
                error.downcast_ref::<NoSuchUser>()
            ));
        });
    let answer = Server::start(setup).ask("event", json!([])).await;
    assert_eq!(
        answer,
        Some(json!({"error": {"code": "internal", "message": "internal error"}}))
    );
    assert_eq!(notes.all(), ["event Some(NoSuchUser(3)) no user 3"]);
}

#[tokio::test]
async fn a_hidden_error_tells_the_client_nothing() {
    let hidden = || Error::new("db_down", "pg-1 is gone").data("secret").hide();
    let setup = Setup::new().on("event", move |_| async move { Err::<(), _>(hidden()) });
    let answer = Server::start(setup).ask("event", json!([])).await;
    assert_eq!(
        answer,
        Some(json!({"error": {"code": "internal", "message": "internal error"}}))
    );
}

#[tokio::test]
async fn map_error_gives_a_domain_error_its_code_before_the_middleware_sees_it() {
    let notes = Notes::default();
    let seen = notes.clone();
    let setup = Setup::new()
        .map_error::<NoSuchUser>(|error| Error::new("no_such_user", error.to_string()))
        .wrap(move |_, next: Next| {
            let notes = seen.clone();
            async move {
                let result = next.run().await;
                if let Err(error) = &result {
                    notes.add(error.code());
                    assert!(
                        error.downcast_ref::<NoSuchUser>().is_some(),
                        "the source is kept"
                    );
                }
                result
            }
        })
        .on("event", |_| async { Ok(find(3)?) });
    let answer = Server::start(setup).ask("event", json!([])).await;
    assert_eq!(
        answer,
        Some(json!({"error": {"code": "no_such_user", "message": "no user 3"}}))
    );
    assert_eq!(notes.all(), ["no_such_user"]);
}

#[tokio::test]
async fn map_error_also_sees_what_a_middleware_fails_with() {
    let setup = Setup::new()
        .map_error::<NoSuchUser>(|_| Error::new("no_such_user", "nobody"))
        .wrap(|_, _| async { find(1).map(|()| crate::Reply::none()).map_err(Error::from) });
    let answer = Server::start(setup).ask("event", json!([])).await.unwrap();
    assert_eq!(answer["error"]["code"], "no_such_user");
}

#[tokio::test]
async fn a_middleware_sees_the_mapped_code_of_what_fails_in_a_middleware_inside_it() {
    let (notes, maps) = (Notes::default(), Notes::default());
    let (seen, observed, mapped) = (notes.clone(), notes.clone(), maps.clone());
    let setup = Setup::new()
        .wrap(move |_, next: Next| {
            let seen = seen.clone();
            async move {
                let reply = next.run().await;
                let error = reply.as_ref().unwrap_err();
                seen.add(format!(
                    "{} {:?}",
                    error.code(),
                    error.downcast_ref::<NoSuchUser>()
                ));
                reply
            }
        })
        .wrap(|_, next: Next| async { next.run().await })
        .wrap(|_, _: Next| async { Ok(find(3).map(|()| crate::Reply::none())?) })
        .on("event", |_| async { Ok(()) })
        // Hidden, so that it looks like one that is still to be mapped.
        .map_error::<NoSuchUser>(move |error| {
            mapped.add(error);
            Error::internal("mapped")
        })
        .on_error(move |error, _| observed.add(format!("observed {error}")));
    Server::start(setup).ask("event", json!([])).await;
    assert_eq!(
        notes.all(),
        ["internal Some(NoSuchUser(3))", "observed mapped"]
    );
    assert_eq!(maps.all(), ["no user 3"], "an error is mapped once");
}

#[tokio::test]
async fn every_observer_sees_an_error_and_none_can_change_the_answer() {
    let notes = Notes::default();
    let (first, second) = (notes.clone(), notes.clone());
    let setup = Setup::new()
        .on("event", |_| async { Err::<(), _>(Error::new("no", "no")) })
        .on_error(move |_, _| {
            first.add("first");
            panic!("an observer's own bug");
        })
        .on_error(move |_, _| second.add("second"));
    let answer = Server::start(setup).ask("event", json!([])).await.unwrap();
    assert_eq!(answer["error"]["code"], "no");
    assert_eq!(notes.all(), ["first", "second"]);
}

#[tokio::test]
async fn an_error_that_a_middleware_caught_is_not_reported_unless_it_says_so() {
    let notes = Notes::default();
    let seen = notes.clone();
    let setup = Setup::new()
        .wrap(|ctx: crate::Context, next: Next| async move {
            match next.run().await {
                Err(error) if error.code() == "report" => {
                    ctx.report(&error);
                    Ok(crate::Reply::none())
                }
                Err(_) => Ok(crate::Reply::none()),
                reply => reply,
            }
        })
        .on("silent", |_| async {
            Err::<(), _>(Error::new("silent", ""))
        })
        .on("report", |_| async {
            Err::<(), _>(Error::new("report", ""))
        })
        .on_error(move |error, _| seen.add(error.code()));
    let server = Server::start(setup);
    server.tell("silent", json!([])).await;
    server.tell("report", json!([])).await;
    assert_eq!(notes.all(), ["report"]);
}

#[tokio::test]
async fn a_panic_is_caught_in_any_poll_and_the_next_event_is_handled() {
    let notes = Notes::default();
    let seen = notes.clone();
    let setup = Setup::new()
        .on("event", |_| async {
            tokio::task::yield_now().await;
            if true {
                panic!("in the second poll");
            }
            Ok(())
        })
        .on("next", |_| async { Ok("fine") })
        .on_error(move |error, _| seen.add(error.downcast_ref::<Panic>().unwrap().message()));
    let server = Server::start(setup);
    let answer = server.ask("event", json!([])).await;
    assert_eq!(
        answer,
        Some(json!({"error": {"code": "internal", "message": "internal error"}}))
    );
    assert_eq!(notes.all(), ["in the second poll"]);
    assert_eq!(server.ask("next", json!([])).await, Some(json!("fine")));
}

#[test]
fn a_boxed_error_comes_out_as_it_went_in() {
    let boxed: BoxError = Error::new("taken", "by ann").into();
    assert_eq!(boxed.to_string(), "by ann");
    assert_eq!(Error::from_boxed(boxed).code(), "taken");
    let other: BoxError = Box::new(NoSuchUser(1));
    let error = Error::from_boxed(other);
    assert!(error.is_internal() && error.downcast_ref::<NoSuchUser>().is_some());
}

#[test]
fn debug_names_the_sources_once() {
    let error = Error::from(NoSuchUser(1));
    assert_eq!(format!("{error:?}"), "internal: no user 1");
    let error = Error::new("a", "b").because(Box::new(NoSuchUser(1)));
    assert_eq!(format!("{error:?}"), "a: b\n  because: no user 1");
}

#[test]
fn bail_and_ensure_return_early() {
    fn seat(number: u32) -> Result<u32> {
        crate::ensure!(number > 0, "no_such_seat", "seats start at {}", 1);
        if number > 40 {
            crate::bail!("no_such_seat", "there is no seat {number}");
        }
        Ok(number)
    }
    assert_eq!(seat(0).unwrap_err().message(), "seats start at 1");
    assert_eq!(seat(41).unwrap_err().message(), "there is no seat 41");
    assert_eq!(seat(40).unwrap(), 40);
}

#[test]
fn each_of_koios_own_errors_matches_its_own_method_only() {
    type Question = fn(&Error) -> bool;
    let questions: [(Error, &'static str, Question); 10] = [
        (
            Error::bad_request(""),
            Error::BAD_REQUEST,
            Error::is_bad_request,
        ),
        (Error::internal(""), Error::INTERNAL, Error::is_internal),
        (Error::timeout(""), Error::TIMEOUT, Error::is_timeout),
        (Error::overloaded(), Error::OVERLOADED, Error::is_overloaded),
        (
            Error::no_handler("e"),
            Error::NO_HANDLER,
            Error::is_no_handler,
        ),
        (Error::unanswered(), Error::UNANSWERED, Error::is_unanswered),
        (Error::closed(), Error::CLOSED, Error::is_closed),
        (Error::full("full"), Error::FULL, Error::is_full),
        (
            Error::disconnected(),
            Error::DISCONNECTED,
            Error::is_disconnected,
        ),
        (Error::setup(""), Error::SETUP, Error::is_setup),
    ];
    for (error, code, _) in &questions {
        assert_eq!(error.code(), *code);
        let yes = questions.iter().filter(|(_, _, is)| is(error));
        assert_eq!(yes.map(|(_, code, _)| *code).collect::<Vec<_>>(), [*code]);
    }
}

#[test]
fn an_error_of_the_program_with_a_code_of_koios_is_not_koios_own() {
    let closed = Error::new(Error::CLOSED, "the shop is closed");
    assert_eq!(closed.code(), "closed");
    assert!(!closed.is_closed());
    assert!(!Error::new("internal", "x").hide().is_internal());
}

#[test]
fn an_error_is_what_main_returns_and_what_other_crates_carry() {
    fn run() -> Result<(), Box<dyn std::error::Error>> {
        find(3).map_err(Error::from)?;
        Err(Error::new("c", "m"))?
    }
    fn run_sync() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err(Error::new("c", "m"))?
    }
    let error = run().unwrap_err();
    assert_eq!(error.to_string(), "no user 3");
    assert!(error.source().unwrap().is::<NoSuchUser>());
    assert_eq!(format!("{:?}", run_sync().unwrap_err()), "c: m");
}

#[cfg(feature = "anyhow")]
#[test]
fn anyhow_takes_an_error_by_question_mark_and_keeps_its_sources() {
    fn run() -> anyhow::Result<()> {
        Err(Error::from(NoSuchUser(3)))?
    }
    let error = run().unwrap_err();
    assert_eq!(error.to_string(), "no user 3");
    assert!(error.chain().any(|cause| cause.is::<NoSuchUser>()));
    // And back, as a koio error that came in.
    let back = Error::from_boxed(error.into());
    assert_eq!(back.message(), "no user 3");
}
