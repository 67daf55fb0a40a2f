//! A middleware that gives an event another name, or other arguments, for what is inside it.

use std::{any::Any, sync::Arc};

use serde::Serialize;

use super::{
    event_table::NamespaceEvents,
    middleware::{Centre, Next, Onion},
};
use crate::{
    Error, Result,
    router::context::Context,
    socket::event_of_frame,
    wire::{self, Event, is_reserved, shortened},
};

impl Next {
    /// Gives the event another name: what is inside is the rest of the middleware, and then the handlers of that name. It is the
    /// rewriting half of Socket.IO's `socket.use`, for clients that say an event's old name.
    ///
    /// What is inside has a context of its own, with the new name; socket, arguments and what was [set](Context::set) are the
    /// same, and the client is answered once, as if it had sent that. The context outside keeps the old name. How many events
    /// may overlap, and whether it is handled once (`once_by`), was decided by the old name. Observers (`on_any`) have seen it, too.
    ///
    /// ```
    /// use koio::{Context, Next, Reply, Result};
    ///
    /// async fn old_names(ctx: Context, next: Next) -> Result<Reply> {
    ///     match ctx.event() {
    ///         "sendMsg" => next.rename("send message")?.run().await,
    ///         _ => next.run().await,
    ///     }
    /// }
    ///
    /// let io = koio::Io::new().wrap(old_names);
    /// ```
    ///
    /// # Errors
    /// Mistakes of the program, hidden from clients, with code `setup`: a reserved name; `connection` and `disconnect`, which are
    /// no events of a client's; and in a middleware that is around one handler alone (`#[on(.., wrap = [..])]`), which is chosen
    /// by then.
    pub fn rename(self, event: &str) -> Result<Self> {
        let renamed = received(&self.ctx)?.renamed(event);
        if is_reserved(event) {
            let event = shortened(event);
            return Err(Error::setup(format!(
                "an event can't be renamed to `{event}`, which is a reserved name"
            )));
        }
        let events = self.ctx.namespace_context().events.get();
        let events = events.and_then(|events| events.upgrade());
        let events = events
            .as_deref()
            .and_then(|events: &(dyn Any + Send + Sync)| events.downcast_ref::<NamespaceEvents>());
        let events = events.ok_or_else(|| Error::internal("the context is of another server"))?;
        Ok(Self {
            ctx: self.ctx.rewritten(renamed),
            onion: redirected(&self.onion, self.at, events, event)?,
            at: 0,
        })
    }

    /// Gives the event other arguments, for the middleware and the handlers inside: `()` is no argument,
    /// [`args!`](crate::args)`[a, b]` are several, anything else is one, binary included. Those outside, and this middleware's
    /// own context, keep what the client sent. The answer and what was [set](Context::set) are the same for both.
    ///
    /// ```
    /// use koio::{Context, Next, Reply, Result, args};
    ///
    /// /// Text is text without spaces around it, and who says it.
    /// async fn tidy(ctx: Context, next: Next) -> Result<Reply> {
    ///     if ctx.event() != "say" {
    ///         return next.run().await;
    ///     }
    ///     let text: String = ctx.args()?.next()?;
    ///     next.with_args(args![text.trim(), ctx.socket().id()])?.run().await
    /// }
    ///
    /// let io = koio::Io::new().wrap(tidy);
    /// ```
    ///
    /// # Errors
    /// Hidden from clients: the arguments can't be written as JSON, hold more than ten binaries, or are nested deeper than 128; or
    /// code `setup` at `connection` and `disconnect`, which are no events of a client's.
    pub fn with_args(self, args: impl Serialize) -> Result<Self> {
        let before = received(&self.ctx)?;
        let namespace = self.ctx.namespace();
        // Under a name that can be sent: the event's own may be one that only clients say.
        let frame = wire::event_draft(namespace, None, "_", &args)?.into_frame();
        let written = event_of_frame(&frame, namespace)
            .ok_or_else(|| Error::internal("the arguments can't be read again"))?;
        let mut event = written.renamed(before.name());
        event.ack = before.ack;
        Ok(Self {
            ctx: self.ctx.rewritten(event),
            onion: self.onion,
            at: self.at,
        })
    }
}

fn received(ctx: &Context) -> Result<&Event> {
    ctx.received().ok_or_else(|| {
        let event = ctx.event();
        Error::setup(format!(
            "`{event}` can't be rewritten: it is no event of a client's"
        ))
    })
}

/// The onion from `at` on, with the handlers of another event at its centre.
fn redirected(
    onion: &Arc<Onion>,
    at: usize,
    events: &NamespaceEvents,
    event: &str,
) -> Result<Arc<Onion>> {
    let shared = onion.middleware.len().saturating_sub(onion.own);
    let rest = onion.middleware.get(at..shared).ok_or_else(|| {
        Error::setup(format!(
            "an event can't be renamed to `{}` by a middleware that is around one handler alone: give it to the server, the \
             namespace or the socket",
            shortened(event)
        ))
    })?;
    let centre = match &onion.centre {
        Centre::Endpoint(endpoint) if endpoint.goes_by_name() => {
            Centre::Endpoint(Arc::clone(endpoint))
        }
        Centre::Endpoint(_) => Centre::Composed {
            around: Arc::clone(events.entry(event.as_bytes()).onion()),
            at: events.middleware().len(),
        },
        Centre::Composed { around, at } => Centre::Composed {
            around: redirected(around, *at, events, event)?,
            at: 0,
        },
    };
    Ok(Arc::new(Onion {
        middleware: rest.into(),
        own: 0,
        centre,
    }))
}
