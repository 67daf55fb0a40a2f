//! Many connections on one thread.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Poll};

use crate::{connection::Connection, failure::Failure, frames::Frame, servers::Server};

/// Connections that are opened at once.
const OPENING: usize = 32;
/// Bytes read from a connection at once.
const BLOCK: usize = 256 * 1024;
/// Time without any event at which a server is given up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What a reader does with a frame of a connection; what it appends to the last argument is sent there.
pub(crate) type Reader<'a> =
    &'a mut dyn FnMut(usize, Frame<'_>, &mut Vec<u8>) -> Result<(), Failure>;

/// Many connections to one server.
pub(crate) struct Crowd {
    address: SocketAddr,
    /// Whether it looks for events all the time. A client that sleeps has to be woken by the server's write, which
    /// on one machine costs the server as much as the rest of a small write; a client somewhere else does not.
    spins: bool,
    poll: Poll,
    events: Events,
    block: Vec<u8>,
    connections: Vec<Connection>,
}

impl Crowd {
    pub(crate) fn new(server: &Server) -> Result<Self, Failure> {
        Ok(Self {
            address: server.address,
            spins: server.spin,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            block: vec![0; BLOCK],
            connections: Vec::new(),
        })
    }

    /// Opens connections up to this many, some at a time, and waits until they are connected.
    pub(crate) fn open(&mut self, count: usize) -> Result<(), Failure> {
        while self.connections.len() < count {
            let first = self.connections.len();
            self.begin(OPENING.min(count - first))?;
            while !self.connections[first..]
                .iter()
                .all(Connection::is_connected)
            {
                self.turn(&mut nothing)?;
            }
        }
        Ok(())
    }

    /// Opens this many connections, some at a time, and closes each as soon as it is connected.
    pub(crate) fn open_and_close(&mut self, count: usize) -> Result<(), Failure> {
        self.begin(OPENING)?;
        let mut done = 0;
        while done < count {
            self.turn(&mut nothing)?;
            for index in 0..self.connections.len() {
                if self.connections[index].is_connected() {
                    done += 1;
                    self.connections[index] =
                        Connection::open(index, self.address, self.poll.registry())?;
                }
            }
        }
        self.connections.clear();
        Ok(())
    }

    fn begin(&mut self, count: usize) -> Result<(), Failure> {
        for _ in 0..count {
            let index = self.connections.len();
            let connection = Connection::open(index, self.address, self.poll.registry())?;
            self.connections.push(connection);
        }
        Ok(())
    }

    /// Sends bytes on one connection.
    pub(crate) fn send(&mut self, index: usize, bytes: &[u8]) -> Result<(), Failure> {
        self.connections[index].send(bytes)
    }

    /// Waits for something to happen and lets the connections have it.
    pub(crate) fn turn(&mut self, reader: Reader<'_>) -> Result<(), Failure> {
        if self.wait(PATIENCE, reader)? {
            Ok(())
        } else {
            Err(Failure::Stuck)
        }
    }

    /// Goes on for a while in which nothing should come.
    pub(crate) fn stay_quiet(&mut self, time: Duration) -> Result<(), Failure> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.wait(left, &mut nothing)?;
        }
        Ok(())
    }

    /// False if nothing happened in this time.
    fn wait(&mut self, time: Duration, reader: Reader<'_>) -> Result<bool, Failure> {
        let given_up = Instant::now() + time;
        loop {
            let sleep = if self.spins { Duration::ZERO } else { time };
            self.poll.poll(&mut self.events, Some(sleep))?;
            if !self.events.is_empty() || Instant::now() >= given_up {
                break;
            }
        }
        for event in &self.events {
            let index = event.token().0;
            let Some(connection) = self.connections.get_mut(index) else {
                continue;
            };
            if event.is_writable() {
                connection.flush()?;
            }
            if event.is_readable() {
                connection.read(&mut self.block, &mut |frame, out| reader(index, frame, out))?;
            }
        }
        Ok(!self.events.is_empty())
    }
}

/// The reader for when no frame should come.
pub(crate) fn nothing(_: usize, frame: Frame<'_>, _: &mut Vec<u8>) -> Result<(), Failure> {
    Err(Failure::unexpected(frame.payload, b""))
}
