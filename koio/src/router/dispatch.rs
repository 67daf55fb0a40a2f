//! The door from the socket layer: an event, a connection or a disconnect goes into its onion, and what comes
//! out is answered, reported, or ends the socket.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use tracing::{Instrument, Span};

use super::{
    Context, Next, Reply, Routes,
    context::Occasion,
    guard::{guard, guard_call},
    onion::Boxed,
    routes::Lines,
};
use crate::{
    CloseReason, Result, Socket,
    socket::{Accept, BoxFuture, Dispatch, Namespaces},
    wire::Event,
};

/// What CONNECT_ERROR says to a client that a middleware turned away without a word.
const REFUSED: &str = "connection refused";

impl Namespaces for Routes {
    fn open(&self, name: &str) -> Option<Box<dyn Dispatch>> {
        let lines = Arc::clone(self.lines(name)?);
        Some(Box::new(Served { lines, spare: None }))
    }
}

/// One socket, as the router serves it.
struct Served {
    lines: Arc<Lines>,
    /// The context of an event that is over, if nobody has kept it: the next event of the same burst takes its place.
    spare: Option<Context>,
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
        event: Event,
        cx: &mut TaskContext<'_>,
    ) -> Option<BoxFuture> {
        let line = self.lines.event(&event.name);
        let ctx = Context::of_event(self.spare.take(), socket, event, line);
        let span = span(&ctx);
        let mut handling = Handling { ctx, running: None };
        match span.in_scope(|| Pin::new(&mut handling).poll(cx)) {
            Poll::Ready(()) => {
                self.spare = handling.ctx.into_spare();
                None
            }
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

    fn rest(&mut self) {
        self.spare = None;
    }
}

/// An event on its way through its onion, and its answer. Written by hand because what can be moved between two
/// polls need not be boxed before the first.
struct Handling {
    ctx: Context,
    /// From the first poll on.
    running: Option<Boxed>,
}

impl Handling {
    fn advance(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let ctx = &self.ctx;
        let mut running = self.running.take().unwrap_or_else(|| ctx.line().enter(ctx));
        match running.as_mut().poll(cx) {
            Poll::Pending => {
                self.running = Some(running);
                Poll::Pending
            }
            Poll::Ready(result) => {
                drop(running);
                self.end(result);
                Poll::Ready(())
            }
        }
    }

    fn end(&self, result: Result<Reply>) {
        let ctx = &self.ctx;
        let result = result.map_err(|error| ctx.mapped(error));
        if ctx.answer_state().is_broken() {
            return;
        }
        if let Err(error) = &result {
            ctx.report(error);
        }
        ctx.end_with(result);
    }
}

impl Future for Handling {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        // One guard for the handler and for the code of its answer, which is written here.
        guard_call(|| self.advance(cx)).unwrap_or_else(|panic| {
            self.end(Err(panic));
            Poll::Ready(())
        })
    }
}

/// What handlers and middleware log is theirs to find: by event, namespace and socket. Nobody listening, it costs
/// one load.
fn span(ctx: &Context) -> Span {
    tracing::debug_span!(
        "koio",
        event = ctx.event(),
        namespace = ctx.namespace(),
        socket = %ctx.socket().id()
    )
}
