//! Nobody is held up by what others do: by a storm of broadcasts, by one who never stops sending, by one who never
//! reads.
//!
//! How long somebody waits is counted in what the others got done meanwhile, not in time: on a busy machine all of it
//! takes longer, and the count stays the same. The server has one thread, on which the clients that ask run as well,
//! so an answer takes some rounds of the scheduler however fair the server is: one for the question to be seen, one
//! for the answer, and what was under way already. The limits leave room for that, and not for much more.

mod firehose;
mod silent;
mod storm;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use koio::{IoHandle, on};
use koio_tests::{Bare, within};
use tokio::task::JoinHandle;

/// Counts what is done.
#[derive(Clone, Default)]
struct Done(Arc<AtomicU64>);

impl Done {
    fn one_more(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[on("echo")]
async fn echo(number: u64) -> u64 {
    number
}

/// Asks so often, one question after the other, and returns what was done at most between a question and its answer.
async fn ask(client: &mut Bare, times: u64, done: &Done) -> u64 {
    let mut most = 0;
    for number in 0..times {
        let before = done.count();
        client.send(&[&format!(r#"421["echo",{number}]"#)]).await;
        let answer = format!("431[{number}]");
        within("an answer", client.until(answer.as_bytes())).await;
        most = most.max(done.count() - before);
    }
    most
}

/// Tasks that read whatever comes, one for each client. Such a task ends when its client is cut off.
fn drained(crowd: Vec<Bare>) -> Vec<JoinHandle<()>> {
    crowd
        .into_iter()
        .map(|it| tokio::spawn(it.drain()))
        .collect()
}

/// Broadcasts to a room for ever, one right after the other.
async fn storm(io: IoHandle, room: &'static str, text: String, done: Done) {
    loop {
        io.to(room).emit("news", &text).expect("nobody's fault");
        done.one_more();
        tokio::task::yield_now().await;
    }
}
