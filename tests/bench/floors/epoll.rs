//! The least that any server can cost which asks the system what is ready: one thread, one loop, no task, one read
//! buffer for all connections, one write for what a read brought. Nothing is checked. It prints
//! `listening on ADDRESS` and ends with its standard input.

mod frames;
mod talk;
mod wire;

use std::{
    collections::HashMap,
    io::{self, Read, Write},
};

use mio::{
    Events, Interest, Poll, Registry, Token,
    net::{TcpListener, TcpStream},
};
use talk::Talk;
use wire::Request;

const LISTENER: Token = Token(usize::MAX);

fn main() -> io::Result<()> {
    wire::end_with_stdin();
    let mut poll = Poll::new()?;
    let address = "127.0.0.1:0".parse().map_err(io::Error::other)?;
    let mut listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut block = vec![0; 256 * 1024];
    let mut clients = Clients::default();
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            match event.token() {
                LISTENER => clients.accept(&listener, poll.registry())?,
                Token(at) => {
                    if event.is_writable() {
                        clients.write_on(at);
                    }
                    if event.is_readable() && clients.read(at, &mut block).is_err() {
                        clients.forget(at);
                    }
                }
            }
        }
    }
}

#[derive(Debug)]
struct Client {
    stream: TcpStream,
    talk: Talk,
    /// What the socket did not take.
    outgoing: Vec<u8>,
    /// Whether broadcasts are for it.
    connected: bool,
}

impl Client {
    fn send(&mut self, bytes: &[u8]) {
        let mut written = 0;
        if self.outgoing.is_empty() {
            match self.stream.write(bytes) {
                Ok(count) => written = count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // It has gone; whoever reads it notices.
                Err(_) => return,
            }
        }
        self.outgoing.extend_from_slice(&bytes[written..]);
    }
}

/// The clients, each at the place that is its token.
#[derive(Debug, Default)]
struct Clients {
    all: Vec<Option<Client>>,
    free: Vec<usize>,
    rooms: HashMap<Vec<u8>, Vec<usize>>,
    /// What answers the client that is read.
    out: Vec<u8>,
}

/// What a client asked for that concerns others, kept until it has been read.
enum Wish {
    Cast(Vec<u8>),
    Join(Vec<u8>),
    Say(Vec<u8>, Vec<u8>),
}

impl Clients {
    fn accept(&mut self, listener: &TcpListener, registry: &Registry) -> io::Result<()> {
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let at = self.free.pop().unwrap_or(self.all.len());
            let both = Interest::READABLE | Interest::WRITABLE;
            registry.register(&mut stream, Token(at), both)?;
            let client = Client {
                stream,
                talk: Talk::default(),
                outgoing: Vec::new(),
                connected: false,
            };
            match self.all.get_mut(at) {
                Some(place) => *place = Some(client),
                None => self.all.push(Some(client)),
            }
        }
    }

    /// Reads until there is no more. An error at the end of the stream.
    fn read(&mut self, at: usize, block: &mut [u8]) -> io::Result<()> {
        loop {
            let Some(Some(client)) = self.all.get_mut(at) else {
                return Ok(());
            };
            let length = match client.stream.read(block) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            self.take(at, &mut block[..length])?;
            if length < block.len() {
                // There was no more, and what comes is told.
                return Ok(());
            }
        }
    }

    fn take(&mut self, at: usize, bytes: &mut [u8]) -> io::Result<()> {
        let Some(Some(client)) = self.all.get_mut(at) else {
            return Ok(());
        };
        let mut wishes = Vec::new();
        self.out.clear();
        client
            .talk
            .take(bytes, &mut self.out, &mut |request| match request {
                Request::Connect => client.connected = true,
                Request::Cast { rest } => wishes.push(Wish::Cast(talk::news(rest))),
                Request::Join { room, .. } => wishes.push(Wish::Join(room.to_vec())),
                Request::Say { room, rest } => {
                    wishes.push(Wish::Say(room.to_vec(), talk::news(rest)));
                }
                _ => {}
            })?;
        if !self.out.is_empty() {
            client.send(&self.out);
        }
        for wish in wishes {
            self.grant(wish, at);
        }
        Ok(())
    }

    fn grant(&mut self, wish: Wish, at: usize) {
        match wish {
            Wish::Cast(news) => {
                let all = self.all.iter_mut().flatten();
                for client in all.filter(|client| client.connected) {
                    client.send(&news);
                }
            }
            Wish::Join(room) => self.rooms.entry(room).or_default().push(at),
            Wish::Say(room, news) => {
                for at in self.rooms.get(&room).into_iter().flatten() {
                    if let Some(Some(client)) = self.all.get_mut(*at) {
                        client.send(&news);
                    }
                }
            }
        }
    }

    fn write_on(&mut self, at: usize) {
        if let Some(Some(client)) = self.all.get_mut(at)
            && !client.outgoing.is_empty()
        {
            let outgoing = std::mem::take(&mut client.outgoing);
            client.send(&outgoing);
        }
    }

    /// Dropped, its socket is closed and no longer watched.
    fn forget(&mut self, at: usize) {
        if let Some(place) = self.all.get_mut(at)
            && place.take().is_some()
        {
            self.free.push(at);
            for room in self.rooms.values_mut() {
                room.retain(|member| *member != at);
            }
        }
    }
}
