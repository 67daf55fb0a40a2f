//! The WebSocket handshake of a plain request.

use bytes::Bytes;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{
    engine::{Admission, Engine, Opening, Session},
    transport::{
        tcp::Tcp,
        websocket::{Agreed, WebSocketTransport},
    },
};

const SWITCHING_PROTOCOLS: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n\
    upgrade: websocket\r\nsec-websocket-accept: ";

/// A valid handshake, whose connection has not been given to its session.
pub(crate) struct PendingUpgrade {
    response: Vec<u8>,
    agreed: Option<Agreed>,
    session: UpgradedSession,
}

/// The session that gets the WebSocket.
pub(super) enum UpgradedSession {
    New(Box<(Admission, Opening)>),
    /// It upgrades from polling.
    Existing(Session),
}

impl PendingUpgrade {
    /// `key`: the value of `Sec-WebSocket-Key`.
    pub(super) fn new(key: &[u8], agreed: Option<Agreed>, session: UpgradedSession) -> Self {
        let accept = derive_accept_key(key);
        let mut response = [SWITCHING_PROTOCOLS, accept.as_bytes(), b"\r\n"].concat();
        if let Some(agreed) = agreed {
            response.extend_from_slice(b"sec-websocket-extensions: ");
            response.extend_from_slice(agreed.answer().as_bytes());
            response.extend_from_slice(b"\r\n");
        }
        response.extend_from_slice(b"\r\n");
        Self {
            response,
            agreed,
            session,
        }
    }

    /// Gives the connection to the session. `unread`: bytes that came behind the handshake.
    pub(super) fn complete(self, engine: &Engine, tcp: Tcp, unread: &Bytes) {
        let revision = match &self.session {
            UpgradedSession::New(new) => new.1.revision,
            UpgradedSession::Existing(session) => session.revision(),
        };
        let websocket = WebSocketTransport::new(tcp, unread, engine.config());
        let mut websocket = websocket.agreed(self.agreed);
        websocket.speak(revision);
        match self.session {
            UpgradedSession::New(new) => {
                let (admission, opening) = *new;
                // In one write with the session's first frame.
                websocket.lead_with(self.response);
                // Refused only while shutting down. The client sees the connection close, and reconnects.
                let _ = engine.open_admitted(admission, opening, Box::new(websocket));
            }
            UpgradedSession::Existing(session) => {
                websocket.write_now(self.response);
                let _ = session.probe(Box::new(websocket));
            }
        }
    }
}
