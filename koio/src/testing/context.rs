//! [`context()`]: a [`Context`] for calling a handler or a middleware by itself.

use std::{
    any::{Any, TypeId},
    fmt,
    net::SocketAddr,
    ops::Deref,
    sync::{Arc, atomic::AtomicUsize},
};

use futures_util::FutureExt as _;
use http::{HeaderMap, Uri};
use serde::Serialize;

use super::{
    decoder::messages,
    emission::{Emission, Emissions, Recorder},
    head::parse_header,
    received::ReceivedEvent,
    stage::Stage,
};
use crate::{
    Ack, CloseReason, Context, Error, FromEvent as _, Next, Result,
    ids::Pattern,
    router::{
        Answer,
        context::{NamespaceContext, Occasion},
        pipeline::middleware::{BoxReply, Endpoint, Onion},
    },
    socket::TypeMap,
    wire::{self, Assembler, Event, Incoming, PacketLimits},
};

/// A context for calling a handler or a middleware by itself, as the function that it is: no server, no runtime of its
/// own.
///
/// ```
/// use koio::{Context, Result, State, on, testing};
/// use serde_json::json;
///
/// struct Greeting(&'static str);
///
/// #[on("hello")]
/// async fn hello(ctx: Context, name: String, greeting: State<Greeting>) -> Result<String> {
///     ctx.socket().join("greeted")?;
///     ctx.broadcast("greeted", &name)?;
///     Ok(format!("{}, {name}", greeting.0))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let ctx = testing::context().auth(json!({ "token": "t" })).build()?;
/// let answer = hello(ctx.ctx(), "ann".to_owned(), State::new(Greeting("good day"))).await?;
/// assert_eq!(answer, "good day, ann");
///
/// let emitted = ctx.emitted();
/// assert_eq!(emitted[0].name(), "greeted");
/// assert_eq!(emitted[0].get::<String>(0)?, "ann");
/// assert!(emitted[0].is_to_all());
/// assert_eq!(emitted[0].except(), [ctx.socket().id().as_str()]); // but for its own socket
/// assert!(ctx.socket().rooms().iter().any(|room| room.as_str() == "greeted"));
/// # Ok(())
/// # }
/// ```
pub fn context() -> ContextBuilder {
    ContextBuilder {
        namespace: "/".to_owned(),
        pattern: None,
        auth: Ok(String::new()),
        query: String::new(),
        headers: HeaderMap::new(),
        wrong: None,
        address: None,
        states: TypeMap::default(),
        asks: false,
        occasion: Ok(Happens::Event(Event::default())),
    }
}

/// The [`Next`] of a middleware, for calling the middleware by itself: it runs `handler` with the context.
///
/// ```
/// use koio::{Context, Next, Reply, Result, ensure, testing};
///
/// async fn members(ctx: Context, next: Next) -> Result<Reply> {
///     ensure!(ctx.handshake().query("key") == Some("k"), "key", "no key");
///     next.run().await
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let ctx = testing::context().event("count", ()).query("key", "k").build()?;
/// let reply = members(ctx.ctx(), testing::next(&ctx, |_| async { Ok(7) })).await?;
/// assert_eq!(reply.downcast_ref(), Some(&7));
///
/// let ctx = testing::context().event("count", ()).build()?;
/// let refused = members(ctx.ctx(), testing::next(&ctx, |_| async { Ok(7) })).await;
/// assert_eq!(refused.unwrap_err().code(), "key");
/// # Ok(())
/// # }
/// ```
pub fn next<F, Fut, T>(ctx: &Context, handler: F) -> Next
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T>> + Send + 'static,
    T: Answer + 'static,
{
    Onion::new(Vec::new(), Arc::new(Inside(handler))).next(ctx.clone())
}

struct Inside<F>(F);

impl<F, Fut, T> Endpoint for Inside<F>
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T>> + Send + 'static,
    T: Answer + 'static,
{
    fn call(&self, ctx: Context) -> BoxReply {
        let answer = (self.0)(ctx.clone());
        Box::pin(async move { Ok(answer.await?.into_reply(&ctx)) })
    }
}

/// A context before it is made. Made by [`context()`].
#[must_use = "it makes a context when `build` is called"]
pub struct ContextBuilder {
    namespace: String,
    pattern: Option<String>,
    auth: Result<String>,
    query: String,
    headers: HeaderMap,
    wrong: Option<Error>,
    address: Option<SocketAddr>,
    states: TypeMap<Arc<dyn Any + Send + Sync>>,
    asks: bool,
    occasion: Result<Happens>,
}

/// What the [`Occasion`] of the context will be.
enum Happens {
    Event(Event),
    Connection,
    Disconnect(CloseReason),
}

impl ContextBuilder {
    /// The event that came, with its arguments as in [`Socket::emit`](crate::Socket::emit). By default an event without a
    /// name and arguments.
    pub fn event(mut self, name: &str, args: impl Serialize) -> Self {
        self.occasion = event(name, &args).map(Happens::Event);
        self
    }

    /// The client waits for an answer.
    pub fn asks(mut self) -> Self {
        self.asks = true;
        self
    }

    /// The client connects. For the handler of `connection` CONNECT is answered already.
    pub fn connection(mut self) -> Self {
        self.occasion = Ok(Happens::Connection);
        self
    }

