//! The counters: what a server dropped, refused or ended, by cause.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Observation, Observer};

/// Counts of what the server dropped, refused or ended on its own account, since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Volatile messages that were dropped because their recipient could not take them at once.
    pub volatile_dropped: u64,
    /// Clients that were closed because they did not read what was sent to them.
    pub slow_consumers: u64,
    /// Clients that were not read for a while, because the events that waited for their handlers were at `read_ahead`.
    pub read_ahead_full: u64,
    /// Those of the [slow consumers](Self::slow_consumers) that took nothing for
    /// [`write_timeout`](crate::config::EngineConfig::write_timeout). The others reached
    /// [`send_queue_hard`](crate::config::EngineConfig::send_queue_hard).
    pub write_timeouts: u64,
    /// Sessions, and WebSockets that were to become a session's transport, that were closed because their client went beyond
    /// a limit of the transport: `max_payload`, `max_fragments`, `message_timeout`, `min_rate`, or control frames.
    pub limits_exceeded: u64,
    /// Sessions that ended because their client did not do something in time: `ping_timeout`, `poll_again_timeout`,
    /// `close_timeout`, or `write_timeout` while they closed. Clients that vanish are among them.
    pub deadlines_missed: u64,
    /// Sessions, and WebSockets that were to become a session's transport, that were closed because their client broke the
    /// protocol.
    pub protocol_errors: u64,
    /// Engine.IO packets that were ignored, because only a server sends them: `open`, `upgrade` outside an upgrade, `noop`.
    pub packets_ignored: u64,
    /// Requests that were refused. The `cause` of [`RequestRefused`](super::Observation::RequestRefused) says why.
    pub requests_refused: u64,
    /// Those of the [refused requests](Self::requests_refused) whose page's origin may not connect.
    pub origins_refused: u64,
    /// Handshakes that were refused because of a limit on the number of sessions, or of handshakes.
    pub sessions_refused: u64,
    /// Connections of listeners with TLS that ended before their handshake had: it failed, or took too long.
    pub tls_failed: u64,
    /// Connections of koio's own listener that were closed because no request came on them, or no whole head of one, in
    /// [`header_timeout`](crate::config::Config::header_timeout). Browsers open connections ahead of time, which are among
    /// them.
    pub header_timeouts: u64,
    /// Polls and POSTs whose client hung up before they were answered; their sessions ended.
    pub requests_dropped: u64,
    /// WebSockets to which a session was to move and did not.
    pub upgrades_failed: u64,
    /// CONNECTs that were answered with an error: by a limit, by a middleware, or because there is no such namespace.
    pub connects_refused: u64,
    /// Events that were answered with `bad_request` because their name was above its limit.
    pub events_refused: u64,
    /// Sessions over polling that were closed because their client did not take the whole answer to a poll.
    pub answers_cut: u64,
    /// Acks of clients that matched no pending emit: too late, twice, or with an unknown id.
    pub unexpected_acks: u64,
    /// Answers that a handler gave after its event had been answered.
    pub second_answers: u64,
    /// Events that came once more and were not handled again, since their handlers run once for each key (`once_by`).
    pub events_repeated: u64,
    /// Events that a session has forgotten at [`once_keys`](crate::config::SocketConfig::once_keys) or
    /// [`once_bytes`](crate::config::SocketConfig::once_bytes): one more try of them would be handled.
    pub once_forgotten: u64,
    /// Answers that were dropped because the client that had asked for them was gone.
    pub answers_lost: u64,
    /// Events that were dropped before a handler ran for them, because the server was shutting down.
    pub events_dropped: u64,
    /// Sessions that ended before their client had got what was queued for it: it was gone, or did not take it in time. While the
    /// server shuts down, also those whose client has left; what is cut at the deadline is in
    /// [`Drained::cut`](crate::server::Drained::cut) alone.
    pub sessions_abandoned: u64,
    /// Packets that were dropped because their sender was not in the namespace: the server had just disconnected it, or refused
    /// its CONNECT.
    pub late_events: u64,
    /// Clients that came back to their sockets after a lost connection.
    pub sessions_recovered: u64,
    /// Clients that wanted to come back and were connected as new ones: their time was over, or an event that they had missed was
    /// gone.
    pub sessions_not_recovered: u64,
    /// Sessions of lost connections whose clients did not come back in time, or that ended before because of
    /// [`waiting_sessions`](crate::recovery::Recovery::waiting_sessions).
    pub sessions_expired: u64,
    /// Handlers that were dropped because they outlived their socket by more than the grace.
    pub handlers_dropped: u64,
    /// Messages of other nodes that this node dropped because it was too far behind.
    pub cluster_dropped: u64,
    /// Messages to other nodes that the broker did not take.
    pub cluster_unpublished: u64,
    /// Messages of other nodes that could not be read.
    pub cluster_malformed: u64,
    /// Events of other servers ([`IoHandle::server_side_emit`](crate::IoHandle::server_side_emit)) that were dropped, or whose
    /// handlers were: as many ran as may
    /// ([`server_events`](crate::config::SocketConfig::server_events)), or this server was about to leave the cluster.
    pub server_events_dropped: u64,
    /// How often this node has lost the connection to its broker, and so missed what other nodes published.
    pub cluster_gaps: u64,
}

