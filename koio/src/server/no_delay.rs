//! `TCP_NODELAY`: messages are small and a client waits for each, so the kernel must not delay one to fill a packet. And
//! `TCP_NOTSENT_LOWAT`: what waits for a slow client waits in koio, where it is counted, and not in the kernel.

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};

/// Sets it for every connection. Where connections inherit it from their listener, as on Linux and the BSDs, that saves
/// a `setsockopt` for each.
#[derive(Debug)]
pub(super) struct NoDelay {
    /// Whether connections inherit it; unknown until the first one.
    inherited: Option<bool>,
}

impl NoDelay {
    pub(super) fn of(listener: &TcpListener) -> Self {
        limit_unsent(&SockRef::from(listener));
        let set = SockRef::from(listener).set_tcp_nodelay(true);
        Self {
            inherited: set.is_err().then_some(false),
        }
    }

    /// For each connection that the listener has accepted.
    pub(super) fn apply(&mut self, stream: &TcpStream) {
        let has_it = || matches!(stream.nodelay(), Ok(true));
        if !*self.inherited.get_or_insert_with(has_it) {
            // A connection on which this fails is broken, and its first read says so.
            let _ = stream.set_nodelay(true);
            limit_unsent(&SockRef::from(stream));
        }
    }
}

/// How many bytes the kernel keeps for a connection that it can't send yet.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 * 1024;

/// Bounds what the kernel keeps for a connection beyond what is on its way, which is up to 4 MiB by default. A ping that is
/// written then soon leaves, so that its pong can come in time, and the server hears that a client reads after half as many
/// bytes. Connections inherit it.
fn limit_unsent(socket: &SockRef<'_>) {
    // Without it only the heartbeat of slow readers suffers.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = socket;
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn accepted(no_delay: &mut NoDelay, listener: &TcpListener) -> TcpStream {
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        client.unwrap();
        let (stream, _) = accepted.unwrap();
        no_delay.apply(&stream);
        stream
    }

    #[tokio::test]
    async fn every_connection_has_no_delay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut no_delay = NoDelay::of(&listener);
        for _ in 0..3 {
            let stream = accepted(&mut no_delay, &listener).await;
            assert!(stream.nodelay().unwrap());
        }
    }

    #[tokio::test]
    async fn every_connection_has_no_delay_where_it_is_not_inherited() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut no_delay = NoDelay { inherited: None };
        for _ in 0..3 {
            let stream = accepted(&mut no_delay, &listener).await;
            assert!(stream.nodelay().unwrap());
        }
        assert_eq!(no_delay.inherited, Some(false));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn on_linux_the_bound_of_unsent_bytes_is_inherited_from_the_listener() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut no_delay = NoDelay::of(&listener);
        let stream = accepted(&mut no_delay, &listener).await;
        let inherited = SockRef::from(&stream).tcp_notsent_lowat().unwrap();
        assert_eq!(inherited, UNSENT);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn on_linux_no_delay_is_inherited_from_the_listener() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut no_delay = NoDelay::of(&listener);
        accepted(&mut no_delay, &listener).await;
        assert_eq!(no_delay.inherited, Some(true));
    }
}
