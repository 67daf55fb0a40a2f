//! One who never stops sending.

use std::io::Write;
use std::net::Shutdown;
use std::thread;

use koio::{Io, State, handlers, on};
use koio_tests::{Bare, Frame, serve};

use super::{Done, ask, echo};

/// Events of the one who never stops that are handled between a question and its answer. A session handles up to 128
/// in a turn, and tokio looks at the network after 61 turns if nobody yields: twice that for the question and for the
/// answer, and as much again for what chance may add.
const MOST: u64 = 4 * 61 * 128;

#[on("drop")]
async fn drop_of_water(done: State<Done>) {
    done.one_more();
}

#[tokio::test]
async fn who_never_stops_sending_holds_up_no_answer() {
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
        let water = Frame::text(r#"42["drop"]"#).bytes().repeat(4_000);
        while (&firehose).write_all(&water).is_ok() {}
    });
    while done.count() < 10_000 {
        tokio::task::yield_now().await;
    }
    let most = ask(&mut asking, 20, &done).await;
    assert!(!pumping.is_finished(), "the firehose was cut off");
    assert!(most <= MOST, "an answer waited for {most} events");
    valve.shutdown(Shutdown::Both).expect("a stream");
    pumping.join().expect("a thread");
}
