//! [`FromEvent`], and its implementations for the types that need no file of their own.

use std::future::{Future, poll_fn, ready};
use std::task::Poll;

use serde::de::DeserializeOwned;

use super::{args::Args, requirements::Requirements};
use crate::{CloseReason, Error, Handshake, Result, Socket, router::context::Context};

/// A type that a handler may take as an argument.
///
/// Every type that is [`DeserializeOwned`] is one: it reads the next argument that the client sent. The others
/// are koio's own ([`Context`], [`State`](crate::State), [`Ack`](crate::Ack) …) and yours:
///
/// ```
/// use koio::{Context, Result, SocketId, extract::{Args, FromEvent}};
///
/// struct Sender(SocketId);
///
/// impl FromEvent for Sender {
///     async fn from_event(ctx: &Context, _: &mut Args) -> Result<Self> {
///         Ok(Self(ctx.socket().id()))
///     }
/// }
/// ```
///
/// A type can't be both: if yours derives `Deserialize`, it is read from the event.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be an argument of a handler",
    label = "neither something that koio gives, nor something that a client can send",
    note = "a client can send whatever implements `serde::Deserialize` and owns its data: \
            `#[derive(serde::Deserialize)]`, and `String` instead of `&str`",
    note = "koio gives `Context`, `Socket`, `State<T>`, `Auth<T>`, `Handshake`, `CloseReason`, `Ack`, `Args` and \
            `Try<T>`; a type of your own may implement `koio::FromEvent`",
    note = "`Option<T>` is for what a client may leave out; what koio gives is always there, and an `Ack` says whether \
            the client waits for it: `ack.is_wanted()`"
)]
pub trait FromEvent: Sized + Send {
    /// Makes the argument from the event's context and the arguments that have not been read yet.
    ///
    /// # Errors
    /// The handler does not run, and a client that waits gets the error as its answer.
    fn from_event(ctx: &Context, args: &mut Args) -> impl Future<Output = Result<Self>> + Send;

    /// Declares what the type requires, so that the start can check it. By default nothing.
    fn requires(requirements: &mut Requirements) {
        let _ = requirements;
    }

    /// The same for the expansion of `#[on]`, which has the context in `args` only. The default clones it, since `args`
    /// is borrowed mutably beside it; types that need no clone override this. Without those clones: echo 6,010 -> 5,876
    /// instructions (`docs/performance.md`).
    #[doc(hidden)]
    fn from_args(args: &mut Args) -> impl Future<Output = Result<Self>> + Send {
        let ctx = args.ctx().clone();
        async move { Self::from_event(&ctx, args).await }
    }
}

#[diagnostic::do_not_recommend]
impl<T> FromEvent for T
where
    T: DeserializeOwned + Send,
{
    fn from_event(_: &Context, args: &mut Args) -> impl Future<Output = Result<Self>> + Send {
        Self::from_args(args)
    }

    fn from_args(args: &mut Args) -> impl Future<Output = Result<Self>> + Send {
        // Read in `poll`: `ready` would hold the value, and to move a value that was just written costs a
        // store-forwarding stall (`docs/performance.md`: 16 in flight, 3,080 -> 2,820 instructions).
        poll_fn(|_| Poll::Ready(args.next()))
    }

    fn requires(requirements: &mut Requirements) {
        requirements.argument::<T>();
    }
}

impl FromEvent for Args {
    async fn from_event(_: &Context, args: &mut Args) -> Result<Self> {
        args.validated()
    }

    fn requires(requirements: &mut Requirements) {
        requirements.argument::<Self>();
    }
}

impl FromEvent for Context {
    async fn from_event(ctx: &Context, _: &mut Args) -> Result<Self> {
        Ok(ctx.clone())
    }

    fn from_args(args: &mut Args) -> impl Future<Output = Result<Self>> + Send {
        ready(Ok(args.ctx().clone()))
    }
}

impl FromEvent for Socket {
    async fn from_event(ctx: &Context, _: &mut Args) -> Result<Self> {
        Ok(ctx.socket().clone())
    }

    fn from_args(args: &mut Args) -> impl Future<Output = Result<Self>> + Send {
        ready(Ok(args.ctx().socket().clone()))
    }
}

impl FromEvent for Handshake {
    async fn from_event(ctx: &Context, _: &mut Args) -> Result<Self> {
        Ok(ctx.socket().handshake().clone())
    }
}

impl FromEvent for CloseReason {
    async fn from_event(ctx: &Context, _: &mut Args) -> Result<Self> {
        ctx.close_reason()
            .ok_or_else(|| Error::internal("there is a close reason in `disconnect` only"))
    }

    fn requires(requirements: &mut Requirements) {
        requirements.close_reason();
    }
}

/// An argument that may not fit: the handler sees the error instead of the client.
///
/// ```
/// use koio::{Context, Result, extract::Try, on};
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
    async fn from_event(ctx: &Context, args: &mut Args) -> Result<Self> {
        match T::from_event(ctx, args).await {
            // The arguments are no JSON, and the connection is closing: the handler must not run.
            Err(error) if ctx.answer_state().is_broken_off() => Err(error),
            result => Ok(Self(result)),
        }
    }

    fn requires(requirements: &mut Requirements) {
        T::requires(requirements);
    }
}
