//! Drives one socket inside its connection's task: connect, events, disconnect.

use std::{fmt, future::Future, pin::Pin, task::Context, time::Duration};

use tokio::time::Sleep;
use tracing::error;

use super::{
    catch_unwind::{PanicPayload, caught},
    concurrency::Concurrency,
    config::SocketConfig,
    dispatch::{Accept, Dispatch},
    event_queue::{EventQueue, HeldEvents},
    held_up::LongWait,
    recovery::HandlersEnd,
    running::{Polled, RunningHandlers},
    socket::Socket,
};
use crate::{
    Error,
    engine::CloseReason,
    observe::{Observation, Observers},
    wire::Event,
};

/// Events that one socket handles before its connection reads and writes again.
const EVENTS_PER_POLL: usize = 64;

/// A socket, its queue of events, and what runs for it: one future alone, or several events that may overlap.
pub(super) struct SocketDriver {
    socket: Socket,
    dispatch: Box<dyn Dispatch>,
    running: RunningHandlers,
    queue: EventQueue,
    /// Boxed, since it is `None` until the socket's end.
    closing: Option<Box<Closing>>,
}

struct Closing {
    reason: CloseReason,
    /// When what runs is dropped.
    until: Option<Pin<Box<Sleep>>>,
    /// The disconnect handler has been started.
    disconnect_started: bool,
}

/// A runtime that ends drops its tasks unfinished. The rooms hold the socket, and the socket holds the server that
/// holds the rooms: closing takes it out of the rooms, so that both are freed.
impl Drop for SocketDriver {
    fn drop(&mut self) {
        self.socket.close();
        self.socket.handlers_ended();
    }
}

/// Whether a driver is still needed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Running,
    Ended,
}

