//! The least that is a handler.

use koio::{describe::IntoRoutes as _, handlers, on};

#[on("ping")]
async fn ping() {}

#[on("several")]
async fn several(first: u32) -> impl serde::Serialize {
    koio::args![first, "second"]
}

#[on("perhaps")]
async fn perhaps(first: u32) -> koio::Result<impl serde::Serialize> {
    Ok(koio::args![first, "second"])
}

#[test]
fn an_answer_may_be_a_type_without_a_name() {
    let routes = handlers![several, perhaps].into_routes();
    assert_eq!(routes.len(), 2);
}

#[test]
fn a_handler_is_still_a_function() {
    let _future = ping();
}

#[test]
fn a_route_knows_its_event_and_where_it_was_written() {
    let routes = handlers![ping].into_routes();
    let [route] = routes.as_slice() else {
        panic!("one handler is one route");
    };
    let meta = route.meta();
    assert_eq!(meta.event, "ping");
    assert_eq!(meta.name, "pass::minimal::ping");
    assert!(meta.file.ends_with("minimal.rs"), "{}", meta.file);
    assert_eq!(meta.line, 5, "where the attribute stands");
}
