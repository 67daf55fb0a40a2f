//! The sockets that an [`Emit`] means, for all but emitting to them: to count, describe, move and disconnect them.

use std::time::Duration;

use super::{
    emit::Emit, local::view, partial::PartialAnswer, remote::RemoteSocket, socket::Socket,
};
use crate::{
    Result,
    adapter::{Adapter, Destination},
    ids::{IntoRooms, Room},
};

/// How long `fetch_sockets` waits for other nodes, if the emit has no timeout of its own.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

impl Emit {
    /// The sockets of this node that an emit would go to now.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        if let Some(socket) = &self.only {
            return vec![socket.clone()];
        }
        let mut sockets = Vec::new();
        if self.is_for_nobody() {
            return sockets;
        }
        let local = &self.core.local;
        local.for_each(self.destination(), |socket| sockets.push(socket.clone()));
        sockets
    }

    /// How many sockets of this node an emit would go to now. They are counted and not copied. A socket whose `disconnect` is
    /// handled has left its rooms and is not among them.
    #[must_use]
    pub fn count(&self) -> usize {
        if self.only.is_some() {
            return 1;
        }
        let mut count = 0;
        if self.is_for_nobody() {
            return count;
        }
        let local = &self.core.local;
        local.for_each(self.destination(), |_| count += 1);
        count
    }

    /// The sockets of all nodes that an emit would go to now, described. To count the sockets of this node,
    /// [`count`](Self::count) is cheaper.
    ///
    /// # Errors
    /// A [namespace](crate::Error::is_no_namespace) that is not declared. Else in a cluster only: code `partial_answer`, if nodes have not answered in time ([`timeout`](Self::timeout),
    /// default 5 s). Its source is a [`PartialAnswer`], which names them and has the sockets of the others.
    ///
    /// # Panics
    /// In a cluster, outside a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing but the answer.
    pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>> {
        self.scope.check(&self.core)?;
        let remote = |view| RemoteSocket::new(view, &self.core, &self.scope.name);
        if let Some(socket) = &self.only {
            return Ok(vec![remote(view(socket))]);
        }
        if self.is_for_nobody() {
            return Ok(Vec::new());
        }
        let wait = self.timeout.unwrap_or(FETCH_TIMEOUT);
        let fetched = self.adapter().fetch(self.destination(), wait).await;
        let sockets = fetched.sockets.into_iter().map(remote).collect();
        if fetched.missing.is_empty() {
            return Ok(sockets);
        }
        let partial = PartialAnswer::new(fetched.missing).with_sockets(sockets);
        Err(partial.into_error())
    }

    /// Puts all sockets that are meant into a room, or into each of a list: those of this node before it returns, those of other
    /// nodes behind that. A list is one message to them.
    ///
    /// # Errors
    /// A [namespace](crate::Error::is_no_namespace) that is not declared. The first refusal of a socket of this node,
    /// after all have been tried; see [`Socket::join`]. In a cluster also code `cluster`: the broker did not take the message to the other nodes.
    pub fn sockets_join(&self, rooms: impl IntoRooms) -> Result<()> {
        let rooms: Vec<Room> = rooms.into_rooms().collect();
        match &self.only {
            Some(socket) => socket.join_list(&rooms),
            None if rooms.is_empty() => self.checked().map(drop),
            None => self.each(|adapter, to| adapter.join(to, &rooms)),
        }
    }

    /// Takes all sockets that are meant out of a room, or out of each of a list: those of this node before it returns, those of
    /// other nodes behind that. A list is one message to them.
    ///
    /// # Errors
    /// A [namespace](crate::Error::is_no_namespace) that is not declared. In a cluster also code `cluster`, if the broker did not take the message to the other nodes.
    pub fn sockets_leave(&self, rooms: impl IntoRooms) -> Result<()> {
        let rooms: Vec<Room> = rooms.into_rooms().collect();
        match &self.only {
            Some(socket) => {
                socket.leave_list(&rooms);
                Ok(())
            }
            None if rooms.is_empty() => self.checked().map(drop),
            None => self.each(|adapter, to| adapter.leave(to, &rooms)),
        }
    }

    /// [Disconnects](Socket::disconnect) all sockets that are meant: those of this node before it returns, those of
    /// other nodes behind that.
    ///
    /// # Errors
    /// A [namespace](crate::Error::is_no_namespace) that is not declared. In a cluster also code `cluster`, if the broker did not take the message to the other nodes.
    pub fn disconnect_sockets(&self) -> Result<()> {
        match &self.only {
            Some(socket) => {
                socket.disconnect();
                Ok(())
            }
            None => self.each(|adapter, to| adapter.disconnect(to, false)),
        }
    }

    /// [Disconnects](Socket::disconnect_all) the clients of all sockets that are meant from all their namespaces, and closes
    /// their connections: `disconnectSockets(true)` of Socket.IO. What was emitted to them before is still sent.
    ///
    /// # Errors
    /// As [`disconnect_sockets`](Self::disconnect_sockets).
    pub fn disconnect_all(&self) -> Result<()> {
        match &self.only {
            Some(socket) => {
                socket.disconnect_all();
                Ok(())
            }
            None => self.each(|adapter, to| adapter.disconnect(to, true)),
        }
    }

    /// Does something to the sockets that are meant, if there can be any.
    fn each(&self, act: impl FnOnce(&dyn Adapter, Destination<'_>) -> Result<()>) -> Result<()> {
        let adapter = self.checked()?;
        match self.is_for_nobody() {
            true => Ok(()),
            false => act(adapter, self.destination()),
        }
    }
}
