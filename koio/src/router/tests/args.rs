//! The arguments of a handler, and payloads that do not fit them.

use serde_json::json;

use super::fake::{Notes, Server};
use crate::router::Requirements;
use crate::router::Route;
use crate::router::Setup;
use crate::router::Try;
use crate::socket::SocketConfig;
use crate::{
    Args, Context, FromEvent, Handshake, Result, Socket, State,
    router::private::{Call, IntoReply as _, Meta, Out},
};

/// A handler with one argument, as the macro would write it.
fn taking<T, F, A>(name: &'static str, handler: F) -> Route
where
    T: FromEvent + 'static,
    F: Fn(T) -> A + Copy + Send + Sync + 'static,
    A: serde::Serialize + Send + 'static,
{
    let meta = Meta {
        event: "event",
        name: "taking",
        file: "args.rs",
        line: 1,
    };
    Route::new(meta, move |mut call: Call| async move {
        let value = call.read::<T>(name).await?;
        call.finish()?;
        Out(handler(value)).into_reply(&call)
    })
    .arg::<T>(name)
    .answer::<A>(true)
}

fn one<T, A>(name: &'static str, handler: impl Fn(T) -> A + Copy + Send + Sync + 'static) -> Server
where
    T: FromEvent + 'static,
    A: serde::Serialize + Send + 'static,
{
    Server::start(Setup::new().handlers(taking(name, handler)))
}

#[tokio::test]
async fn arguments_are_read_by_position() {
    let setup = Setup::new().on("event", |ctx| async move {
        let mut args = ctx.args()?;
        let (text, number): (String, u8) = (args.next()?, args.next()?);
        assert_eq!(args.position(), 2);
        Ok(format!("{text}{number}"))
    });
    assert_eq!(
        Server::start(setup)
            .ask("event", json!(["a", 1, "more"]))
            .await,
        Some(json!("a1"))
    );
}

#[tokio::test]
async fn an_option_is_none_for_an_argument_that_is_missing_or_null() {
    let server = one("text", |text: Option<String>| text.is_none());
    assert_eq!(server.ask("event", json!([])).await, Some(json!(true)));
    assert_eq!(server.ask("event", json!([null])).await, Some(json!(true)));
    assert_eq!(server.ask("event", json!(["a"])).await, Some(json!(false)));
}

#[tokio::test]
async fn a_missing_argument_is_a_bad_request_that_names_it() {
    let answer = one("text", |text: String| text)
        .ask("event", json!([]))
        .await
        .unwrap();
    assert_eq!(
        answer["error"],
        json!({"code": "bad_request", "message": "argument 1 (`text`) is missing"})
    );
}

#[tokio::test]
async fn missing_arguments_count_too() {
    let setup = Setup::new().on("event", |ctx| async move {
        let mut args = ctx.args()?;
        let _: (Option<u8>, Option<u8>) = (args.next()?, args.next()?);
        args.next::<u8>()
    });
    let answer = Server::start(setup).ask("event", json!([1])).await.unwrap();
    assert_eq!(answer["error"]["message"], "argument 3 is missing");
}

#[tokio::test]
async fn an_argument_that_does_not_fit_is_a_bad_request_that_names_it_and_the_reason() {
    let answer = one("number", |number: u8| number)
        .ask("event", json!(["seven"]))
        .await
        .unwrap();
    assert_eq!(answer["error"]["code"], "bad_request");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("argument 1 (`number`) does not fit: invalid type"),
        "{message}"
    );
}

#[tokio::test]
async fn the_reason_is_cut_before_it_fills_logs_and_answers() {
    let long = "ä".repeat(5_000);
    let answer = one("number", |number: u8| number)
        .ask("event", json!([long]))
        .await
        .unwrap();
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.len() < 350, "{} bytes", message.len());
}

#[tokio::test]
async fn the_handler_does_not_run_when_an_argument_does_not_fit() {
    let notes = Notes::default();
    let seen = notes.clone();
    let setup = Setup::new()
        .handlers(taking("number", |_: u8| -> () { panic!("it ran") }))
        .on_error(move |error, _| seen.add(error.code()));
    Server::start(setup).tell("event", json!(["seven"])).await;
    assert_eq!(notes.all(), ["bad_request"]);
}

