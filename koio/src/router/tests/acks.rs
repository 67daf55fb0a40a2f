//! Answers: by the return value, by an `Ack`, or by an error.

use serde::Serialize;
use serde_json::json;

use super::fake::{Notes, Server};
use crate::router::Answer as _;
use crate::router::Route;
use crate::router::Setup;
use crate::{
    Ack, Context, Error, Reply, Result,
    router::private::{Call, IntoReply as _, Meta, Out},
};

#[derive(Serialize)]
struct Receipt {
    delivered: bool,
}

/// A handler that takes an `Ack`, as the macro would write it.
fn with_ack<F, Fut>(handler: F) -> Setup
where
    F: Fn(Ack) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    let meta = Meta {
        event: "event",
        name: "with_ack",
        file: "acks.rs",
        line: 1,
    };
    let route = Route::new(meta, move |mut call: Call| {
        let handler = handler.clone();
        async move {
            let ack = call.read::<Ack>("ack").await?;
            call.finish()?;
            Out(handler(ack).await).into_reply(&call)
        }
    });
    Setup::new().handlers(route.arg::<Ack>("ack").answer::<Result<()>>(false))
}

#[tokio::test]
async fn the_return_value_is_the_answer() {
    let setup = Setup::new().on("event", |_| async { Ok(Receipt { delivered: true }) });
    assert_eq!(
        Server::start(setup).ask("event", json!([])).await,
        Some(json!({"delivered": true}))
    );
}

/// Converting a value is not answering: with nothing around the handler as with a middleware.
#[tokio::test]
async fn into_reply_converts_and_does_not_send() {
    async fn odd(ctx: Context) -> Result<Reply> {
        let number: u8 = ctx.args()?.next()?;
        let reply = number.into_reply(&ctx);
        assert_eq!(reply.downcast_ref::<u8>(), Some(&number));
        if number.is_multiple_of(2) {
            return Err(Error::new("even", "an even number"));
        }
        Ok(reply)
    }
    let alone = Setup::new().on("event", odd);
    let wrapped = Setup::new().wrap(|_, next| next.run()).on("event", odd);
    for setup in [alone, wrapped] {
        let server = Server::start(setup);
        assert_eq!(server.ask("event", json!([3])).await, Some(json!(3)));
        let refused = server.ask("event", json!([4])).await.unwrap();
        assert_eq!(refused["error"]["code"], "even");
    }
}

#[tokio::test]
async fn nothing_is_sent_to_a_client_that_asked_for_no_ack() {
    let server = Server::start(Setup::new().on("event", |_| async { Ok(1) }));
    server.tell("event", json!([])).await;
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_value_that_can_not_be_written_answers_internal() {
    // JSON has no keys that are lists.
    let setup = Setup::new().on("event", |_| async {
        Ok(std::collections::HashMap::from([(vec![1], 1)]))
    });
    let answer = Server::start(setup).ask("event", json!([])).await;
    assert_eq!(
        answer,
        Some(json!({"error": {"code": "internal", "message": "internal error"}}))
    );
}

#[tokio::test]
async fn a_result_is_never_written_as_a_value() {
    let failed = || -> std::result::Result<u8, Error> { Err(Error::new("no", "no")) };
    let setup = Setup::new()
        .wrap(move |ctx, _| async move {
            let call = Call::in_onion(ctx);
            let is_one = |reply: Result<crate::Reply>| {
                reply.is_ok_and(|reply| reply.downcast_ref::<u8>() == Some(&1))
            };
            Ok(crate::Reply::new([
                Out(failed())
                    .into_reply(&call)
                    .is_err_and(|error| error.code() == "no"),
                is_one(Out(Ok::<u8, Error>(1)).into_reply(&call)),
                is_one(Out(1_u8).into_reply(&call)),
                // A reply that a handler made itself passes through.
                is_one(Out(crate::Reply::new(1_u8)).into_reply(&call)),
            ]))
        })
        .on("event", |_| async { Ok(()) });
    assert_eq!(
        Server::start(setup).ask("event", json!([])).await,
        Some(json!([true, true, true, true]))
    );
    let direct = Setup::new().on("event", move |_| async move { failed() });
    assert_eq!(
        Server::start(direct).ask("event", json!([])).await,
        Some(json!({"error": {"code": "no", "message": "no"}}))
    );
}

#[tokio::test]
async fn an_ack_may_answer_while_the_handler_runs() {
    let setup = with_ack(|ack| async {
        ack.send("early");
        Ok(())
    });
    assert_eq!(
        Server::start(setup).ask("event", json!([])).await,
        Some(json!("early"))
    );
}

#[tokio::test]
async fn an_ack_may_answer_after_the_handler_has_returned() {
    let (give, mut take) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(with_ack(move |ack| {
        give.send(ack).unwrap();
        async { Ok(()) }
    }));
    assert_eq!(server.ask("event", json!([])).await, None);
    take.recv().await.unwrap().send("late");
    assert_eq!(server.answer_to(0), Some(json!("late")));
}

#[tokio::test]
async fn an_ack_dropped_unsent_answers_unanswered() {
    let server = Server::start(with_ack(|ack| async {
        drop(ack);
        Ok(())
    }));
    let answer = server.ask("event", json!([])).await.unwrap();
    assert_eq!(answer["error"]["code"], "unanswered");

    let (give, mut take) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(with_ack(move |ack| {
        give.send(ack).unwrap();
        async { Ok(()) }
    }));
    assert_eq!(server.ask("event", json!([])).await, None);
    drop(take.recv().await);
    assert_eq!(server.answer_to(0).unwrap()["error"]["code"], "unanswered");
}

#[tokio::test]
async fn a_handler_that_takes_its_ack_and_fails_answers_its_error() {
    let setup = with_ack(|_ack| async { Err(Error::new("no", "changed my mind")) });
    let answer = Server::start(setup).ask("event", json!([])).await.unwrap();
    assert_eq!(answer["error"]["code"], "no");
}

#[tokio::test]
async fn a_second_answer_is_ignored() {
    let setup = with_ack(|ack| async {
        ack.send("first");
        Err(Error::new("second", "second"))
    });
    assert_eq!(
        Server::start(setup).ask("event", json!([])).await,
        Some(json!("first"))
    );
}

#[tokio::test]
async fn an_ack_may_fail() {
    let setup = with_ack(|ack| async {
        ack.fail(Error::new("full", "no seats left").data(3));
        Ok(())
    });
    let answer = Server::start(setup).ask("event", json!([])).await;
    assert_eq!(
        answer,
        Some(json!({"error": {"code": "full", "message": "no seats left", "data": 3}}))
    );
}

/// The codes of the errors that were reported, and the setup that reports them.
fn reporting(setup: Setup) -> (Setup, Notes) {
    let notes = Notes::default();
    let reported = notes.clone();
    let report = move |error: &Error, ctx: &Context| {
        reported.add(format!("{}: {}", ctx.event(), error.code()));
    };
    (setup.on_error(report), notes)
}

#[tokio::test]
async fn a_hidden_error_that_an_ack_fails_with_is_reported_also_if_nobody_waits() {
    let (setup, reported) = reporting(with_ack(|ack| async {
        ack.fail(std::io::Error::other("the disk is full"));
        Ok(())
    }));
    let server = Server::start(setup);
    let answer = server.ask("event", json!([])).await.unwrap();
    assert_eq!(answer["error"]["code"], "internal");
    assert_eq!(reported.all(), ["event: internal"]);
    server.tell("event", json!([])).await;
    assert_eq!(reported.all().len(), 2);
}

/// Writing it panics.
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
        panic!("as the test wants it")
    }
}

