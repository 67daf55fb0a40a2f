//! How many sessions there may be: the limits that a handshake meets before its session opens.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;

use super::EngineConfig;
use crate::ids::Sid;

/// A limit that refuses a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LimitReached {
    /// Its name in [`EngineConfig`].
    pub(crate) limit: &'static str,
    /// What there is already.
    pub(crate) count: usize,
    /// The limit's value.
    pub(crate) max: usize,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, count, max } = self;
        write!(f, "{limit} reached: {count} of {max}")
    }
}

/// The sessions of one server, as far as they are limited in number.
#[derive(Default)]
pub(crate) struct Admissions {
    /// Sessions whose tasks have not ended, and handshakes that are about to open one.
    sessions: AtomicUsize,
    unconnected: Mutex<UnconnectedSessions>,
}

/// The sessions without a connected socket. A table of their own, so that a connected session keeps nothing of it.
#[derive(Default)]
struct UnconnectedSessions {
    sessions: HashMap<Sid, Unconnected, foldhash::fast::RandomState>,
    /// How many of them are closing. Their number does not count, and the heads, which they keep, do.
    closing: usize,
    /// Bytes of the heads of their first requests.
    head_bytes: usize,
    /// Sessions of each network. Empty unless their number is limited.
    networks: HashMap<IpAddr, usize, foldhash::fast::RandomState>,
}

/// What one of them counts for.
#[derive(Default)]
struct Unconnected {
    head_bytes: usize,
    network: Option<IpAddr>,
    is_closing: bool,
}

/// The right to one session. Dropping it gives the place back.
pub(crate) struct Admission {
    admissions: Arc<Admissions>,
    sid: Sid,
    /// Whether the session begins without a connected socket.
    pub(super) is_connected: bool,
    opened: bool,
}

