//! The least that a server of tokio-tungstenite can cost: a task for each connection, events told by their first
//! bytes, one flush for a batch, a channel to each recipient of a broadcast. Nothing of Socket.IO is checked. It
//! prints `listening on ADDRESS` and ends with its standard input.

mod wire;

use std::{
    collections::HashMap,
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config,
    tungstenite::{Error, Message, Utf8Bytes, protocol::WebSocketConfig},
};
use wire::Request;

/// The default of 128 KiB is zeroed before each read, and stays with each connection.
const READ_BUFFER: usize = 4096;

type Recipients = HashMap<u64, UnboundedSender<Utf8Bytes>>;

/// Who is there, and who is in which room.
#[derive(Default)]
struct Everybody {
    all: Recipients,
    rooms: HashMap<Vec<u8>, Recipients>,
}

type Shared = Arc<Mutex<Everybody>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    wire::end_with_stdin();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let everybody = Shared::default();
    for id in 0.. {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let everybody = everybody.clone();
        tokio::spawn(async move {
            let (sender, news) = unbounded_channel();
            with(&everybody).all.insert(id, sender.clone());
            let connection = Connection {
                id,
                everybody: everybody.clone(),
                sender,
            };
            let _ = connection.serve(stream, news).await;
            let mut everybody = with(&everybody);
            everybody.all.remove(&id);
            for room in everybody.rooms.values_mut() {
                room.remove(&id);
            }
        });
    }
    Ok(())
}

fn with(everybody: &Shared) -> std::sync::MutexGuard<'_, Everybody> {
    everybody.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Connection {
    id: u64,
    everybody: Shared,
    sender: UnboundedSender<Utf8Bytes>,
}

impl Connection {
    async fn serve(
        &self,
        stream: TcpStream,
        mut news: UnboundedReceiver<Utf8Bytes>,
    ) -> Result<(), Error> {
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
        let mut socket = accept_async_with_config(stream, Some(config)).await?;
        socket.send(Message::Text(text(&[wire::OPEN]))).await?;
        loop {
            tokio::select! {
                message = socket.next() => match message {
                    Some(message) => self.on_message(&mut socket, message?).await?,
                    None => return Ok(()),
                },
                Some(news) = news.recv() => socket.feed(Message::Text(news)).await?,
            }
            // What else there is goes with it.
            while let Some(message) = socket.next().now_or_never() {
                match message {
                    Some(message) => self.on_message(&mut socket, message?).await?,
                    None => return Ok(()),
                }
            }
            while let Ok(news) = news.try_recv() {
                socket.feed(Message::Text(news)).await?;
            }
            socket.flush().await?;
        }
    }

    async fn on_message(
        &self,
        socket: &mut WebSocketStream<TcpStream>,
        message: Message,
    ) -> Result<(), Error> {
        let request = match &message {
            Message::Text(text) => Request::of(text.as_bytes()),
            Message::Binary(_) => return socket.feed(message).await,
            _ => return Ok(()),
        };
        match request {
            Request::Cast { rest } => tell(&with(&self.everybody).all, rest),
            Request::Say { room, rest } => {
                if let Some(room) = with(&self.everybody).rooms.get(room) {
                    tell(room, rest);
                }
            }
            Request::Join { room, .. } => {
                let mut everybody = with(&self.everybody);
                let room = everybody.rooms.entry(room.to_vec()).or_default();
                room.insert(self.id, self.sender.clone());
            }
            _ => {}
        }
        match request.answer() {
            Some(answer) => socket.feed(Message::Text(text(&answer))).await,
            None => Ok(()),
        }
    }
}

fn tell(recipients: &Recipients, rest: &[u8]) {
    let news = text(&wire::news(rest));
    for recipient in recipients.values() {
        let _ = recipient.send(news.clone());
    }
}

fn text(parts: &[&[u8]]) -> Utf8Bytes {
    // Parts of what was UTF-8, cut at ASCII.
    Utf8Bytes::try_from(parts.concat()).unwrap_or_default()
}