#[derive(Debug)]
struct NoSuchUser;

impl std::fmt::Display for NoSuchUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no such user")
    }
}

impl std::error::Error for NoSuchUser {}

#[tokio::test]
async fn an_ack_replies_with_what_a_handler_may_return() {
    let answered = async |setup: Setup| {
        let (setup, reported) = reporting(setup);
        let setup = setup.map_error(|_: &NoSuchUser| Error::new("no_such_user", "nobody"));
        let answer = Server::start(setup).ask("event", json!([])).await.unwrap();
        (answer, reported.all())
    };
    macro_rules! assert_replies {
        ($result:expr, $answer:tt) => {{
            let setup = with_ack(|ack| async {
                ack.reply($result);
                Ok(())
            });
            assert_eq!(answered(setup).await, (json!($answer), Vec::new()));
        }};
        ($result:expr, error $code:literal) => {{
            let setup = with_ack(|ack| async {
                ack.reply::<Unwritable>($result);
                Ok(())
            });
            let (answer, reported) = answered(setup).await;
            assert_eq!(answer["error"]["code"], $code);
            assert_eq!(reported, [concat!("event: ", $code)]);
        }};
    }
    assert_replies!(Ok("a value"), "a value");
    assert_replies!(Ok(Reply::new(7)), 7);
    assert_replies!(Ok(crate::args![1, 2]), [1, 2]);
    assert_replies!(Err(Error::new("taken", "it is")), error "taken");
    assert_replies!(Err(NoSuchUser.into()), error "no_such_user");
    assert_replies!(Ok(Unwritable), error "internal");
}

#[tokio::test]
async fn a_task_that_replies_with_its_result_loses_neither_errors_nor_panics() {
    for (how, code) in [("error", "internal"), ("panic", "internal"), ("fine", "")] {
        let (give, mut take) = tokio::sync::mpsc::unbounded_channel();
        let (setup, reported) = reporting(with_ack(move |ack| {
            let task = tokio::spawn(ack.reply_with(async move {
                tokio::task::yield_now().await;
                assert!(how != "panic");
                if how == "error" {
                    Err(NoSuchUser)?;
                }
                Ok(how)
            }));
            give.send(task).unwrap();
            async { Ok(()) }
        }));
        let server = Server::start(setup);
        assert_eq!(server.ask("event", json!([])).await, None);
        take.recv().await.unwrap().await.unwrap();
        let answer = server.answer_to(0).unwrap();
        if code.is_empty() {
            assert_eq!((answer, reported.all()), (json!(how), Vec::new()));
        } else {
            assert_eq!(answer["error"]["code"], code, "{how}");
            assert_eq!(reported.all(), [format!("event: {code}")]);
        }
    }
}

#[tokio::test]
async fn a_second_reply_is_ignored_and_its_error_reported() {
    let (give, mut take) = tokio::sync::mpsc::unbounded_channel();
    let (setup, reported) = reporting(with_ack(move |ack| {
        give.send(ack).unwrap();
        async { Err(Error::new("first", "first")) }
    }));
    let server = Server::start(setup);
    let answer = server.ask("event", json!([])).await.unwrap();
    assert_eq!(answer["error"]["code"], "first");
    let ack = take.recv().await.unwrap();
    ack.reply::<()>(Err(Error::new("second", "second")));
    assert_eq!(server.answer_to(0).unwrap()["error"]["code"], "first");
    assert_eq!(reported.all(), ["event: first", "event: second"]);
    assert_eq!(server.socket.observers().counts().second_answers, 1);
}

#[tokio::test]
async fn an_ack_does_nothing_if_the_client_asked_for_none() {
    let setup = with_ack(|ack| async {
        assert!(!ack.is_wanted());
        ack.send("to nobody");
        Ok(())
    });
    let server = Server::start(setup);
    server.tell("event", json!([])).await;
    assert!(server.received().is_empty());
}
