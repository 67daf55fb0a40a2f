//! The events `connection` and `disconnect`.

use serde_json::json;

use super::fake::{Notes, Server};
use crate::router::Route;
use crate::router::Setup;
use crate::{
    Auth, CloseReason, Context, Error, Namespace, Next, Reply,
    router::private::{Call, Meta},
};

fn noting(notes: &Notes, event: &'static str, note: &'static str) -> Route {
    let notes = notes.clone();
    Route::closure(event, std::panic::Location::caller(), move |_| {
        notes.add(note);
        async { Ok(()) }
    })
}

#[tokio::test]
async fn connect_is_answered_at_the_centre_just_before_the_handler_runs() {
    let notes = Notes::default();
    let (around, inside) = (notes.clone(), notes.clone());
    let connected = |what: &str, ctx: &Context| format!("{what}: {}", ctx.socket().is_connected());
    let setup = Setup::new()
        .wrap(move |ctx: Context, next: Next| {
            let notes = around.clone();
            async move {
                notes.add(connected("in", &ctx));
                let reply = next.run().await;
                notes.add(connected("out", &ctx));
                reply
            }
        })
        .on("connection", move |ctx| {
            inside.add(connected("handler", &ctx));
            async { Ok(()) }
        });
    assert_eq!(Server::start(setup).connect().await, ["accepted"]);
    assert_eq!(notes.all(), ["in: false", "handler: true", "out: true"]);
}

#[tokio::test]
async fn a_namespace_without_a_connection_handler_accepts_clients() {
    assert_eq!(Server::start(Setup::new()).connect().await, ["accepted"]);
}

