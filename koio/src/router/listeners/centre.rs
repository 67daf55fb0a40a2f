//! What runs for an event of a socket that has something added.

use std::sync::Arc;

use super::socket_listeners::{SocketListeners, take};
use crate::{
    Result,
    router::{
        answer::Reply,
        catch_unwind::guard,
        context::Context,
        pipeline::{
            endpoints::{report, run_others},
            event_table::EventEntry,
            middleware::{BoxMiddleware, BoxReply, Endpoint, Next, Onion},
        },
    },
};

/// The onion of an event, with what is added to its socket inside the middleware of its namespace.
pub(crate) fn onion_around(
    namespace: &Arc<[BoxMiddleware]>,
    entry: &Arc<EventEntry>,
) -> Arc<Onion> {
    let inside = InsideNamespace {
        entry: Arc::clone(entry),
        depth: namespace.len(),
    };
    Onion::new(Arc::clone(namespace), Arc::new(inside))
}

/// Runs the listeners of `disconnect`, in order. Their errors are reported.
pub(crate) async fn at_disconnect(ctx: &Context) {
    run_others(ctx, &take(ctx.socket(), "disconnect")).await;
}

/// What is inside the middleware of the namespace: that of the socket, and the handlers.
struct InsideNamespace {
    entry: Arc<EventEntry>,
    /// How many middlewares of the entry's onion are those of the namespace.
    depth: usize,
}

impl Endpoint for InsideNamespace {
    fn call(&self, ctx: Context) -> BoxReply {
        let listed = ctx.socket().incoming_additions::<SocketListeners>();
        let middleware = listed.map_or_else(Arc::default, |listed| listed.middleware());
        let handlers = TableAndListeners {
            entry: Arc::clone(&self.entry),
            depth: self.depth,
        };
        Onion::new(middleware, Arc::new(handlers)).start(ctx)
    }
}

/// The handlers of the event table, and the socket's listeners.
struct TableAndListeners {
    entry: Arc<EventEntry>,
    depth: usize,
}

impl TableAndListeners {
    /// All that run, in order. `*` is for what nothing else takes, in the table and among the listeners alike.
    fn all(&self, ctx: &Context) -> Vec<Next> {
        let event = ctx.event();
        let mut listeners = take(ctx.socket(), event);
        let is_named = self.entry.is_named(event.as_bytes());
        let is_any = !is_named && listeners.is_empty();
        if is_any {
            listeners = take(ctx.socket(), "*");
        }
        // An entry without handlers answers that the event has none: not if there are listeners.
        let of_table = (is_named || is_any) && (self.entry.has_handlers() || listeners.is_empty());
        let of_table = of_table.then(|| self.entry.onion().inside(ctx.clone(), self.depth));
        let listeners = listeners.iter().map(|listener| listener.next(ctx.clone()));
        of_table.into_iter().chain(listeners).collect()
    }
}

impl Endpoint for TableAndListeners {
    fn call(&self, ctx: Context) -> BoxReply {
        let mut handlers = self.all(&ctx).into_iter();
        Box::pin(async move {
            let Some(first) = handlers.next() else {
                return Ok(Reply::none());
            };
            let reply: Result<Reply> = guard(first.run()).await;
            for other in handlers {
                report(&ctx, guard(other.run()).await);
            }
            reply
        })
    }
}
