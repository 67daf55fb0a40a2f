//! Adding and removing: `socket.on(..)` and its siblings.

use std::{future::Future, sync::Arc};

use super::{
    added_listeners::{AddedListeners, EventListener, EventObserver, count, events, observers},
    once::onion_of_once,
};
use crate::{
    Result, Socket,
    router::{
        answer::{Answer, Reply},
        context::Context,
        pipeline::{
            event_table::onion_of,
            handler::closure_handler,
            middleware::{BoxMiddleware, Next, Onion},
        },
        setup::{check_at_run_time as check, handlers::IntoRoutes},
    },
    socket::ListenerId,
};

impl Socket {
    /// Adds a listener to this socket alone, while it is connected: Socket.IO's `socket.on`.
    ///
    /// It is a handler like those given to [`Io::on`](crate::Io::on): it runs within the middleware of the server and of the
    /// namespace, and what it returns is the acknowledgement. For the arguments, the state and the options of
    /// [`#[on]`](macro@crate::on) there is [`handlers`](Self::handlers).
    ///
    /// Of several handlers of one event those of the event table run first, then the [listeners of the
    /// namespace](crate::IoHandle::on), then those of the socket in the order in which they were added, one after the other. The first one answers; what the others return is dropped, and their errors go to
    /// [`Io::on_error`](crate::Io::on_error). An event counts as one towards its `concurrency`, which is that of the table
    /// (of `*` for a name that is not in it): a listener that waits for its client's *next* event waits for ever unless both
    /// may overlap.
    ///
    /// `"disconnect"` is for the end of the socket: behind the handlers of the table, and outside of all middleware. `"*"` takes
    /// the events that nothing else takes, behind the table's own `*`. Listeners go when the socket does, so they may hold it; a
    /// client that [comes back](Self::recovered) has a new socket, whose `connection` handler adds them again.
    ///
    /// ```
    /// use koio::{Context, Result, on};
    ///
    /// #[on("play")]
    /// async fn play(ctx: Context, game: String) -> Result<()> {
    ///     let moves = ctx.socket().on("move", move |ctx: Context| {
    ///         let game = game.clone();
    ///         async move {
    ///             let square: String = ctx.args()?.next()?;
    ///             ctx.to(game).emit("moved", &square)?;
    ///             Ok(square)
    ///         }
    ///     })?;
    ///     ctx.socket().once("resign", move |ctx: Context| async move {
    ///         ctx.socket().off(moves);
    ///         Ok(())
    ///     })?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [Closed](crate::Error::is_closed) if the socket is gone. Hidden from the client, as mistakes of the program: code `setup` for a
    /// name that is reserved, empty, `connection`, or too long for a client to send; code `listeners` above
    /// [`listeners`](crate::config::SocketConfig::listeners) of them.
    pub fn on<F, Fut, T>(&self, event: &str, handler: F) -> Result<ListenerId>
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Answer + 'static,
    {
        let onion = Onion::new([], closure_handler(handler));
        self.listen(EventListener::new(event, false, onion), false)
    }