/// The live counters behind [`Counts`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    volatile_dropped: AtomicU64,
    slow_consumers: AtomicU64,
    read_ahead_full: AtomicU64,
    write_timeouts: AtomicU64,
    limits_exceeded: AtomicU64,
    deadlines_missed: AtomicU64,
    protocol_errors: AtomicU64,
    packets_ignored: AtomicU64,
    requests_refused: AtomicU64,
    origins_refused: AtomicU64,
    sessions_refused: AtomicU64,
    tls_failed: AtomicU64,
    header_timeouts: AtomicU64,
    requests_dropped: AtomicU64,
    upgrades_failed: AtomicU64,
    connects_refused: AtomicU64,
    events_refused: AtomicU64,
    answers_cut: AtomicU64,
    unexpected_acks: AtomicU64,
    second_answers: AtomicU64,
    events_repeated: AtomicU64,
    once_forgotten: AtomicU64,
    answers_lost: AtomicU64,
    events_dropped: AtomicU64,
    sessions_abandoned: AtomicU64,
    late_events: AtomicU64,
    sessions_recovered: AtomicU64,
    sessions_not_recovered: AtomicU64,
    sessions_expired: AtomicU64,
    handlers_dropped: AtomicU64,
    cluster_dropped: AtomicU64,
    cluster_unpublished: AtomicU64,
    cluster_malformed: AtomicU64,
    server_events_dropped: AtomicU64,
    cluster_gaps: AtomicU64,
}

