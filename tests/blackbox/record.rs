//! What handlers leave behind for the test to read: one line for each thing that happened, in order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use koio::{CloseReason, Context, State, handlers, on};
use tokio::sync::Notify;

use crate::memory::within;

/// The lines so far. A clone is the same record.
#[derive(Clone, Default)]
pub(crate) struct Record(Arc<Inner>);

#[derive(Default)]
struct Inner {
    lines: Mutex<Vec<String>>,
    changed: Notify,
}

impl Record {
    pub(crate) fn push(&self, line: impl Into<String>) {
        let mut lines = self.0.lines.lock().expect("lines");
        lines.push(line.into());
        drop(lines);
        self.0.changed.notify_waiters();
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lines.lock().expect("lines").clone()
    }

    /// Takes the lines so far.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lines.lock().expect("lines"))
    }

    /// Waits until there are so many lines, and returns them.
    pub(crate) async fn reach(&self, count: usize) -> Vec<String> {
        let reached = async {
            loop {
                let changed = self.0.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                let lines = self.lines();
                if lines.len() >= count {
                    return lines;
                }
                changed.await;
            }
        };
        let what = format!("{count} lines");
        within(&what, reached).await
    }

    /// Waits until a line is this one.
    pub(crate) async fn until(&self, line: &str) -> Vec<String> {
        let mut count = 1;
        loop {
            let lines = self.reach(count).await;
            if lines.iter().any(|found| found == line) {
                return lines;
            }
            count = lines.len() + 1;
        }
    }
}

#[on("connection")]
async fn came(record: State<Record>) {
    record.push("came");
}

#[on("disconnect")]
async fn left(reason: CloseReason, record: State<Record>) {
    record.push(format!("left: {reason}"));
}

/// Works for so many milliseconds.
#[on("work")]
async fn work(number: u64, milliseconds: u64, record: State<Record>) -> u64 {
    record.push(format!("begin {number}"));
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    record.push(format!("end {number}"));
    number
}

/// Never comes to an end by itself; says when it is dropped.
#[on("stuck")]
async fn stuck(record: State<Record>) {
    let _dropped = Dropped(Record::clone(&record));
    record.push("stuck");
    std::future::pending().await
}

struct Dropped(Record);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.push("dropped");
    }
}

#[on("panic")]
async fn panics(record: State<Record>) {
    record.push("panic");
    panic!("as the test wants it")
}

/// Puts its own client out.
#[on("kick me")]
async fn kick_me(ctx: Context, record: State<Record>) {
    ctx.socket().disconnect();
    record.push(format!(
        "kicked, {}",
        ctx.emit("late", ()).is_err_and(|e| e.is_closed())
    ));
}

/// Handlers that record what they do, the life cycle included.
pub(crate) fn all() -> koio::Handlers {
    handlers![came, left, work, stuck, panics, kick_me]
}
