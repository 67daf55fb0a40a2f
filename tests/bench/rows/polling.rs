//! Clients that have no WebSocket: a poll always waits, and what is sent goes by POST on a second connection.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Registry, event::Event};

use super::pace::{Pace, QUIET};
use crate::{
    failure::Failure,
    frames::{FIRST, Template},
    http::{self, Http},
    latency::Latencies,
    reactor::{BLOCK, PATIENCE, Reactor},
    servers::Server,
    table::Measured,
};

/// How many clients echo, each with one message under way.
const CLIENTS: usize = 50;
/// The size of a message.
const SIZE: usize = 32;

#[derive(Debug)]
struct Client {
    /// Its poll has the token `2 * index`, its POST the one after that.
    poll: Http,
    post: Http,
    sid: String,
    connected: bool,
    /// Packets that wait for the last POST to be answered.
    queue: Vec<String>,
    request: Template,
    answer: Template,
    sent: u64,
    answered: u64,
    at: Instant,
}

impl Client {
    fn open(index: usize, address: SocketAddr, registry: &Registry) -> Result<Self, Failure> {
        let payload = format!("#{}", "x".repeat(SIZE - 8));
        let mut poll = Http::open(2 * index, address, registry)?;
        poll.get(None)?;
        Ok(Self {
            poll,
            post: Http::open(2 * index + 1, address, registry)?,
            sid: String::new(),
            connected: false,
            queue: Vec::new(),
            request: Template::plain(&format!(r##"42#["echo","{payload}"]"##)),
            answer: Template::plain(&format!(r##"43#["{payload}"]"##)),
            sent: FIRST,
            answered: FIRST,
            at: Instant::now(),
        })
    }

    fn on_poll(
        &mut self,
        event: &Event,
        block: &mut [u8],
        answered: &mut dyn FnMut(Duration),
    ) -> Result<(), Failure> {
        let Self {
            poll,
            sid,
            connected,
            queue,
            answer,
            ..
        } = self;
        poll.on_event(event, block, &mut |body, at| {
            let mut packets = http::packets(body);
            if sid.is_empty() {
                *sid = http::sid(body)?;
                packets.next();
                queue.push("40".to_owned());
            }
            for packet in packets {
                let expected = answer.with(self.answered);
                if packet == b"2" {
                    queue.push("3".to_owned());
                } else if !*connected && packet.starts_with(b"40{") {
                    *connected = true;
                } else if packet == expected && self.answered < self.sent {
                    self.answered += 1;
                    answered(at - self.at);
                } else {
                    return Err(Failure::unexpected(packet, expected));
                }
            }
            Ok(())
        })
    }

    fn on_post(&mut self, event: &Event, block: &mut [u8]) -> Result<(), Failure> {
        self.post.on_event(event, block, &mut |body, _| match body {
            b"ok" => Ok(()),
            other => Err(Failure::unexpected(other, b"ok")),
        })
    }

    /// Polls again and sends, if it is time to.
    fn go_on(&mut self, stopping: bool) -> Result<(), Failure> {
        if self.sid.is_empty() {
            return Ok(());
        }
        if !self.poll.is_waiting() {
            self.poll.get(Some(&self.sid))?;
        }
        if !self.post.is_waiting() {
            if self.connected && self.answered == self.sent && !stopping {
                let packet = self.request.with(self.sent);
                self.queue
                    .push(String::from_utf8_lossy(packet).into_owned());
                self.sent += 1;
                self.at = Instant::now();
            }
            if !self.queue.is_empty() {
                self.post.post(&self.sid, &self.queue)?;
                self.queue.clear();
            }
        }
        Ok(())
    }
}

struct Clients {
    reactor: Reactor,
    block: Vec<u8>,
    clients: Vec<Client>,
    answered: u64,
}

impl Clients {
    /// False if nothing happened in this time.
    fn turn(
        &mut self,
        time: Duration,
        stopping: bool,
        latencies: &mut Latencies,
    ) -> Result<bool, Failure> {
        let happened = self.reactor.wait(time)?;
        for event in self.reactor.events() {
            let token = event.token().0;
            let Some(client) = self.clients.get_mut(token / 2) else {
                continue;
            };
            if token % 2 == 0 {
                client.on_poll(event, &mut self.block, &mut |time| {
                    latencies.record(time);
                    self.answered += 1;
                })?;
            } else {
                client.on_post(event, &mut self.block)?;
            }
            client.go_on(stopping)?;
        }
        Ok(happened)
    }

    fn outstanding(&self) -> u64 {
        let missing = self.clients.iter();
        missing.map(|client| client.sent - client.answered).sum()
    }
}

/// Each sends the next message as soon as the last has been answered. The unit is a message: a POST and a poll.
pub(super) fn run(server: &Server, pace: &Pace) -> Result<Measured, Failure> {
    let reactor = Reactor::new(server)?;
    let clients = (0..CLIENTS).map(|index| Client::open(index, server.address, reactor.registry()));
    let mut clients = Clients {
        clients: clients.collect::<Result<_, _>>()?,
        reactor,
        block: vec![0; BLOCK],
        answered: 0,
    };
    let measured = pace.measure(server, |latencies| {
        if !clients.turn(PATIENCE, false, latencies)? {
            return Err(Failure::Stuck);
        }
        Ok(clients.answered)
    })?;
    let mut unused = Latencies::new();
    let given_up = Instant::now() + PATIENCE;
    while clients.outstanding() > 0 {
        if !clients.turn(PATIENCE, true, &mut unused)? || Instant::now() > given_up {
            return Err(Failure::Lost(clients.outstanding()));
        }
    }
    let end = Instant::now() + QUIET;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        clients.turn(left, true, &mut unused)?;
    }
    Ok(measured)
}