impl Observer for Counters {
    fn observe(&self, observation: &Observation<'_>) {
        let counter = match observation {
            Observation::VolatileDropped { .. } => &self.volatile_dropped,
            Observation::SlowConsumer { limit, .. } => {
                if *limit == "write_timeout" {
                    self.write_timeouts.fetch_add(1, Ordering::Relaxed);
                }
                &self.slow_consumers
            }
            Observation::LimitExceeded { .. } => &self.limits_exceeded,
            Observation::DeadlineMissed { .. } => &self.deadlines_missed,
            Observation::ReadAheadFull { .. } => &self.read_ahead_full,
            Observation::ProtocolError { .. } => &self.protocol_errors,
            Observation::PacketIgnored { .. } => &self.packets_ignored,
            Observation::RequestRefused { cause, .. } => {
                if *cause == "origin" {
                    self.origins_refused.fetch_add(1, Ordering::Relaxed);
                }
                &self.requests_refused
            }
            Observation::SessionRefused { .. } => &self.sessions_refused,
            Observation::TlsFailed { .. } => &self.tls_failed,
            Observation::HttpTimeout {
                limit: "header_timeout",
                ..
            } => &self.header_timeouts,
            Observation::RequestDropped { .. } => &self.requests_dropped,
            Observation::UpgradeFailed { .. } => &self.upgrades_failed,
            Observation::ConnectRefused { .. } => &self.connects_refused,
            Observation::EventRefused { .. } => &self.events_refused,
            Observation::AnswerCut { .. } => &self.answers_cut,
            Observation::UnexpectedAck { .. } => &self.unexpected_acks,
            Observation::SecondAnswer { .. } => &self.second_answers,
            Observation::EventRepeated { .. } => &self.events_repeated,
            Observation::OnceForgotten { events, .. } => {
                let events = u64::try_from(*events).unwrap_or(u64::MAX);
                self.once_forgotten.fetch_add(events, Ordering::Relaxed);
                return;
            }
            Observation::AnswerLost { .. } => &self.answers_lost,
            Observation::EventsDropped { events, .. } => {
                let events = u64::try_from(*events).unwrap_or(u64::MAX);
                self.events_dropped.fetch_add(events, Ordering::Relaxed);
                return;
            }
            Observation::SessionAbandoned { .. } => &self.sessions_abandoned,
            Observation::LateEvent { .. } => &self.late_events,
            Observation::Recovered { .. } => &self.sessions_recovered,
            Observation::NotRecovered { .. } => &self.sessions_not_recovered,
            Observation::SessionExpired { .. } => &self.sessions_expired,
            Observation::HandlerDropped { .. } => &self.handlers_dropped,
            Observation::ClusterDropped { messages } => {
                self.cluster_dropped.fetch_add(*messages, Ordering::Relaxed);
                return;
            }
            Observation::ClusterUnpublished { messages, .. } => {
                self.cluster_unpublished
                    .fetch_add(*messages, Ordering::Relaxed);
                return;
            }
            Observation::ServerEventsDropped { events, .. } => {
                let events = u64::try_from(*events).unwrap_or(u64::MAX);
                self.server_events_dropped
                    .fetch_add(events, Ordering::Relaxed);
                return;
            }
            Observation::ClusterAlone { .. } => &self.cluster_gaps,
            Observation::ClusterMalformed { .. } => &self.cluster_malformed,
            _ => return,
        };
        // Relaxed: a counter orders no other memory.
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counters {
    pub(super) fn snapshot(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            volatile_dropped: read(&self.volatile_dropped),
            slow_consumers: read(&self.slow_consumers),
            read_ahead_full: read(&self.read_ahead_full),
            write_timeouts: read(&self.write_timeouts),
            limits_exceeded: read(&self.limits_exceeded),
            deadlines_missed: read(&self.deadlines_missed),
            protocol_errors: read(&self.protocol_errors),
            packets_ignored: read(&self.packets_ignored),
            requests_refused: read(&self.requests_refused),
            origins_refused: read(&self.origins_refused),
            sessions_refused: read(&self.sessions_refused),
            tls_failed: read(&self.tls_failed),
            header_timeouts: read(&self.header_timeouts),
            requests_dropped: read(&self.requests_dropped),
            upgrades_failed: read(&self.upgrades_failed),
            connects_refused: read(&self.connects_refused),
            events_refused: read(&self.events_refused),
            answers_cut: read(&self.answers_cut),
            unexpected_acks: read(&self.unexpected_acks),
            second_answers: read(&self.second_answers),
            events_repeated: read(&self.events_repeated),
            once_forgotten: read(&self.once_forgotten),
            answers_lost: read(&self.answers_lost),
            events_dropped: read(&self.events_dropped),
            sessions_abandoned: read(&self.sessions_abandoned),
            late_events: read(&self.late_events),
            sessions_recovered: read(&self.sessions_recovered),
            sessions_not_recovered: read(&self.sessions_not_recovered),
            sessions_expired: read(&self.sessions_expired),
            handlers_dropped: read(&self.handlers_dropped),
            cluster_dropped: read(&self.cluster_dropped),
            cluster_unpublished: read(&self.cluster_unpublished),
            cluster_malformed: read(&self.cluster_malformed),
            server_events_dropped: read(&self.server_events_dropped),
            cluster_gaps: read(&self.cluster_gaps),
        }
    }
}
