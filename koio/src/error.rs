//! The error type of koio, and the part of an error that the client may see.

mod bail;
mod convert;
mod refusal_data;

use std::{borrow::Cow, error::Error as StdError, fmt};

use serde::{Serialize, Serializer, de::DeserializeOwned, ser::SerializeStruct};
use serde_json::value::RawValue;

/// Any error that is `Send + Sync`, boxed: what tower's layers fail with.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// What handlers and middleware return; the error type may be left out.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The code and the message that a client gets in place of a hidden error.
const HIDDEN_CODE: &str = "internal";
const HIDDEN_MESSAGE: &str = "internal error";

/// An error with a code for programs and a message for people.
///
/// It is either *shown* to the client that waits for an answer, or *hidden*: then the client gets
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
/// A client that is refused (an error in a middleware around `connection`) gets `connect_error`, with the message, and in
/// `error.data` the code: `{"code": ".."}`, or the data that is an object with the code added to it. Other data is sent as it
/// is.
///
/// It does not implement [`std::error::Error`] itself, since that would forbid the conversion that makes `?`
/// work on every other error. It converts into a `Box<dyn std::error::Error>`, with or without `Send + Sync`, so `?` works in
/// a `main` that returns one, and with the feature `anyhow` into `anyhow::Error`:
///
/// ```no_run
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let port: u16 = std::env::var("PORT")?.parse()?;
///     koio::Io::new().listen(("127.0.0.1", port)).await?;
///     Ok(())
/// }
/// ```
pub struct Error(Box<ErrorData>);

struct ErrorData {
    kind: ErrorKind,
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    shown: bool,
    data: Option<Box<RawValue>>,
    source: Option<BoxError>,
    /// Whether [`map_error`](crate::Io::map_error) has made it.
    mapped: bool,
}

/// Which of koio's own errors it is. The `is_…` methods compare the kind and not the code, since a program may give its
/// own errors the same code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// [`Error::new`]: none of koio's own.
    Custom,
    BadRequest,
    Internal,
    Timeout,
    Overloaded,
    NoHandler,
    Unanswered,
    Closed,
    Full,
    Disconnected,
    NoNamespace,
    Setup,
}

impl Error {
    /// The arguments of an event do not fit its handler.
    pub const BAD_REQUEST: &'static str = "bad_request";
    /// Something failed that the client may not know of.
    pub const INTERNAL: &'static str = "internal";
    /// It took too long: a handler, or the wait for a client's answer.
    pub const TIMEOUT: &'static str = "timeout";
    /// The server has too much to do; trying again later may help.
    pub const OVERLOADED: &'static str = "overloaded";
    /// No handler takes this event.
    pub const NO_HANDLER: &'static str = "no_handler";
    /// The handler took the [`Ack`](crate::Ack) and dropped it unsent.
    pub const UNANSWERED: &'static str = "unanswered";
    /// The socket is closed.
    pub const CLOSED: &'static str = "closed";
    /// The socket's queue is full; nothing was queued.
    pub const FULL: &'static str = "full";
    /// The socket closed before it answered.
    pub const DISCONNECTED: &'static str = "disconnected";
    /// An emit means a namespace that no client can be in.
    pub const NO_NAMESPACE: &'static str = "no_namespace";
    /// The set-up of the server contradicts itself; `bind`, `listen` and the like fail with it.
    pub const SETUP: &'static str = "setup";