#[tokio::test]
async fn an_error_on_the_way_in_refuses_with_message_and_data() {
    let setup = Setup::new()
        .wrap(|_, _| async {
            Err(Error::new("unauthorized", "log in first").data(json!({"retry": false})))
        })
        .on("connection", |_| async { Ok(()) });
    assert_eq!(
        Server::start(setup).connect().await,
        [r#"refused: log in first {"code":"unauthorized","retry":false}"#]
    );
}

#[tokio::test]
async fn a_hidden_error_and_a_panic_on_the_way_in_refuse_in_general_terms() {
    let setup = Setup::new().wrap(|_, _| async { Err(Error::internal("pg-1 is gone")) });
    assert_eq!(
        Server::start(setup).connect().await,
        [r#"refused: internal error {"code":"internal"}"#]
    );
    let setup = Setup::new().wrap(|_, _| async { panic!("a bug") });
    assert_eq!(
        Server::start(setup).connect().await,
        [r#"refused: internal error {"code":"internal"}"#]
    );
}

#[tokio::test]
async fn returning_without_next_refuses() {
    let setup = Setup::new()
        .wrap(|_, _| async { Ok(Reply::none()) })
        .on("connection", |_| async { Ok(()) });
    assert_eq!(
        Server::start(setup).connect().await,
        [r#"refused: connection refused {"code":"refused"}"#]
    );
}

#[tokio::test]
async fn an_error_after_connect_is_reported_and_disconnects() {
    let notes = Notes::default();
    let seen = notes.clone();
    let setup = Setup::new()
        .on("connection", |_| async {
            Err::<(), _>(Error::new("late", "changed my mind"))
        })
        .on_error(move |error, _| seen.add(error.code()));
    assert_eq!(
        Server::start(setup).connect().await,
        ["accepted", "disconnect"]
    );
    assert_eq!(notes.all(), ["late"]);
}

#[derive(serde::Deserialize)]
struct User {
    name: String,
}

/// A connection handler that takes `Auth<User>`, as the macro would write it.
fn with_auth() -> Setup {
    let meta = Meta {
        event: "connection",
        name: "with_auth",
        file: "lifecycle.rs",
        line: 1,
    };
    let route = Route::new(meta, |mut call: Call| async move {
        let auth = call.read::<Auth<User>>("auth").await?;
        call.finish()?;
        Ok(Reply::new(auth.0.name))
    });
    Setup::new().handlers(route.arg::<Auth<User>>("auth"))
}

#[tokio::test]
async fn auth_that_does_not_fit_refuses_the_client_before_it_is_accepted() {
    let received = Server::start_with("/", r#"{"name":"ann"}"#, with_auth())
        .connect()
        .await;
    assert_eq!(received, ["accepted"]);
    let received = Server::start_with("/", "{}", with_auth()).connect().await;
    assert_eq!(received.len(), 1);
    assert!(received[0].starts_with("refused: auth"), "{received:?}");
}

#[tokio::test]
async fn also_works_for_the_life_cycle() {
    let notes = Notes::default();
    let setup = Setup::new().handlers(vec![
        noting(&notes, "connection", "first"),
        noting(&notes, "connection", "second").also(),
        noting(&notes, "disconnect", "third"),
        noting(&notes, "disconnect", "fourth").also(),
    ]);
    let server = Server::start(setup);
    server.connect().await;
    server.disconnect().await;
    assert_eq!(notes.all(), ["first", "second", "third", "fourth"]);
}

#[tokio::test]
async fn a_refused_connection_runs_no_handler() {
    let notes = Notes::default();
    let refusing = |_: Context, _: Next| async { Ok(Reply::none()) };
    let setup = Setup::new().handlers(vec![
        noting(&notes, "connection", "first").wrap(refusing),
        noting(&notes, "connection", "second").also(),
    ]);
    assert_eq!(
        Server::start(setup).connect().await,
        [r#"refused: connection refused {"code":"refused"}"#]
    );
    assert!(notes.all().is_empty());
}

#[tokio::test]
async fn a_disconnect_passes_through_the_onion_and_knows_its_reason() {
    let notes = Notes::default();
    let (around, inside) = (notes.clone(), notes.clone());
    let setup = Setup::new()
        .wrap(move |ctx: Context, next: Next| {
            around.add(ctx.event());
            next.run()
        })
        .on("disconnect", move |ctx| {
            inside.add(ctx.close_reason().unwrap());
            async { Ok(()) }
        });
    Server::start(setup).disconnect().await;
    assert_eq!(
        notes.all(),
        [
            "disconnect".to_owned(),
            CloseReason::TransportClose.to_string()
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_can_suppress_a_disconnect() {
    let notes = Notes::default();
    let handlers = || {
        vec![
            noting(&notes, "disconnect", "first"),
            noting(&notes, "disconnect", "second").also(),
        ]
    };
    // Returning without `next`, failing, panicking.
    for setup in [
        Setup::new().wrap(|_, _| async { Ok(Reply::none()) }),
        Setup::new().wrap(|_, _| async { Err(Error::internal("no")) }),
        Setup::new().wrap(|_, _| async { panic!("no") }),
        Setup::new().namespace("/other", Namespace::new()),
    ] {
        Server::start(setup.handlers(handlers())).disconnect().await;
    }
    assert_eq!(notes.all(), ["first", "second"].repeat(4));

    // A middleware of the handler's own.
    let notes = Notes::default();
    let own = noting(&notes, "disconnect", "first").wrap(|_, _| async { Ok(Reply::none()) });
    let setup = Setup::new().handlers(vec![own, noting(&notes, "disconnect", "second").also()]);
    Server::start(setup).disconnect().await;
    assert_eq!(notes.all(), ["first", "second"]);

    // Giving up half-way: the handler that has started is dropped, the other runs.
    let notes = Notes::default();
    let noted = notes.clone();
    let setup = Setup::new()
        .wrap(|_, next: Next| async {
            let _ = tokio::time::timeout(std::time::Duration::from_secs(1), next.run()).await;
            Ok(Reply::none())
        })
        .on("disconnect", move |_| {
            noted.add("started");
            std::future::pending::<crate::Result<()>>()
        })
        .handlers(noting(&notes, "disconnect", "second").also());
    Server::start(setup).disconnect().await;
    assert_eq!(notes.all(), ["started", "second"]);
}

#[tokio::test]
async fn a_disconnect_handler_runs_once_and_its_failure_is_reported() {
    let notes = Notes::default();
    let (ran, seen) = (notes.clone(), notes.clone());
    let setup = Setup::new()
        .on("disconnect", move |_| {
            ran.add("ran");
            async { Err::<(), _>(Error::new("no", "no")) }
        })
        .on_error(move |error, _| seen.add(error.code()));
    Server::start(setup).disconnect().await;
    assert_eq!(notes.all(), ["ran", "no"]);
}

#[tokio::test]
async fn a_middleware_may_catch_the_failure_of_a_disconnect_handler() {
    let notes = Notes::default();
    let seen = notes.clone();
    let setup = Setup::new()
        .wrap(|_, next: Next| async {
            assert_eq!(next.run().await.unwrap_err().code(), "no");
            Ok(Reply::none())
        })
        .on("disconnect", |_| async {
            Err::<(), _>(Error::new("no", "no"))
        })
        .on_error(move |error, _| seen.add(error.code()));
    Server::start(setup).disconnect().await;
    assert!(notes.all().is_empty());
}
