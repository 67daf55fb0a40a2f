//! The one error of koio: what went wrong, what the client may know of it, and what only the log may.

use std::{borrow::Cow, error::Error as StdError, fmt};

use serde::{Serialize, Serializer, ser::SerializeStruct};
use serde_json::value::RawValue;

/// Any error that is `Send + Sync`, boxed: what tower's layers fail with.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// What handlers and middleware return; the error type may be left out.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a client is told about an error that it may not know.
const HIDDEN_CODE: &str = "internal";
const HIDDEN_MESSAGE: &str = "internal error";

/// An error with a code for programs and a message for people.
///
/// It is either *shown* to the client that waits for an answer, or *hidden*: then the client is told
/// `internal` and nothing else, while the observers of [`on_error`](crate::Io::on_error) see all of it.
///
/// - [`Error::new`] makes a shown one.
/// - `?` makes a hidden one of any [`std::error::Error`], and keeps that as its source.
///
/// A client that asked for an acknowledgement gets
/// `{"error": {"code": "..", "message": "..", "data": ..}}` as the only argument of it.
///
/// ```
/// use koio::Error;
///
/// let shown = Error::new("name_taken", "somebody else has that name").data(["ann"]);
/// assert_eq!(shown.code(), "name_taken");
///
/// fn port(text: &str) -> koio::Result<u16> { Ok(text.parse()?) }
/// let hidden = port("x").unwrap_err();
/// assert_eq!(hidden.code(), "internal");
/// assert!(hidden.downcast_ref::<std::num::ParseIntError>().is_some());
/// ```
///
/// It does not implement [`std::error::Error`] itself, since that would forbid the conversion that makes `?`
/// work on every other error.
pub struct Error(Box<Inner>);

struct Inner {
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    shown: bool,
    data: Option<Box<RawValue>>,
    source: Option<BoxError>,
}

impl Error {
    /// The arguments of an event do not fit its handler.
    pub const BAD_REQUEST: &'static str = "bad_request";
    /// Something failed that is none of the client's business.
    pub const INTERNAL: &'static str = "internal";
    /// It took too long: a handler, or the wait for a client's answer.
    pub const TIMEOUT: &'static str = "timeout";
    /// The server has too much to do; trying again later may help.
    pub const OVERLOADED: &'static str = "overloaded";
    /// No handler takes this event.
    pub const NO_HANDLER: &'static str = "no_handler";
    /// The handler kept the acknowledgement to itself and dropped it.
    pub const UNANSWERED: &'static str = "unanswered";
    /// The socket is closed.
    pub const CLOSED: &'static str = "closed";
    /// The socket's queue is full; nothing was queued.
    pub const FULL: &'static str = "full";
    /// The socket closed before it answered.
    pub const DISCONNECTED: &'static str = "disconnected";
    /// The server was put together wrongly; only `bind` and its like say so.
    pub const SETUP: &'static str = "setup";

    /// An error that the client may see, with a code of your own.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            code: code.into(),
            message: message.into(),
            shown: true,
            data: None,
            source: None,
        }))
    }

    /// An error that the client may not see: it is told `internal`, your observers are told `message`.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Self::INTERNAL, message).hide()
    }

    /// The event's arguments are not what the handler takes.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Self::BAD_REQUEST, message)
    }

    /// Makes an error of one that is boxed already, as tower's layers give them.
    ///
    /// A boxed koio error comes out as it went in. tower's own keep their meaning: its timeout gets the code
    /// `timeout`, its load shedding `overloaded`. Any other is hidden, as with `?`.
    #[must_use]
    pub fn from_boxed(source: BoxError) -> Self {
        let source = match source.downcast::<Carried>() {
            Ok(carried) => return carried.0,
            Err(other) => other,
        };
        match meaning(&*source) {
            Some((code, message)) => Self::new(code, message).because(source),
            None => Self::hidden(source),
        }
    }

    /// Adds data for the client, under `data` in the answer. What serde_json can't write is left out.
    #[must_use]
    pub fn data(mut self, data: impl Serialize) -> Self {
        match serde_json::value::to_raw_value(&data) {
            Ok(raw) => self.0.data = Some(raw),
            Err(error) => {
                tracing::warn!(%error, code = %self.0.code, "the data of an error can't be written as JSON")
            }
        }
        self
    }

    /// Hides the error from the client, who is told `internal` instead.
    #[must_use]
    pub fn hide(mut self) -> Self {
        self.0.shown = false;
        self
    }

    /// The code, for programs.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The message, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether a client may see this error.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.0.shown
    }

    /// The error that this one was made of, if it was, and it is of type `E`.
    #[must_use]
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.source()?.downcast_ref()
    }

    /// The error that this one was made of.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }

    /// Whether the code is [`Error::BAD_REQUEST`].
    #[must_use]
    pub fn is_bad_request(&self) -> bool {
        self.code() == Self::BAD_REQUEST
    }

    /// Whether the code is [`Error::INTERNAL`].
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.code() == Self::INTERNAL
    }

    /// Whether the code is [`Error::TIMEOUT`].
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.code() == Self::TIMEOUT
    }

    /// Whether the code is [`Error::OVERLOADED`].
    #[must_use]
    pub fn is_overloaded(&self) -> bool {
        self.code() == Self::OVERLOADED
    }

    /// Whether the code is [`Error::NO_HANDLER`].
    #[must_use]
    pub fn is_no_handler(&self) -> bool {
        self.code() == Self::NO_HANDLER
    }

    /// Whether the code is [`Error::UNANSWERED`].
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.code() == Self::UNANSWERED
    }

    /// Whether the code is [`Error::CLOSED`].
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.code() == Self::CLOSED
    }

    /// Whether the code is [`Error::FULL`].
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.code() == Self::FULL
    }

    /// Whether the code is [`Error::DISCONNECTED`].
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        self.code() == Self::DISCONNECTED
    }

    /// Whether the code is [`Error::SETUP`].
    #[must_use]
    pub fn is_setup(&self) -> bool {
        self.code() == Self::SETUP
    }

    /// Keeps the error that this one stands for.
    pub(crate) fn because(mut self, source: BoxError) -> Self {
        self.0.source = Some(source);
        self
    }

    /// Takes over the source of another error: [`map_error`](crate::Io::map_error) gives an error a code, and
    /// must not lose what it was made of.
    pub(crate) fn instead_of(mut self, other: Self) -> Self {
        if self.0.source.is_none() {
            self.0.source = other.0.source;
        }
        self
    }

    pub(crate) fn setup(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Self::SETUP, message).hide()
    }

    pub(crate) fn timeout(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Self::TIMEOUT, message)
    }

    pub(crate) fn no_handler(event: &str) -> Self {
        let message = crate::wire::shorten(format!("no handler takes the event `{event}`"));
        Self::new(Self::NO_HANDLER, message)
    }

    pub(crate) fn unanswered() -> Self {
        Self::new(Self::UNANSWERED, "the handler did not answer")
    }

    pub(crate) fn closed() -> Self {
        Self::new(Self::CLOSED, "the client is gone")
    }

    /// What goes into an acknowledgement: `{"error": {..}}`.
    pub(crate) fn envelope(&self) -> Envelope<'_> {
        Envelope { error: Shown(self) }
    }

    /// What CONNECT_ERROR says: the message and the data if they are shown, else a generic message.
    pub(crate) fn refusal(&self) -> (&str, Option<&RawValue>) {
        if self.0.shown {
            (self.message(), self.0.data.as_deref())
        } else {
            (HIDDEN_MESSAGE, None)
        }
    }

    fn hidden(source: BoxError) -> Self {
        let message = source.to_string();
        Self::internal(message).because(source)
    }
}

