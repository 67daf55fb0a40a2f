//! Broadcasts to a thousand, back to back.

use koio::{Io, handlers};
use koio_tests::{Bare, serve};

use super::{Done, ask, drained, echo, storm};

/// Recipients. Each takes two files, as its client is in this process too.
const CROWD: usize = 1_000;
/// Broadcasts that begin between a question and its answer.
const MOST: u64 = 4;

#[tokio::test]
async fn continuous_broadcasts_delay_no_answer() {
    rlimit::increase_nofile_limit(u64::MAX).expect("more open files");
    let server = serve(Io::new().handlers(handlers![echo])).await;
    let crowd = Bare::crowd(server.addr, CROWD).await;
    let everybody = server.handle.local();
    everybody.sockets_join("crowd").expect("they are there");
    let mut asking = Bare::connect(server.addr).await;
    let drained = drained(crowd);
    let done = Done::default();
    let text = "x".repeat(32);
    let storm = tokio::spawn(storm(server.handle.clone(), "crowd", text, done.clone()));
    let most = ask(&mut asking, 20, &done).await;
    storm.abort();
    assert!(done.count() >= 20, "there was no storm");
    assert!(most <= MOST, "an answer waited for {most} broadcasts");
    assert!(
        drained.iter().all(|it| !it.is_finished()),
        "somebody was cut off"
    );
    assert_eq!(server.handle.counts().slow_consumers, 0);
}
