//! What waits to be published.

use std::{collections::VecDeque, fmt};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The most publications that go to the server in one write.
const BATCH_MESSAGES: usize = 512;
/// A batch ends with the publication that reaches so many bytes.
const BATCH_BYTES: usize = 1024 * 1024;
/// What a publication counts beside its size.
const OVERHEAD: usize = 64;

/// How much may wait to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PublishLimits {
    /// The most messages.
    pub(super) messages: usize,
    /// The most bytes, and 64 for each message. A message that is larger is taken while nothing waits.
    pub(super) bytes: usize,
}

impl Default for PublishLimits {
    /// 8,192 messages or 64 MiB.
    fn default() -> Self {
        Self {
            messages: 8_192,
            bytes: 64 * 1024 * 1024,
        }
    }
}

/// Something that waits to be published.
pub(super) trait Publication: Send {
    /// The bytes of its payload and of where it goes.
    fn size(&self) -> usize;
}

/// Why a message was not queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublishRefusal {
    /// As many messages wait as may.
    TooManyMessages { waiting: usize, limit: usize },
    /// As many bytes wait as may.
    TooManyBytes { waiting: usize, limit: usize },
    /// There is no connection to the server.
    NotConnected,
    /// The node has left.
    Closed,
}

impl fmt::Display for PublishRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyMessages { waiting, limit } => write!(
                f,
                "{waiting} messages wait to be published, the limit is {limit}"
            ),
            Self::TooManyBytes { waiting, limit } => write!(
                f,
                "{waiting} bytes wait to be published, the limit is {limit}"
            ),
            Self::NotConnected => f.write_str("there is no connection to the broker"),
            Self::Closed => f.write_str("the node has left the cluster"),
        }
    }
}

/// A bounded queue between the emitters and the task that publishes, in order.
#[derive(Debug)]
pub(super) struct PublishQueue<P> {
    limits: PublishLimits,
    waiting: Mutex<QueuedPublications<P>>,
    arrived: Notify,
    emptied: Notify,
}

#[derive(Debug)]
struct QueuedPublications<P> {
    items: VecDeque<P>,
    bytes: usize,
    state: QueueState,
    /// A batch was taken, and what became of it is not known yet.
    in_flight: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QueueState {
    Open,
    /// Nothing is taken while there is no connection.
    NotConnected,
    /// Nothing is taken any more.
    Closed,
}

impl<P: Publication> PublishQueue<P> {
    pub(super) fn new(limits: PublishLimits) -> Self {
        Self {
            limits,
            waiting: Mutex::new(QueuedPublications {
                items: VecDeque::new(),
                bytes: 0,
                state: QueueState::NotConnected,
                in_flight: false,
            }),
            arrived: Notify::new(),
            emptied: Notify::new(),
        }
    }

    /// Queues a message; never waits. Nothing is taken before [`open`](Self::open).
    pub(super) fn push(&self, publication: P) -> Result<(), PublishRefusal> {
        let mut waiting = self.waiting.lock();
        match waiting.state {
            QueueState::Open => {}
            QueueState::NotConnected => return Err(PublishRefusal::NotConnected),
            QueueState::Closed => return Err(PublishRefusal::Closed),
        }
        if waiting.items.len() >= self.limits.messages {
            return Err(PublishRefusal::TooManyMessages {
                waiting: waiting.items.len(),
                limit: self.limits.messages,
            });
        }
        let bytes = waiting.bytes + counted(&publication);
        if bytes > self.limits.bytes && !waiting.items.is_empty() {
            return Err(PublishRefusal::TooManyBytes {
                waiting: waiting.bytes,
                limit: self.limits.bytes,
            });
        }
        waiting.bytes = bytes;
        waiting.items.push_back(publication);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// The next messages, in order; `None` once the queue is closed and empty. What was taken counts as in flight until
    /// the next call. Cancel safe.
    pub(super) async fn next_batch(&self) -> Option<Vec<P>> {
        loop {
            {
                let mut waiting = self.waiting.lock();
                waiting.in_flight = false;
                if let Some(batch) = waiting.take_batch() {
                    return Some(batch);
                }
                self.emptied.notify_waiters();
                if waiting.state == QueueState::Closed {
                    return None;
                }
            }
            self.arrived.notified().await;
        }
    }

    /// There is a connection: messages are taken from now on.
    pub(super) fn open(&self) {
        let mut waiting = self.waiting.lock();
        if waiting.state == QueueState::NotConnected {
            waiting.state = QueueState::Open;
        }
    }

    /// There is no connection: messages are refused from now on. Returns how many are lost with it that waited.
    pub(super) fn refuse(&self) -> u64 {
        let mut waiting = self.waiting.lock();
        if waiting.state == QueueState::Open {
            waiting.state = QueueState::NotConnected;
        }
        waiting.in_flight = false;
        waiting.bytes = 0;
        let lost = std::mem::take(&mut waiting.items);
        drop(waiting);
        self.emptied.notify_waiters();
        lost.len() as u64
    }

    /// Nothing is taken any more; what waits is still given out.
    pub(super) fn close(&self) {
        self.waiting.lock().state = QueueState::Closed;
        self.arrived.notify_one();
    }

    /// Waits until nothing waits and nothing is in flight.
    pub(super) async fn flushed(&self) {
        loop {
            let emptied = self.emptied.notified();
            {
                let waiting = self.waiting.lock();
                if waiting.items.is_empty() && !waiting.in_flight {
                    return;
                }
            }
            emptied.await;
        }
    }

    /// Whether it was closed.
    pub(super) fn is_closed(&self) -> bool {
        self.waiting.lock().state == QueueState::Closed
    }

    /// How many messages wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.lock().items.len()
    }
}

fn counted(publication: &impl Publication) -> usize {
    publication.size() + OVERHEAD
}

impl<P: Publication> QueuedPublications<P> {
    fn take_batch(&mut self) -> Option<Vec<P>> {
        let (mut count, mut bytes) = (0, 0);
        for publication in self.items.iter().take(BATCH_MESSAGES) {
            count += 1;
            bytes += counted(publication);
            if bytes >= BATCH_BYTES {
                break;
            }
        }
        if count == 0 {
            return None;
        }
        self.bytes -= bytes;
        self.in_flight = true;
        Some(self.items.drain(..count).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    impl Publication for &'static str {
        fn size(&self) -> usize {
            self.len()
        }
    }

    fn queue(messages: usize, bytes: usize) -> PublishQueue<&'static str> {
        let queue = PublishQueue::new(PublishLimits { messages, bytes });
        queue.open();
        queue
    }

