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
    run::{EventRun, LayeredOnion},
};
use crate::{
    CloseReason, Socket,
    fast_path::FastPath,
    observe::event_span,
    router::{
        catch_unwind::guard,
        context::{Context, Occasion},
    },
    socket::{Accept, BoxFuture, Dispatch, Namespaces},
    wire::Event,
};

/// What CONNECT_ERROR says if a middleware neither ran `next` nor returned an error.
const REFUSED: &str = "connection refused";

impl Namespaces for EventTable {
    fn open(&self, name: &str) -> Option<Box<dyn Dispatch>> {
        Some(Box::new(SocketEvents {
            events: Arc::clone(self.namespace(name)?),
            layers: self.layers().cloned(),
            finished: None,
            is_active: false,
        }))
    }
}

/// The router's part of one socket.
struct SocketEvents {
    events: Arc<NamespaceEvents>,
    layers: Option<Arc<Pipeline>>,
    /// The event that ran last, to be restarted with the next one of the same entry.
    finished: Option<EntryRun>,
    /// Whether an event has come since the socket's last [`on_idle`](Dispatch::on_idle).
    is_active: bool,
}

/// An event that runs or has run, and the entry that it is of.
struct EntryRun {
    entry: Arc<EventEntry>,
    run: Pin<Box<dyn EventRun>>,
}

impl SocketEvents {
    fn context(&self, socket: &Socket, occasion: Occasion) -> Context {
        Context::new(socket.clone(), occasion, Arc::clone(&self.events.context))
    }

    /// The run of an event: the finished one restarted, if that was of the same entry, else a new one.
    fn start(&mut self, socket: &Socket, event: &mut Option<Event>) -> Option<EntryRun> {
        let name = event.as_ref()?.name_bytes();
        // Without a look-up if the name is the entry's; `*` is the entry of many names.
        let is_same = |last: &EntryRun| {
            last.entry.is_named(name) || Arc::ptr_eq(&last.entry, self.events.entry(name))
        };
        match self.finished.take() {
            Some(mut same) if is_same(&same) => {
                same.run.as_mut().ctx_mut().restart(event.take()?);
                Some(same)
            }
            _ => {
                let entry = self.events.entry(name);
                let ctx = self.context(socket, Occasion::Event(event.take()?));
                Some(EntryRun {
                    run: entry.run(ctx, self.layers.as_ref()),
                    entry: Arc::clone(entry),
                })
            }
        }
    }

    /// Keeps a run that has finished, unless its context is still in use.
    fn keep(&mut self, finished: EntryRun) {
        if FastPath::ContextReuse.is_on() && finished.run.ctx().is_reusable() {
            self.finished = Some(finished);
        }
    }
}

impl Dispatch for SocketEvents {
    fn connect(&mut self, socket: &Socket, accept: Accept) -> BoxFuture {
        let ctx = self.context(socket, Occasion::Connection(accept.clone()));
        let onion = LayeredOnion {
            layers: self.layers.clone(),
            onion: Arc::clone(&self.events.connection),
        };
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
                        accept.refuse(REFUSED, None);
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
                        let (message, data) = error.refusal();
                        accept.refuse(message, data.map(ToOwned::to_owned));
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
        let mut started = self.start(socket, event)?;
        self.is_active = true;
        let span = span(started.run.ctx());
        match span.in_scope(|| started.run.as_mut().poll(cx)) {
            Poll::Ready(()) => {
                self.keep(started);
                None
            }
            Poll::Pending if span.is_disabled() => Some(started.run),
            Poll::Pending => Some(Box::pin(started.run.instrument(span))),
        }
    }

    fn disconnect(&mut self, socket: &Socket, reason: CloseReason) -> BoxFuture {
        let started = AtomicUsize::new(0);
        let ctx = self.context(socket, Occasion::Disconnect { reason, started });
        let onion = Arc::clone(&self.events.disconnect);
        let handlers = self.events.disconnect_handlers.clone();
        let span = span(&ctx);
        let leaving = async move {
            // Without the tower layers: one that sheds load would drop disconnects too.
            report(&ctx, guard(onion.next(ctx.clone()).run()).await);
            handlers.run_unstarted(&ctx).await;
        };
        Box::pin(leaving.instrument(span))
    }

    /// Drops what the client sent with the last event, and, if no event has come since the last call, the whole run.
    fn on_idle(&mut self) {
        match &mut self.finished {
            Some(finished) if self.is_active => finished.run.as_mut().ctx_mut().clear(),
            finished => *finished = None,
        }
        self.is_active = false;
    }
}

/// Around what handlers and middleware log. Without a subscriber it costs one atomic load.
fn span(ctx: &Context) -> Span {
    event_span(|| ctx.event(), ctx.namespace(), ctx.socket().id())
}
