//! What koio gives to handlers: everything that is not read from the event's arguments.

use std::{
    any::type_name,
    fmt,
    future::{Future, ready},
    ops::Deref,
    sync::Arc,
};

use serde::{Serialize, Serializer, de::DeserializeOwned};

use crate::router::{Arguments, Context, FromEvent, Requirements, context::Occasion};
use crate::{CloseReason, Error, Handshake, Result, Socket, wire::RawArgs};

impl FromEvent for Context {
    async fn from_event(ctx: &Context, _: &mut Arguments) -> Result<Self> {
        Ok(ctx.clone())
    }

    fn read_from(args: &mut Arguments) -> impl Future<Output = Result<Self>> + Send {
        ready(Ok(args.ctx().clone()))
    }
}

impl FromEvent for Socket {
    async fn from_event(ctx: &Context, _: &mut Arguments) -> Result<Self> {
        Ok(ctx.socket().clone())
    }

    fn read_from(args: &mut Arguments) -> impl Future<Output = Result<Self>> + Send {
        ready(Ok(args.ctx().socket().clone()))
    }
}

impl FromEvent for Handshake {
    async fn from_event(ctx: &Context, _: &mut Arguments) -> Result<Self> {
        Ok(ctx.socket().handshake().clone())
    }
}

impl FromEvent for CloseReason {
    async fn from_event(ctx: &Context, _: &mut Arguments) -> Result<Self> {
        ctx.close_reason()
            .ok_or_else(|| Error::internal("there is a close reason in `disconnect` only"))
    }

    fn requires(requirements: &mut Requirements) {
        requirements.close_reason();
    }
}

/// A value that was given to the server with `state`, and that all handlers share.
///
/// It derefs to the value. If it is missing, the server does not start.
pub struct State<T>(Arc<T>);

impl<T> State<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self(value)
    }

    /// The `Arc` inside, for a task that outlives the handler.
    #[must_use]
    pub fn into_arc(self) -> Arc<T> {
        self.0
    }
}

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State<{}>", type_name::<T>())
    }
}

impl<T: Send + Sync + 'static> FromEvent for State<T> {
    async fn from_event(ctx: &Context, _: &mut Arguments) -> Result<Self> {
        ctx.state()
    }

    fn read_from(args: &mut Arguments) -> impl Future<Output = Result<Self>> + Send {
        ready(args.ctx().state())
    }

    fn requires(requirements: &mut Requirements) {
        requirements.state::<T>();
    }
}

/// What the client gave as `auth` when it connected, for the `connection` handler.
///
/// If it does not fit, the connection is refused with `bad_request`. In later events it is in
/// `ctx.socket().handshake()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<T>(pub T);

impl<T> Deref for Auth<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + Send> FromEvent for Auth<T> {
    async fn from_event(ctx: &Context, _: &mut Arguments) -> Result<Self> {
        if !matches!(ctx.occasion(), Occasion::Connection(_)) {
            return Err(Error::internal("there is an `Auth` in `connection` only"));
        }
        ctx.socket().handshake().auth().map(Self)
    }

    fn requires(requirements: &mut Requirements) {
        requirements.auth();
    }
}

/// All arguments of an event as they arrived, undecoded.
///
/// Given to `emit`, or returned, it passes them on as they are, binary included. Cloning it is cheap.
#[derive(Clone)]
pub struct Args(pub(crate) RawArgs);

impl Args {
    /// Whether the client sent none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Args")
    }
}

impl FromEvent for Args {
    async fn from_event(_: &Context, args: &mut Arguments) -> Result<Self> {
        args.whole().map(Self)
    }

    fn requires(requirements: &mut Requirements) {
        requirements.argument::<Self>();
    }
}

/// An argument that may not fit: the handler sees the error instead of the client.
///
/// ```
/// use koio::{on, Context, Result, Try};
///
/// #[on("age")]
/// async fn age(_: Context, age: Try<u8>) -> String {
///     match age.0 {
///         Ok(age) => format!("{age}, nice"),
///         Err(error) => format!("that is no age: {error}"),
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Try<T>(pub Result<T>);

impl<T: FromEvent> FromEvent for Try<T> {
    async fn from_event(ctx: &Context, args: &mut Arguments) -> Result<Self> {
        match T::from_event(ctx, args).await {
            // The connection is closing: there is nobody to be lenient with.
            Err(error) if ctx.answer_state().is_broken() => Err(error),
            result => Ok(Self(result)),
        }
    }

    fn requires(requirements: &mut Requirements) {
        T::requires(requirements);
    }
}
