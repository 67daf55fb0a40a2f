//! A namespace before the start: a plain value of middleware and handlers.

use std::{future::Future, panic::Location};

use serde::Serialize;

use super::{handlers::IntoRoutes, parts::GivenConcurrency};
use crate::{
    Result,
    router::{
        answer::{Answer, Reply},
        context::Context,
        once::{GivenOnceBy, OnceBy},
        pipeline::{BoxMiddleware, Next, Route, ServerRoute},
    },
    socket::ServerEvent,
};

/// The middleware and the handlers of one namespace, before the server starts.
///
/// It is a plain value, which a module can build and return:
///
/// ```
/// use koio::{Context, Io, Namespace, Next, Reply, Result};
///
/// async fn members_only(ctx: Context, next: Next) -> Result<Reply> {
///     koio::ensure!(ctx.socket().handshake().query("member").is_some(), "members_only", "join first");
///     next.run().await
/// }
///
/// fn club() -> Namespace {
///     Namespace::new()
///         .wrap(members_only)
///         .on("hello", |_: Context| async move { Ok("welcome") })
/// }
///
/// let io = Io::new().namespace("/club", club());
/// ```
#[derive(Debug, Default)]
#[must_use = "a namespace does nothing until it is given to `.namespace(..)`"]
pub struct Namespace {
    pub(crate) wraps: Vec<BoxMiddleware>,
    pub(crate) concurrency: Option<GivenConcurrency>,
    pub(crate) once_by: Vec<GivenOnceBy>,
    pub(crate) routes: Vec<Route>,
    pub(crate) server_side: Vec<ServerRoute>,
}

impl Namespace {
    /// A namespace without handlers. Clients may connect to it all the same.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a middleware around everything in this namespace, inside those before it and inside the server's.
    pub fn wrap<F, Fut>(mut self, middleware: F) -> Self
    where
        F: Fn(Context, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply>> + Send + 'static,
    {
        self.wraps.push(BoxMiddleware::new(middleware));
        self
    }

    /// Lets `events` events of one socket overlap in this namespace, for the handlers that do not say
    /// `#[on(.., concurrency = n)]` themselves. At least 1 and at most 1,024; 1 unless
    /// [`Io::concurrency`](crate::Io::concurrency) says otherwise, which this comes before.
    ///
    /// Events start in the order in which they came. One starts as soon as fewer events of its socket run than its own
    /// concurrency, and than that of each event that runs. So a handler whose concurrency is 1 runs alone. `connection`
    /// and `disconnect` always do. An acknowledgement is sent when its handler has finished, whichever that is.
    ///
    /// ```
    /// use koio::{Context, Namespace};
    /// use std::time::Duration;
    ///
    /// /// Five questions at once are answered after 400 ms, and not after two seconds.
    /// fn reports() -> Namespace {
    ///     Namespace::new().concurrency(16).on("report", |ctx: Context| async move {
    ///         let month: u32 = ctx.args()?.next()?;
    ///         tokio::time::sleep(Duration::from_millis(400)).await;
    ///         Ok(format!("the report of month {month}"))
    ///     })
    /// }
    /// ```
    #[track_caller]
    pub fn concurrency(mut self, events: usize) -> Self {
        self.concurrency = Some(GivenConcurrency::new(events));
        self
    }

    /// Adds handlers: a list made by `handlers![]`, or a value whose methods are handlers.
    pub fn handlers(mut self, handlers: impl IntoRoutes) -> Self {
        self.routes.extend(handlers.into_routes());
        self
    }

    /// Handles an event with a closure, which reads its arguments from the context.
    #[track_caller]
    pub fn on<F, Fut, T>(mut self, event: &'static str, handler: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Answer + 'static,
    {
        self.routes
            .push(Route::closure(event, Location::caller(), handler));
        self
    }

    /// Handles an event once for each key, as `#[on(.., once_by = "/0/id")]` does: for handlers that are closures. The key is at
    /// a JSON pointer (RFC 6901) into the list of the event's arguments. See [`on`](macro@crate::on#handled-once).
    ///
    /// A pointer that is none, an event that has no handler in this namespace, and one whose handler has a `once_by` already, are
    /// errors at the start.
    ///
    /// ```
    /// use koio::{Context, Namespace};
    ///
    /// let shop = Namespace::new()
    ///     .on("order", |ctx: Context| async move {
    ///         let order: serde_json::Value = ctx.args()?.next()?;
    ///         Ok(format!("ordered {}", order["article"]))
    ///     })
    ///     .once_by("order", "/0/id");
    /// ```
    #[track_caller]
    pub fn once_by(mut self, event: &'static str, pointer: &'static str) -> Self {
        self.once_by.push(GivenOnceBy {
            event,
            once_by: OnceBy::Pointer(pointer),
            location: Location::caller(),
        });
        self
    }

    /// Handles an event that another server of the cluster sends by
    /// [`server_side_emit`](crate::IoHandle::server_side_emit) for this namespace; see
    /// [`Io::on_server_side`](crate::Io::on_server_side).
    ///
    /// In a namespace of a pattern it takes what is sent for the pattern, and for any namespace that it matches.
    ///
    /// ```
    /// use koio::{Namespace, cluster::ServerEvent};
    ///
    /// let chat = Namespace::new().on_server_side("close", |event: ServerEvent| async move {
    ///     let room: String = event.get(0)?;
    ///     event.here().to(room).local().disconnect_sockets()
    /// });
    /// ```
    #[track_caller]
    pub fn on_server_side<F, Fut, T>(mut self, event: &'static str, handler: F) -> Self
    where
        F: Fn(ServerEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Serialize + Send + 'static,
    {
        self.server_side
            .push(ServerRoute::new(event, Location::caller(), handler));
        self
    }
}
