//! An Engine.IO session over HTTP long-polling.

use serde::Deserialize;

use crate::{Http, Response, Target};

/// What separates the packets of a payload.
pub const SEPARATOR: char = '\x1e';

/// The five facts of an Engine.IO handshake, and no others.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Open {
    /// The session id.
    pub sid: String,
    /// What the session may upgrade to.
    pub upgrades: Vec<String>,
    /// Milliseconds between a pong and the next ping.
    pub ping_interval: u64,
    /// Milliseconds that a pong may take.
    pub ping_timeout: u64,
    /// Bytes that a payload may have.
    pub max_payload: u64,
}

impl Open {
    /// Reads an open packet.
    #[track_caller]
    pub fn read(packet: &str) -> Self {
        let json = packet
            .strip_prefix('0')
            .unwrap_or_else(|| panic!("an open packet: {packet}"));
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
    }
}

/// A polling session. GET and POST have a connection each, as in a browser.
#[derive(Debug)]
pub struct Polling {
    /// Where the session is.
    pub target: Target,
    /// What the handshake said.
    pub open: Open,
    reader: Http,
    writer: Http,
}

impl Polling {
    /// Opens a session.
    pub async fn open(target: Target) -> Self {
        let mut reader = Http::connect(target.addr).await;
        let response = reader.get(&target.polling()).await;
        assert_eq!(response.status, 200, "{}", response.text());
        let writer = Http::connect(target.addr).await;
        Self {
            target,
            open: Open::read(response.text()),
            reader,
            writer,
        }
    }

    /// Opens a session and connects to `/`.
    pub async fn connect(target: Target) -> Self {
        let mut session = Self::open(target).await;
        session.send("40").await;
        let answer = session.get().await;
        assert!(answer.text().starts_with("40{"), "{}", answer.text());
        session
    }

    /// The path and query of this session's requests.
    pub fn path(&self) -> String {
        self.target.polling_of(&self.open.sid)
    }

    /// Polls.
    pub async fn get(&mut self) -> Response {
        let path = self.path();
        self.reader.get(&path).await
    }

    /// Polls; `None` if the server hung up, or is gone.
    pub async fn try_get(&mut self) -> Option<Response> {
        let path = self.path();
        self.reader.try_get(&path).await
    }

    /// Polls and expects exactly this payload.
    pub async fn expect(&mut self, payload: &str) {
        let response = self.get().await;
        assert_eq!((response.status, response.text()), (200, payload));
    }

    /// Sends a poll whose answer [`Polling::polled`] reads.
    pub async fn begin_get(&mut self) {
        let path = self.path();
        self.reader.send_get(&path).await;
    }

    /// Reads the answer of [`Polling::begin_get`].
    pub async fn polled(&mut self) -> Response {
        self.reader.response().await.expect("an answer to the poll")
    }

    /// Hangs up on the poll that is under way.
    pub async fn abort_get(&mut self) {
        self.reader = Http::connect(self.target.addr).await;
    }

    /// Posts a payload.
    pub async fn post(&mut self, payload: impl AsRef<[u8]>) -> Response {
        let path = self.path();
        self.writer.post(&path, payload).await
    }

    /// Posts a payload that the server takes.
    pub async fn send(&mut self, payload: impl AsRef<[u8]>) {
        let response = self.post(payload).await;
        assert_eq!((response.status, response.text()), (200, "ok"));
    }

    /// Posts a payload; `None` if the server hung up instead of answering.
    pub async fn try_post(&mut self, payload: impl AsRef<[u8]>) -> Option<Response> {
        let path = self.path();
        self.writer.send_post(&path, payload).await;
        let response = self.writer.response().await;
        if response.is_none() {
            self.writer = Http::connect(self.target.addr).await;
        }
        response
    }

    /// Posts a payload that the server refuses: 400, or it hangs up at once.
    pub async fn send_refused(&mut self, payload: impl AsRef<[u8]>) {
        if let Some(response) = self.try_post(payload).await {
            assert_eq!(response.status, 400, "{}", response.text());
        }
    }

    /// Polls until the session has gone; returns the packets that were still waiting.
    pub async fn ended(&mut self) -> Vec<String> {
        let mut packets = Vec::new();
        loop {
            let response = self.get().await;
            if response.status != 200 {
                response.assert_refused(1, "Session ID unknown");
                return packets;
            }
            packets.extend(response.text().split(SEPARATOR).map(str::to_owned));
            if packets.last().is_some_and(|packet| packet == "1") {
                self.assert_gone().await;
                return packets;
            }
        }
    }

    /// Asserts that the session has gone.
    pub async fn assert_gone(&self) {
        let response = crate::http::get(self.target.addr, &self.path()).await;
        response.assert_refused(1, "Session ID unknown");
    }
}
