//! [`Asked`]: an event whose answer is awaited.

use std::{fmt, panic::Location, pin::Pin, time::Duration};

use serde::Serialize;
use tokio::sync::oneshot;

use super::{decoder::error_of, expect::PATIENCE, line::Line, received::ReceivedEvent};
use crate::{
    Error, Result,
    wire::{self, RawArgs},
};

/// Reads the answer to what the test has asked at that place.
type Read<T> = fn(ReceivedEvent, &'static Location<'static>) -> Result<T>;

/// An event that was sent, whose answer is awaited. Made by [`TestClient::ask`](super::TestClient::ask).
#[must_use = "it is sent, but its answer comes by awaiting it"]
pub struct Asked<T> {
    answer: Result<oneshot::Receiver<Result<RawArgs>>>,
    event: String,
    read: Read<T>,
    within: Duration,
    location: &'static Location<'static>,
}

impl<T> Asked<T> {
    #[track_caller]
    pub(super) fn send(
        line: &Line,
        namespace: &str,
        event: &str,
        args: &impl Serialize,
        read: Read<T>,
    ) -> Self {
        let packet = |id| Ok(wire::event(namespace, Some(id), event, args)?);
        Self {
            answer: line.ask(namespace, packet),
            event: event.to_owned(),
            read,
            within: PATIENCE,
            location: Location::caller(),
        }
    }

    /// How long to wait, by the test's clock. Default 10 s.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }
}

impl<T: 'static> IntoFuture for Asked<T> {
    type Output = Result<T>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Ok(answer) = tokio::time::timeout(self.within, self.answer?).await else {
                return Err(Error::timeout(format!(
                    "{}: the server has not answered `{}` within {:?} of the test's clock",
                    self.location, self.event, self.within
                )));
            };
            let answer = answer.unwrap_or_else(|_| Err(Error::disconnected()))?;
            match error_of(&answer) {
                Some(error) => Err(error),
                None => (self.read)(ReceivedEvent::answer(&self.event, answer), self.location),
            }
        })
    }
}

impl<T> fmt::Debug for Asked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}
