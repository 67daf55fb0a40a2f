//! The life of one socket inside its connection's task: connect, events one at a time, disconnect.

use std::{
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Sleep;
use tracing::error;

use super::{Accept, Dispatch, Socket, SocketConfig, dispatch::BoxFuture, event_queue::EventQueue};
use crate::{
    engine::CloseReason,
    observe::{Observation, Observers},
    wire::Event,
};

/// Events that one socket handles in one turn, before its connection reads and writes again.
const EVENTS_PER_POLL: usize = 64;

/// A socket, its queue, and the one future that runs for it.
pub(super) struct SocketDriver {
    socket: Socket,
    dispatch: Box<dyn Dispatch>,
    running: Option<BoxFuture>,
    queue: EventQueue,
    closing: Option<Closing>,
    /// Its CONNECT has not been looked at.
    is_new: bool,
}

struct Closing {
    reason: CloseReason,
    /// When what still runs is dropped.
    until: Option<Pin<Box<Sleep>>>,
    /// The disconnect handler has been started.
    told: bool,
}

/// A runtime that ends drops its tasks unfinished. The rooms hold the socket and the socket its server, so it has to
/// leave them for either to be freed.
impl Drop for SocketDriver {
    fn drop(&mut self) {
        self.socket.close();
    }
}

/// Whether a driver is still needed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Running,
    Ended,
}

