//! The log: the lines that observations write to [`tracing`], and the span around an event.
//!
//! Each line has the target of the room where the thing happened (`koio::engine`, `koio::socket`, `koio::transport`), so
//! that a filter can choose between them.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tracing::{Span, debug, field, info, trace, warn};

use super::{Observation, Observer};
use crate::{ids::SocketId, time};

/// Writes observations that are rare enough for a line of the log.
#[derive(Debug, Default)]
pub(super) struct Log {
    origins: RareWarnings,
    failed_functions: RareWarnings,
}

/// Limits warnings that any page or client on the web can cause, as those about refused origins: the first, then one in a minute.
#[derive(Debug, Default)]
struct RareWarnings {
    /// The second from which on the next is due.
    due: AtomicU32,
    left_out: AtomicU64,
}

/// Seconds between two warnings.
const BETWEEN_WARNINGS: u32 = 60;

impl RareWarnings {
    /// If a warning is due: how many were left out since the last one.
    fn take(&self, second: u32) -> Option<u64> {
        // Relaxed: a warning more or less is no harm.
        let due = self.due.load(Ordering::Relaxed);
        let next = second.saturating_add(BETWEEN_WARNINGS);
        let is_due = second >= due
            && self
                .due
                .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if is_due {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// Whether a function of the program is why a request was refused: it is too slow, panics, or makes an id that is none.
fn is_fault_of_program(cause: &str, status: u16) -> bool {
    status == 500 || cause == "allow_request" && status > 500 || cause == "generate_id"
}

impl Observer for Log {
    fn observe(&self, observation: &Observation<'_>) {
        match *observation {
            Observation::SessionOpened {
                sid,
                transport,
                protocol,
            } => {
                debug!(target: "koio::engine", ?sid, transport, protocol, "session opened");
            }
            Observation::SessionUpgraded { sid, transport } => {
                trace!(target: "koio::engine", ?sid, transport, "session upgraded");
            }
            Observation::SessionClosed {
                sid,
                transport,
                reason,
            } => debug!(target: "koio::engine", ?sid, %reason, transport, "session closed"),
            Observation::SessionAbandoned { sid } => {
                debug!(target: "koio::engine", ?sid, "session abandoned: its client has not got what was queued for it");
            }
            Observation::RequestRefused {
                cause,
                status,
                method,
                path,
                origin,
                host,
                peer,
                upgrade,
                message,
                hint,
            } => {
                let peer = peer.map(field::display);
                if cause == "origin"
                    && let Some(left_out) = self.origins.take(time::second())
                {
                    warn!(
                        target: "koio::transport",
                        status, method, path, origin, host, peer, upgrade, left_out,
                        "a page was refused for its origin: {hint}"
                    );
                } else if is_fault_of_program(cause, status)
                    && let Some(left_out) = self.failed_functions.take(time::second())
                {
                    warn!(
                        target: "koio::transport",
                        status, message, method, path, origin, host, peer, upgrade, left_out,
                        "a request was refused: {hint}"
                    );
                } else {
                    debug!(
                        target: "koio::transport",
                        cause, status, message, method, path, origin, host, peer, upgrade,
                        "request refused: {hint}"
                    );
                }
            }
            Observation::SessionRefused { limit, count, max } => {
                debug!(target: "koio::transport", limit, count, max, "session refused");
            }
            Observation::TlsFailed { peer, cause } => {
                debug!(target: "koio::transport", peer = peer.map(field::display), "TLS handshake failed: {cause}");
            }
            Observation::HttpTimeout { peer, limit, cause } => {
                let peer = peer.map(field::display);
                debug!(target: "koio::transport", limit, peer, "connection closed: {cause}");
            }
            Observation::RequestDropped { sid } => {
                debug!(target: "koio::transport", ?sid, "a request was dropped: its client hung up before the answer");
            }
            Observation::UpgradeFailed { sid, cause } => {
                debug!(target: "koio::engine", ?sid, "upgrade failed: {cause}");
            }
            Observation::AnswerCut { sid, cause } => {
                debug!(target: "koio::transport", ?sid, "the answer to a poll was cut: {cause}");
            }
            Observation::Recovered {
                namespace,
                socket,
                missed,
            } => {
                debug!(target: "koio::socket", namespace, %socket, missed, "recovered");
            }
            Observation::NotRecovered { namespace, cause } => {
                debug!(target: "koio::socket", namespace, "not recovered: {cause}");
            }
            Observation::SessionExpired { namespace, socket } => {
                debug!(target: "koio::socket", namespace, %socket, "a session expired: its client has not come back");
            }
            Observation::ConnectRefused { namespace, message } => {
                debug!(target: "koio::socket", namespace, message, "namespace refused");
            }
            Observation::EventRefused {
                namespace,
                socket,
                event,
                cause,
            } => {
                debug!(target: "koio::socket", event, namespace, %socket, "event refused: {cause}");
            }
            Observation::SlowConsumer { sid, cause, .. } => {
                debug!(target: "koio::socket", ?sid, "slow consumer: {cause}");
            }
            Observation::LimitExceeded { sid, limit, cause } => {
                debug!(target: "koio::engine", ?sid, limit, "limit exceeded: {cause}");
            }
            Observation::DeadlineMissed { sid, limit, cause } => {
                debug!(target: "koio::engine", ?sid, limit, "deadline missed: {cause}");
            }
            Observation::ReadAheadFull {
                sid,
                waiting,
                limit,
            } => {
                debug!(target: "koio::socket", ?sid, waiting, read_ahead = limit, "reading stops: too much waits for handlers");
            }
            Observation::ProtocolError { sid, cause } => {
                debug!(target: "koio::socket", ?sid, "protocol error: {cause}");
            }
            Observation::PacketIgnored { sid, packet } => {
                trace!(target: "koio::engine", ?sid, packet, "packet ignored");
            }
            Observation::SecondAnswer { socket, event, .. } => {
                debug!(target: "koio::router", event, %socket, "a second answer was ignored");
            }
            Observation::OnceForgotten {
                socket,
                events,
                cause,
                ..
            } => {
                debug!(target: "koio::socket", %socket, events, "forgotten, and would run again: {cause}");
            }
            Observation::AnswerLost { socket, .. } => {
                debug!(target: "koio::socket", %socket, "an answer was dropped: its client is gone");
            }
            Observation::EventsDropped { socket, events, .. } => {
                debug!(target: "koio::socket", %socket, events, "events were dropped: the server shuts down");
            }
            Observation::HandlerDropped { socket, cause, .. } => {
                warn!(target: "koio::socket", %socket, "handler dropped: {cause}");
            }
            Observation::EventsHeldUp {
                namespace,
                socket,
                event,
                concurrency,
                waiting,
                waited,
            } => {
                debug!(
                    target: "koio::socket",
                    event, concurrency, waiting, ?waited, namespace, %socket,
                    "events wait for a handler; `concurrency` lets them overlap"
                );
            }
            Observation::ServerEventsDropped { events, cause } => {
                warn!(target: "koio::adapter", events, "events of other servers were dropped: {cause}");
            }
            Observation::ClusterDropped { messages } => {
                warn!(target: "koio::adapter", messages, "messages of other nodes were dropped: this node is too far behind");
            }
            Observation::ClusterMalformed { cause } => {
                debug!(target: "koio::adapter", "a message of another node can't be read: {cause}");
            }
            Observation::ClusterUnpublished { messages, cause } => {
                debug!(target: "koio::adapter", messages, cause, "messages to other nodes were dropped");
            }
            Observation::ClusterAlone { cause } => {
                warn!(target: "koio::adapter", cause, "this node is alone: it hears no other node");
            }
            Observation::ClusterTogether { alone } => {
                info!(target: "koio::adapter", ?alone, "this node hears the other nodes again");
            }
            Observation::Connected { .. }
            | Observation::Disconnected { .. }
            | Observation::EventReceived { .. }
            | Observation::EventSent { .. }
            | Observation::EventRepeated { .. }
            | Observation::Joined { .. }
            | Observation::NamespaceCreated { .. }
            | Observation::NamespaceRemoved { .. }
            | Observation::Left { .. }
            | Observation::VolatileDropped { .. }
            | Observation::UnexpectedAck { .. }
            | Observation::LateEvent { .. } => {}
        }
    }
}

/// The span in which an event's middleware and handler run, so that what they log can be found by event, namespace and
/// socket. Without a subscriber it costs one load: `event`, which reads the event's name as UTF-8, is then not called.
#[inline]
pub(crate) fn event_span<'a>(
    event: impl Fn() -> &'a str,
    namespace: &str,
    socket: SocketId,
) -> Span {
    tracing::debug_span!("koio", event = event(), namespace, %socket)
}

/// Logs that an observer of the user panicked.
pub(crate) fn observer_panicked() {
    tracing::error!(target: "koio::observe", "an observer panicked");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_about_origins_come_once_in_a_minute_and_count_those_between() {
        let warnings = RareWarnings::default();
        assert_eq!(warnings.take(1), Some(0));
        for second in [1, 1, 30, 60] {
            assert_eq!(warnings.take(second), None);
        }
        assert_eq!(warnings.take(61), Some(4));
        assert_eq!(warnings.take(62), None);
        assert_eq!(warnings.take(1_000), Some(1));
    }
}
