//! One who never stops sending.

use std::io::Write;
use std::net::Shutdown;
use std::thread;

use koio::{Io, State, handlers, on};
use koio_tests::{Bare, Frame, serve};

use super::{Done, ask, echo};

/// Turns of the one who never stops between a question and its answer. After each the server looks at the network:
/// one for the question to be seen, one for the answer, and as much again for what chance may add.
const TURNS: u64 = 4;

#[on("drop")]
async fn drop_of_water(_: String, done: State<Done>) {
    done.one_more();
}

#[tokio::test]
async fn a_client_that_never_stops_sending_delays_no_answer() {
    let most = while_it_pours(1).await;
    assert!(most <= TURNS * 128, "an answer waited for {most} events");
}

#[tokio::test]
async fn a_client_that_never_stops_sending_big_messages_delays_no_answer() {
    // Each counts as five.
    let most = while_it_pours(16 * 1024).await;
    assert!(
        most <= TURNS * 128 / 4,
        "an answer waited for {most} events"
    );
}

/// How many events of so many bytes were handled at most while somebody else waited for an answer.
async fn while_it_pours(bytes: usize) -> u64 {
    let done = Done::default();
    let io = Io::new().state(done.clone());
    let server = serve(io.handlers(handlers![echo, drop_of_water])).await;
    let mut asking = Bare::connect(server.addr).await;
    let firehose = Bare::connect(server.addr).await.into_stream();
    let firehose = firehose.into_std().expect("a stream");
    firehose
        .set_nonblocking(false)
        .expect("a stream that waits");
    let valve = firehose.try_clone().expect("a stream");
    // On a thread of its own, so that the server finds more whenever it looks.
    let pumping = thread::spawn(move || {
        let drop = Frame::text(format!(r#"42["drop","{}"]"#, "x".repeat(bytes)));
        let water = drop.bytes().repeat(1 + 100_000 / bytes);
        while (&firehose).write_all(&water).is_ok() {}
    });
    while done.count() < 2_000 {
        tokio::task::yield_now().await;
    }
    let most = ask(&mut asking, 20, &done).await;
    assert!(!pumping.is_finished(), "the firehose was cut off");
    valve.shutdown(Shutdown::Both).expect("a stream");
    pumping.join().expect("a thread");
    most
}