impl SocketDriver {
    pub(super) fn new(socket: Socket, mut dispatch: Box<dyn Dispatch>) -> Self {
        let connecting = dispatch.connect(&socket, Accept::new(socket.clone()));
        Self {
            socket,
            dispatch,
            running: Some(connecting),
            queue: EventQueue::default(),
            closing: None,
            is_new: true,
        }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Whether it is connecting or connected.
    pub(super) fn is_open(&self) -> bool {
        self.closing.is_none()
    }

    /// Whether its CONNECT was answered, and events may come.
    pub(super) fn is_accepted(&self) -> bool {
        self.is_open() && self.was_accepted()
    }

    /// Whether its CONNECT was answered, even if it has closed since.
    pub(super) fn was_accepted(&self) -> bool {
        self.socket.was_accepted()
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_none() && self.queue.is_empty() && self.closing.is_none()
    }

    /// Whether something waits and nothing is under way before it. A CONNECT that has just arrived is under way
    /// from the start.
    pub(super) fn is_startable(&self) -> bool {
        self.is_new || self.running.is_none()
    }

    /// Gives back what an idle socket does not need. Called once a turn, not after every event.
    pub(super) fn tidy(&mut self) {
        self.queue.rest();
        self.dispatch.rest();
    }

    /// Whether events wait.
    pub(super) fn has_queue(&self) -> bool {
        !self.queue.is_empty()
    }

    pub(super) fn is_full(&self, config: &SocketConfig) -> bool {
        self.queue.is_full(config)
    }

    /// Takes an event. It is begun here and now if nothing comes before it: what is under way already is polled in
    /// its turn, and polling it for every message would be waste.
    pub(super) fn event(&mut self, event: &mut Option<Event>, cx: &mut Context<'_>) {
        let socket = &self.socket;
        socket
            .observers()
            .notify_added(|| Observation::EventReceived {
                namespace: socket.namespace(),
                socket: socket.id(),
                event: event.as_ref().map_or("", Event::name),
            });
        if self.running.is_some() || !self.queue.is_empty() {
            if let Some(event) = event.take() {
                self.queue.push(event);
            }
            return;
        }
        match self.begin(event, cx) {
            Ok(_) => {}
            Err(_) => error!(socket = %self.socket.id(), "panic outside a handler"),
        }
    }

    /// The socket is over. Events that came before are still handled, unless it was the server that ended it:
    /// who was put out has nothing more to say.
    pub(super) fn close(&mut self, reason: CloseReason) {
        if self.closing.is_some() {
            return;
        }
        self.socket.close();
        if !matches!(
            reason,
            CloseReason::ClientNamespaceDisconnect
                | CloseReason::TransportClose
                | CloseReason::TransportError
                | CloseReason::PingTimeout
        ) {
            self.queue.clear();
        }
        if self.was_accepted() {
            let socket = &self.socket;
            socket.observers().notify(&Observation::Disconnected {
                namespace: socket.namespace(),
                socket: socket.id(),
                reason,
            });
        }
        self.closing = Some(Closing {
            reason,
            until: None,
            told: false,
        });
    }

    /// The server will not wait any longer for what runs here. True if the disconnect handler is still due: nothing
    /// suppresses it, but it has only the time until this is called again.
    pub(super) fn give_up(&mut self, observers: &Observers) -> bool {
        self.socket.close();
        self.queue.clear();
        if self.drop_running() {
            self.handler_dropped(observers, format_args!("the server shuts down"));
        }
        self.was_accepted() && self.closing.as_ref().is_some_and(|closing| !closing.told)
    }

    /// Runs whatever can run.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        observers: &Observers,
        grace: Duration,
    ) -> Progress {
        self.is_new = false;
        for _ in 0..EVENTS_PER_POLL {
            let polled = match &mut self.running {
                Some(running) => {
                    // The router reports panics of handlers itself; this keeps the connection alive whatever
                    // happens.
                    std::panic::catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx)))
                }
                None => match self.next_event() {
                    mut event @ Some(_) => self.begin(&mut event, cx),
                    None if self.start_last() => continue,
                    None => return self.rest(),
                },
            };
            match polled {
                Ok(Poll::Pending) => {
                    if !self.is_out_of_time(cx, grace) {
                        return Progress::Running;
                    }
                    let queued = self.queue.len();
                    self.handler_dropped(
                        observers,
                        format_args!(
                            "it outlived its socket by {grace:?}, {queued} events behind it"
                        ),
                    );
                    // The grace is for all of them together.
                    self.queue.clear();
                }
                Ok(Poll::Ready(())) => {}
                Err(_) => error!(socket = %self.socket.id(), "panic outside a handler"),
            }
            self.finish_running();
        }
        cx.waker().wake_by_ref();
        Progress::Running
    }

    fn handler_dropped(&self, observers: &Observers, cause: fmt::Arguments<'_>) {
        observers.notify(&Observation::HandlerDropped {
            namespace: self.socket.namespace(),
            socket: self.socket.id(),
            cause,
        });
    }

    fn next_event(&mut self) -> Option<Event> {
        if !self.was_accepted() {
            return None;
        }
        self.queue.pop()
    }

    /// Runs an event as far as it goes at once, and keeps what is left of it.
    fn begin(
        &mut self,
        event: &mut Option<Event>,
        cx: &mut Context<'_>,
    ) -> std::thread::Result<Poll<()>> {
        let Self {
            socket, dispatch, ..
        } = self;
        let begun =
            std::panic::catch_unwind(AssertUnwindSafe(|| dispatch.event(socket, event, cx)));
        self.running = begun?;
        Ok(match self.running {
            Some(_) => Poll::Pending,
            None => Poll::Ready(()),
        })
    }

    /// Drops what runs; false if nothing did. What a user's future holds may panic when it is dropped, which must
    /// keep neither this socket nor another one of its connection from its disconnect handler.
    fn drop_running(&mut self) -> bool {
        let Some(running) = self.running.take() else {
            return false;
        };
        if std::panic::catch_unwind(AssertUnwindSafe(|| drop(running))).is_err() {
            error!(socket = %self.socket.id(), "panic while a handler was dropped");
        }
        true
    }

    fn finish_running(&mut self) {
        self.drop_running();
        if !self.socket.is_answered() {
            Accept::new(self.socket.clone()).refuse("internal error", None);
        }
        if !self.was_accepted() {
            // Refused: it was never there.
            self.close(CloseReason::ServerNamespaceDisconnect);
        }
    }

    /// Starts the end of the socket, once nothing else is left; false if there is nothing to start.
    fn start_last(&mut self) -> bool {
        match &mut self.closing {
            // Who was accepted is told about the end, once, after everything else.
            Some(closing) if self.socket.was_accepted() && !closing.told => {
                closing.told = true;
                // The last handler gets a grace of its own.
                closing.until = None;
                self.running = Some(self.dispatch.disconnect(&self.socket, closing.reason));
                true
            }
            _ => false,
        }
    }

    fn rest(&self) -> Progress {
        if self.closing.is_some() {
            Progress::Ended
        } else {
            Progress::Running
        }
    }

    fn is_out_of_time(&mut self, cx: &mut Context<'_>, grace: Duration) -> bool {
        let Some(closing) = &mut self.closing else {
            return false;
        };
        let until = closing
            .until
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(grace)));
        until.as_mut().poll(cx).is_ready()
    }
}
