//! Which handler an event finds.

use serde_json::json;

use super::fake::Server;
use crate::router::Route;
use crate::router::Setup;
use crate::{Context, Namespace, Next, Reply};

fn answering(event: &'static str, answer: &'static str) -> Route {
    Route::closure(event, std::panic::Location::caller(), move |_| async move {
        Ok(answer)
    })
}

#[tokio::test]
async fn an_event_that_nothing_handles_is_answered_no_handler() {
    let answer = Server::start(Setup::new()).ask("what", json!([])).await;
    let message = "no handler takes the event `what`";
    assert_eq!(
        answer,
        Some(json!({"error": {"code": "no_handler", "message": message}}))
    );
    let server = Server::start(Setup::new());
    server.tell("what", json!([])).await;
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_star_takes_the_events_without_a_handler() {
    let setup = Setup::new()
        .on("known", |_| async { Ok("known") })
        .on(
            "*",
            |ctx| async move { Ok(format!("* got {}", ctx.event())) },
        );
    let server = Server::start(setup);
    assert_eq!(server.ask("known", json!([])).await, Some(json!("known")));
    assert_eq!(
        server.ask("unknown", json!([])).await,
        Some(json!("* got unknown"))
    );
}

#[tokio::test]
async fn a_client_can_not_send_the_life_cycle() {
    let setup = Setup::new()
        .on("connection", |_| async {
            Err::<(), _>(crate::Error::internal("it ran"))
        })
        .on("disconnect", |_| async {
            Err::<(), _>(crate::Error::internal("it ran"))
        });
    let server = Server::start(setup);
    let answer = server.ask("connection", json!([])).await.unwrap();
    assert_eq!(answer["error"]["code"], "no_handler");
    // `disconnect` as an event does not get through the decoder.
}

#[tokio::test]
async fn the_servers_middleware_is_around_every_namespace_and_a_namespaces_own_inside_it() {
    async fn outer(_: Context, next: Next) -> crate::Result<Reply> {
        let reply = next.run().await?;
        Ok(Reply::new(format!(
            "outer {}",
            reply.downcast_ref::<String>().unwrap()
        )))
    }
    async fn inner(_: Context, next: Next) -> crate::Result<Reply> {
        let reply = next.run().await?;
        Ok(Reply::new(format!(
            "inner {}",
            reply.downcast_ref::<&str>().unwrap()
        )))
    }
    let chat = Namespace::new()
        .wrap(inner)
        .handlers(answering("event", "handler"));
    let setup = Setup::new().wrap(outer).namespace("/chat", chat);
    let server = Server::start_in("/chat", setup);
    assert_eq!(
        server.ask("event", json!([])).await,
        Some(json!("outer inner handler"))
    );
}

#[tokio::test]
async fn a_handler_that_names_a_namespace_goes_there() {
    let setup = Setup::new()
        .handlers(vec![
            answering("event", "root"),
            answering("event", "chat").namespace("/chat"),
        ])
        .namespace("/news", Namespace::new());
    let server = Server::start_in("/chat", setup);
    assert_eq!(server.ask("event", json!([])).await, Some(json!("chat")));
    assert!(
        server.has_namespace("/") && server.has_namespace("/chat") && server.has_namespace("/news")
    );
    assert!(!server.has_namespace("/other") && !server.has_namespace("chat"));
}

#[tokio::test]
async fn a_timeout_drops_the_handler() {
    tokio::time::pause();
    let slow = Route::closure("event", std::panic::Location::caller(), |_| async {
        std::future::pending::<()>().await;
        Ok(())
    });
    let setup = Setup::new().handlers(slow.timeout(std::time::Duration::from_secs(5)));
    let answer = Server::start(setup).ask("event", json!([])).await.unwrap();
    assert_eq!(answer["error"]["code"], "timeout");
}

#[test]
fn describe_shows_the_middleware_of_each_handler() {
    async fn timing(_: Context, next: Next) -> crate::Result<Reply> {
        next.run().await
    }
    let chat = Namespace::new()
        .wrap(timing)
        .handlers(answering("join", "in").wrap(timing));
    let setup = Setup::new()
        .wrap(timing)
        .namespace("chat", chat)
        .handlers(vec![
            answering("event", "root").arg::<String>("text"),
            answering("leave", "out").namespace("/chat"),
        ]);
    let table = setup.describe();
    let rows: Vec<_> = table
        .rows()
        .iter()
        .map(|row| {
            (
                row.namespace(),
                row.event(),
                row.answer(),
                row.middleware().len(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("/", "event", "&str", 1),
            ("/chat", "leave", "&str", 2),
            ("/chat", "join", "&str", 3)
        ]
    );
    let text = table.to_string();
    assert!(text.starts_with("namespace  event  handler"), "{text}");
    assert!(
        text.contains("names.rs:") && text.contains("timing > timing"),
        "{text}"
    );
    assert_eq!(
        table.rows()[0].arguments(),
        [("text", "alloc::string::String")]
    );
}