    /// The client has gone. Its socket is still in its rooms, as it is for the handler of `disconnect`.
    pub fn disconnect(mut self, reason: CloseReason) -> Self {
        self.occasion = Ok(Happens::Disconnect(reason));
        self
    }

    /// The namespace. Default `/`.
    pub fn namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// The pattern that the namespace was declared as, `/room/{id}`, for [`Params`](crate::Params).
    pub fn pattern(mut self, pattern: &str) -> Self {
        self.pattern = Some(pattern.to_owned());
        self
    }

    /// What the client gave as `auth`, an object.
    pub fn auth(mut self, auth: impl Serialize) -> Self {
        self.auth = serde_json::to_string(&auth).map_err(Error::from);
        self
    }

    /// Adds a parameter to the query of the client's first request.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let mut pairs = form_urlencoded::Serializer::new(self.query);
        self.query = pairs.append_pair(name, value).finish();
        self
    }

    /// Adds a header to the client's first request.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match parse_header(name, value) {
            Ok((name, value)) => {
                self.headers.append(name, value);
            }
            Err(wrong) => {
                self.wrong.get_or_insert(Error::setup(wrong));
            }
        }
        self
    }

    /// The address that the client comes from. By default it is not known.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// A value for [`Context::state`], as [`Io::state`](crate::Io::state) shares it.
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(TypeId::of::<T>(), Arc::new(value));
        self
    }

    /// Makes the context.
    ///
    /// # Errors
    /// What was given can't be: a reserved name of an event, a namespace that no client can ask for, an `auth` that is no
    /// object, a pattern that is none.
    pub fn build(self) -> Result<TestContext> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let uri: Uri = format!("/socket.io/?{}", self.query).parse()?;
        let auth = self.auth?;
        let stage = Stage::new(&self.namespace, &auth, &uri, &self.headers, self.address)?;
        let pattern = match &self.pattern {
            Some(pattern) => Pattern::parse(pattern)
                .map_err(|why| Error::setup(format!("the pattern `{pattern}`: {why}")))?,
            None => None,
        };
        if pattern
            .as_ref()
            .is_some_and(|pattern| !pattern.matches(&self.namespace))
        {
            let (namespace, pattern) = (self.namespace, self.pattern.unwrap_or_default());
            return Err(Error::setup(format!(
                "the namespace `{namespace}` does not match the pattern `{pattern}`"
            )));
        }
        let shared = NamespaceContext {
            states: Arc::new(self.states),
            pattern,
            ..NamespaceContext::default()
        };
        let occasion = match self.occasion? {
            Happens::Event(mut event) => {
                event.ack = self.asks.then_some(0);
                Occasion::Event(event)
            }
            Happens::Connection => Occasion::Connection(stage.accept.clone()),
            Happens::Disconnect(reason) => Occasion::Disconnect {
                reason,
                started: AtomicUsize::new(0),
            },
        };
        let socket = stage.socket.clone();
        let emissions = Emissions::new(&self.namespace, socket.id(), stage.session.clone());
        let local = Arc::clone(&stage.core.local) as _;
        stage.core.set_cluster(Arc::new(Recorder {
            emissions: Arc::clone(&emissions),
            local,
        }));
        Ok(TestContext {
            ctx: Context::new(socket, occasion, Arc::new(shared), None),
            emissions,
            _stage: stage,
        })
    }
}

/// The event that the server would read of a client which emits this.
fn event(name: &str, args: &impl Serialize) -> Result<Event> {
    let packet = wire::event("/", None, name, args)?;
    let mut assembler = Assembler::new(PacketLimits::default());
    for message in messages(&packet) {
        if let Some(Incoming::Event { event, .. }) = assembler.push(message)? {
            return Ok(event);
        }
    }
    Err(Error::internal("an event that is none"))
}

impl fmt::Debug for ContextBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextBuilder")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// A context that belongs to no server, and what was emitted by it. Made by [`context()`].
///
/// Its socket is connected, and the only one. It joins rooms, keeps values, is disconnected. What is emitted, to it, to rooms
/// or to everybody, is recorded, and not sent: for a conversation there is [`TestServer`](super::TestServer).
pub struct TestContext {
    ctx: Context,
    emissions: Arc<Emissions>,
    _stage: Stage,
}

impl TestContext {
    /// The context, to be given away.
    #[must_use]
    pub fn ctx(&self) -> Context {
        self.ctx.clone()
    }

    /// Takes what was emitted since the last call, in its order: by the context, by its socket and its server, and by clones
    /// of them.
    #[must_use]
    pub fn emitted(&self) -> Vec<Emission> {
        self.emissions.take()
    }

    /// An [`Ack`] of the event, for a handler that takes one. What it sends is the [`answer`](Self::answer), if the client
    /// [asks](ContextBuilder::asks).
    ///
    /// # Errors
    /// None.
    pub fn ack(&self) -> Result<Ack> {
        let mut args = self.ctx.args()?;
        let ack = Ack::from_event(&self.ctx, &mut args).now_or_never();
        ack.unwrap_or_else(|| Err(Error::internal("an `Ack` that has to be waited for")))
    }

    /// Takes the answer that an [`Ack`] has sent. That of a handler that returns it is what the call gives.
    #[must_use]
    pub fn answer(&self) -> Option<ReceivedEvent> {
        self.emissions.take_answer()
    }
}

impl Deref for TestContext {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.ctx
    }
}

impl fmt::Debug for TestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ctx.fmt(f)
    }
}
