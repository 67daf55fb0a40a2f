//! Clients that begin with polling, go over to a WebSocket, and leave.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Registry, event::Event};

use super::pace::{Clocks, Pace};
use crate::{
    connection::{upgrade_request, upgraded},
    failure::Failure,
    frames::{self, TEXT, Template},
    http::{self, Http},
    latency::Latencies,
    reactor::{BLOCK, Reactor},
    servers::Server,
    stream::Stream,
    table::Measured,
};

/// Clients at once.
const AT_ONCE: usize = 32;
/// Clients in a second of measurement, at most: each leaves two ports behind that can't be used again for a while.
const EACH_SECOND: f64 = 2_000.0;
/// The last step is a message that is answered: so the server has gone over too.
const REQUEST: &str = r#"427["echo","upgraded"]"#;
const ANSWER: &[u8] = br#"437["upgraded"]"#;

/// What a client waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The session.
    Open,
    /// The answer to the POST of CONNECT.
    Posted,
    /// The answer to CONNECT.
    Connect,
    /// The WebSocket; a poll waits meanwhile.
    Http,
    /// The answer to the probe.
    Probe,
    /// The end of the poll.
    Poll,
    /// The answer to a message.
    Echo,
    Done,
}

#[derive(Debug)]
struct Client {
    index: usize,
    address: SocketAddr,
    polling: Http,
    websocket: Option<Stream>,
    sid: String,
    stage: Stage,
    opened: Instant,
    took: Duration,
}

impl Client {
    fn open(index: usize, address: SocketAddr, registry: &Registry) -> Result<Self, Failure> {
        let opened = Instant::now();
        let mut polling = Http::open(2 * index, address, registry)?;
        polling.get(None)?;
        Ok(Self {
            index,
            address,
            polling,
            websocket: None,
            sid: String::new(),
            stage: Stage::Open,
            opened,
            took: Duration::ZERO,
        })
    }

    fn on_polling(
        &mut self,
        event: &Event,
        block: &mut [u8],
        registry: &Registry,
    ) -> Result<(), Failure> {
        let Self {
            polling,
            sid,
            stage,
            ..
        } = self;
        let mut answered = false;
        polling.on_event(event, block, &mut |body, _| {
            answered = true;
            match *stage {
                Stage::Open => *sid = http::sid(body)?,
                Stage::Posted if body == b"ok" => *stage = Stage::Connect,
                // A ping may come before it.
                Stage::Connect if http::packets(body).any(|packet| packet.starts_with(b"40{")) => {
                    *stage = Stage::Http;
                }
                Stage::Connect | Stage::Http | Stage::Probe | Stage::Poll
                    if http::packets(body).all(|packet| matches!(packet, b"2" | b"6")) => {}
                _ => return Err(Failure::handshake(body)),
            }
            Ok(())
        })?;
        if !answered {
            return Ok(());
        }
        match self.stage {
            Stage::Open => {
                self.stage = Stage::Posted;
                self.polling.post(&self.sid, &["40".to_owned()])?;
            }
            Stage::Connect | Stage::Probe => self.polling.get(Some(&self.sid))?,
            Stage::Http => {
                self.polling.get(Some(&self.sid))?;
                if self.websocket.is_none() {
                    self.open_websocket(registry)?;
                }
            }
            Stage::Poll => self.finish()?,
            Stage::Posted | Stage::Echo | Stage::Done => {}
        }
        Ok(())
    }

    fn open_websocket(&mut self, registry: &Registry) -> Result<(), Failure> {
        let request = upgrade_request(self.address, &format!("&sid={}", self.sid), "");
        self.websocket = Some(Stream::open(
            2 * self.index + 1,
            self.address,
            None,
            registry,
            request,
        )?);
        Ok(())
    }

    fn on_websocket(&mut self, event: &Event, block: &mut [u8]) -> Result<(), Failure> {
        let Some(websocket) = &mut self.websocket else {
            return Ok(());
        };
        let Self {
            stage,
            opened,
            took,
            ..
        } = self;
        let polling = &self.polling;
        let mut probed = false;
        websocket.on_event(event, block, &mut |bytes, at, out| {
            let mut used = 0;
            if *stage == Stage::Http {
                match upgraded(bytes)? {
                    None => return Ok(0),
                    Some(head) => used = head,
                }
                out.extend_from_slice(Template::text("2probe").with(0));
                *stage = Stage::Probe;
            }
            while let Some((frame, length)) = frames::split(&bytes[used..]) {
                used += length;
                match (*stage, frame.payload) {
                    _ if frame.opcode != TEXT => return Err(Failure::handshake(frame.payload)),
                    (Stage::Probe, b"3probe") => {
                        *stage = Stage::Poll;
                        probed = !polling.is_waiting();
                    }
                    (Stage::Echo, ANSWER) => {
                        *stage = Stage::Done;
                        *took = at - *opened;
                    }
                    // A ping can come at any step, and behind the answer as well: some servers ping right away. The
                    // client is gone long before its pong is missed.
                    (_, b"2") => {}
                    (_, other) => return Err(Failure::unexpected(other, ANSWER)),
                }
            }
            Ok(used)
        })?;
        if probed { self.finish() } else { Ok(()) }
    }

    /// No poll waits any more: the WebSocket takes over.
    fn finish(&mut self) -> Result<(), Failure> {
        self.stage = Stage::Echo;
        let mut bytes = Template::text("5").frame(TEXT, REQUEST);
        match &mut self.websocket {
            Some(websocket) => websocket.send(bytes.with(0)),
            None => Ok(()),
        }
    }
}

/// The unit is a client, from its first byte to an answer over WebSocket; that it leaves is part of it.
pub(super) fn run(server: &Server, pace: &Pace) -> Result<Measured, Failure> {
    let mut reactor = Reactor::new(server)?;
    let mut block = vec![0; BLOCK];
    let mut clients = (0..AT_ONCE)
        .map(|index| Client::open(index, server.address, reactor.registry()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut come_and_go = |most: u64, time: Duration, latencies: &mut Latencies| {
        let end = Instant::now() + time;
        let mut done = 0;
        while done < most && Instant::now() < end {
            reactor.turn()?;
            for event in reactor.events() {
                let token = event.token().0;
                let client = &mut clients[token / 2];
                if token % 2 == 0 {
                    client.on_polling(event, &mut block, reactor.registry())?;
                } else {
                    client.on_websocket(event, &mut block)?;
                }
            }
            for client in &mut clients {
                if client.stage == Stage::Done {
                    done += 1;
                    latencies.record(client.took);
                    *client = Client::open(client.index, client.address, reactor.registry())?;
                }
            }
        }
        Ok::<_, Failure>(done)
    };
    come_and_go(500, pace.warm_up, &mut Latencies::new())?;
    let clocks = Clocks::start(server, 0)?;
    let mut latencies = Latencies::new();
    // A slow server is not waited for.
    let time = Duration::from_secs_f64(2.0 * pace.seconds);
    let done = come_and_go((EACH_SECOND * pace.seconds) as u64, time, &mut latencies)?;
    clocks.stop(done, &latencies)
}
