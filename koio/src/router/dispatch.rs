//! The door from the socket layer: an event, a connection or a disconnect goes into its onion, and what comes
//! out is answered, reported, or ends the socket.

use std::sync::Arc;

use tracing::{Instrument, Span};

use super::{Context, Next, Reply, Routes, context::Occasion, guard::guard, routes::Lines};
use crate::{
    CloseReason, Error, Result, Socket,
    socket::{Accept, BoxFuture, Dispatch, Event},
};

/// What CONNECT_ERROR says to a client that a middleware turned away without a word.
const REFUSED: &str = "connection refused";

impl Dispatch for Routes {
    fn connect(&self, socket: Socket, accept: Accept) -> BoxFuture {
        let Some(lines) = self.lines(&socket) else {
            return nothing();
        };
        let ctx = Context::new(
            socket,
            Occasion::Connection(accept.clone()),
            Arc::clone(&lines.connection),
        );
        let running = self.run(ctx.clone());
        let span = span(&ctx);
        let connecting = async move {
            let result = guard(running).await.map_err(|error| ctx.mapped(error));
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

    fn event(&self, socket: Socket, event: Event) -> BoxFuture {
        let Some(lines) = self.lines(&socket) else {
            return nothing();
        };
        let line = Arc::clone(lines.event(&event.name));
        let ctx = Context::new(socket, Occasion::Event(event), line);
        let running = self.run(ctx.clone());
        let span = span(&ctx);
        let handling = async move {
            let result = guard(running).await.map_err(|error| ctx.mapped(error));
            if ctx.answer_state().is_broken() {
                return;
            }
            if let Err(error) = &result {
                ctx.report(error);
            }
            ctx.end_with(&result);
        };
        Box::pin(handling.instrument(span))
    }

    fn disconnect(&self, socket: Socket, reason: CloseReason) -> BoxFuture {
        let Some(lines) = self.lines(&socket) else {
            return nothing();
        };
        let line = Arc::clone(&lines.disconnect);
        let ctx = Context::new(socket, Occasion::Disconnect(reason), Arc::clone(&line));
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
                result = guard(line.invoke(ctx.clone(), handler)).await;
            }
        };
        Box::pin(leaving.instrument(span))
    }

    fn has_namespace(&self, namespace: &str) -> bool {
        self.namespaces.contains_key(namespace)
    }
}

impl Routes {
    fn lines(&self, socket: &Socket) -> Option<&Lines> {
        let lines = self.namespaces.get(socket.namespace());
        if lines.is_none() {
            tracing::error!(
                namespace = socket.namespace(),
                "a socket in a namespace that does not exist"
            );
        }
        lines
    }

    /// The layers, if there are any, and the onion inside them.
    fn run(&self, ctx: Context) -> impl Future<Output = Result<Reply>> + Send + 'static {
        let pipeline = self.pipeline.clone();
        async move {
            match pipeline {
                None => Next::first(ctx).run().await,
                Some(pipeline) => pipeline.run(ctx).await.map_err(Error::from_boxed),
            }
        }
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

fn nothing() -> BoxFuture {
    Box::pin(async {})
}
