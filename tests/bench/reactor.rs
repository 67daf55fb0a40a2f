//! Waiting for the network.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use mio::{Events, Poll, Registry, event::Event};

use crate::{failure::Failure, servers::Server};

/// Time without any event at which a server is given up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes read from a connection at once.
pub(crate) const BLOCK: usize = 256 * 1024;

/// Says which connections have something to do.
#[derive(Debug)]
pub(crate) struct Reactor {
    poll: Poll,
    events: Events,
    /// Whether it looks for events all the time. A client that sleeps has to be woken by the server's write, which
    /// on one machine costs the server as much as the rest of a small write; a client somewhere else does not.
    spins: bool,
}

impl Reactor {
    pub(crate) fn new(server: &Server) -> Result<Self, Failure> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            spins: server.spin,
        })
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Waits until something happens; fails if nothing does for too long.
    pub(crate) fn turn(&mut self) -> Result<(), Failure> {
        if self.wait(PATIENCE)? {
            Ok(())
        } else {
            Err(Failure::Stuck)
        }
    }

    /// False if nothing happened in this time.
    pub(crate) fn wait(&mut self, time: Duration) -> Result<bool, Failure> {
        let given_up = Instant::now() + time;
        loop {
            let sleep = if self.spins { Duration::ZERO } else { time };
            match self.poll.poll(&mut self.events, Some(sleep)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            if !self.events.is_empty() || Instant::now() >= given_up {
                return Ok(!self.events.is_empty());
            }
        }
    }

    /// What happened.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter()
    }
}
