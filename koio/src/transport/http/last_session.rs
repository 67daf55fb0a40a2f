//! The session whose requests a connection carries.

use parking_lot::Mutex;

use crate::engine::Session;

/// The session that the last request of a connection was for. The server that owns the connection says when it has ended.
#[derive(Debug, Default)]
pub(crate) struct LastSession(Mutex<Option<Session>>);

impl LastSession {
    /// A request for this session has come. If the last was for another, that session's client may have gone.
    pub(super) fn set(&self, session: &Session) {
        let last = self.0.lock().replace(session.clone());
        if let Some(last) = last.filter(|last| last.sid_ref() != session.sid_ref()) {
            last.connection_ended();
        }
    }

    /// The connection has ended, and a client that polls may have gone with it.
    pub(crate) fn connection_ended(&self) {
        let last = self.0.lock().take();
        if let Some(session) = last {
            session.connection_ended();
        }
    }
}
