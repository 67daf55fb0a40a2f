//! The kinds of transport, and what each can do.

use std::fmt;

use super::EngineConfig;

/// The kind of transport that a client is connected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum TransportKind {
    /// HTTP long-polling.
    Polling,
    /// WebSocket.
    WebSocket,
    /// Packets down as server-sent events (`text/event-stream`), and up with POSTs, as over polling.
    EventSource,
    /// The transport of `engine/task/tests/memory.rs`.
    #[cfg(test)]
    Memory,
}

/// What a kind of transport can do: all that the engine asks about it.
#[derive(Debug)]
pub(crate) struct Capabilities {
    /// The protocol's word for the transport.
    name: &'static str,
    /// The transports that a session may move to from this one.
    upgrades: &'static [TransportKind],
    /// Packets leave only as the answer to a request of the client, and the request that opened the session is answered
    /// with the handshake. Otherwise packets leave at any time, and the handshake is the first of them.
    pub(crate) waits_for_requests: bool,
    /// The client answers when the server closes the connection (a WebSocket's close frame).
    pub(crate) has_close_handshake: bool,
}

impl TransportKind {
    /// In the order of their discriminants.
    pub(super) const ALL: &'static [Self] = &[
        Self::Polling,
        Self::WebSocket,
        Self::EventSource,
        #[cfg(test)]
        Self::Memory,
    ];

    /// The capabilities of this kind. A new transport adds its row here.
    pub(crate) const fn capabilities(self) -> &'static Capabilities {
        match self {
            Self::Polling => &Capabilities {
                name: "polling",
                upgrades: &[
                    Self::WebSocket,
                    #[cfg(test)]
                    Self::Memory,
                ],
                waits_for_requests: true,
                has_close_handshake: false,
            },
            Self::WebSocket => &Capabilities {
                name: "websocket",
                upgrades: &[],
                waits_for_requests: false,
                has_close_handshake: true,
            },
            // Nothing upgrades to it: what a client that polls could gain, a WebSocket gives as well, and where no WebSocket
            // gets through it begins with this.
            Self::EventSource => &Capabilities {
                name: "eventsource",
                upgrades: &[Self::WebSocket],
                waits_for_requests: false,
                has_close_handshake: false,
            },
            #[cfg(test)]
            Self::Memory => &Capabilities {
                name: "memory",
                upgrades: &[Self::WebSocket],
                waits_for_requests: false,
                has_close_handshake: false,
            },
        }
    }

    /// The protocol's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.capabilities().name
    }

    /// Whether a session may move from this transport to `other`.
    pub(crate) fn can_upgrade_to(self, other: Self) -> bool {
        self.capabilities().upgrades.contains(&other)
    }

    /// The transports that the handshake offers for an upgrade.
    pub(crate) fn upgrades(self, config: &EngineConfig) -> impl Iterator<Item = Self> {
        let upgrades = self.capabilities().upgrades.iter().copied();
        upgrades.filter(|kind| config.allow_upgrades && kind.is_enabled(config))
    }

    /// Whether the server accepts it.
    pub(crate) fn is_enabled(self, config: &EngineConfig) -> bool {
        match self {
            Self::Polling => config.polling,
            Self::WebSocket => config.websocket,
            Self::EventSource => config.event_source,
            #[cfg(test)]
            Self::Memory => false,
        }
    }

    /// The kind with this discriminant.
    pub(super) fn from_index(index: u8) -> Self {
        let kind = Self::ALL.get(usize::from(index)).copied();
        kind.unwrap_or(Self::Polling)
    }
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_by_its_index() {
        for kind in TransportKind::ALL {
            assert_eq!(TransportKind::from_index(*kind as u8), *kind);
        }
    }
}