    /// [`on`](Self::on) for one event: the listener is removed when it runs. An event that a middleware keeps from it does not
    /// count.
    ///
    /// ```
    /// use koio::{Context, Result, on};
    /// use tokio::sync::oneshot;
    ///
    /// #[on("upload")]
    /// async fn upload(ctx: Context) -> Result<()> {
    ///     let (sender, chunk) = oneshot::channel::<String>();
    ///     ctx.socket().once("chunk", |ctx: Context| async move {
    ///         let _ = sender.send(ctx.args()?.next()?);
    ///         Ok("stored")
    ///     })?;
    ///     tokio::spawn(async move {
    ///         if let Ok(chunk) = chunk.await {
    ///             println!("{} bytes", chunk.len());
    ///         }
    ///     });
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`on`](Self::on).
    pub fn once<F, Fut, T>(&self, event: &str, handler: F) -> Result<ListenerId>
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Answer + 'static,
    {
        let listener = EventListener::new(event, true, onion_of_once(handler));
        self.listen(listener, false)
    }

    /// [`on`](Self::on) in front of the listeners that were added before: Socket.IO's `prependListener`. The handlers of the
    /// event table and the [listeners of the namespace](crate::IoHandle::on) still come first.
    ///
    /// # Errors
    /// As [`on`](Self::on).
    pub fn prepend<F, Fut, T>(&self, event: &str, handler: F) -> Result<ListenerId>
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Answer + 'static,
    {
        let onion = Onion::new([], closure_handler(handler));
        self.listen(EventListener::new(event, false, onion), true)
    }

    /// Adds `#[on]` functions, or a value whose methods are handlers, as listeners of this socket alone: with the arguments, the
    /// answers, `wrap` and `timeout` that they have at the start. For their order see [`on`](Self::on).
    ///
    /// ```
    /// use koio::{Context, Result, State, handlers, on};
    ///
    /// struct Words(Vec<String>);
    ///
    /// #[on("guess", timeout = "2s")]
    /// async fn guess(word: String, words: State<Words>) -> bool {
    ///     words.0.contains(&word)
    /// }
    ///
    /// #[on("start")]
    /// async fn start(ctx: Context) -> Result<()> {
    ///     ctx.socket().handlers(handlers![guess])?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`on`](Self::on), and then none of them is added. Code `setup` also if one says that it belongs to another namespace,
    /// or how many of its events may overlap, or takes what there is not (an `Auth`, say). A `State` that the server was not
    /// given is an error of the event.
    pub fn handlers(&self, handlers: impl IntoRoutes) -> Result<Vec<ListenerId>> {
        let routes = handlers.into_routes();
        let mut added = Vec::with_capacity(routes.len());
        for route in &routes {
            check::route(route, self)?;
            added.push(EventListener::new(route.meta.event, false, onion_of(route)));
        }
        let ids = added.iter().map(|listener| listener.id).collect();
        self.add_incoming(|list: &mut AddedListeners, limit| list.listen(&added, false, limit))?;
        Ok(ids)
    }

    /// Removes what was added to this socket under this id: a listener, a [middleware](Self::wrap), or an observer of
    /// [what comes](Self::on_any) or of [what is sent](Self::on_any_outgoing). False if there is none, because it has been
    /// removed, has run [once](Self::once), or is another socket's. An event that has begun runs to its end with it.
    #[allow(
        clippy::must_use_candidate,
        reason = "whether it was there is rarely of interest"
    )]
    pub fn off(&self, id: ListenerId) -> bool {
        let removed = self.remove_incoming(|list: &mut AddedListeners| list.remove(id));
        removed == Some(true) || self.remove_outgoing(|other| other == id) > 0
    }

    /// Removes all listeners of an event that were added to this socket, and returns how many there were: Socket.IO's
    /// `removeAllListeners(event)`. The handlers of the event table stay.
    #[allow(
        clippy::must_use_candidate,
        reason = "the number is rarely of interest"
    )]
    pub fn off_all(&self, event: &str) -> usize {
        let removed = self.remove_incoming(|list: &mut AddedListeners| list.remove_event(event));
        removed.unwrap_or(0)
    }

    /// How many listeners of an event were added to this socket: Socket.IO's `listenerCount(event)`. The handlers of the event
    /// table do not count.
    #[must_use]
    pub fn listener_count(&self, event: &str) -> usize {
        count(self, event)
    }

    /// The events that have listeners which were added to this socket, each once, in the order of their listeners:
    /// Socket.IO's `eventNames()`. The event table has others.
    #[must_use]
    pub fn event_names(&self) -> Vec<String> {
        events(self)
    }

    /// Puts a middleware around the events of this socket alone: Socket.IO's `socket.use`. It is inside the middleware of the
    /// server and of the namespace, also of [what was added there](crate::IoHandle::wrap), and around the handlers, also around what answers an event that has none; those added before
    /// are outside it. `connection` and `disconnect` do not pass through it.
    ///
    /// ```
    /// use koio::{Context, Next, Result, ensure, on};
    ///
    /// #[on("mute")]
    /// async fn mute(ctx: Context) -> Result<()> {
    ///     ctx.socket().wrap(|ctx: Context, next: Next| async move {
    ///         ensure!(ctx.event() != "say", "muted", "you may listen");
    ///         next.run().await
    ///     })?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [Closed](crate::Error::is_closed) if the socket is gone; code `listeners`, hidden from the client, above
    /// [`listeners`](crate::config::SocketConfig::listeners) of them.
    pub fn wrap<F, Fut>(&self, middleware: F) -> Result<ListenerId>
    where
        F: Fn(Context, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply>> + Send + 'static,
    {
        let (id, middleware) = (ListenerId::fresh(), BoxMiddleware::new(middleware));
        self.add_incoming(|list: &mut AddedListeners, limit| list.wrap(id, &middleware, limit))?;
        Ok(id)
    }

    /// Calls `observer` with each event of this client, whether or not something handles it: Socket.IO's `onAny`. Behind the
    /// observers that were added before.
    ///
    /// It is called when the event's turn has come, ahead of its middleware, in the task of the session: it must not block. It
    /// reads the arguments with [`Context::args`]. A panic in it is caught and logged. For the events of all sockets there are
    /// [`IoHandle::on_any`](crate::IoHandle::on_any), which comes first, and [`Io::wrap`](crate::Io::wrap).
    ///
    /// ```
    /// use koio::{Context, Result, extract::Args, on};
    ///
    /// #[on("connection")]
    /// async fn connection(ctx: Context) -> Result<()> {
    ///     ctx.socket().on_any(|ctx| {
    ///         let arguments = ctx.args().map_or(0, |args| args.len());
    ///         println!("{} > {} with {arguments}", ctx.socket().id(), ctx.event());
    ///     })?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`wrap`](Self::wrap).
    pub fn on_any(
        &self,
        observer: impl Fn(&Context) + Send + Sync + 'static,
    ) -> Result<ListenerId> {
        self.observe(observer, false)
    }

    /// [`on_any`](Self::on_any) in front of the observers that were added before: Socket.IO's `prependAny`.
    ///
    /// # Errors
    /// As [`wrap`](Self::wrap).
    pub fn prepend_any(
        &self,
        observer: impl Fn(&Context) + Send + Sync + 'static,
    ) -> Result<ListenerId> {
        self.observe(observer, true)
    }

    /// Removes all observers of what comes, and returns how many there were. One of them: [`off`](Self::off).
    #[allow(
        clippy::must_use_candidate,
        reason = "the number is rarely of interest"
    )]
    pub fn off_any(&self) -> usize {
        let removed = self.remove_incoming(AddedListeners::remove_observers);
        removed.unwrap_or(0)
    }

    /// How many observers of what comes were added to this socket: the length of Socket.IO's `listenersAny()`.
    #[must_use]
    pub fn any_count(&self) -> usize {
        observers(self)
    }

    fn observe(
        &self,
        observer: impl Fn(&Context) + Send + Sync + 'static,
        in_front: bool,
    ) -> Result<ListenerId> {
        let (id, observer): (_, EventObserver) = (ListenerId::fresh(), Arc::new(observer));
        self.add_incoming(|list: &mut AddedListeners, limit| {
            list.observe(id, &observer, in_front, limit)
        })?;
        Ok(id)
    }

    fn listen(&self, listener: EventListener, in_front: bool) -> Result<ListenerId> {
        check::event(&listener.event, self)?;
        let added = [listener];
        self.add_incoming(|list: &mut AddedListeners, limit| list.listen(&added, in_front, limit))?;
        let [listener] = &added;
        Ok(listener.id)
    }
}
