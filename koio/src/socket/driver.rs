//! Drives one socket inside its connection's task: connect, events, disconnect.

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
    concurrency::Concurrency,
    config::SocketConfig,
    dispatch::{Accept, BoxFuture, Dispatch},
    event_queue::{EventQueue, RunningEvents},
    held_up::HeldUp,
    overlap::Overlap,
    socket::Socket,
};
use crate::{
    engine::CloseReason,
    observe::{Observation, Observers},
    time::now,
    wire::Event,
};

/// Events that one socket handles before its connection reads and writes again.
const EVENTS_PER_POLL: usize = 64;

/// A socket, its queue of events, and what runs for it: one future alone, or several events that may overlap.
pub(super) struct SocketDriver {
    socket: Socket,
    dispatch: Box<dyn Dispatch>,
    /// Of the connection, of the disconnect, or of an event beside which no other may run. It is polled whenever the
    /// session's task is, with that task's waker.
    alone: Option<BoxFuture>,
    queue: EventQueue,
    /// Boxed, and `None` for most sockets: nothing has overlapped or waited.
    company: Option<Box<Company>>,
    /// Boxed, since it is `None` until the socket's end.
    closing: Option<Box<Closing>>,
    /// The connection handler has not been polled.
    is_new: bool,
    /// There are events that may overlap, so `dispatch` is asked for the limit of each.
    may_overlap: bool,
    /// The weight of the event that runs alone.
    alone_bytes: u32,
}

/// What a socket has only while events overlap or wait.
#[derive(Default)]
struct Company {
    overlap: Option<Overlap>,
    held_up: HeldUp,
    /// Whether something has run or waited since the last [`on_idle`](SocketDriver::on_idle).
    is_active: bool,
}

/// What a driver has done in one step of [`poll`](SocketDriver::poll).
enum Step {
    /// Something was started or polled, and there may be more to do.
    Advanced,
    /// What runs has not been woken, and nothing may start beside it.
    Waiting,
    /// Nothing runs, and no event waits.
    Nothing,
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
            may_overlap: dispatch.may_overlap(),
            dispatch,
            alone: Some(connecting),
            queue: EventQueue::default(),
            company: None,
            closing: None,
            is_new: true,
            alone_bytes: 0,
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

    /// Whether a future runs.
    fn is_running(&self) -> bool {
        self.alone.is_some() || self.overlap().is_some()
    }

    /// The events that overlap, if there are any.
    fn overlap(&self) -> Option<&Overlap> {
        let overlap = self.company.as_ref()?.overlap.as_ref()?;
        (overlap.events() > 0).then_some(overlap)
    }