    /// An error that the client may see, with a code of your own.
    ///
    /// It is none of koio's own errors, whatever the code: `Error::new("closed", ..).is_closed()` is false.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::with(ErrorKind::Custom, code.into(), message.into())
    }

    /// One of koio's own errors.
    fn of_kind(kind: ErrorKind, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::with(kind, Cow::Borrowed(code), message.into())
    }

    fn with(kind: ErrorKind, code: Cow<'static, str>, message: Cow<'static, str>) -> Self {
        Self(Box::new(ErrorData {
            kind,
            code,
            message,
            shown: true,
            data: None,
            source: None,
            mapped: false,
        }))
    }

    /// An error that the client may not see: it gets `internal`, the observers get `message`.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of_kind(ErrorKind::Internal, Self::INTERNAL, message).hide()
    }

    /// The event's arguments are not what the handler takes.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of_kind(ErrorKind::BadRequest, Self::BAD_REQUEST, message)
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
        match of_tower(&*source) {
            Some(error) => error.because(source),
            None => Self::hidden(source),
        }
    }

    /// Adds data for the client, under `data` in the answer, or in the `connect_error`. A value that serde_json can't write is left out and
    /// logged.
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

    /// Reads the [`data`](Self::data) of the error; `None` if it has none.
    ///
    /// # Errors
    /// It is no `T`.
    pub fn read_data<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let data = self.0.data.as_ref();
        Ok(data
            .map(|data| serde_json::from_str(data.get()))
            .transpose()?)
    }

    /// Hides the error from the client, which gets `internal` instead.
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

    /// Whether it is [`Error::bad_request`], of koio or of the program: arguments do not fit.
    #[must_use]
    pub fn is_bad_request(&self) -> bool {
        self.0.kind == ErrorKind::BadRequest
    }

    /// Whether it is [`Error::internal`], or was made by `?` of another error.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.0.kind == ErrorKind::Internal
    }

    /// Whether a handler, a tower layer or the wait for a client's answer took too long.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::Timeout
    }

    /// Whether a tower layer shed load.
    #[must_use]
    pub fn is_overloaded(&self) -> bool {
        self.0.kind == ErrorKind::Overloaded
    }

    /// Whether the event has no handler.
    #[must_use]
    pub fn is_no_handler(&self) -> bool {
        self.0.kind == ErrorKind::NoHandler
    }

    /// Whether the handler dropped its [`Ack`](crate::Ack) unsent.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.0.kind == ErrorKind::Unanswered
    }

    /// Whether the socket is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.kind == ErrorKind::Closed
    }

    /// Whether the socket's queue is full; nothing was queued.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.kind == ErrorKind::Full
    }

    /// Whether the socket closed before it answered.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        self.0.kind == ErrorKind::Disconnected
    }

    /// Whether an emit means a namespace that no client can be in: the server has not declared it. The message names it.
    #[must_use]
    pub fn is_no_namespace(&self) -> bool {
        self.0.kind == ErrorKind::NoNamespace
    }

    /// Whether the set-up of the server contradicts itself.
    #[must_use]
    pub fn is_setup(&self) -> bool {
        self.0.kind == ErrorKind::Setup
    }

    /// Sets the source.
    pub(crate) fn because(mut self, source: BoxError) -> Self {
        self.0.source = Some(source);
        self
    }

    /// Takes over the source of another error, unless it has one: [`map_error`](crate::Io::map_error) replaces an
    /// error, and must not lose its source.
    pub(crate) fn instead_of(mut self, other: Self) -> Self {
        self.0.mapped = true;
        if self.0.source.is_none() {
            self.0.source = other.0.source;
        }
        self
    }

    /// Whether [`instead_of`](Self::instead_of) has made it: an error is mapped once.
    pub(crate) fn is_mapped(&self) -> bool {
        self.0.mapped
    }

    pub(crate) fn setup(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of_kind(ErrorKind::Setup, Self::SETUP, message).hide()
    }

    pub(crate) fn timeout(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of_kind(ErrorKind::Timeout, Self::TIMEOUT, message)
    }

    pub(crate) fn no_handler(event: &str) -> Self {
        let message = crate::wire::shorten(format!("no handler takes the event `{event}`"));
        Self::of_kind(ErrorKind::NoHandler, Self::NO_HANDLER, message)
    }

    pub(crate) fn unanswered() -> Self {
        Self::of_kind(
            ErrorKind::Unanswered,
            Self::UNANSWERED,
            "the handler did not answer",
        )
    }

    pub(crate) fn closed() -> Self {
        Self::of_kind(ErrorKind::Closed, Self::CLOSED, "the client is gone")
    }

    pub(crate) fn full(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of_kind(ErrorKind::Full, Self::FULL, message)
    }

    pub(crate) fn disconnected() -> Self {
        let message = "the client disconnected before it answered";
        Self::of_kind(ErrorKind::Disconnected, Self::DISCONNECTED, message)
    }

    pub(crate) fn no_namespace(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of_kind(ErrorKind::NoNamespace, Self::NO_NAMESPACE, message).hide()
    }

    /// What a client of a test could not do, because it is gone.
    #[cfg(feature = "testing")]
    pub(crate) fn disconnected_because(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of_kind(ErrorKind::Disconnected, Self::DISCONNECTED, message)
    }

    pub(crate) fn overloaded() -> Self {
        Self::overloaded_because("the server has too much to do")
    }

    pub(crate) fn overloaded_because(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of_kind(ErrorKind::Overloaded, Self::OVERLOADED, message)
    }

    /// The argument of an acknowledgement: `{"error": {..}}`.
    pub(crate) fn envelope(&self) -> Envelope<'_> {
        Envelope { error: Shown(self) }
    }

    /// The contents of CONNECT_ERROR: message and code, and the data with the code in it, if they are shown. `of_2`: for a
    /// client of Socket.IO 2, which gets the program's own data or else the message.
    pub(crate) fn refusal(&self, of_2: bool) -> (&str, Option<Box<RawValue>>) {
        let (code, message, data) = match self.0.shown {
            true => (self.code(), self.message(), self.0.data.as_deref()),
            false => (HIDDEN_CODE, HIDDEN_MESSAGE, None),
        };
        let data = match of_2 {
            false => refusal_data::with_code(code, data),
            true => data.and_then(refusal_data::of_2),
        };
        (message, data)
    }

    fn hidden(source: BoxError) -> Self {
        let message = source.to_string();
        Self::internal(message).because(source)
    }
}

/// koio's error for the error of one of tower's own layers. That may be wrapped, so the chain of sources is searched.
fn of_tower(error: &(dyn StdError + 'static)) -> Option<Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<tower::timeout::error::Elapsed>() {
            return Some(Error::timeout("it took too long"));
        }
        if error.is::<tower::load_shed::error::Overloaded>() {
            return Some(Error::overloaded());
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

/// A koio error where a [`std::error::Error`] is required: in tower's layers, and in programs.
struct Carried(Error);

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
        // The message of a hidden error is its source's, or contains it: it is not printed twice.
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
