//! A client that keeps `pid` and offset by the rules of the official one.

use std::time::Duration;

use koio::recovery::Recovery;
use koio::{Io, Socket};
use koio_tests::{Received, Transport};
use serde_json::{Value, json};

use crate::memory::{Memory, Peer};

/// How long a client may be away in these tests.
pub(crate) const TIME: Duration = Duration::from_secs(60);

/// A server with recovery.
pub(crate) fn recovering() -> Io {
    Io::new().recovery(Recovery::new(TIME))
}

/// What a client keeps when its connection is lost.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) namespace: String,
    pub(crate) pid: Option<String>,
    pub(crate) offset: Option<String>,
    pub(crate) auth: Value,
}

impl Kept {
    pub(crate) fn in_namespace(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            pid: None,
            offset: None,
            auth: json!({}),
        }
    }

    /// The CONNECT packet that the official client sends.
    pub(crate) fn connect(&self) -> String {
        let mut auth = self.auth.clone();
        if let Some(pid) = &self.pid {
            auth["pid"] = json!(pid);
            if let Some(offset) = &self.offset {
                auth["offset"] = json!(offset);
            }
        }
        match self.namespace.as_str() {
            "/" => format!("40{auth}"),
            other => format!("40{other},{auth}"),
        }
    }
}

/// A client that is connected.
pub(crate) struct Client {
    pub(crate) peer: Peer,
    pub(crate) kept: Kept,
    pub(crate) id: String,
    pub(crate) recovered: bool,
}

impl Client {
    /// Connects to `/` as a new client.
    pub(crate) async fn new(memory: &Memory, transport: Transport) -> Self {
        Self::returning(memory, transport, Kept::in_namespace("/")).await
    }

    /// Connects with what was kept.
    pub(crate) async fn returning(memory: &Memory, transport: Transport, kept: Kept) -> Self {
        let peer = memory.open(transport).await;
        let client = Self::try_returning(peer, kept).await;
        client.unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    /// Connects over this session; the answer, if that is no CONNECT.
    pub(crate) async fn try_returning(mut peer: Peer, mut kept: Kept) -> Result<Self, String> {
        peer.send(&kept.connect()).await;
        let answer = peer.text().await;
        let head = match kept.namespace.as_str() {
            "/" => "40".to_owned(),
            other => format!("40{other},"),
        };
        let Some(json) = answer.strip_prefix(&head) else {
            return Err(answer);
        };
        let json: Value = serde_json::from_str(json).expect("JSON");
        let pid = json["pid"].as_str().map(str::to_owned);
        let recovered = pid.is_some() && pid == kept.pid;
        kept.pid = pid;
        Ok(Self {
            peer,
            kept,
            id: json["sid"].as_str().expect("a sid").to_owned(),
            recovered,
        })
    }

    /// The next event: its name and its arguments without the offset, which is kept.
    pub(crate) async fn event(&mut self) -> Value {
        let text = self.peer.text().await;
        self.read(&text)
    }

    fn read(&mut self, text: &str) -> Value {
        let list = text.find('[').unwrap_or_else(|| panic!("no event: {text}"));
        let mut args: Vec<Value> = serde_json::from_str(&text[list..]).expect("JSON");
        if let Some(Value::String(offset)) = args.last() {
            self.kept.offset = Some(offset.clone());
            args.pop();
        }
        Value::from(args)
    }

    /// Expects these events next.
    pub(crate) async fn expect(&mut self, events: &[Value]) {
        for event in events {
            assert_eq!(self.event().await, *event);
        }
    }

    /// The next attachment.
    pub(crate) async fn binary(&mut self) -> Vec<u8> {
        match self.peer.next().await {
            Received::Binary(bytes) => bytes,
            other => panic!("no attachment: {other:?}"),
        }
    }

    /// Its connection is lost; the server notices before this returns.
    pub(crate) async fn lose(mut self, memory: &Memory) -> Kept {
        let socket = self.socket(memory);
        match &mut self.peer {
            Peer::Polling(_) => assert!(self.peer.try_send("1").await),
            Peer::WebSocket(_) => {}
        }
        drop(self.peer);
        while socket.is_connected() {
            tokio::task::yield_now().await;
        }
        self.kept
    }

    /// The server's end.
    pub(crate) fn socket(&self, memory: &Memory) -> Socket {
        memory.find(&self.kept.namespace, self.id.parse().expect("an id"))
    }
}
