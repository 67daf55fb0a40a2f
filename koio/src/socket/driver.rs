//! Drives one socket inside its connection's task: connect, events one at a time, disconnect.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Sleep;
use tracing::error;

use super::{
    catch_unwind::{PanicPayload, caught},
    config::SocketConfig,
    dispatch::{Accept, BoxFuture, Dispatch},
    event_queue::{EventQueue, RunningEvents},
    socket::Socket,
};
use crate::{
    engine::CloseReason,
    observe::{Observation, Observers},
    wire::Event,
};

/// Events that one socket handles before its connection reads and writes again.
const EVENTS_PER_POLL: usize = 64;

/// A socket, its queue of events, and the one future that runs for it.
pub(super) struct SocketDriver {
    socket: Socket,
    dispatch: Box<dyn Dispatch>,
    running: Option<BoxFuture>,
    queue: EventQueue,
    closing: Option<Closing>,
    /// The connection handler has not been polled.
    is_new: bool,
    /// The weight of the event that runs.
    running_bytes: u32,
}

struct Closing {
    reason: CloseReason,
    /// When the running future is dropped.
    until: Option<Pin<Box<Sleep>>>,
    /// The disconnect handler has been started.
    disconnect_started: bool,
}

/// A runtime that ends drops its tasks unfinished. The rooms hold the socket, and the socket holds the server that
/// holds the rooms: closing takes it out of the rooms, so that both are freed.
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
            running_bytes: 0,
        }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Whether the socket is connecting or connected.
    pub(super) fn is_open(&self) -> bool {
        self.closing.is_none()
    }

    /// Whether the socket is open and its CONNECT was answered with CONNECT, so that events may come.
    pub(super) fn is_accepted(&self) -> bool {
        self.is_open() && self.was_accepted()
    }

    /// Whether its CONNECT was answered with CONNECT, even if it has closed since.
    pub(super) fn was_accepted(&self) -> bool {
        Accept::was_given_to(&self.socket)
    }

    /// Whether no future runs and no event waits.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_none() && self.queue.is_empty() && self.closing.is_none()
    }

    /// Whether [`poll`](Self::poll) would start something: no future runs, or the connection handler has not been
    /// polled.
    pub(super) fn is_startable(&self) -> bool {
        self.is_new || self.running.is_none()
    }

    /// Frees what an idle socket does not need. Called when the connection has nothing more to do, not for every event.
    pub(super) fn on_idle(&mut self) {
        self.queue.shrink();
        self.dispatch.on_idle();
    }

    /// Whether events wait.
    pub(super) fn has_queue(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The bytes of its events that wait beyond its own limits. They count in the connection's `read_ahead`.
    pub(super) fn parked_bytes(&mut self, config: &SocketConfig) -> usize {
        self.queue.parked_bytes(self.running_events(), config)
    }

    /// The events that run, for the bounds of the queue.
    fn running_events(&self) -> RunningEvents {
        RunningEvents {
            count: usize::from(self.running.is_some()),
            bytes: self.running_bytes as usize,
        }
    }

    /// Whether no event starts, because the client does not read the answers to earlier ones.
    fn is_held(&self) -> bool {
        self.socket.session().is_above_mark()
    }

    /// Whether an event waits for nothing else.
    pub(super) fn is_held_up(&self) -> bool {
        self.running.is_none() && self.has_queue()
    }

    /// Takes an event. If no event is before it, its handler starts here; otherwise it is queued. The running future is
    /// not polled: [`poll`](Self::poll) does that when it has been woken.
    pub(super) fn event(&mut self, event: &mut Option<Event>, cx: &mut Context<'_>) {
        let socket = &self.socket;
        socket
            .observers()
            .notify_added(|| Observation::EventReceived {
                namespace: socket.namespace(),
                socket: socket.id(),
                event: event.as_ref().map_or("", Event::name),
            });
        if self.running.is_some() || !self.queue.is_empty() || self.is_held() {
            if let Some(event) = event.take() {
                self.queue.push(event);
            }
            return;
        }
        match self.start(event, cx) {
            Ok(_) => {}
            Err(_) => error!(socket = %self.socket.id(), "panic outside a handler"),
        }
    }

    /// Closes the socket. Events that came before are still handled if it was the client or the network that ended it;
    /// if the server did, they are dropped.
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
            disconnect_started: false,
        });
    }

    /// Refuses a CONNECT that has not been decided in time, and drops the future that was to decide it. False if it has been
    /// decided.
    pub(super) fn refuse_undecided(&mut self, observers: &Observers, limit: Duration) -> bool {
        let accept = Accept::new(self.socket.clone());
        let message = format!("the server did not answer within {limit:?}");
        if !accept.refuse(&message, None) {
            return false;
        }
        let namespace = self.socket.namespace();
        self.handler_dropped(
            observers,
            format_args!(
                "it left CONNECT to {namespace} unanswered for `connect_timeout`, {limit:?}"
            ),
        );
        self.drop_running();
        self.close(CloseReason::ServerNamespaceDisconnect);
        true
    }

    /// The server shuts down: drops the events that wait, and lets nobody in any more. What runs goes on.
    pub(super) fn drain(&mut self) {
        self.drop_events(self.queue.len());
        self.queue.clear();
        if !self.was_accepted() {
            self.close(CloseReason::ServerShuttingDown);
        }
    }

    /// Whether nothing runs whose answer could reach the client.
    pub(super) fn is_drained(&self) -> bool {
        self.running.is_none() || !self.is_open()
    }

    /// Counts events that no handler runs for, because the server shuts down.
    pub(super) fn drop_events(&self, events: usize) {
        if events > 0 {
            self.socket.observers().notify(&Observation::EventsDropped {
                namespace: self.socket.namespace(),
                socket: self.socket.id(),
                events,
            });
        }
    }

    /// Drops the running future and the queued events, at the deadline of a shutdown. True if the disconnect handler
    /// has not started: it still runs, until this is called again.
    pub(super) fn give_up(&mut self, observers: &Observers) -> bool {
        self.socket.close();
        self.queue.clear();
        if self.drop_running() {
            self.handler_dropped(observers, format_args!("the server shuts down"));
        }
        let is_due = |closing: &Closing| !closing.disconnect_started;
        self.was_accepted() && self.closing.as_ref().is_some_and(is_due)
    }

    /// Polls the running future, and starts the events that wait behind it.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        observers: &Observers,
        grace: Duration,
    ) -> Progress {
        self.is_new = false;
        for _ in 0..EVENTS_PER_POLL {
            let polled = match &mut self.running {
                // The router catches the panics of handlers; this keeps the connection alive if it panics itself.
                Some(running) => caught(|| running.as_mut().poll(cx)),
                None => match self.next_event() {
                    mut event @ Some(_) => self.start(&mut event, cx),
                    None if self.has_queue() && self.was_accepted() => return Progress::Running,
                    None if self.start_disconnect() => continue,
                    None if self.closing.is_some() => return Progress::Ended,
                    None => return Progress::Running,
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
                    // `grace` covers the queued events too.
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
        if !self.was_accepted() || self.is_held() {
            return None;
        }
        self.queue.pop()
    }

    /// Starts the handler of an event, and keeps its future if it has not completed.
    fn start(
        &mut self,
        event: &mut Option<Event>,
        cx: &mut Context<'_>,
    ) -> Result<Poll<()>, PanicPayload> {
        let Self {
            socket, dispatch, ..
        } = self;
        let weight = event.as_ref().map_or(0, Event::weight);
        self.running_bytes = u32::try_from(weight).unwrap_or(u32::MAX);
        self.running = caught(|| dispatch.event(socket, event, cx))?;
        Ok(match self.running {
            Some(_) => Poll::Pending,
            None => Poll::Ready(()),
        })
    }

    /// Drops the running future; false if there was none. A panic in the drop of a user's value is caught, so that the
    /// disconnect handlers of this connection still run.
    fn drop_running(&mut self) -> bool {
        let Some(running) = self.running.take() else {
            return false;
        };
        self.running_bytes = 0;
        if caught(|| drop(running)).is_err() {
            error!(socket = %self.socket.id(), "panic while a handler was dropped");
        }
        true
    }

    fn finish_running(&mut self) {
        self.drop_running();
        if !Accept::was_answered(&self.socket) {
            Accept::new(self.socket.clone()).refuse("internal error", None);
        }
        if !self.was_accepted() {
            // Refused: no disconnect handler runs, whatever the reason.
            self.close(CloseReason::ServerNamespaceDisconnect);
        }
    }

    /// Starts the disconnect handler, after everything else. False if it is not due.
    fn start_disconnect(&mut self) -> bool {
        let was_accepted = self.was_accepted();
        match &mut self.closing {
            Some(closing) if was_accepted && !closing.disconnect_started => {
                closing.disconnect_started = true;
                // The disconnect handler has a grace of its own.
                closing.until = None;
                self.running = Some(self.dispatch.disconnect(&self.socket, closing.reason));
                true
            }
            _ => false,
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
