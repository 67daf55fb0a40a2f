//! The events of other servers whose handlers run on this node.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
};

use tokio::{
    sync::{Notify, mpsc},
    task::{AbortHandle, JoinSet},
};

use super::super::{IncomingServerEvent, NeutralPacket, ServerFailure, ServerHandlers};

/// Gives the handler's result to the server that waits for it.
pub(super) type AnswerServer = Box<dyn FnOnce(Result<NeutralPacket, ServerFailure>) + Send>;

/// Starts the handlers in the order of their events, in a task of its own: what a handler does before it waits for the first
/// time holds up no other message. Behind that each runs in its own task.
pub(super) struct ServerEvents {
    queue: mpsc::UnboundedSender<StartedEvent>,
    running: Arc<RunningEvents>,
    limit: usize,
    starter: AbortHandle,
}

/// How many events wait to start or run.
#[derive(Default)]
struct RunningEvents {
    count: AtomicUsize,
    ended: Notify,
    /// Whether no further event is taken.
    is_closed: AtomicBool,
}

/// An event that counts as running. The queue of them is bounded by that count.
struct StartedEvent {
    event: IncomingServerEvent,
    answer: AnswerServer,
    _place: PlaceOfEvent,
}

/// The place of one event in the count, until it is dropped.
pub(super) struct PlaceOfEvent(Arc<RunningEvents>);

impl Drop for PlaceOfEvent {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify_waiters();
    }
}

/// Why an event was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventRefused {
    /// As many run as may.
    Full { running: usize, limit: usize },
    /// The node leaves the cluster.
    Closed,
}

impl ServerEvents {
    /// At most `limit` events wait or run at once.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(super) fn start(handlers: Arc<dyn ServerHandlers>, limit: usize) -> Self {
        let (queue, events) = mpsc::unbounded_channel();
        Self {
            queue,
            running: Arc::default(),
            limit,
            starter: tokio::spawn(start_in_order(handlers, events)).abort_handle(),
        }
    }

    /// A place for one event.
    pub(super) fn place(&self) -> Result<PlaceOfEvent, EventRefused> {
        if self.running.is_closed.load(Ordering::Acquire) {
            return Err(EventRefused::Closed);
        }
        // Only the node's own task takes places.
        let running = self.running.count.load(Ordering::Acquire);
        if running >= self.limit {
            return Err(EventRefused::Full {
                running,
                limit: self.limit,
            });
        }
        self.running.count.fetch_add(1, Ordering::AcqRel);
        Ok(PlaceOfEvent(Arc::clone(&self.running)))
    }

    /// Queues an event for its handler. `answer` is called once with the result; it is dropped with the handler.
    pub(super) fn push(
        &self,
        place: PlaceOfEvent,
        event: IncomingServerEvent,
        answer: AnswerServer,
    ) {
        // It fails when the node has left meanwhile.
        let _ = self.queue.send(StartedEvent {
            event,
            answer,
            _place: place,
        });
    }

    /// Takes no further event. Resolves when those that were taken have ended.
    pub(super) async fn ended(&self) {
        self.running.is_closed.store(true, Ordering::Release);
        loop {
            let ended = self.running.ended.notified();
            if self.running.count.load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Drops the events that wait and the handlers that run, and says how many those are.
    pub(super) fn abort(&self) -> usize {
        self.running.is_closed.store(true, Ordering::Release);
        self.starter.abort();
        self.running.count.load(Ordering::Acquire)
    }
}

impl Drop for ServerEvents {
    fn drop(&mut self) {
        self.starter.abort();
    }
}

async fn start_in_order(
    handlers: Arc<dyn ServerHandlers>,
    mut events: mpsc::UnboundedReceiver<StartedEvent>,
) {
    // Dropped with this task, and the handlers in it.
    let mut running = JoinSet::new();
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            Some(_) = running.join_next(), if !running.is_empty() => continue,
        };
        let Some(StartedEvent {
            event,
            answer,
            _place: place,
        }) = event
        else {
            return;
        };
        let Some(mut handler) = handlers.handle(event) else {
            answer(Err(ServerFailure::NoHandler));
            continue;
        };
        // Polled here once, so that handlers start in the order of their events.
        match poll_fn(|cx| Poll::Ready(handler.as_mut().poll(cx))).await {
            Poll::Ready(result) => answer(result),
            Poll::Pending => {
                running.spawn(async move {
                    let _place = place;
                    answer(handler.await);
                });
            }
        }
    }
}
