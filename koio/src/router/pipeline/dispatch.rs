//! [`Namespaces`] and [`Dispatch`] for the socket layer: an event, a connection or a disconnect goes into its onion,
//! and the result is answered or reported, or ends the socket.

use std::{
    pin::Pin,
    sync::{Arc, atomic::AtomicUsize},
    task::{Context as TaskContext, Poll},
};

use tracing::{Instrument, Span, warn};

use super::{
    endpoints::report,
    event_table::{EventEntry, EventTable, NamespaceEvents},
    layer::Pipeline,
    middleware::Onion,
    run::{EventRun, LayeredOnion, OnionRun, finish},
};
use crate::{
    CloseReason, Error, Socket,
    fast_path::FastPath,
    observe::event_span,
    router::{
        catch_unwind::guard,
        context::{Context, InsideLayers, Occasion},
        listeners::{at_disconnect, connection_around, disconnect_around, observe, onion_around},
        once::{FirstRun, OnceBy, Tried, first_try},
    },
    socket::{Accept, BoxFuture, Concurrency, Dispatch, Namespaces},
    wire::Event,
};

/// What CONNECT_ERROR says if a middleware neither ran `next` nor returned an error.
const REFUSED: &str = "connection refused";

impl Namespaces for EventTable {
    fn open(&self, name: &str) -> Option<Box<dyn Dispatch>> {
        Some(Box::new(SocketEvents {
            events: Arc::clone(self.namespace(name)?),
            layers: self.layers().cloned(),
            latest: None,
            finished: None,
            is_active: false,
        }))
    }
}

/// The router's part of one socket.
struct SocketEvents {
    events: Arc<NamespaceEvents>,
    layers: Option<Arc<Pipeline>>,
    /// The entry of the event that started last.
    latest: Option<Arc<EventEntry>>,
    /// The run of that event, if it has finished: to be restarted with the next one of the same entry.
    finished: Option<Pin<Box<dyn EventRun>>>,
    /// Whether an event has come since the socket's last [`on_idle`](Dispatch::on_idle).
    is_active: bool,
}

impl SocketEvents {
    /// A context for which this onion runs.
    fn context(&self, socket: &Socket, occasion: Occasion, onion: &Arc<Onion>) -> Context {
        let inside = self.layers.is_some();
        let inside = inside.then(|| Arc::clone(onion) as InsideLayers);
        let namespace = Arc::clone(&self.events.context);
        Context::new(socket.clone(), occasion, namespace, inside)
    }

    /// The entry of an event, if it is that of the latest: without a look-up if the name is the entry's.
    fn latest_for(&self, name: &[u8]) -> Option<&Arc<EventEntry>> {
        self.latest.as_ref().filter(|entry| entry.is_named(name))
    }

    /// The run of an event: the finished one restarted, if that was of the same entry, else a new one.
    fn start(
        &mut self,
        socket: &Socket,
        event: &mut Option<Event>,
    ) -> Option<Pin<Box<dyn EventRun>>> {
        let finished = self.finished.take();
        let name = event.as_ref()?.name_bytes();
        let is_same = self.latest_for(name).is_some() || {
            // `*` is the entry of many names.
            let entry = self.events.entry(name);
            let is_same = |latest: &Arc<EventEntry>| Arc::ptr_eq(latest, entry);
            self.latest.as_ref().is_some_and(is_same) || {
                self.latest = Some(Arc::clone(entry));
                false
            }
        };
        if let Some(mut same) = finished.filter(|_| is_same) {
            same.as_mut().ctx_mut().restart(event.take()?);
            return Some(same);
        }
        let entry = self.latest.as_ref()?;
        let ctx = self.context(socket, Occasion::Event(event.take()?), entry.onion());
        match entry.once_by() {
            None => Some(entry.run(ctx, self.layers.as_ref())),
            Some(once_by) => start_once(once_by, ctx, |ctx| entry.run(ctx, self.layers.as_ref())),
        }
    }

    /// The run of an event whose socket or namespace has listeners, middleware or observers of its own. It is not restarted:
    /// what they have may change with each event.
    #[inline(never)]
    fn start_with_listeners(
        &mut self,
        socket: &Socket,
        event: &mut Option<Event>,
    ) -> Option<Pin<Box<dyn EventRun>>> {
        self.finished = None;
        let event = event.take()?;
        let entry = self.events.entry(event.name_bytes());
        let onion = onion_around(&self.events);
        self.latest = Some(Arc::clone(entry));
        let ctx = self.context(socket, Occasion::Event(event), &onion);
        span(&ctx).in_scope(|| observe(&ctx, &self.events.added));
        let layers = self.layers.clone();
        let run = |ctx| Box::pin(OnionRun::new(ctx, LayeredOnion { layers, onion })) as _;
        match entry.once_by() {
            None => Some(run(ctx)),
            Some(once_by) => start_once(once_by, ctx, run),
        }
    }

