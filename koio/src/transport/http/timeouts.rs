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

/// A request that has not come in time, so that its connection is closed. `Display` names the option and both numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MissedRequest {
    what: &'static str,
    waited: Duration,
    limit: &'static str,
    value: Duration,
}

impl MissedRequest {
    fn since(since: Instant, what: &'static str, limit: &'static str, value: Duration) -> Self {
        Self {
            what,
            waited: now().saturating_duration_since(since),
            limit,
            value,
        }
    }

    /// The first of a connection.
    pub(crate) fn first(since: Instant, timeouts: HttpTimeouts) -> Self {
        let what = "no request came";
        Self::since(since, what, "header_timeout", timeouts.header)
    }

    /// The whole head of one.
    pub(crate) fn head(since: Instant, timeouts: HttpTimeouts) -> Self {
        let what = "no whole head of a request came";
        Self::since(since, what, "header_timeout", timeouts.header)
    }

    /// One behind an answer.
    pub(crate) fn next(since: Instant, timeouts: HttpTimeouts) -> Self {
        let what = "no further request came";
        Self::since(since, what, "keep_alive_timeout", timeouts.keep_alive)
    }

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
            what,
            waited,
            limit,
            value,
        } = self;
        write!(f, "{what} in {waited:?} ({limit} {value:?})")
    }
}
