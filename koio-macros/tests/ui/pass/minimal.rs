//! The least that is a handler.

use koio::{IntoRoutes as _, handlers, on};

#[on("ping")]
async fn ping() {}

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
