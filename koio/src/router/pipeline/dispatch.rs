//! The door from the socket layer: an event, a connection or a disconnect goes into its onion, and what comes
//! out is answered, reported, or ends the socket.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use tracing::{Instrument, Span};

use crate::router::{
    Context, EventTable, Next, catch_unwind::guard, context::Occasion,
    pipeline::event_table::Lines, pipeline::run::Handling,
};
use crate::{
    CloseReason, Socket,
    observe::event_span,
    socket::{Accept, BoxFuture, Dispatch, Namespaces},
    wire::Event,
};

/// What CONNECT_ERROR says to a client that a middleware turned away without a word.
const REFUSED: &str = "connection refused";

impl Namespaces for EventTable {
    fn open(&self, name: &str) -> Option<Box<dyn Dispatch>> {
        let lines = Arc::clone(self.lines(name)?);
        Some(Box::new(Served {
            lines,
            spare: None,
            used: false,
        }))
    }
}

/// One socket, as the router serves it.
struct Served {
    lines: Arc<Lines>,
    /// What ran for an event that is over, if nobody has kept its context: the next event takes its place.
    spare: Option<Pin<Box<dyn Handling>>>,
    /// There has been an event in this turn, and the spare knows which.
    used: bool,
}

impl Dispatch for Served {
    fn connect(&mut self, socket: &Socket, accept: Accept) -> BoxFuture {
        let ctx = Context::new(
            socket.clone(),
            Occasion::Connection(accept.clone()),
            Arc::clone(&self.lines.connection),
        );
        let span = span(&ctx);
        let connecting = async move {
            let result = guard(async { ctx.line().enter(&ctx).await })
                .await
                .map_err(|error| ctx.mapped(error));
            if ctx.answer_state().is_broken() {
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
        let name = event.as_ref()?.name_bytes();
        let used = std::mem::replace(&mut self.used, true);
        // Another of the same name need not be looked up.
        let serves =
            |spare: &Context| (used && spare.is_named(name)) || spare.is_on(self.lines.event(name));
        let mut handling = match self.spare.take() {
            Some(mut spare) if serves(spare.ctx()) => {
                spare.as_mut().renew(event.take()?);
                spare
            }
            spare => {
                let ctx = spare.map(|spare| spare.ctx().clone());
                let line = self.lines.event(name);
                line.handling(Context::of_event(ctx, socket, event.take()?, line))
            }
        };
        let span = span(handling.ctx());
        match span.in_scope(|| handling.as_mut().poll(cx)) {
            Poll::Ready(()) => {
                if handling.ctx().is_spare() {
                    self.spare = Some(handling);
                }
                None
            }
            Poll::Pending if span.is_disabled() => Some(handling),
            Poll::Pending => Some(Box::pin(handling.instrument(span))),
        }
    }

    fn disconnect(&mut self, socket: &Socket, reason: CloseReason) -> BoxFuture {
        let line = Arc::clone(&self.lines.disconnect);
        let ctx = Context::new(
            socket.clone(),
            Occasion::Disconnect(reason),
            Arc::clone(&line),
        );
        let span = span(&ctx);
        let leaving = async move {
            // Not through the tower layers: a layer that sheds load would shed the end of sockets too.
            let mut result = guard(Next::first(ctx.clone()).run()).await;
            loop {
                if let Err(error) = result {
                    ctx.report(&ctx.mapped(error));
                }
                // What the middleware suppressed, by not running `next` or by dropping it half-way.
                let handler = ctx.started();
                if handler >= line.handlers.len() {
                    break;
                }
                result = guard(async { line.invoke(&ctx, handler).await }).await;
            }
        };
        Box::pin(leaving.instrument(span))
    }

    /// Who sends nothing between two heartbeats keeps nothing.
    fn rest(&mut self) {
        match &mut self.spare {
            Some(spare) if std::mem::take(&mut self.used) => spare.as_mut().forget(),
            spare => *spare = None,
        }
    }
}

fn span(ctx: &Context) -> Span {
    event_span(ctx.event(), ctx.namespace(), ctx.socket().id())
}