    /// Keeps a run that has finished, unless its context is still in use.
    fn keep(&mut self, finished: Pin<Box<dyn EventRun>>) {
        if FastPath::ContextReuse.is_on() && finished.ctx().is_reusable() {
            self.finished = Some(finished);
        }
    }
}

impl Dispatch for SocketEvents {
    fn connect(&mut self, socket: &Socket, accept: Accept) -> BoxFuture {
        let again = socket.skips_middleware();
        let onion = match (self.events.added.is_used(), again) {
            (true, again) => connection_around(&self.events, again),
            (false, true) => Arc::clone(&self.events.connection_again),
            (false, false) => Arc::clone(&self.events.connection),
        };
        let layers = if again { None } else { self.layers.clone() };
        let onion = LayeredOnion { layers, onion };
        let ctx = self.context(socket, Occasion::Connection(accept.clone()), &onion.onion);
        let span = span(&ctx);
        let connecting = async move {
            let result = guard(async { onion.start(ctx.clone()).await })
                .await
                .map_err(|error| ctx.mapped(error));
            if ctx.answer_state().is_broken_off() {
                return;
            }
            match result {
                Ok(_) => {
                    if !accept.is_answered() {
                        accept.refuse(&Error::new("refused", REFUSED));
                    }
                }
                Err(error) => {
                    ctx.report(&error);
                    if accept.is_accepted() {
                        if ctx.socket().is_connected() {
                            // Without a message: that may be hidden. The client sees no reason but what was emitted to it.
                            warn!(
                                code = error.code(),
                                namespace = ctx.namespace(),
                                socket = %ctx.socket().id(),
                                "the connection handler failed: its client, which was let in, is disconnected"
                            );
                        }
                        ctx.socket().disconnect();
                    } else {
                        accept.refuse(&error);
                    }
                }
            }
        };
        Box::pin(connecting.instrument(span))
    }

    fn event(
        &mut self,
        socket: &Socket,
        event: &mut Option<Event>,
        cx: &mut TaskContext<'_>,
    ) -> Option<BoxFuture> {
        // Both without a branch of their own.
        let has_additions = socket.has_incoming_additions() | self.events.added.is_used();
        let mut started = match has_additions {
            false => self.start(socket, event)?,
            true => self.start_with_listeners(socket, event)?,
        };
        self.is_active = true;
        let span = span(started.ctx());
        match span.in_scope(|| started.as_mut().poll(cx)) {
            Poll::Ready(()) => {
                if !has_additions {
                    self.keep(started);
                }
                None
            }
            Poll::Pending if span.is_disabled() => Some(started),
            Poll::Pending => Some(Box::pin(started.instrument(span))),
        }
    }

    fn may_overlap(&self) -> bool {
        self.events.may_overlap
    }

    fn limit(&self, event: &Event) -> Concurrency {
        let name = event.name_bytes();
        let latest = self.latest_for(name);
        latest.unwrap_or_else(|| self.events.entry(name)).limit()
    }

    fn latest(&self) -> &'static str {
        self.latest
            .as_ref()
            .map_or("connection", |entry| entry.name())
    }

    fn disconnect(&mut self, socket: &Socket, reason: CloseReason) -> BoxFuture {
        let started = AtomicUsize::new(0);
        let onion = disconnect_around(&self.events);
        let ctx = self.context(socket, Occasion::Disconnect { reason, started }, &onion);
        let handlers = self.events.disconnect_handlers.clone();
        let added = Arc::clone(&self.events.added);
        let span = span(&ctx);
        let leaving = async move {
            // Without the tower layers: one that sheds load would drop disconnects too.
            report(&ctx, guard(onion.next(ctx.clone()).run()).await);
            handlers.run_unstarted(&ctx).await;
            at_disconnect(&ctx, &added).await;
        };
        Box::pin(leaving.instrument(span))
    }

    /// Drops what the client sent with the last event, and, if no event has come since the last call, the whole run.
    fn on_idle(&mut self) {
        match &mut self.finished {
            Some(finished) if self.is_active => finished.as_mut().ctx_mut().clear(),
            finished => *finished = None,
        }
        self.is_active = false;
    }
}

/// The run of an event that is handled once for each key. `None` if this is not the first try, or it has no key.
#[inline(never)]
fn start_once(
    once_by: &OnceBy,
    ctx: Context,
    run: impl FnOnce(Context) -> Pin<Box<dyn EventRun>>,
) -> Option<Pin<Box<dyn EventRun>>> {
    match first_try(&ctx, once_by) {
        Tried::First => Some(Box::pin(FirstRun::new(run(ctx)))),
        Tried::Again => None,
        Tried::Refused(error) => {
            span(&ctx).in_scope(|| finish(&ctx, Err(error)));
            None
        }
    }
}

/// Around what handlers and middleware log. Without a subscriber it costs one atomic load.
fn span(ctx: &Context) -> Span {
    event_span(|| ctx.event(), ctx.namespace(), ctx.socket().id())
}
