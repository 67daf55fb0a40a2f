//! Every case of the official protocol suites, by its title, with the suites' own timing.
//!
//! The cases about Engine.IO are in both suites and are written once, in `cases`; the Socket.IO
//! suite asks a little less of some of them, and gets the same.

mod cases;
mod engine;
mod engine_3;
mod examples;
mod socket;

use std::time::Duration;

const PING_INTERVAL: Duration = Duration::from_millis(300);
const PING_TIMEOUT: Duration = Duration::from_millis(200);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);

/// The test of this title: a case of `cases` on a fresh server of the suite.
macro_rules! case {
    ($suite:ident, $title:ident, $case:ident) => {
        #[tokio::test]
        async fn $title() {
            let server = crate::protocol::$suite::server().await;
            crate::protocol::cases::$case(server.target()).await;
        }
    };
}
use case;
