//! The least that a server on tokio can cost: frames by hand, one read buffer for all connections, one write for
//! what a read brought, and a broadcast that writes to its recipients' sockets at once. Nothing is checked. It prints
//! `listening on ADDRESS` and ends with its standard input.

mod frames;
mod peer;
mod wire;

use std::{cell::RefCell, io, sync::Arc};

use frames::{BINARY, TEXT};
use peer::{Everybody, Peer};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wire::Request;

thread_local! {
    /// Bytes are read into this, and stay in it only until the next read of any connection.
    static BLOCK: RefCell<Vec<u8>> = RefCell::new(vec![0; 256 * 1024]);
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    wire::end_with_stdin();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    io::Write::flush(&mut io::stdout())?;
    let everybody = Arc::<Everybody>::default();
    for id in 0.. {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(id, stream, everybody.clone()));
    }
    Ok(())
}

async fn serve(id: u64, stream: TcpStream, everybody: Arc<Everybody>) {
    let peer = Arc::new(Peer::new(id, stream));
    let mut connection = Connection {
        peer,
        everybody,
        rest: Vec::new(),
        open: false,
    };
    let _ = connection.read().await;
    connection.everybody.forget(id);
}

struct Connection {
    peer: Arc<Peer>,
    everybody: Arc<Everybody>,
    /// The beginning of a message whose end has not come.
    rest: Vec<u8>,
    /// Whether the WebSocket is.
    open: bool,
}

impl Connection {
    async fn read(&mut self) -> io::Result<()> {
        loop {
            self.peer.stream.readable().await?;
            let peer = self.peer.clone();
            let going_on = BLOCK.with_borrow_mut(|block| match peer.stream.try_read(block) {
                Ok(0) => Ok(false),
                Ok(length) => self.take(&mut block[..length]).map(|()| true),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
                Err(error) => Err(error),
            })?;
            if !going_on {
                return Ok(());
            }
        }
    }

    fn take(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        if self.rest.is_empty() {
            let used = self.handle(bytes)?;
            self.rest.extend_from_slice(&bytes[used..]);
        } else {
            let mut whole = std::mem::take(&mut self.rest);
            whole.extend_from_slice(bytes);
            let used = self.handle(&mut whole)?;
            if used < whole.len() {
                whole.drain(..used);
                self.rest = whole;
            }
        }
        Ok(())
    }

    /// Handles the whole messages, sends all the answers with one write, and says how many bytes they were.
    fn handle(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut out = Vec::new();
        let mut used = 0;
        if !self.open {
            used = self.shake_hands(bytes, &mut out);
        }
        while self.open {
            let Some((opcode, payload, length)) = frames::split(&mut bytes[used..]) else {
                break;
            };
            used += length;
            match opcode {
                TEXT => self.on_text(payload, &mut out),
                BINARY => frames::write(BINARY, &[payload], &mut out),
                _ => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
        }
        if !out.is_empty() {
            self.peer.send(&out);
        }
        Ok(used)
    }

    fn shake_hands(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
            return 0;
        };
        let key = bytes[..end].split(|byte| *byte == b'\n').find_map(|line| {
            let value = line.strip_prefix(b"Sec-WebSocket-Key:")?;
            Some(derive_accept_key(value.trim_ascii()))
        });
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            key.unwrap_or_default()
        );
        out.extend_from_slice(head.as_bytes());
        frames::write(TEXT, &[wire::OPEN], out);
        self.open = true;
        end + 4
    }

    fn on_text(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let request = Request::of(text);
        match request {
            Request::Connect => self.everybody.enter(self.peer.clone()),
            Request::Cast { rest } => self.everybody.tell_all(&news(rest)),
            Request::Join { room, .. } => self.everybody.join(room, self.peer.clone()),
            Request::Say { room, rest } => self.everybody.tell(room, &news(rest)),
            _ => {}
        }
        if let Some(answer) = request.answer() {
            frames::write(TEXT, &answer, out);
        }
    }
}

fn news(rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frames::write(TEXT, &wire::news(rest), &mut out);
    out
}
