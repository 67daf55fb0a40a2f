//! What a set-up says about compression.

use super::Io;
use crate::wire::PerMessageDeflate;

impl Io {
    /// Compresses messages over WebSocket for the clients that offer it: permessage-deflate (RFC 7692), Socket.IO's
    /// `perMessageDeflate`. Off by default, as there. A browser offers it by itself; the official client in Node with its
    /// option `perMessageDeflate: true`.
    ///
    /// A message is compressed by itself, and a broadcast once for all of its recipients: see [`PerMessageDeflate`].
    /// Messages of clients are inflated up to [`max_payload`](Self::max_payload). A message that has more, one that can't be
    /// inflated, and text that is no UTF-8 when it is, end the session of its client.
    ///
    /// Text that an attacker can choose, in one message with a secret, lets whoever sees the lengths on the wire guess the
    /// secret, TLS or not; emit such messages [uncompressed](crate::emit::Emit::compress).
    ///
    /// ```
    /// use koio::{Io, config::PerMessageDeflate};
    ///
    /// let io = Io::new().per_message_deflate(PerMessageDeflate::new().threshold(1024));
    /// ```
    #[cfg(any(test, feature = "compression"))]
    #[cfg_attr(docsrs, doc(cfg(feature = "compression")))]
    #[track_caller]
    pub fn per_message_deflate(self, deflate: PerMessageDeflate) -> Self {
        self.config(|config| config.engine.per_message_deflate = Some(deflate))
    }
}