    /// Whether no future runs and no event waits.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_running() && self.queue.is_empty() && self.closing.is_none()
    }

    /// Whether [`poll`](Self::poll) would start something: no future runs, or the connection handler has not been
    /// polled.
    pub(super) fn is_startable(&self) -> bool {
        self.is_new || !self.is_running()
    }

    /// Frees what an idle socket does not need. Called when the connection has nothing more to do, not for every event.
    pub(super) fn on_idle(&mut self) {
        self.queue.shrink();
        self.dispatch.on_idle();
        let is_busy = self.is_running();
        if let Some(company) = &mut self.company
            && !is_busy
            && !std::mem::take(&mut company.is_active)
        {
            company.overlap = None;
            self.company.take_if(|company| company.held_up.is_idle(now));
        }
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
        match self.overlap() {
            Some(overlap) => overlap.running_events(),
            None => RunningEvents {
                count: usize::from(self.alone.is_some()),
                bytes: self.alone_bytes as usize,
            },
        }
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
            Some(event) if self.alone.is_none() && self.queue.is_empty() => self.admit(event),
            _ => None,
        };
        match limit {
            Some(Concurrency::ONE) => {}
            // It is kept while others come, so it must not keep what it was read with.
            Some(_) => event.iter_mut().for_each(Event::detach),
            None => {
                return event
                    .take()
                    .into_iter()
                    .for_each(|event| self.queue.push(event));
            }
        }
        if self
            .start(event, limit.unwrap_or(Concurrency::ONE), cx)
            .is_err()
        {
            self.log_panic();
        }
    }

    /// The limit of the event that is next, if it may run beside those that do.
    fn admit(&self, event: &Event) -> Option<Concurrency> {
        if !self.may_overlap {
            return Some(Concurrency::ONE);
        }
        let limit = self.dispatch.limit(event);
        let Some(overlap) = self.overlap() else {
            return Some(limit);
        };
        // Those that run count in the bounds of the queue: they start within them.
        let (config, running) = (self.socket.core().config(), overlap.running_events());
        let has_room =
            running.count < config.event_queue && running.bytes < config.event_queue_bytes;
        (has_room && overlap.admit(limit)).then_some(limit)
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
        self.closing = Some(Box::new(Closing {
            reason,
            until: None,
            disconnect_started: false,
        }));
    }

    /// Drops what runs and the queued events, at the deadline of a shutdown. True if the disconnect handler
    /// has not started: it still runs, until this is called again.
    pub(super) fn give_up(&mut self, observers: &Observers) -> bool {
        self.socket.close();
        self.queue.clear();
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
        self.is_new = false;
        if let Some(Company {
            overlap: Some(overlap),
            ..
        }) = self.company.as_deref_mut()
        {
            overlap.collect(cx);
        }
        for _ in 0..EVENTS_PER_POLL {
            match self.step(cx) {
                Step::Advanced => {}
                Step::Waiting if !self.is_out_of_time(cx, grace) => {
                    if !self.queue.is_empty() {
                        self.look_at_queue();
                    }
                    return Progress::Running;
                }
                Step::Waiting => {
                    let queued = self.queue.len();
                    self.drop_running(
                        observers,
                        format_args!(
                            "it outlived its socket by {grace:?}, {queued} events behind it"
                        ),
                    );
                    self.finish_alone();
                    // `grace` covers the queued events too.
                    self.queue.clear();
                }
                Step::Nothing if self.start_disconnect() => {}
                Step::Nothing if self.closing.is_some() => return Progress::Ended,
                Step::Nothing => return Progress::Running,
            }
        }
        cx.waker().wake_by_ref();
        Progress::Running
    }

    /// Polls the future that runs alone, or one of those that overlap and were woken, or else starts an event.
    fn step(&mut self, cx: &mut Context<'_>) -> Step {
        // The router catches the panics of handlers; this keeps the connection alive if it panics itself.
        let polled = if let Some(alone) = &mut self.alone {
            caught(|| alone.as_mut().poll(cx))
        } else if let Some(woken) = self.poll_woken() {
            if woken.is_err() {
                self.log_panic();
            }
            return Step::Advanced;
        } else if let Some((event, limit)) = self.next_event() {
            self.start(&mut Some(event), limit, cx)
        } else {
            return match self.is_running() {
                true => Step::Waiting,
                false => Step::Nothing,
            };
        };
        match polled {
            Ok(Poll::Pending) if self.alone.is_some() => return Step::Waiting,
            Ok(Poll::Pending) => return Step::Advanced,
            Ok(Poll::Ready(())) => {}
            Err(_) => self.log_panic(),
        }
        self.finish_alone();
        Step::Advanced
    }

    fn poll_woken(&mut self) -> Option<Result<(), PanicPayload>> {
        let company = self.company.as_deref_mut()?;
        company.is_active = true;
        company.overlap.as_mut()?.poll_woken()
    }

    /// Takes the first event that waits, if it may run beside those that do. Nothing runs alone.
    fn next_event(&mut self) -> Option<(Event, Concurrency)> {
        if !self.was_accepted() {
            return None;
        }
        let limit = self.admit(self.queue.first()?)?;
        if let Some(company) = self.company.as_deref()
            && company.held_up.is_last()
        {
            self.look_at_queue();
        }
        let event = self.queue.pop()?;
        if let Some(company) = self.company.as_deref_mut() {
            company.held_up.leave();
        }
        Some((event, limit))
    }

    /// Starts the handler of an event, and keeps its future if it has not completed.
    fn start(
        &mut self,
        event: &mut Option<Event>,
        limit: Concurrency,
        cx: &mut Context<'_>,
    ) -> Result<Poll<()>, PanicPayload> {
        let Self {
            socket, dispatch, ..
        } = self;
        let weight = event.as_ref().map_or(0, Event::weight);
        if limit > Concurrency::ONE {
            let company = self.company.get_or_insert_default();
            company.is_active = true;
            let overlap = company.overlap.get_or_insert_with(|| Overlap::new(cx));
            return overlap.start(limit, weight, |cx| {
                let started = dispatch.event(socket, event, cx);
                started.map(|future| (future, dispatch.latest()))
            });
        }
        self.alone_bytes = u32::try_from(weight).unwrap_or(u32::MAX);
        self.alone = caught(|| dispatch.event(socket, event, cx))?;
        Ok(match self.alone {
            Some(_) => Poll::Pending,
            None => Poll::Ready(()),
        })
    }

    /// Events wait behind those that run: says so if they have waited long.
    fn look_at_queue(&mut self) {
        let company = self.company.get_or_insert_default();
        company.is_active = true;
        let waiting = self.queue.len();
        let Some(waited) = company.held_up.look(waiting, now()) else {
            return;
        };
        let blocker = company.overlap.as_ref().and_then(Overlap::blocker);
        let (event, limit) = blocker.unwrap_or((self.dispatch.latest(), Concurrency::ONE));
        self.socket.observers().notify(&Observation::EventsHeldUp {
            namespace: self.socket.namespace(),
            socket: self.socket.id(),
            event,
            concurrency: limit.get(),
            waiting,
            waited,
        });
    }

    /// Drops what runs. A panic in the drop of a user's value is caught, so that the disconnect handlers of this
    /// connection still run.
    fn drop_running(&mut self, observers: &Observers, cause: fmt::Arguments<'_>) {
        while let Some(dropped) = self.drop_one() {
            if dropped.is_err() {
                error!(socket = %self.socket.id(), "panic while a handler was dropped");
            }
            observers.notify(&Observation::HandlerDropped {
                namespace: self.socket.namespace(),
                socket: self.socket.id(),
                cause,
            });
        }
    }

    fn drop_one(&mut self) -> Option<Result<(), PanicPayload>> {
        if let Some(alone) = self.alone.take() {
            self.alone_bytes = 0;
            return Some(caught(|| drop(alone)));
        }
        self.company.as_deref_mut()?.overlap.as_mut()?.drop_one()
    }

    /// The future that ran alone has completed or was dropped.
    fn finish_alone(&mut self) {
        self.alone_bytes = 0;
        if let Some(alone) = self.alone.take()
            && caught(|| drop(alone)).is_err()
        {
            error!(socket = %self.socket.id(), "panic while a handler was dropped");
        }
        if !Accept::was_answered(&self.socket) {
            Accept::new(self.socket.clone()).refuse("internal error", None);
        }
        if !self.was_accepted() {
            // Refused: no disconnect handler runs, whatever the reason.
            self.close(CloseReason::ServerNamespaceDisconnect);
        }
    }

    fn log_panic(&self) {
        error!(socket = %self.socket.id(), "panic outside a handler");
    }

    /// Starts the disconnect handler, after everything else. False if it is not due.
    fn start_disconnect(&mut self) -> bool {
        let was_accepted = self.was_accepted();
        match self.closing.as_deref_mut() {
            Some(closing) if was_accepted && !closing.disconnect_started => {
                closing.disconnect_started = true;
                // The disconnect handler has a grace of its own.
                closing.until = None;
                self.alone = Some(self.dispatch.disconnect(&self.socket, closing.reason));
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
