//! A panic in a handler ends the event, not the socket.

use std::{
    any::Any,
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use crate::{Error, Result, socket::caught};

/// A handler or a middleware panicked: the source of the error that [`on_error`](crate::Io::on_error) gets.
///
/// ```
/// use koio::middleware::Panic;
///
/// fn on_error(error: &koio::Error) {
///     if let Some(panic) = error.downcast_ref::<Panic>() {
///         eprintln!("a bug: {}", panic.message());
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Panic {
    message: String,
}

impl Panic {
    /// The message of the panic.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.message)
    }
}

impl std::error::Error for Panic {}

/// Runs a future; a panic in any of its polls becomes an error. It is not polled again after that.
///
/// Unwind safety: the panicking code may leave its own values half-changed, as in a thread that panics.
/// koio's own data is not touched while user code runs.
pub(crate) async fn guard<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match caught(|| future.as_mut().poll(cx)) {
        Ok(poll) => poll,
        Err(panic) => Poll::Ready(Err(panicked(&*panic))),
    })
    .await
}

/// The same for a call.
pub(crate) fn guard_call<T>(call: impl FnOnce() -> T) -> Result<T> {
    caught(call).map_err(|panic| panicked(&*panic))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&'static str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "with a value that is no text".to_owned());
    Error::from(Panic { message })
}
