//! The arguments that a client sent, read by position: each is parsed from where the last one ended.

use std::{fmt, ops::Deref};

use serde::{
    Serialize, Serializer,
    de::{DeserializeOwned, IgnoredAny},
};

use crate::{
    Error, Result,
    router::context::Context,
    wire::{ArgError, ArgsReader, RawArgs},
};

/// The arguments of an event, as the client sent them.
///
/// A handler that takes `Args` has all of them, also those that its other arguments read. [`get`](Self::get) reads one
/// by its position, [`next`](Self::next) one after the other. Given to `emit`, or returned, they are passed on as they
/// came, binary included.
///
/// ```
/// use koio::{Context, Result, extract::Args, on};
///
/// #[on("sum")]
/// async fn sum(mut args: Args) -> Result<f64> {
///     let mut sum = 0.0;
///     for _ in 0..args.len() {
///         sum += args.next::<f64>()?;
///     }
///     Ok(sum)
/// }
///
/// #[on("chat")]
/// async fn chat(ctx: Context, args: Args) -> Result<()> {
///     ctx.broadcast("chat", args)
/// }
/// ```
///
/// Cloning costs a reference count, and a clone keeps the event's [`Context`]. It reads on from where the original is.
#[derive(Clone)]
pub struct Args {
    reader: ArgsReader<EventArgs>,
    /// How many arguments were read beyond the last.
    missing: usize,
    /// The name of the handler's argument that is being read, for error messages.
    name: Option<&'static str>,
}

/// The arguments of a context's event; none on the life cycle.
#[derive(Clone)]
struct EventArgs(Context);

impl Deref for EventArgs {
    type Target = RawArgs;

    #[inline]
    fn deref(&self) -> &RawArgs {
        static NONE: RawArgs = RawArgs::empty();
        self.0.raw_args().unwrap_or(&NONE)
    }
}

impl Context {
    /// The arguments of the event. None on the life cycle.
    ///
    /// ```
    /// # use koio::{Context, Result};
    /// async fn echo(ctx: Context) -> Result<String> {
    ///     let mut args = ctx.args()?;
    ///     let (times, text): (usize, String) = (args.next()?, args.next()?);
    ///     Ok(text.repeat(times.min(3)))
    /// }
    /// ```
    ///
    /// # Errors
    /// They are no JSON; the connection is closed then.
    pub fn args(&self) -> Result<Args> {
        Args::new(self.clone()).validated()
    }
}

impl Args {
    /// Starts at the first argument. Nothing is validated yet.
    pub(crate) fn new(ctx: Context) -> Self {
        Self {
            reader: ArgsReader::new(EventArgs(ctx)),
            missing: 0,
            name: None,
        }
    }

    /// The context of the event.
    pub(crate) fn ctx(&self) -> &Context {
        &self.reader.source().0
    }

    /// How many arguments the client sent, those that have been read included.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut reader = self.reader.source().reader();
        // Arguments that are no JSON are an error of `next`, and keep the handler from starting.
        while let Ok(Some(IgnoredAny)) = reader.next() {}
        reader.position()
    }

    /// Whether the client sent none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reader.source().is_empty()
    }

    /// Reads the argument at this index, from zero. One that is missing counts as `null`, so that an `Option<T>` is
    /// `None`.
    ///
    /// # Errors
    /// `bad_request`, if it is no `T`; the message names the argument and the reason.
    pub fn get<T: DeserializeOwned>(&self, index: usize) -> Result<T> {
        let mut reader = Self::new(self.ctx().clone());
        for _ in 0..index {
            if let Ok(None) = reader.reader.next::<IgnoredAny>() {
                reader.missing = index.saturating_sub(reader.reader.position());
                break;
            }
        }
        reader.next()
    }

    /// Reads the next argument. One that is missing counts as `null`, so that an `Option<T>` is `None`.
    ///
    /// # Errors
    /// `bad_request`, if it is no `T`; the message names the argument and the reason.
    #[allow(
        clippy::should_implement_trait,
        reason = "each argument has a type of its own"
    )]
    pub fn next<T: DeserializeOwned>(&mut self) -> Result<T> {
        if self.ctx().raw_args().is_none() {
            return Err(Error::bad_request(
                "no client sends arguments with `connection` or `disconnect`",
            ));
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
    pub(crate) fn position(&self) -> usize {
        self.reader.position().saturating_add(self.missing)
    }

    /// Sets the name of the argument in errors: the one that it has in the handler.
    pub(crate) fn set_name(&mut self, name: &'static str) {
        self.name = Some(name);
    }

    /// Validates the arguments that have not been read.
    pub(crate) fn validate(&mut self) -> Result<()> {
        match self.reader.finish() {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refused(error, self.position())),
        }
    }

    /// All arguments, validated, to be read from the first.
    pub(crate) fn validated(&mut self) -> Result<Self> {
        self.validate()?;
        Ok(Self {
            reader: self.reader.restarted(),
            missing: 0,
            name: None,
        })
    }

    fn refused(&self, error: ArgError, position: usize) -> Error {
        match error {
            ArgError::Type { reason, .. } => Error::bad_request(format!(
                "{} does not fit: {}",
                self.described(position),
                reason
            )),
            ArgError::Syntax(error) => self.ctx().break_off(error),
        }
    }

    /// "argument 1 (`msg`)": counted from one, for people.
    fn described(&self, position: usize) -> String {
        let number = position.saturating_add(1);
        match self.name {
            Some(name) => format!("argument {number} (`{name}`)"),
            None => format!("argument {number}"),
        }
    }
}

impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.reader.args().serialize(serializer)
    }
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Args")
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}
