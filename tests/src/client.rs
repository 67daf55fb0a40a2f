//! A Socket.IO client over either transport that answers pings and keeps everything else.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::polling::SEPARATOR;
use crate::{Polling, Received, Target, WebSocket};

/// How a client is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// WebSocket from the start.
    WebSocket,
}

/// Both transports.
pub const BOTH: [Transport; 2] = [Transport::Polling, Transport::WebSocket];

/// A client.
#[derive(Debug)]
pub struct Client {
    link: Link,
}

#[derive(Debug)]
enum Link {
    Polling {
        session: Box<Polling>,
        waiting: VecDeque<Received>,
    },
    WebSocket(Box<WebSocket>),
}

impl Client {
    /// Opens a session, without connecting to any namespace.
    pub async fn open(target: Target, transport: Transport) -> Self {
        let link = match transport {
            Transport::Polling => Link::Polling {
                session: Box::new(Polling::open(target).await),
                waiting: VecDeque::new(),
            },
            Transport::WebSocket => Link::WebSocket(Box::new(WebSocket::session(target).await.0)),
        };
        Self { link }
    }

    /// Opens a session and connects to `/`.
    pub async fn connect(target: Target, transport: Transport) -> Self {
        let mut client = Self::open(target, transport).await;
        client.join("40").await;
        client
    }

    /// Sends this CONNECT packet and returns the socket id of its answer.
    pub async fn join(&mut self, connect: &str) -> String {
        self.send(connect).await;
        let answer = self.text().await;
        let json = answer.split_once('{').map(|(_, rest)| format!("{{{rest}"));
        let json: Value = serde_json::from_str(&json.unwrap_or_default())
            .unwrap_or_else(|error| panic!("{error}: {answer}"));
        assert!(answer.starts_with("40"), "{connect} was answered {answer}");
        json["sid"].as_str().expect("a sid").to_owned()
    }

    /// Sends an Engine.IO packet.
    pub async fn send(&mut self, text: impl Into<String>) {
        match &mut self.link {
            Link::Polling { session, .. } => session.send(text.into()).await,
            Link::WebSocket(socket) => socket.send(text).await,
        }
    }

    /// Sends an Engine.IO packet that may be refused; says whether it was taken.
    pub async fn try_send(&mut self, text: impl Into<String>) -> bool {
        match &mut self.link {
            Link::Polling { session, .. } => {
                let response = session.try_post(text.into()).await;
                response.is_some_and(|response| response.status == 200)
            }
            Link::WebSocket(socket) => socket.try_send(text).await,
        }
    }

    /// Sends a packet and its attachments, in one payload if the transport has payloads.
    pub async fn send_with(&mut self, text: &str, attachments: &[&[u8]]) {
        match &mut self.link {
            Link::Polling { session, .. } => {
                let mut payload = text.to_owned();
                for bytes in attachments {
                    payload.push(SEPARATOR);
                    payload.push('b');
                    STANDARD.encode_string(bytes, &mut payload);
                }
                session.send(payload).await;
            }
            Link::WebSocket(socket) => {
                socket.send(text).await;
                for bytes in attachments {
                    socket.send_binary(*bytes).await;
                }
            }
        }
    }

    /// The next packet that is not a ping. A polling session that has gone, or said `1`, has ended, and
    /// so has one whose server has.
    pub async fn next(&mut self) -> Received {
        loop {
            let received = self.receive().await;
            if received != Received::Text("2".to_owned()) {
                return received;
            }
            self.try_send("3").await;
        }
    }

    /// The next packet, which is text.
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

    /// Reads up to the end and returns the texts that came before it.
    pub async fn ended(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            match self.next().await {
                Received::Text(text) => texts.push(text),
                Received::Binary(_) => {}
                Received::End(_) => return texts,
            }
        }
    }

    /// Leaves as a client does that goes away on purpose.
    pub async fn close(self) {
        match self.link {
            Link::Polling { mut session, .. } => {
                session.post("1").await;
            }
            Link::WebSocket(socket) => socket.close().await,
        }
    }

    async fn receive(&mut self) -> Received {
        match &mut self.link {
            Link::WebSocket(socket) => socket.next().await,
            Link::Polling { session, waiting } => {
                while waiting.is_empty() {
                    let response = session.try_get().await;
                    let Some(response) = response.filter(|answer| answer.status == 200) else {
                        return Received::End(None);
                    };
                    waiting.extend(response.text().split(SEPARATOR).filter_map(read_packet));
                }
                waiting.pop_front().unwrap_or(Received::End(None))
            }
        }
    }
}

/// A packet of a polling payload, as it would look on a WebSocket.
fn read_packet(packet: &str) -> Option<Received> {
    match packet.strip_prefix('b') {
        Some(bytes) => Some(Received::Binary(STANDARD.decode(bytes).expect("base64"))),
        None if packet == "1" => Some(Received::End(None)),
        None if packet == "6" => None,
        None => Some(Received::Text(packet.to_owned())),
    }
}
