//! A WebSocket client that keeps the rules.

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::polling::Open;
use crate::{Polling, Target, within};

/// One connection.
#[derive(Debug)]
pub struct WebSocket {
    stream: WebSocketStream<TcpStream>,
}

/// What came over a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// The end: with this close code, or without one.
    End(Option<u16>),
}

impl WebSocket {
    /// Opens a connection, or says that it was refused: with this status, or by hanging up (0).
    pub async fn try_open(target: Target, path: &str) -> Result<Self, u16> {
        use tokio_tungstenite::tungstenite::Error;
        let tcp = within("connecting", TcpStream::connect(target.addr))
            .await
            .expect("a connection");
        tcp.set_nodelay(true).expect("TCP_NODELAY");
        let request = format!("ws://{}{path}", target.addr)
            .into_client_request()
            .expect("a URL");
        match within("the WebSocket handshake", client_async(request, tcp)).await {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(_) => Err(0),
        }
    }

    /// Opens a connection.
    pub async fn open(target: Target, path: &str) -> Self {
        match Self::try_open(target, path).await {
            Ok(socket) => socket,
            Err(status) => panic!("{path} was refused: {status}"),
        }
    }

    /// Opens a session and reads its handshake.
    pub async fn session(target: Target) -> (Self, Open) {
        let mut socket = Self::open(target, &target.websocket()).await;
        let open = Open::read(&socket.text().await);
        (socket, open)
    }

    /// Opens a connection for a polling session, whose probe is answered.
    pub async fn probe(session: &Polling) -> Self {
        let target = session.target;
        let mut socket = Self::open(target, &target.websocket_of(&session.open.sid)).await;
        socket.send("2probe").await;
        socket.expect("3probe").await;
        socket
    }

    /// Sends a text message.
    pub async fn send(&mut self, text: impl Into<String>) {
        let sent = self.stream.send(Message::text(text.into()));
        within("sending a text", sent)
            .await
            .expect("the server to read");
    }

    /// Sends a binary message.
    pub async fn send_binary(&mut self, bytes: impl Into<Vec<u8>>) {
        let sent = self.stream.send(Message::binary(bytes.into()));
        within("sending bytes", sent)
            .await
            .expect("the server to read");
    }

    /// Sends a text message; the server may have hung up.
    pub async fn try_send(&mut self, text: impl Into<String>) -> bool {
        within("sending", self.stream.send(Message::text(text.into())))
            .await
            .is_ok()
    }

    /// The next message, or the end.
    pub async fn next(&mut self) -> Received {
        loop {
            let message = within("a WebSocket message", self.stream.next()).await;
            return match message {
                Some(Ok(Message::Text(text))) => Received::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(bytes))) => Received::Binary(bytes.to_vec()),
                Some(Ok(Message::Close(frame))) => {
                    // The answer waits in tungstenite until somebody writes or reads again.
                    let answered = within("answering a close", self.stream.flush()).await;
                    // The server may have gone already.
                    answered.ok();
                    Received::End(frame.map(|frame| frame.code.into()))
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => Received::End(None),
            };
        }
    }

    /// The next message, which is text.
    pub async fn text(&mut self) -> String {
        match self.next().await {
            Received::Text(text) => text,
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// Expects exactly this text next.
    pub async fn expect(&mut self, text: &str) {
        assert_eq!(self.next().await, Received::Text(text.to_owned()));
    }

    /// Expects exactly these bytes next.
    pub async fn expect_binary(&mut self, bytes: &[u8]) {
        assert_eq!(self.next().await, Received::Binary(bytes.to_owned()));
    }

    /// The next message that is not a ping. Pings are *not* answered.
    pub async fn next_but_pings(&mut self) -> Received {
        loop {
            match self.next().await {
                Received::Text(text) if text == "2" => {}
                other => return other,
            }
        }
    }

    /// Waits for the end, whatever comes before it, and says with which code it came.
    pub async fn ended(&mut self) -> Option<u16> {
        loop {
            if let Received::End(code) = self.next().await {
                return code;
            }
        }
    }

    /// Closes as a client does that goes away.
    pub async fn close(mut self) {
        within("closing", self.stream.close(None)).await.ok();
    }
}
