//! Who is there, and how everybody writes to everybody.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::net::TcpStream;

/// The writing side of a connection.
pub(crate) struct Peer {
    id: u64,
    pub(crate) stream: TcpStream,
    /// What the socket did not take. A task writes it as soon as it is not empty.
    outgoing: Mutex<Vec<u8>>,
}

impl Peer {
    pub(crate) fn new(id: u64, stream: TcpStream) -> Self {
        Self {
            id,
            stream,
            outgoing: Mutex::default(),
        }
    }

    /// Writes at once, and leaves to a task what is too much.
    pub(crate) fn send(self: &Arc<Self>, bytes: &[u8]) {
        let mut outgoing = locked(&self.outgoing);
        if !outgoing.is_empty() {
            outgoing.extend_from_slice(bytes);
            return;
        }
        let written = match self.stream.try_write(bytes) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            // It has gone; whoever reads it notices.
            Err(_) => return,
        };
        if written < bytes.len() {
            outgoing.extend_from_slice(&bytes[written..]);
            tokio::spawn(self.clone().write_on());
        }
    }

    async fn write_on(self: Arc<Self>) {
        loop {
            if self.stream.writable().await.is_err() {
                return;
            }
            let mut outgoing = locked(&self.outgoing);
            match self.stream.try_write(&outgoing) {
                Ok(written) => {
                    outgoing.drain(..written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
            if outgoing.is_empty() {
                return;
            }
        }
    }
}

type Peers = HashMap<u64, Arc<Peer>>;

/// All peers, and the rooms they are in.
#[derive(Default)]
pub(crate) struct Everybody {
    all: Mutex<Peers>,
    rooms: Mutex<HashMap<Vec<u8>, Peers>>,
}

impl Everybody {
    pub(crate) fn enter(&self, peer: Arc<Peer>) {
        locked(&self.all).insert(peer.id, peer);
    }

    pub(crate) fn join(&self, room: &[u8], peer: Arc<Peer>) {
        let mut rooms = locked(&self.rooms);
        rooms
            .entry(room.to_vec())
            .or_default()
            .insert(peer.id, peer);
    }

    pub(crate) fn forget(&self, id: u64) {
        locked(&self.all).remove(&id);
        for room in locked(&self.rooms).values_mut() {
            room.remove(&id);
        }
    }

    pub(crate) fn tell_all(&self, bytes: &[u8]) {
        for peer in locked(&self.all).values() {
            peer.send(bytes);
        }
    }

    pub(crate) fn tell(&self, room: &[u8], bytes: &[u8]) {
        if let Some(room) = locked(&self.rooms).get(room) {
            for peer in room.values() {
                peer.send(bytes);
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