/// Whom an address stands for. An IPv6 host has a /64 to itself, and a dual-stack listener shows IPv4 hosts as IPv6.
fn network_of(address: SocketAddr) -> IpAddr {
    match address.ip().to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

impl Admissions {
    /// Admits one session. `connects`: it begins without a connected socket, and the layer above will say when it has one.
    pub(super) fn admit(
        self: &Arc<Self>,
        sid: Sid,
        config: &EngineConfig,
        connects: bool,
        remote: Option<SocketAddr>,
        head_bytes: usize,
    ) -> Result<Admission, LimitReached> {
        // Relaxed: a count orders no other memory. For an instant it may be above the limit, and refuses another handshake.
        let count = self.sessions.fetch_add(1, Ordering::Relaxed);
        // From here on its drop gives back what was counted.
        let admission = Admission {
            admissions: Arc::clone(self),
            sid,
            is_connected: !connects,
            opened: false,
        };
        let max = config.max_sessions.unwrap_or(usize::MAX);
        check("max_sessions", count, 1, max)?;
        if connects {
            let network = config.max_unconnected_per_address.and(remote);
            let session = Unconnected {
                head_bytes,
                network: network.map(network_of),
                is_closing: false,
            };
            self.unconnected.lock().admit(sid, session, config)?;
        }
        Ok(admission)
    }

    /// Whether a session without a connected socket has this id.
    pub(super) fn has(&self, sid: &Sid) -> bool {
        self.unconnected.lock().sessions.contains_key(sid)
    }

    /// The session got its first connected socket, or lost its last.
    ///
    /// One that is unconnected again is counted even above the limit, which then refuses others. Its head and its address
    /// are not counted again: it was let in once.
    pub(super) fn set_connected(&self, sid: &Sid, connected: bool) {
        let mut unconnected = self.unconnected.lock();
        if connected {
            unconnected.remove(sid);
        } else {
            unconnected.sessions.insert(*sid, Unconnected::default());
        }
    }

    /// The session is over for the layer above, and waits for its client to take the rest, or to answer the close.
    pub(super) fn closing(&self, sid: &Sid) {
        self.unconnected.lock().close(sid);
    }

    /// The task of an opened session has ended.
    pub(super) fn ended(&self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Refuses if `more` would bring `count` above `max`.
fn check(limit: &'static str, count: usize, more: usize, max: usize) -> Result<(), LimitReached> {
    if count.saturating_add(more) > max {
        return Err(LimitReached { limit, count, max });
    }
    Ok(())
}

impl UnconnectedSessions {
    fn admit(
        &mut self,
        sid: Sid,
        session: Unconnected,
        config: &EngineConfig,
    ) -> Result<(), LimitReached> {
        let count = self.sessions.len() - self.closing;
        let max = config.max_unconnected;
        check("max_unconnected", count, 1, max)?;
        let max = config.max_unconnected_head_bytes;
        let (limit, more) = ("max_unconnected_head_bytes", session.head_bytes);
        check(limit, self.head_bytes, more, max)?;
        if let Some(network) = session.network {
            let count = self.networks.get(&network).copied().unwrap_or_default();
            let max = config.max_unconnected_per_address.unwrap_or(usize::MAX);
            check("max_unconnected_per_address", count, 1, max)?;
            self.networks.insert(network, count + 1);
        }
        self.head_bytes += session.head_bytes;
        self.sessions.insert(sid, session);
        Ok(())
    }

    fn remove(&mut self, sid: &Sid) {
        let Some(session) = self.sessions.remove(sid) else {
            return;
        };
        self.head_bytes -= session.head_bytes;
        self.closing -= usize::from(session.is_closing);
        self.leave(session.network);
        // When a flood is over, and amortised O(1).
        let (left, capacity) = (self.sessions.len(), self.sessions.capacity());
        if capacity > 1_024 && left < capacity / 4 {
            self.sessions.shrink_to(2 * left);
            self.networks.shrink_to_fit();
        }
    }

    fn close(&mut self, sid: &Sid) {
        let session = self.sessions.get_mut(sid);
        if let Some(session) = session.filter(|session| !session.is_closing) {
            session.is_closing = true;
            let network = session.network.take();
            self.closing += 1;
            self.leave(network);
        }
    }

    /// A session of this network does not count any more.
    fn leave(&mut self, network: Option<IpAddr>) {
        if let Some(network) = network {
            let left = self.networks.get_mut(&network).map(|count| {
                *count -= 1;
                *count
            });
            if left == Some(0) {
                self.networks.remove(&network);
            }
        }
    }
}

impl Admission {
    pub(crate) fn sid(&self) -> Sid {
        self.sid
    }

    /// The session is open: from here on it gives its place back itself.
    pub(super) fn opened(mut self) {
        self.opened = true;
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if !self.opened {
            self.admissions.ended();
            self.admissions.unconnected.lock().remove(&self.sid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid() -> Sid {
        Sid::random().unwrap()
    }

    impl Admission {
        fn set_connected(&self, connected: bool) {
            self.admissions.set_connected(&self.sid, connected);
        }
    }

    impl Admissions {
        fn is_empty(&self) -> bool {
            let unconnected = self.unconnected.lock();
            let counts = (
                unconnected.head_bytes,
                self.sessions.load(Ordering::Relaxed),
            );
            unconnected.sessions.is_empty() && unconnected.networks.is_empty() && counts == (0, 0)
        }
    }

    fn refused(result: Result<Admission, LimitReached>) -> String {
        result.err().expect("a refusal").to_string()
    }

    fn at(address: &str) -> Option<SocketAddr> {
        Some(SocketAddr::new(address.parse().unwrap(), 1))
    }

    #[test]
    fn a_session_is_counted_from_its_handshake_to_its_end() {
        let config = EngineConfig {
            max_sessions: Some(2),
            ..EngineConfig::default()
        };
        let all = Arc::new(Admissions::default());
        let admit = || all.admit(sid(), &config, true, None, 0);
        let (first, second) = (admit().unwrap(), admit().unwrap());
        second.set_connected(true);
        assert_eq!(refused(admit()), "max_sessions reached: 2 of 2");
        drop(first);
        assert!(admit().is_ok());
    }

    #[test]
    fn a_session_without_a_socket_is_counted_until_it_connects_and_again_when_the_last_has_left() {
        let config = EngineConfig {
            max_unconnected: 1,
            ..EngineConfig::default()
        };
        let all = Arc::new(Admissions::default());
        let admit = || all.admit(sid(), &config, true, None, 100);
        let first = admit().unwrap();
        assert_eq!(refused(admit()), "max_unconnected reached: 1 of 1");
        first.set_connected(true);
        let second = admit().unwrap();
        first.set_connected(false);
        assert_eq!(refused(admit()), "max_unconnected reached: 2 of 1");
        drop(second);
        assert_eq!(refused(admit()), "max_unconnected reached: 1 of 1");
        drop(first);
        assert!(admit().is_ok());
        assert!(all.is_empty());
    }

    #[test]
    fn a_session_that_closes_counts_for_its_head_alone() {
        let config = EngineConfig {
            max_unconnected: 1,
            max_unconnected_per_address: Some(1),
            max_unconnected_head_bytes: 1_000,
            ..EngineConfig::default()
        };
        let all = Arc::new(Admissions::default());
        let admit = |bytes| all.admit(sid(), &config, true, at("192.0.2.1"), bytes);
        let first = admit(600).unwrap();
        assert_eq!(refused(admit(400)), "max_unconnected reached: 1 of 1");
        // The second call changes nothing.
        all.closing(&first.sid);
        all.closing(&first.sid);
        let expected = "max_unconnected_head_bytes reached: 600 of 1000";
        assert_eq!(refused(admit(401)), expected);
        let second = admit(400).unwrap();
        drop(first);
        assert_eq!(refused(admit(600)), "max_unconnected reached: 1 of 1");
        drop(second);
        assert!(all.is_empty());
    }

    #[test]
    fn the_heads_of_sessions_without_a_socket_are_bounded_together() {
        let config = EngineConfig {
            max_unconnected_head_bytes: 1_000,
            ..EngineConfig::default()
        };
        let all = Arc::new(Admissions::default());
        let admit = |bytes| all.admit(sid(), &config, true, None, bytes);
        let first = admit(600).unwrap();
        assert_eq!(
            refused(admit(401)),
            "max_unconnected_head_bytes reached: 600 of 1000"
        );
        let second = admit(400).unwrap();
        first.set_connected(true);
        assert!(admit(600).is_ok());
        drop((first, second));
        assert!(all.is_empty());
    }

    #[test]
    fn sessions_without_a_socket_are_bounded_for_each_host() {
        let config = EngineConfig {
            max_unconnected_per_address: Some(1),
            ..EngineConfig::default()
        };
        let all = Arc::new(Admissions::default());
        let admit = |remote| all.admit(sid(), &config, true, remote, 0);
        let first = admit(at("192.0.2.1")).unwrap();
        let expected = "max_unconnected_per_address reached: 1 of 1";
        assert_eq!(refused(admit(at("192.0.2.1"))), expected);
        assert_eq!(refused(admit(at("::ffff:192.0.2.1"))), expected);
        let other = admit(at("192.0.2.2")).unwrap();
        let unknown = (admit(None).unwrap(), admit(None).unwrap());
        let v6 = admit(at("2001:db8::1")).unwrap();
        assert_eq!(refused(admit(at("2001:db8::2"))), expected);
        assert!(admit(at("2001:db8:0:1::1")).is_ok());
        first.set_connected(true);
        assert!(admit(at("192.0.2.1")).is_ok());
        drop((first, other, unknown, v6));
        assert!(all.is_empty());
    }

    #[test]
    fn a_layer_above_without_sockets_is_bounded_in_its_sessions_only() {
        let config = EngineConfig {
            max_unconnected: 1,
            max_sessions: Some(3),
            ..EngineConfig::default()
        };
        let all = Arc::new(Admissions::default());
        let admit = || all.admit(sid(), &config, false, None, 0);
        let _sessions = [admit(), admit(), admit()].map(Result::unwrap);
        assert_eq!(refused(admit()), "max_sessions reached: 3 of 3");
    }
}