/// What the errors of tower's own layers mean. They may be wrapped, so the chain of sources is searched.
fn meaning(error: &(dyn StdError + 'static)) -> Option<(&'static str, &'static str)> {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<tower::timeout::error::Elapsed>() {
            return Some((Error::TIMEOUT, "it took too long"));
        }
        if error.is::<tower::load_shed::error::Overloaded>() {
            return Some((Error::OVERLOADED, "the server has too much to do"));
        }
        next = error.source();
    }
    None
}

impl<E> From<E> for Error
where
    E: StdError + Send + Sync + 'static,
{
    fn from(error: E) -> Self {
        Self::hidden(Box::new(error))
    }
}

/// A koio error on its way through tower's layers, which want a [`std::error::Error`].
struct Carried(Error);

impl From<Error> for BoxError {
    fn from(error: Error) -> Self {
        Box::new(Carried(error))
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl StdError for Carried {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// `code: message`, and the sources under it: this is what `main` prints when it returns the error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)?;
        // The message of a hidden error is its source's, or has it in it: saying it twice helps nobody.
        let mut next = self.source();
        if next.is_some_and(|source| self.0.message.contains(&source.to_string())) {
            next = next.and_then(StdError::source);
        }
        while let Some(source) = next {
            write!(f, "\n  because: {source}")?;
            next = source.source();
        }
        Ok(())
    }
}

/// The shape of an error in an acknowledgement.
#[derive(Serialize)]
pub(crate) struct Envelope<'a> {
    error: Shown<'a>,
}

struct Shown<'a>(&'a Error);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let error = &*self.0.0;
        let (code, message, data) = if error.shown {
            (&*error.code, &*error.message, error.data.as_deref())
        } else {
            (HIDDEN_CODE, HIDDEN_MESSAGE, None)
        };
        let mut body = serializer.serialize_struct("Error", 2 + usize::from(data.is_some()))?;
        body.serialize_field("code", code)?;
        body.serialize_field("message", message)?;
        if let Some(data) = data {
            body.serialize_field("data", data)?;
        }
        body.end()
    }
}

/// Returns early with an error that the client may see: koa's `ctx.throw`.
///
/// ```
/// fn seat(number: u32) -> koio::Result<u32> {
///     if number > 40 {
///         koio::bail!("no_such_seat", "there is no seat {number}");
///     }
///     Ok(number)
/// }
/// assert_eq!(seat(41).unwrap_err().message(), "there is no seat 41");
/// ```
#[macro_export]
macro_rules! bail {
    ($code:expr, $($message:tt)+) => {
        return ::core::result::Result::Err($crate::Error::new($code, ::std::format!($($message)+)))
    };
}

/// Returns early with an error that the client may see unless a condition holds: koa's `ctx.assert`.
///
/// ```
/// fn greet(name: &str) -> koio::Result<String> {
///     koio::ensure!(!name.is_empty(), "no_name", "a name is needed");
///     Ok(format!("hello, {name}"))
/// }
/// assert_eq!(greet("").unwrap_err().code(), "no_name");
/// ```
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $code:expr, $($message:tt)+) => {
        if !$condition {
            $crate::bail!($code, $($message)+);
        }
    };
}
