//! How the arguments of a handler come out of an event: by position, each parsed where the last one ended.

use std::{
    fmt,
    future::{Future, poll_fn},
    ops::Deref,
    task::Poll,
};

use serde::de::DeserializeOwned;

use crate::router::{Context, Requirements};
use crate::{
    Error, Result,
    wire::{ArgError, ArgsReader, RawArgs},
};

/// A type that a handler may take as an argument.
///
/// Every type that is [`DeserializeOwned`] is one: it reads the next argument that the client sent. The others
/// are koio's own ([`Context`], [`State`](crate::State), [`Ack`](crate::Ack) …) and yours:
///
/// ```
/// use koio::{Arguments, Context, FromEvent, Result, SocketId};
///
/// struct Sender(SocketId);
///
/// impl FromEvent for Sender {
///     async fn from_event(ctx: &Context, _: &mut Arguments) -> Result<Self> {
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
    /// Makes the argument of what happened (`ctx`) and of the arguments that nobody has read yet (`args`).
    ///
    /// # Errors
    /// The handler does not run, and a client that waits gets the error as its answer.
    fn from_event(ctx: &Context, args: &mut Arguments)
    -> impl Future<Output = Result<Self>> + Send;

    /// Says what it needs, so that the start can check it. By default nothing.
    fn requires(requirements: &mut Requirements) {
        let _ = requirements;
    }

    /// What `#[on]` calls. The arguments have the context inside, so it must be cloned to stand beside them: a
    /// reference to count for each argument, but for those types that can do without and say so here.
    #[doc(hidden)]
    fn read_from(args: &mut Arguments) -> impl Future<Output = Result<Self>> + Send {
        let ctx = args.ctx().clone();
        async move { Self::from_event(&ctx, args).await }
    }
}

#[diagnostic::do_not_recommend]
impl<T> FromEvent for T
where
    T: DeserializeOwned + Send,
{
    fn from_event(_: &Context, args: &mut Arguments) -> impl Future<Output = Result<Self>> + Send {
        Self::read_from(args)
    }

    fn read_from(args: &mut Arguments) -> impl Future<Output = Result<Self>> + Send {
        // Read when it is polled: what is ready before would be moved once more.
        poll_fn(|_| Poll::Ready(args.next()))
    }

    fn requires(requirements: &mut Requirements) {
        requirements.argument::<T>();
    }
}

/// The arguments that a client sent, to be read one after the other.
pub struct Arguments {
    reader: ArgsReader<Sent>,
    /// How many were asked for beyond the last.
    missing: usize,
    /// The name of the handler's argument that is being read, for error messages.
    name: Option<&'static str>,
}

/// What the client sent, kept by its context; nothing on the life cycle.
struct Sent(Context);

impl Deref for Sent {
    type Target = RawArgs;

    fn deref(&self) -> &RawArgs {
        static NOTHING: RawArgs = RawArgs::empty();
        self.0.raw().unwrap_or(&NOTHING)
    }
}

impl Arguments {
    /// Starts at the first argument.
    #[must_use]
    pub fn new(ctx: &Context) -> Self {
        Self::of(ctx.clone())
    }

    /// The same, without a reference to count.
    pub(crate) fn of(ctx: Context) -> Self {
        Self {
            reader: ArgsReader::new(Sent(ctx)),
            missing: 0,
            name: None,
        }
    }

    /// The context of the event.
    #[doc(hidden)]
    #[must_use]
    pub fn ctx(&self) -> &Context {
        &self.reader.source().0
    }

    /// Reads the next argument. One that is missing counts as `null`, so that an `Option<T>` is `None` then.
    ///
    /// # Errors
    /// `bad_request`, if it is no `T`; the message names the argument and the reason.
    // No iterator: each argument has a type of its own.
    #[allow(clippy::should_implement_trait)]
    pub fn next<T: DeserializeOwned>(&mut self) -> Result<T> {
        if self.ctx().raw().is_none() {
            return Err(Error::bad_request("nobody sends arguments here"));
        }
        let position = self.position();
        match self.reader.next::<T>() {
            Ok(Some(value)) => Ok(value),
            Ok(None) => {
                self.missing = self.missing.saturating_add(1);
                serde_json::from_slice(b"null").map_err(|_| {
                    Error::bad_request(format!("{} is missing", self.described(position)))
                })
            }
            Err(error) => Err(self.refused(error, position)),
        }
    }

    /// How many arguments have been read, missing ones included.
    #[must_use]
    pub fn position(&self) -> usize {
        self.reader.position().saturating_add(self.missing)
    }

    /// Reads one argument of a handler; `name` is what the handler calls it.
    ///
    /// # Errors
    /// Whatever the type's [`FromEvent`] says.
    #[doc(hidden)]
    pub fn read<T: FromEvent>(
        &mut self,
        name: &'static str,
    ) -> impl Future<Output = Result<T>> + Send {
        self.name = Some(name);
        T::read_from(self)
    }

    /// Says that the handler is about to run: what nobody has read is checked, and CONNECT is answered.
    ///
    /// It is the last thing before the handler, so that a connection whose arguments do not fit is refused
    /// rather than let in and thrown out.
    ///
    /// # Errors
    /// The rest of the arguments is no JSON (then the connection is closed), or the connection is gone.
    pub fn finish(&mut self) -> Result<()> {
        self.validate()?;
        self.ctx().accept()
    }

    /// Checks what nobody has read.
    pub(crate) fn validate(&mut self) -> Result<()> {
        match self.reader.finish() {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refused(error, self.position())),
        }
    }

    /// All that the client sent, checked.
    pub(crate) fn whole(&mut self) -> Result<RawArgs> {
        let whole = self.reader.whole();
        whole.map_err(|error| self.refused(error, self.position()))
    }

    fn refused(&self, error: ArgError, position: usize) -> Error {
        match error {
            ArgError::Type { reason, .. } => Error::bad_request(format!(
                "{} does not fit: {}",
                self.described(position),
                reason
            )),
            ArgError::Syntax(error) => self.ctx().broken(error),
        }
    }

    /// "argument 1 (`msg`)". People count from one.
    fn described(&self, position: usize) -> String {
        let number = position.saturating_add(1);
        match self.name {
            Some(name) => format!("argument {number} (`{name}`)"),
            None => format!("argument {number}"),
        }
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arguments")
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}
