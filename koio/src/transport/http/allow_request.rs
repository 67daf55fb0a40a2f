//! The program's function that decides whether a session may open.

use std::{
    any::TypeId,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{Extensions, StatusCode};
use tokio::time::timeout;

use super::{OpeningRequest, Rejection};
use crate::time::now;

/// What the program says of a request: what is kept for handlers, or the refusal.
type Verdict = Result<Extensions, Rejection>;
type Asking = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// Asks the program whether a session may open.
pub(crate) struct AllowRequest {
    ask: Box<dyn Fn(OpeningRequest) -> Asking + Send + Sync>,
    /// Set at the start.
    pub(super) timeout: Duration,
}

impl AllowRequest {
    pub(crate) fn new<F, Fut, T>(allows: F) -> Self
    where
        F: Fn(OpeningRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Rejection>> + Send + 'static,
        T: Clone + Send + Sync + 'static,
    {
        Self {
            ask: Box::new(move |request| {
                let allowed = allows(request);
                Box::pin(async move { allowed.await.map(kept) })
            }),
            timeout: Duration::ZERO,
        }
    }

    /// Asks, within the deadline.
    ///
    /// # Cancel safety
    /// Dropping the future drops the program's.
    pub(super) async fn verdict(&self, request: OpeningRequest) -> Verdict {
        let since = now();
        let call = catch_unwind(AssertUnwindSafe(|| (self.ask)(request)));
        let asking = call.map(CatchPanic).map_err(|_| panicked())?;
        timeout(self.timeout, asking).await.unwrap_or_else(|_| {
            let (waited, limit) = (now().duration_since(since), self.timeout);
            let message =
                format!("no verdict came in {waited:?} (allow_request_timeout {limit:?})");
            let late = Rejection::of_server(StatusCode::SERVICE_UNAVAILABLE, message.into());
            Err(late.hint(
                "the function given to `allow_request` is too slow, or waits for ever: \
                 `.config(|config| config.allow_request_timeout = ..)`",
            ))
        })
    }
}

/// The value that the program's function returns, for handlers.
fn kept<T: Clone + Send + Sync + 'static>(value: T) -> Extensions {
    let mut kept = Extensions::new();
    if TypeId::of::<T>() != TypeId::of::<()>() {
        kept.insert(value);
    }
    kept
}

fn panicked() -> Rejection {
    // The hook of panics has printed what it said, and where.
    Rejection::hidden("it panicked")
}

/// A panic while it is polled becomes a refusal.
///
/// Unwind safety: the program's own values may be half-changed, as in a thread that panics; the future is not polled again.
struct CatchPanic(Asking);

impl Future for CatchPanic {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        let asking = self.0.as_mut();
        catch_unwind(AssertUnwindSafe(|| asking.poll(cx)))
            .unwrap_or_else(|_| Poll::Ready(Err(panicked())))
    }
}
