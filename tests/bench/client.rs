//! A client over WebSocket for measurements of few clients.

use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::{failure::Failure, reactor::PATIENCE, servers::Server};

/// A client over WebSocket, connected to the namespace `/`.
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    /// The answer to its CONNECT.
    pub(crate) connected: String,
}

impl Client {
    pub(crate) async fn connect(server: &Server) -> Result<Self, Failure> {
        Self::connect_with(server, "").await
    }

    /// CONNECT has this payload.
    pub(crate) async fn connect_with(server: &Server, auth: &str) -> Result<Self, Failure> {
        let address = server.address;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        let (socket, _) = client_async(url, stream).await.map_err(broken)?;
        let connected = String::new();
        let mut client = Self { socket, connected };
        client.receive().await?;
        client.send(format!("40{auth}")).await?;
        client.connected = client.receive().await?;
        Ok(client)
    }

    pub(crate) async fn send(&mut self, text: String) -> Result<(), Failure> {
        self.socket.send(Message::text(text)).await.map_err(broken)
    }

    /// The next message that is no ping; those are answered.
    pub(crate) async fn receive(&mut self) -> Result<String, Failure> {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await;
            let text = match message.map_err(|_| Failure::Stuck)? {
                Some(Ok(message)) => message.to_text().map_err(broken)?.to_owned(),
                Some(Err(error)) => return Err(broken(error)),
                None => return Err(Failure::Stuck),
            };
            if text != "2" {
                return Ok(text);
            }
            self.send("3".to_owned()).await?;
        }
    }
}

fn broken(error: tokio_tungstenite::tungstenite::Error) -> Failure {
    Failure::Io(std::io::Error::other(error))
}
