//! What a client has sent, until the server is done with it.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use super::clock::settle;
use crate::Result;

/// Something that was sent. Awaiting it goes on when the server has done with it what it can without time passing.
#[must_use = "it is sent, but whether that failed, and when the server is done with it, is known by awaiting it"]
pub struct Sent(Pin<Box<dyn Future<Output = Result<()>> + Send>>);

impl Sent {
    pub(super) fn after(sent: Result<()>) -> Self {
        Self(Box::pin(async {
            sent?;
            settle().await;
            Ok(())
        }))
    }
}

impl Future for Sent {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent").finish_non_exhaustive()
    }
}
