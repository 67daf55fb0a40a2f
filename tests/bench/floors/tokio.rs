//! The least that a server on tokio can cost: frames by hand, one read buffer for all connections, one write for
//! what a read brought, and a broadcast that writes to its recipients' sockets at once. Nothing is checked. It prints
//! `listening on ADDRESS` and ends with its standard input.

mod frames;
mod peer;
mod talk;
mod wire;

use std::{cell::RefCell, io, sync::Arc};

use peer::{Everybody, Peer};
use talk::Talk;
use tokio::net::{TcpListener, TcpStream};
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
        talk: Talk::default(),
    };
    let _ = connection.read().await;
    connection.everybody.forget(id);
}

struct Connection {
    peer: Arc<Peer>,
    everybody: Arc<Everybody>,
    talk: Talk,
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

    /// Handles the whole messages, and sends all the answers with one write.
    fn take(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let Self {
            peer,
            everybody,
            talk,
        } = self;
        let mut out = Vec::new();
        let taken = talk.take(bytes, &mut out, &mut |request| match request {
            Request::Connect => everybody.enter(peer.clone()),
            Request::Cast { rest } => everybody.tell_all(&talk::news(rest)),
            Request::Join { room, .. } => everybody.join(room, peer.clone()),
            Request::Say { room, rest } => everybody.tell(room, &talk::news(rest)),
            _ => {}
        });
        if !out.is_empty() {
            peer.send(&out);
        }
        taken
    }
}
