//! Handlers that register by their attribute alone.

use serde_json::json;

use super::fake::Server;
use crate::router::Route;
use crate::socket::SocketConfig;
use crate::{
    Reply,
    router::{Setup, private::Meta, setup::handlers::Routed, setup::setup::unlisted},
};

/// What the attribute makes of `async fn attributed() -> &'static str`.
struct Attributed {}

impl Routed for Attributed {
    fn route(self) -> Route {
        let meta = Meta {
            event: "attributed",
            name: "app::attributed",
            file: "discover.rs",
            line: 1,
        };
        Route::new(meta, |_| async { Ok(Reply::new("found")) }).answer::<&str>(true)
    }
}

crate::__private::register!(Attributed {});

#[tokio::test]
async fn discover_takes_what_the_attribute_registered() {
    let server = Server::start(Setup::discover());
    assert_eq!(
        server.ask("attributed", json!([])).await,
        Some(json!("found"))
    );
}

#[test]
fn a_handler_that_is_in_no_list_is_reported() {
    let names = |setup: Setup| -> Vec<_> {
        let forgotten = unlisted(&setup.describe());
        forgotten.iter().map(|meta| meta.name).collect()
    };
    assert_eq!(names(Setup::new()), ["app::attributed"]);
    assert!(names(Setup::new().handlers(Attributed {}.route())).is_empty());
    assert!(names(Setup::discover()).is_empty());
}

#[test]
fn a_function_that_is_discovered_and_listed_is_found_twice() {
    let setup = Setup::discover().handlers(Attributed {}.route());
    let error = setup.freeze(&SocketConfig::default()).unwrap_err();
    assert!(
        error.message().contains("is listed twice in `/`"),
        "{error}"
    );
}
