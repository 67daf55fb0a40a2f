//! Many WebSocket connections on one thread.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use crate::{
    connection::Connection,
    failure::Failure,
    frames::Frame,
    latency::Latencies,
    reactor::{BLOCK, Reactor},
    servers::Server,
};

/// Connections that are opened at once.
const OPENING: usize = 32;
/// Connections that share one address. So many thousand come from several addresses, as a single one has about
/// 28,000 ports, of which those lately closed can't be used again for a while.
const FROM_ONE_ADDRESS: usize = 1_000;

/// What a reader does with a frame of a connection and the time it came at; what it appends to the last argument
/// is sent there.
pub(crate) type Reader<'a> =
    &'a mut dyn FnMut(usize, Frame<'_>, Instant, &mut Vec<u8>) -> Result<(), Failure>;

/// What is done about a connection that failed.
pub(crate) type Ended<'a> = &'a mut dyn FnMut(usize, Failure) -> Result<(), Failure>;

/// Many connections to one server.
#[derive(Debug)]
pub(crate) struct Crowd {
    address: SocketAddr,
    /// Lines of each connection's request.
    headers: &'static str,
    reactor: Reactor,
    block: Vec<u8>,
    connections: Vec<Connection>,
}

impl Crowd {
    pub(crate) fn new(server: &Server) -> Result<Self, Failure> {
        Self::with(server, "")
    }

    /// `headers` are further lines of each connection's request.
    pub(crate) fn with(server: &Server, headers: &'static str) -> Result<Self, Failure> {
        Ok(Self {
            address: server.address,
            headers,
            reactor: Reactor::new(server)?,
            block: vec![0; BLOCK],
            connections: Vec::new(),
        })
    }

    /// Opens connections up to this many, some at a time, and waits until they are connected.
    pub(crate) fn open(&mut self, count: usize) -> Result<(), Failure> {
        while self.connections.len() < count {
            let first = self.connections.len();
            self.begin(OPENING.min(count - first))?;
            while self.connections[first..]
                .iter()
                .any(|connection| connection.connected().is_none())
            {
                self.turn(&mut nothing)?;
            }
        }
        Ok(())
    }

    /// Opens this many connections, some at a time, and closes each as soon as it is connected.
    pub(crate) fn open_and_close(&mut self, count: usize) -> Result<Latencies, Failure> {
        self.begin(OPENING)?;
        let mut latencies = Latencies::new();
        let mut done = 0;
        while done < count {
            self.turn(&mut nothing)?;
            for index in 0..self.connections.len() {
                if let Some((opened, connected)) = self.connections[index].connected() {
                    latencies.record(connected - opened);
                    done += 1;
                    self.connections[index] = self.connect(index)?;
                }
            }
        }
        self.connections.clear();
        Ok(latencies)
    }

    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Closes all connections.
    pub(crate) fn leave(&mut self) {
        self.connections.clear();
    }

    fn begin(&mut self, count: usize) -> Result<(), Failure> {
        for _ in 0..count {
            let connection = self.connect(self.connections.len())?;
            self.connections.push(connection);
        }
        Ok(())
    }

    fn connect(&self, index: usize) -> Result<Connection, Failure> {
        // The first ones come from the address that the system chooses.
        let source = match u8::try_from(index / FROM_ONE_ADDRESS) {
            Ok(0) | Err(_) => None,
            Ok(other) => Some(Ipv4Addr::new(127, 0, 1, other)),
        };
        Connection::open(
            index,
            self.address,
            self.headers,
            source,
            self.reactor.registry(),
        )
    }

    /// Sends bytes on one connection.
    pub(crate) fn send(&mut self, index: usize, bytes: &[u8]) -> Result<(), Failure> {
        self.connections[index].send(bytes)
    }

    /// Waits for something to happen and lets the connections have it.
    pub(crate) fn turn(&mut self, reader: Reader<'_>) -> Result<(), Failure> {
        self.reactor.turn()?;
        self.hand_on(reader, &mut |_, failure| Err(failure))
    }

    /// The same, but waits this long at most, and lets `ended` say what it means that a connection has failed.
    pub(crate) fn turn_for(
        &mut self,
        time: Duration,
        reader: Reader<'_>,
        ended: Ended<'_>,
    ) -> Result<(), Failure> {
        self.reactor.wait(time)?;
        self.hand_on(reader, ended)
    }

    /// Goes on for a while in which nothing should come.
    pub(crate) fn stay_quiet(&mut self, time: Duration) -> Result<(), Failure> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.reactor.wait(left)?;
            self.hand_on(&mut nothing, &mut |_, failure| Err(failure))?;
        }
        Ok(())
    }

    fn hand_on(&mut self, reader: Reader<'_>, ended: Ended<'_>) -> Result<(), Failure> {
        for event in self.reactor.events() {
            let index = event.token().0;
            if let Some(connection) = self.connections.get_mut(index) {
                let done = connection.on_event(event, &mut self.block, &mut |frame, at, out| {
                    reader(index, frame, at, out)
                });
                if let Err(failure) = done {
                    ended(index, failure)?;
                }
            }
        }
        Ok(())
    }
}

/// The reader for when no frame should come.
pub(crate) fn nothing(
    _: usize,
    frame: Frame<'_>,
    _: Instant,
    _: &mut Vec<u8>,
) -> Result<(), Failure> {
    Err(Failure::unexpected(frame.payload, b""))
}