    #[tokio::test]
    async fn a_batch_is_all_that_waits_in_its_order() {
        let queue = queue(10, 10_000);
        for payload in ["1", "2", "3"] {
            assert_eq!(queue.push(payload), Ok(()));
        }
        assert_eq!(
            queue.next_batch().await.unwrap_or_default(),
            ["1", "2", "3"]
        );
        assert_eq!(queue.len(), 0);
    }

    #[tokio::test]
    async fn a_batch_ends_at_its_messages_and_at_its_bytes() {
        let queue = queue(10_000, 100 * BATCH_BYTES);
        for _ in 0..600 {
            assert_eq!(queue.push("x"), Ok(()));
        }
        assert_eq!(
            queue.next_batch().await.unwrap_or_default().len(),
            BATCH_MESSAGES
        );
        assert_eq!(
            queue.next_batch().await.unwrap_or_default().len(),
            600 - BATCH_MESSAGES
        );
        let large: &str = "x".repeat(BATCH_BYTES / 2).leak();
        for _ in 0..3 {
            assert_eq!(queue.push(large), Ok(()));
        }
        assert_eq!(queue.next_batch().await.unwrap_or_default().len(), 2);
        assert_eq!(queue.next_batch().await.unwrap_or_default().len(), 1);
    }

    #[tokio::test]
    async fn both_limits_are_kept_and_named() {
        let messages = queue(2, 10_000);
        assert_eq!(messages.push("1"), Ok(()));
        assert_eq!(messages.push("2"), Ok(()));
        let refusal = messages.push("3").expect_err("it is full");
        assert_eq!(
            refusal.to_string(),
            "2 messages wait to be published, the limit is 2"
        );
        messages.next_batch().await;
        assert_eq!(messages.push("3"), Ok(()));

        let bytes = queue(10, 100);
        let large: &str = "x".repeat(1_000).leak();
        assert_eq!(bytes.push(large), Ok(()), "nothing waits");
        let refusal = bytes.push("2").expect_err("it is full");
        assert_eq!(
            refusal.to_string(),
            "1064 bytes wait to be published, the limit is 100"
        );
        bytes.next_batch().await;
        assert_eq!(bytes.push("2"), Ok(()), "the bytes are free again");
    }

    #[tokio::test]
    async fn without_a_connection_nothing_is_taken_and_what_waited_is_counted() {
        let queue = queue(10, 10_000);
        assert_eq!(queue.push("1"), Ok(()));
        assert_eq!(queue.refuse(), 1);
        assert_eq!(queue.push("2"), Err(PublishRefusal::NotConnected));
        queue.open();
        assert_eq!(queue.push("3"), Ok(()));
        assert_eq!(queue.next_batch().await.unwrap_or_default(), ["3"]);
    }

    #[tokio::test]
    async fn a_closed_queue_gives_out_what_waits_and_ends() {
        let queue = queue(10, 10_000);
        assert_eq!(queue.push("1"), Ok(()));
        queue.close();
        assert_eq!(queue.push("2"), Err(PublishRefusal::Closed));
        queue.open();
        assert_eq!(queue.push("2"), Err(PublishRefusal::Closed));
        assert_eq!(queue.next_batch().await.unwrap_or_default(), ["1"]);
        assert!(queue.next_batch().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_flushed_only_when_the_last_batch_has_its_answer() {
        let queue = queue(10, 10_000);
        let is_flushed = async || {
            let flushed = timeout(Duration::from_millis(1), queue.flushed());
            flushed.await.is_ok()
        };
        assert!(is_flushed().await);
        assert_eq!(queue.push("1"), Ok(()));
        assert!(!is_flushed().await);
        queue.next_batch().await;
        assert!(!is_flushed().await, "it is on its way");
        let next = timeout(Duration::from_millis(1), queue.next_batch());
        assert!(next.await.is_err());
        assert!(is_flushed().await);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_a_batch_or_a_flush_is_woken() {
        let queue = queue(10, 10_000);
        let batch = async { queue.next_batch().await.unwrap_or_default() };
        let push = async {
            tokio::task::yield_now().await;
            queue.push("1")
        };
        let (batch, pushed) = tokio::join!(batch, push);
        assert_eq!((batch, pushed), (vec!["1"], Ok(())));
        let lost = async {
            tokio::task::yield_now().await;
            queue.refuse()
        };
        let (flushed, _) = tokio::join!(timeout(Duration::from_secs(1), queue.flushed()), lost);
        assert!(flushed.is_ok());
    }
}
