//! How long the parts of an exchange may take, and a request that has not come in time.

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    observe::{Observation, Observers},
    time::now,
};

/// How long each part of an exchange may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpTimeouts {
    /// For the head of a request, from its first byte; and for the first request of a connection to come.
    pub(crate) header: Duration,
    /// For the next request to come.
    pub(crate) keep_alive: Duration,
    /// For the client to take bytes of an answer of koio's.
    pub(crate) write: Duration,
    /// For the client to take bytes of another service's answer.
    pub(crate) attached_write: Duration,
}

/// What a connection waits for between two answers: the one rule of how long, and of what is said when it does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AwaitedRequest {
    /// The first request of the connection.
    First,
    /// The rest of a head that has begun to come.
    Head,
    /// A request behind an answer.
    Next,
}

impl AwaitedRequest {
    /// The name of its option, as `Config` spells it, and the value.
    fn limit(self, timeouts: HttpTimeouts) -> (&'static str, Duration) {
        match self {
            Self::First | Self::Head => ("header_timeout", timeouts.header),
            Self::Next => ("keep_alive_timeout", timeouts.keep_alive),
        }
    }

    /// When it must have come, if it is awaited since then. `None`: that is later than the clock can express.
    pub(crate) fn by(self, since: Instant, timeouts: HttpTimeouts) -> Option<Instant> {
        since.checked_add(self.limit(timeouts).1)
    }

    /// It has not come in that time.
    pub(crate) fn missed(self, since: Instant, timeouts: HttpTimeouts) -> MissedRequest {
        let (limit, value) = self.limit(timeouts);
        MissedRequest {
            awaited: self,
            waited: now().saturating_duration_since(since),
            limit,
            value,
        }
    }
}

/// A request that has not come in time, so that its connection is closed. `Display` names the option and both numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MissedRequest {
    awaited: AwaitedRequest,
    waited: Duration,
    limit: &'static str,
    value: Duration,
}

impl MissedRequest {
    /// Tells the observers that the connection of this client is closed.
    pub(crate) fn notify(&self, peer: Option<SocketAddr>, observers: &Observers) {
        observers.notify(&Observation::HttpTimeout {
            peer,
            limit: self.limit,
            cause: format_args!("{self}"),
        });
    }
}

impl fmt::Display for MissedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            awaited,
            waited,
            limit,
            value,
        } = self;
        let what = match awaited {
            AwaitedRequest::First => "no request came",
            AwaitedRequest::Head => "no whole head of a request came",
            AwaitedRequest::Next => "no further request came",
        };
        write!(f, "{what} in {waited:?} ({limit} {value:?})")
    }
}
