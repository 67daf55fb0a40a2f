//! A TCP connection that is read and written without waiting.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    time::Instant,
};

use mio::{Interest, Registry, Token, event::Event, net::TcpStream};
use socket2::{Domain, Protocol, Socket, Type};

use crate::failure::Failure;

/// Takes whole messages off the bytes that have come, and says how many bytes they were. It also gets the time at
/// which they came, and what is to be sent.
pub(crate) type Taker<'a> =
    &'a mut dyn FnMut(&[u8], Instant, &mut Vec<u8>) -> Result<usize, Failure>;

/// EINPROGRESS on Linux: a socket that does not wait is connecting.
const UNDER_WAY: i32 = 115;

#[derive(Debug)]
pub(crate) struct Stream {
    index: usize,
    tcp: TcpStream,
    /// The beginning of a message whose end has not come.
    rest: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Stream {
    /// Begins to connect, from an address of its own if there is one. Its events have `index` for a token.
    pub(crate) fn open(
        index: usize,
        address: SocketAddr,
        source: Option<Ipv4Addr>,
        registry: &Registry,
        greeting: String,
    ) -> Result<Self, Failure> {
        let mut tcp = match source {
            None => TcpStream::connect(address)?,
            Some(source) => connect_from(source, address)?,
        };
        tcp.set_nodelay(true)?;
        registry.register(
            &mut tcp,
            Token(index),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        Ok(Self {
            index,
            tcp,
            rest: Vec::new(),
            outgoing: greeting.into_bytes(),
        })
    }

    /// Sends bytes, as soon as the network takes them.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.outgoing.extend_from_slice(bytes);
        self.flush()
    }

    /// Does what an event asks for.
    pub(crate) fn on_event(
        &mut self,
        event: &Event,
        block: &mut [u8],
        taker: Taker<'_>,
    ) -> Result<(), Failure> {
        if event.is_writable() {
            self.flush()?;
        }
        if event.is_readable() {
            self.read(block, taker)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        while !self.outgoing.is_empty() {
            match self.tcp.write(&self.outgoing) {
                Ok(written) => {
                    self.outgoing.drain(..written);
                }
                Err(error) if is_not_now(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads what there is, hands it on, and sends what that made.
    fn read(&mut self, block: &mut [u8], taker: Taker<'_>) -> Result<(), Failure> {
        loop {
            let length = match self.tcp.read(block) {
                Ok(0) => {
                    return Err(Failure::Closed {
                        connection: self.index,
                    });
                }
                Ok(length) => length,
                Err(error) if is_not_now(&error) => break,
                Err(error) => return Err(error.into()),
            };
            let at = Instant::now();
            if self.rest.is_empty() {
                let used = taker(&block[..length], at, &mut self.outgoing)?;
                self.rest.extend_from_slice(&block[used..length]);
            } else {
                let mut bytes = std::mem::take(&mut self.rest);
                bytes.extend_from_slice(&block[..length]);
                let used = taker(&bytes, at, &mut self.outgoing)?;
                bytes.drain(..used);
                self.rest = bytes;
            }
            if length < block.len() {
                // There was no more, and more to come is a new event.
                break;
            }
        }
        self.flush()
    }
}

fn connect_from(source: Ipv4Addr, address: SocketAddr) -> Result<TcpStream, Failure> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(UNDER_WAY) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(TcpStream::from_std(socket.into()))
}

fn is_not_now(error: &io::Error) -> bool {
    // A socket that is still connecting is not connected yet.
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected | io::ErrorKind::Interrupted
    )
}
