//! Adding to a whole namespace, and removing: `io.of("/chat").on(..)` and its siblings.

use std::{future::Future, sync::Arc};

use super::{
    added_listeners::{AddedListeners, EventListener, EventObserver, count, events, observers},
    once::onion_of_once,
};
use crate::{
    IoHandle, Result,
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

impl IoHandle {
    /// Adds a listener to the namespace of this handle, for the events of all its sockets, while the server runs: `on` of
    /// Socket.IO and koa-socket. It also takes those of the sockets that are there already.
    ///
    /// It is a handler like those given to [`Io::on`](crate::Io::on): it runs within all middleware of the server and of the
    /// namespace, and what it returns is the acknowledgement. Of several handlers of one event those of the event table run
    /// first, then the listeners of the namespace in the order in which they were added, then [those of the
    /// socket](crate::Socket::on), one after the other. The first one answers; what the others return is dropped, and their
    /// errors go to [`Io::on_error`](crate::Io::on_error).
    ///
    /// `"connection"` is for those who connect from then on. If it is the first handler of `connection`, its error disconnects the
    /// socket, as that of a handler of the start does. `"disconnect"` is for the end of a socket, behind the handlers of the
    /// table, and outside of all middleware. `"*"` takes the events that nothing else takes, behind the table's own `*`. How
    /// many events of a socket may overlap is decided at the start.
    ///
    /// A pattern, `io.of("/board-{n}")`, has the listeners of all namespaces that it matches; a single one of them has none of
    /// its own. A listener stays until it is [removed](Self::off), the server has [shut down](Self::shutdown), or its service
    /// is dropped; so it may hold a handle of the server. While none is there, events pay one load for it.
    ///
    /// ```
    /// use koio::{Context, IoHandle, Result};
    ///
    /// fn open_poll(io: &IoHandle) -> Result<()> {
    ///     let votes = io.of("/chat").on("vote", |ctx: Context| async move {
    ///         let vote: String = ctx.args()?.next()?;
    ///         ctx.here().broadcast("voted", vote)
    ///     })?;
    ///     let of_chat = io.of("/chat");
    ///     io.of("/chat").once("close poll", move |_| async move {
    ///         of_chat.off(votes);
    ///         Ok(())
    ///     })?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [Closed](crate::Error::is_closed) if the server has ended. Hidden from clients, as mistakes of the program:
    /// [no such namespace](crate::Error::is_no_namespace); code `setup` ahead of the start, for one namespace of a pattern, and
    /// for a name that is reserved, empty, or too long for a client to send; code `listeners` above
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

    /// [`on`](Self::on) for one event of one socket, whichever comes first: the listener is removed when it runs. An event that
    /// a middleware keeps from it does not count.
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

    /// [`on`](Self::on) in front of the listeners that were added to the namespace before: Socket.IO's `prependListener`. The
    /// handlers of the event table still come first.
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

    /// Adds `#[on]` functions, or a value whose methods are handlers, as listeners of the namespace: with the arguments, the
    /// answers, `wrap` and `timeout` that they have at the start. For their order see [`on`](Self::on).
    ///
    /// ```
    /// use koio::{IoHandle, Result, handlers, on};
    ///
    /// #[on("guess", timeout = "2s")]
    /// async fn guess(word: String) -> bool {
    ///     word == "koi"
    /// }
    ///
    /// fn open_quiz(io: &IoHandle) -> Result<()> {
    ///     io.handlers(handlers![guess]).map(drop)
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`on`](Self::on), and then none of them is added. Code `setup` also if one says that it belongs to another namespace,
    /// or how many of its events may overlap, or takes what there is not (an `Auth` outside `connection`, say). A `State` that
    /// the server was not given is an error of the event.
    pub fn handlers(&self, handlers: impl IntoRoutes) -> Result<Vec<ListenerId>> {
        let routes = handlers.into_routes();
        let additions = self.additions()?;
        let mut added = Vec::with_capacity(routes.len());
        for route in &routes {
            check::route(route, self)?;
            added.push(EventListener::new(route.meta.event, false, onion_of(route)));
        }
        let (ids, limit) = (
            added.iter().map(|listener| listener.id).collect(),
            self.listeners_limit(),
        );
        additions.add(|list: &mut AddedListeners| list.listen(&added, false, limit))?;
        Ok(ids)
    }

    /// Removes what was added to the namespace under this id: a listener, a [middleware](Self::wrap) or an
    /// [observer](Self::on_any). False if there is none, because it has been removed, has run [once](Self::once), or was added
    /// elsewhere. An event that has begun runs to its end with it.
    #[allow(
        clippy::must_use_candidate,
        reason = "whether it was there is rarely of interest"
    )]
    pub fn off(&self, id: ListenerId) -> bool {
        self.remove_listed(|list| list.remove(id)) == Some(true)
    }

    /// Removes all listeners of an event that were added to the namespace, and returns how many there were: Socket.IO's
    /// `removeAllListeners(event)`. The handlers of the event table stay, and those of single sockets.
    #[allow(
        clippy::must_use_candidate,
        reason = "the number is rarely of interest"
    )]
    pub fn off_all(&self, event: &str) -> usize {
        self.remove_listed(|list| list.remove_event(event))
            .unwrap_or(0)
    }

    /// How many listeners of an event were added to the namespace: Socket.IO's `listenerCount(event)`. The handlers of the event
    /// table do not count, nor do listeners of single sockets.
    #[must_use]
    pub fn listener_count(&self, event: &str) -> usize {
        let additions = self.additions();
        additions.map_or(0, |additions| count(&**additions, event))
    }

    /// The events that have listeners which were added to the namespace, each once, in the order of their listeners:
    /// Socket.IO's `eventNames()`. The event table has others: [`Io::describe`](crate::Io::describe).
    #[must_use]
    pub fn event_names(&self) -> Vec<String> {
        let additions = self.additions();
        additions.map_or_else(|_| Vec::new(), |additions| events(&**additions))
    }

    /// Puts a middleware around everything in the namespace from now on: `use` of Socket.IO and koa-socket. It is inside the
    /// middleware that the namespace got at the start, and around that of single sockets; those added before are outside it.
    /// Like [`Namespace::wrap`](crate::Namespace::wrap) it is around `connection`, which it may refuse, and around
    /// `disconnect`, which it can't suppress. A connection that is under way keeps the middleware it began with.
    ///
    /// ```
    /// use koio::{Context, IoHandle, Next, Result, ensure};
    ///
    /// fn close_the_doors(io: &IoHandle) -> Result<()> {
    ///     io.of("/chat").wrap(|ctx: Context, next: Next| async move {
    ///         ensure!(ctx.event() != "connection", "full", "come back tomorrow");
    ///         next.run().await
    ///     })?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`on`](Self::on), without those of names.
    pub fn wrap<F, Fut>(&self, middleware: F) -> Result<ListenerId>
    where
        F: Fn(Context, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply>> + Send + 'static,
    {
        let (id, middleware) = (ListenerId::fresh(), BoxMiddleware::new(middleware));
        let limit = self.listeners_limit();
        self.additions()?
            .add(|list: &mut AddedListeners| list.wrap(id, &middleware, limit))?;
        Ok(id)
    }

    /// Calls `observer` with each event of all clients in the namespace, whether or not something handles it: `onAny`, for all
    /// sockets. Behind the observers that were added before, ahead of those of [the socket](crate::Socket::on_any), and as
    /// those it must not block. `connection` and `disconnect` are no events of a client's.
    ///
    /// # Errors
    /// As [`wrap`](Self::wrap).
    pub fn on_any(
        &self,
        observer: impl Fn(&Context) + Send + Sync + 'static,
    ) -> Result<ListenerId> {
        self.observe(observer, false)
    }

    /// [`on_any`](Self::on_any) in front of the observers that were added to the namespace before.
    ///
    /// # Errors
    /// As [`wrap`](Self::wrap).
    pub fn prepend_any(
        &self,
        observer: impl Fn(&Context) + Send + Sync + 'static,
    ) -> Result<ListenerId> {
        self.observe(observer, true)
    }

    /// Removes all observers of what comes that were added to the namespace, and returns how many there were. One of them:
    /// [`off`](Self::off).
    #[allow(
        clippy::must_use_candidate,
        reason = "the number is rarely of interest"
    )]
    pub fn off_any(&self) -> usize {
        self.remove_listed(AddedListeners::remove_observers)
            .unwrap_or(0)
    }

    /// How many observers of what comes were added to the namespace.
    #[must_use]
    pub fn any_count(&self) -> usize {
        let additions = self.additions();
        additions.map_or(0, |additions| observers(&**additions))
    }

    fn observe(
        &self,
        observer: impl Fn(&Context) + Send + Sync + 'static,
        in_front: bool,
    ) -> Result<ListenerId> {
        let (id, observer): (_, EventObserver) = (ListenerId::fresh(), Arc::new(observer));
        let limit = self.listeners_limit();
        self.additions()?
            .add(|list: &mut AddedListeners| list.observe(id, &observer, in_front, limit))?;
        Ok(id)
    }

    fn listen(&self, listener: EventListener, in_front: bool) -> Result<ListenerId> {
        let additions = self.additions()?;
        check::event(&listener.event, self)?;
        let (added, limit) = ([listener], self.listeners_limit());
        additions.add(|list: &mut AddedListeners| list.listen(&added, in_front, limit))?;
        let [listener] = &added;
        Ok(listener.id)
    }

    fn remove_listed<R>(&self, remove: impl FnOnce(&mut AddedListeners) -> R) -> Option<R> {
        self.additions().ok()?.remove(remove)
    }
}
