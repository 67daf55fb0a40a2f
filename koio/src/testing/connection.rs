//! [`TestConnection`]: one connection of a client, by WebSocket or by polling.

use std::{fmt, sync::Arc};

use http::HeaderMap;
use tokio::sync::{Mutex, watch};

use super::{
    clock::settle,
    head::ClientHead,
    host::Host,
    line::{Disconnected, Line, Outgoing},
    polling::Polls,
    websocket,
};
use crate::{Error, Result, engine::TransportKind};

/// A connection. It is lost when its last [`TestClient`](super::TestClient) is dropped.
pub(super) struct TestConnection {
    pub(super) host: Arc<Host>,
    pub(super) head: ClientHead,
    /// The headers of the answer to the handshake.
    pub(super) answered: HeaderMap,
    pub(super) sid: String,
    pub(super) line: Line,
    pub(super) freeze: watch::Sender<bool>,
    /// The tasks of a client that polls. `None`: it has a WebSocket.
    pub(super) polls: Mutex<Option<Polls>>,
}

impl Drop for TestConnection {
    fn drop(&mut self) {
        self.line.end(Disconnected::TRANSPORT_CLOSE);
    }
}

impl fmt::Debug for TestConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestConnection")
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}

impl TestConnection {
    pub(super) async fn upgrade(&self) -> Result<()> {
        let Some(polls) = self.polls.lock().await.take() else {
            return Err(Error::new("upgraded", "the client has a WebSocket already"));
        };
        let (mut socket, _) = websocket::open(&self.host, &self.head, Some(&self.sid)).await?;
        websocket::send_text(&mut socket, "2probe").await?;
        let answer = websocket::next_text(&mut socket).await?;
        if answer != "3probe" {
            return Err(Error::internal(format!(
                "the server answered the probe with {answer:?}"
            )));
        }
        // The server answers the poll that is under way, so that there is none when the transport changes.
        polls.stop();
        polls.poll.await?;
        self.line.outgoing(Outgoing::Stop);
        let Some(sending) = polls.post.await? else {
            return Err(Error::closed());
        };
        websocket::send_text(&mut socket, "5").await?;
        let tasks = websocket::drive(socket, &self.line, sending, &self.freeze.subscribe());
        self.line.driven_by(TransportKind::WebSocket, tasks);
        settle().await;
        Ok(())
    }
}
