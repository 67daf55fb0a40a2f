//! One who never reads.

use koio::{Io, handlers};
use koio_tests::{Bare, serve, within};

use super::{Done, ask, drained, echo, storm};

/// Broadcasts that begin between a question and its answer.
const MOST: u64 = 4;

#[tokio::test]
async fn a_client_that_never_reads_delays_no_answer() {
    let server = serve(Io::new().handlers(handlers![echo])).await;
    let crowd = Bare::crowd(server.addr, 20).await;
    let silent = Bare::connect(server.addr).await.into_stream();
    let everybody = server.handle.local();
    everybody.sockets_join("crowd").expect("they are there");
    let mut asking = Bare::connect(server.addr).await;
    let drained = drained(crowd);
    let done = Done::default();
    let text = "x".repeat(32 * 1024);
    let storm = tokio::spawn(storm(server.handle.clone(), "crowd", text, done.clone()));
    // What the system and the server keep for the silent one fills up meanwhile, and then it is cut off.
    let mut most = 0;
    let cut_off = async {
        while server.handle.counts().slow_consumers == 0 {
            most = most.max(ask(&mut asking, 1, &done).await);
        }
    };
    within("the end of the silent one", cut_off).await;
    storm.abort();
    assert!(most <= MOST, "an answer waited for {most} broadcasts");
    assert!(
        drained.iter().all(|it| !it.is_finished()),
        "somebody else was cut off"
    );
    assert_eq!(server.handle.counts().slow_consumers, 1);
    drop(silent);
}