impl SocketDriver {
    /// `before`: the end of the handlers of the socket that a client has come back to.
    pub(super) fn new(
        socket: Socket,
        mut dispatch: Box<dyn Dispatch>,
        before: Option<HandlersEnd>,
    ) -> Self {
        let mut connecting = dispatch.connect(&socket, Accept::new(socket.clone()));
        if let Some(before) = before {
            // Else a `disconnect` handler could undo what the `connection` handler of the same id has done.
            let at_most = socket.core().config().connect_timeout / 2;
            connecting = Box::pin(async move {
                let _ = tokio::time::timeout(at_most, before).await;
                connecting.await;
            });
        }
        Self {
            socket,
            running: RunningHandlers::new(connecting, dispatch.may_overlap()),
            dispatch,
            queue: EventQueue::default(),
            closing: None,
        }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Whether the socket is connecting or connected.
    pub(super) fn is_open(&self) -> bool {
        self.closing.is_none()
    }

    /// Whether the server has refused it. False if the client has left before that.
    pub(super) fn was_refused(&self) -> bool {
        let by_server =
            |closing: &Closing| closing.reason == CloseReason::ServerNamespaceDisconnect;
        !self.was_accepted() && self.closing.as_deref().is_some_and(by_server)
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
        self.running.is_new() || self.running.is_none()
    }

    /// Frees what an idle socket does not need. Called when the connection has nothing more to do, not for every event.
    pub(super) fn on_idle(&mut self) {
        self.queue.shrink();
        self.dispatch.on_idle();
        self.running.on_idle();
    }

    /// Whether events wait.
    pub(super) fn has_queue(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The bytes of its events that wait beyond its own limits. They count in the connection's `read_ahead`.
    pub(super) fn parked_bytes(&mut self, config: &SocketConfig) -> usize {
        self.queue.parked_bytes(self.running.events(), config)
    }

    /// The number and the bytes of the events that wait for its CONNECT to be decided.
    pub(super) fn early_events(&self) -> HeldEvents {
        if self.was_accepted() {
            return HeldEvents::default();
        }
        self.queue.held()
    }

    /// Whether no event starts, because the client does not read the answers to earlier ones.
    fn is_held(&self) -> bool {
        self.socket.session().is_above_mark()
    }

    /// Whether [`poll`](Self::poll) would start an event that waits. So it is if the client's queue was above its mark then.
    pub(super) fn would_start(&self) -> bool {
        let next = self.queue.first();
        self.was_accepted() && next.is_some_and(|event| self.admit(event).is_some())
    }

    /// Takes an event. If none is before it and it may run beside those that do, its handler starts here; otherwise it is
    /// queued. What runs is not polled: [`poll`](Self::poll) does that when it has been woken.
    pub(super) fn event(&mut self, event: &mut Option<Event>, cx: &mut Context<'_>) {
        let socket = &self.socket;
        socket
            .observers()
            .notify_added(|| Observation::EventReceived {
                namespace: socket.namespace(),
                socket: socket.id(),
                event: event.as_ref().map_or("", Event::name),
            });
        let limit = match event {
            Some(event) if self.queue.is_empty() => self.admit(event),
            _ => None,
        };
        let Some(limit) = limit else {
            return event
                .take()
                .into_iter()
                .for_each(|event| self.queue.push(event));
        };
        if limit > Concurrency::ONE
            && let Some(event) = event
        {
            self.running.detach(event);
        }
        self.start(event, limit, cx);
    }

    /// The limit of the event that is next, if it may start.
    fn admit(&self, event: &Event) -> Option<Concurrency> {
        if self.running.is_alone() || self.is_held() {
            return None;
        }
        if !self.running.may_overlap() {
            return Some(Concurrency::ONE);
        }
        let limit = self.dispatch.limit(event);
        // Those that run count in the bounds of the queue: they start within them.
        let (config, running) = (self.socket.core().config(), self.running.events());
        let has_room =
            running.count < config.event_queue && running.bytes < config.event_queue_bytes;
        let is_first = running.count == 0;
        (is_first || has_room && self.running.admit(limit)).then_some(limit)
    }

    /// Closes the socket. Events that came before are still handled if it was the client or the network that ended it;
    /// if the server did, they are dropped.
    pub(super) fn close(&mut self, reason: CloseReason) {
        if self.closing.is_some() {
            return;
        }
        self.socket.close_because(reason);
        if !matches!(
            reason,
            CloseReason::ClientNamespaceDisconnect
                | CloseReason::TransportClose
                | CloseReason::TransportError
                | CloseReason::PingTimeout
        ) {
            self.drop_queue();
        }
        if self.was_accepted() {
            let socket = &self.socket;
            socket.observers().notify(&Observation::Disconnected {
                namespace: socket.namespace(),
                socket: socket.id(),
                reason,
            });
        }
        self.closing = Some(Box::new(Closing {
            reason,
            until: None,
            disconnect_started: false,
        }));
    }

    /// Refuses a CONNECT that has not been decided in time, and drops the future that was to decide it. False if it has been
    /// decided.
    pub(super) fn refuse_undecided(&mut self, observers: &Observers, limit: Duration) -> bool {
        let accept = Accept::new(self.socket.clone());
        let late = Error::timeout(format!("the server did not answer within {limit:?}"));
        if !accept.refuse(&late) {
            return false;
        }
        let namespace = self.socket.namespace().to_owned();
        self.drop_running(
            observers,
            format_args!(
                "it left CONNECT to {namespace} unanswered for `connect_timeout`, {limit:?}"
            ),
        );
        self.close(CloseReason::ServerNamespaceDisconnect);
        true
    }

    /// The server shuts down: drops the events that wait, and refuses an undecided CONNECT. What runs goes on.
    pub(super) fn drain(&mut self) {
        self.drop_events(self.queue.len());
        self.queue.clear();
        if !self.was_accepted() {
            self.close(CloseReason::ServerShuttingDown);
        }
    }

    /// Whether nothing runs, and no [`Ack`](crate::Ack) is held, whose answer could reach the client: one that has left its
    /// namespace is not answered any more.
    pub(super) fn is_drained(&self) -> bool {
        !self.is_open() || self.running.is_none() && !self.socket.owes_answers()
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

    /// Drops the events that wait. Those of a client that did not wait for the answer to its CONNECT, and is not let in, are
    /// counted as late.
    fn drop_queue(&mut self) {
        if !self.was_accepted() {
            let namespace = self.socket.namespace();
            for _ in 0..self.queue.len() {
                self.socket
                    .observers()
                    .notify(&Observation::LateEvent { namespace });
            }
        }
        self.queue.clear();
    }

    /// Drops what runs and the queued events, at the deadline of a shutdown. True if the disconnect handler
    /// has not started: it still runs, until this is called again.
    pub(super) fn give_up(&mut self, observers: &Observers) -> bool {
        self.socket.close();
        self.drop_queue();
        self.drop_running(observers, format_args!("the server shuts down"));
        let is_due = |closing: &Closing| !closing.disconnect_started;
        self.was_accepted() && self.closing.as_deref().is_some_and(is_due)
    }

    /// Polls what runs and was woken, and starts the events that wait behind it.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        observers: &Observers,
        grace: Duration,
    ) -> Progress {
        self.running.collect(cx);
        for polled in 0..EVENTS_PER_POLL {
            match self.running.poll(cx) {
                Polled::None => {}
                Polled::AloneWaits => return self.wait(cx, observers, grace, polled > 0),
                Polled::AloneEnded(ended) => {
                    if ended.is_err() {
                        self.log_panic();
                    }
                    self.finish_alone();
                    continue;
                }
                Polled::OneOfMany(result) => {
                    if result.is_err() {
                        self.log_panic();
                    }
                    continue;
                }
            }
            if let Some((event, limit)) = self.next_event() {
                self.start(&mut Some(event), limit, cx);
                if self.running.is_alone() {
                    return self.wait(cx, observers, grace, true);
                }
            } else if !self.running.is_none() {
                return self.wait(cx, observers, grace, polled > 0);
            } else if self.has_queue() && self.was_accepted() {
                return Progress::Running;
            } else if !self.start_disconnect() {
                return match self.closing {
                    Some(_) => Progress::Ended,
                    None => Progress::Running,
                };
            }
        }
        // Events that overlap and wake themselves never come to wait.
        if !self.running.is_none() && self.is_out_of_time(cx, grace) {
            self.drop_outlived(observers, grace);
        }
        cx.waker().wake_by_ref();
        Progress::Running
    }

    /// Nothing that runs was woken, and nothing may start beside it. `advanced`: something has been polled or has started before
    /// that. Then the queue is only looked at to mark what waits, so that a burst costs two reads of the clock and not one for
    /// each of its events.
    fn wait(
        &mut self,
        cx: &mut Context<'_>,
        observers: &Observers,
        grace: Duration,
        advanced: bool,
    ) -> Progress {
        if self.is_out_of_time(cx, grace) {
            self.drop_outlived(observers, grace);
            // For what comes after it.
            cx.waker().wake_by_ref();
        } else if self.has_queue() && !self.is_held() && !(advanced && self.running.has_marked()) {
            self.look_at_queue();
        }
        Progress::Running
    }

    /// Takes the first event that waits, if it may run beside those that do. Nothing runs alone.
    fn next_event(&mut self) -> Option<(Event, Concurrency)> {
        if !self.was_accepted() {
            return None;
        }
        let limit = self.admit(self.queue.first()?)?;
        if self.running.leave_queue() {
            self.look_at_queue();
        }
        Some((self.queue.pop()?, limit))
    }

    /// Starts the handler of an event, and keeps its future if it has not completed.
    fn start(&mut self, event: &mut Option<Event>, limit: Concurrency, cx: &mut Context<'_>) {
        let weight = event.as_ref().map_or(0, Event::weight);
        let (dispatch, socket) = (&mut self.dispatch, &self.socket);
        let started = if limit == Concurrency::ONE {
            caught(|| dispatch.event(socket, event, cx)).map(|future| {
                if let Some(future) = future {
                    self.running.keep_alone(future, weight);
                }
            })
        } else {
            self.running.start(limit, weight, cx, |cx| {
                let started = dispatch.event(socket, event, cx);
                started.map(|future| (future, dispatch.latest()))
            })
        };
        if started.is_err() {
            self.log_panic();
        }
    }

    /// Events wait behind those that run: says so if they have waited long.
    fn look_at_queue(&mut self) {
        let waiting = self.queue.len();
        let Some((LongWait { waited, events }, blocker)) = self.running.look_at(waiting) else {
            return;
        };
        let (event, limit) = blocker.unwrap_or((self.dispatch.latest(), Concurrency::ONE));
        self.socket.observers().notify(&Observation::EventsHeldUp {
            namespace: self.socket.namespace(),
            socket: self.socket.id(),
            event,
            concurrency: limit.get(),
            waiting: events,
            waited,
        });
    }

    /// Drops what has outlived its socket.
    fn drop_outlived(&mut self, observers: &Observers, grace: Duration) {
        let queued = self.queue.len();
        self.drop_running(
            observers,
            format_args!("it outlived its socket by {grace:?}, {queued} events behind it"),
        );
        self.finish_alone();
        // `grace` covers the queued events too.
        self.queue.clear();
    }

    fn drop_running(&mut self, observers: &Observers, cause: fmt::Arguments<'_>) {
        while let Some(dropped) = self.running.drop_one() {
            self.log_panic_of_drop(dropped);
            observers.notify(&Observation::HandlerDropped {
                namespace: self.socket.namespace(),
                socket: self.socket.id(),
                cause,
            });
        }
    }

    /// The future that ran alone has completed or was dropped.
    fn finish_alone(&mut self) {
        if let Some(dropped) = self.running.drop_alone() {
            self.log_panic_of_drop(dropped);
        }
        if !Accept::was_answered(&self.socket) {
            Accept::new(self.socket.clone()).refuse(&Error::internal("no answer to CONNECT"));
        }
        if !self.was_accepted() {
            self.drop_queue();
            // Refused: no disconnect handler runs, whatever the reason.
            self.close(CloseReason::ServerNamespaceDisconnect);
        }
    }

    #[cold]
    fn log_panic(&self) {
        error!(socket = %self.socket.id(), "panic outside a handler");
    }

    fn log_panic_of_drop(&self, dropped: Result<(), PanicPayload>) {
        if dropped.is_err() {
            error!(socket = %self.socket.id(), "panic while a handler was dropped");
        }
    }

    /// Starts the disconnect handler, after everything else. False if it is not due.
    fn start_disconnect(&mut self) -> bool {
        let was_accepted = self.was_accepted();
        match self.closing.as_deref_mut() {
            Some(closing) if was_accepted && !closing.disconnect_started => {
                closing.disconnect_started = true;
                // The disconnect handler has a grace of its own.
                closing.until = None;
                let leaving = self.dispatch.disconnect(&self.socket, closing.reason);
                self.running.keep_alone(leaving, 0);
                true
            }
            _ => false,
        }
    }

    fn is_out_of_time(&mut self, cx: &mut Context<'_>, grace: Duration) -> bool {
        let Some(closing) = self.closing.as_deref_mut() else {
            return false;
        };
        let until = closing
            .until
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(grace)));
        until.as_mut().poll(cx).is_ready()
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
