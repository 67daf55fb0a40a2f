//! What a test expects of a client, and what it says when that does not come.

use std::{fmt, panic::Location, pin::Pin, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{
    inbox::{ClientInbox, Wanted},
    received::ReceivedEvent,
};
use crate::{Error, Result};

/// How long a test waits for what it expects, by its own clock, unless it says `within`.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The most events that a failure lists.
const LISTED: usize = 20;

/// An event that is expected. Made by [`TestClient::expect`](super::TestClient::expect) and
/// [`expect_any`](super::TestClient::expect_any); await it.
#[must_use = "nothing is expected until it is awaited"]
pub struct Expectation<'a> {
    inbox: &'a mut ClientInbox,
    wanted: Wanted,
    within: Duration,
    location: &'static Location<'static>,
}

impl<'a> Expectation<'a> {
    #[track_caller]
    pub(super) fn new(inbox: &'a mut ClientInbox, wanted: Wanted) -> Self {
        Self {
            inbox,
            wanted,
            within: PATIENCE,
            location: Location::caller(),
        }
    }

    /// How long to wait, by the test's clock. Default 10 s.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    async fn wait(self) -> Result<ReceivedEvent> {
        let by = Instant::now() + self.within;
        loop {
            self.inbox.look();
            if let Some(event) = self.inbox.take(&self.wanted) {
                return Ok(event);
            }
            let is_over = self.inbox.disconnected().is_some();
            if is_over || !matches!(timeout_at(by, self.inbox.happens()).await, Ok(true)) {
                let missed = Missed {
                    wanted: Some((&self.wanted, self.within)),
                    inbox: self.inbox,
                    location: self.location,
                };
                return Err(Error::new("not_received", missed.to_string()));
            }
        }
    }
}

impl<'a> IntoFuture for Expectation<'a> {
    type Output = Result<ReceivedEvent>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<ReceivedEvent>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.wait())
    }
}

impl fmt::Debug for Expectation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expectation")
            .field("wanted", &self.wanted.to_string())
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "`{name}`"),
            Self::Any => f.write_str("an event"),
        }
    }
}

/// An expectation that was not met, in words.
pub(super) struct Missed<'a> {
    /// What was expected, and for how long. `None`: nothing was.
    wanted: Option<(&'a Wanted, Duration)>,
    inbox: &'a ClientInbox,
    location: &'static Location<'static>,
}

impl<'a> Missed<'a> {
    pub(super) fn nothing(inbox: &'a ClientInbox, location: &'static Location<'static>) -> Self {
        Self {
            wanted: None,
            inbox,
            location,
        }
    }
}

impl fmt::Display for Missed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (inbox, kept) = (self.inbox, self.inbox.kept());
        write!(f, "{}: the client of `{}` ", self.location, inbox.namespace)?;
        match self.wanted {
            Some((wanted, within)) => {
                write!(f, "expected {wanted}, which has not come within {within:?}")?;
            }
            None => f.write_str("expected nothing")?,
        }
        match (self.wanted, kept.is_empty()) {
            (Some(_), true) => f.write_str("; nothing else has come")?,
            (Some(_), false) => f.write_str("; this has come instead:")?,
            (None, true) => {}
            (None, false) => f.write_str(", and this has come:")?,
        }
        for event in kept.iter().take(LISTED) {
            write!(f, "\n    {event}")?;
        }
        if let Some(more) = kept.len().checked_sub(LISTED).filter(|more| *more > 0) {
            write!(f, "\n    and {more} more")?;
        }
        match inbox.disconnected() {
            Some(how) => write!(f, "\n    and the client was disconnected: {how}"),
            None => Ok(()),
        }
    }
}