#[tokio::test]
async fn arguments_that_are_no_json_close_the_connection_without_an_answer_or_a_report() {
    let notes = Notes::default();
    let setup = || {
        let seen = notes.clone();
        Setup::new()
            .on("event", |_| async { Ok("never") })
            .on_error(move |error, _| seen.add(error.code()))
    };
    for event in ["event", "unknown"] {
        let server = Server::start(setup());
        assert_eq!(server.ask_raw(event, ",nope").await, None);
        assert!(server.received().is_empty());
        assert_eq!(server.protocol_errors(), 1);
    }
    assert!(notes.all().is_empty());
}

#[tokio::test]
async fn try_shows_the_error_to_the_handler() {
    let server = one("age", |age: Try<u8>| age.0.is_err());
    assert_eq!(server.ask("event", json!([12])).await, Some(json!(false)));
    assert_eq!(server.ask("event", json!([-1])).await, Some(json!(true)));
}

#[tokio::test]
async fn args_pass_on_what_arrived() {
    let server = one("all", |all: Args| all);
    assert_eq!(
        server.ask("event", json!([1, {"a": "b"}])).await,
        Some(json!([1, {"a": "b"}]))
    );
}

#[tokio::test]
async fn context_socket_and_handshake_are_arguments() {
    let server = one("ctx", |ctx: Context| ctx.event().to_owned());
    assert_eq!(server.ask("event", json!([])).await, Some(json!("event")));
    let server = one("socket", |socket: Socket| socket.id().to_string());
    assert_eq!(
        server.ask("event", json!([])).await,
        Some(json!(server.socket.id().to_string()))
    );
    let server = one("handshake", |handshake: Handshake| {
        handshake.auth::<serde_json::Value>().unwrap()
    });
    assert_eq!(server.ask("event", json!([])).await, Some(json!({})));
}

struct Db(&'static str);
struct Repository(State<Db>);

impl FromEvent for Repository {
    async fn from_event(ctx: &Context, args: &mut Args) -> Result<Self> {
        State::from_event(ctx, args).await.map(Self)
    }

    fn requires(requirements: &mut Requirements) {
        State::<Db>::requires(requirements);
    }
}

#[tokio::test]
async fn a_type_of_the_users_own_may_be_an_argument() {
    let route = taking("repository", |repository: Repository| repository.0.0);
    let server = Server::start(Setup::new().state(Db("here")).handlers(route));
    assert_eq!(server.ask("event", json!([])).await, Some(json!("here")));
}

#[test]
fn a_missing_requirement_is_found_at_the_start_through_aliases_and_wrappers() {
    type Alias = Try<Repository>;
    let setup = Setup::new().handlers(taking("db", |_: Alias| ()));
    let error = setup.freeze(&SocketConfig::default()).unwrap_err();
    assert!(error.is_setup());
    assert!(
        error
            .message()
            .contains("`taking` (args.rs:1) takes the state"),
        "{error}"
    );
    assert!(error.message().contains("Db"), "{error}");
}

#[tokio::test]
async fn args_are_read_by_index_and_one_after_the_other() {
    let server = one("all", |mut all: Args| {
        let third: Option<u8> = all.get(2).unwrap();
        let beyond: Option<u8> = all.get(7).unwrap();
        assert_eq!((all.len(), third, beyond), (3, Some(3), None));
        assert!(all.get::<u8>(0).unwrap_err().is_bad_request());
        let first: String = all.next().unwrap();
        let mut clone = all.clone();
        let seconds: (bool, bool) = (all.next().unwrap(), clone.next().unwrap());
        assert_eq!(seconds, (true, true));
        assert_eq!(all.len(), 3);
        first
    });
    let answer = server.ask("event", json!(["a", true, 3])).await;
    assert_eq!(answer, Some(json!("a")));
}

#[tokio::test]
async fn get_names_the_argument_that_does_not_fit() {
    let server = one("all", |all: Args| {
        let messages = [1, 5].map(|index| all.get::<u8>(index).unwrap_err().message().to_owned());
        messages.join("; ")
    });
    let answer = server.ask("event", json!([1, "two"])).await.unwrap();
    let answer = answer.as_str().unwrap();
    assert!(answer.starts_with("argument 2 does not fit: "), "{answer}");
    assert!(answer.ends_with("; argument 6 is missing"), "{answer}");
}
