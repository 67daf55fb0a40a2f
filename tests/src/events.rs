//! Server-sent events, as a client reads them from the wire.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::within;

/// One stream of events, over a connection of its own.
#[derive(Debug)]
pub struct Events {
    /// Status line and headers, as they came.
    pub head: String,
    stream: BufReader<TcpStream>,
    /// The text of chunks that is not read.
    text: String,
    /// The comments so far, without their colon.
    pub comments: Vec<String>,
    /// The last `retry:`.
    pub retry: Option<u64>,
    /// The last `id:`, which may stand by itself.
    pub last_id: Option<String>,
}

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// `event:`.
    pub name: Option<String>,
    /// `id:`.
    pub id: Option<String>,
    /// The `data:` lines, joined.
    pub data: String,
}

impl Events {
    /// Asks for a stream, and reads the head of the answer.
    pub async fn open(addr: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Self {
        let mut stream = within("connecting", TcpStream::connect(addr))
            .await
            .expect("a connection");
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {addr}\r\nAccept: text/event-stream\r\n{headers}\r\n"
        );
        stream
            .write_all(request.as_bytes())
            .await
            .expect("a request");
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = within("the head of a stream", stream.read_line(&mut head)).await;
            assert!(read.expect("a head") > 0, "no answer: {head}");
        }
        Self {
            head: head.to_ascii_lowercase(),
            stream,
            text: String::new(),
            comments: Vec::new(),
            retry: None,
            last_id: None,
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> &str {
        &self.head["http/1.1 ".len()..][..3]
    }

    /// The next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Event> {
        within("an event", self.read_event()).await
    }

    /// The `data` of the next event.
    pub async fn data(&mut self) -> String {
        self.next().await.expect("an event").data
    }

    /// Reads the next lines up to an empty one, which need be no event.
    pub async fn block(&mut self) {
        let read = async {
            while let Some(line) = self.line().await.filter(|line| !line.is_empty()) {
                self.note(&line);
            }
        };
        within("a line of a stream", read).await;
    }

    /// Waits for the end of the stream.
    pub async fn ended(&mut self) {
        while self.next().await.is_some() {}
    }

    async fn read_event(&mut self) -> Option<Event> {
        let mut event = Event::default();
        let mut data: Option<String> = None;
        loop {
            let line = self.line().await?;
            let (field, value) = self.note(&line);
            match field.as_str() {
                "" if line.is_empty() => {
                    if let Some(data) = data.take() {
                        event.data = data;
                        return Some(event);
                    }
                    event = Event::default();
                }
                "" | "retry" => {}
                "event" => event.name = Some(value),
                "id" => event.id = Some(value),
                "data" => {
                    data = Some(match data {
                        Some(before) => format!("{before}\n{value}"),
                        None => value,
                    });
                }
                other => panic!("a field {other}"),
            }
        }
    }

    /// Splits a line, and keeps what is no part of an event.
    fn note(&mut self, line: &str) -> (String, String) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match field {
            "" if !line.is_empty() => self.comments.push(value.clone()),
            "retry" => self.retry = value.parse().ok(),
            "id" => self.last_id = Some(value.clone()),
            _ => {}
        }
        (field.to_owned(), value)
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some((line, rest)) = self.text.split_once('\n') {
                let line = line.to_owned();
                self.text = rest.to_owned();
                return Some(line);
            }
            let mut size = String::new();
            let read = self.stream.read_line(&mut size).await.ok()?;
            let size = usize::from_str_radix(size.trim(), 16)
                .ok()
                .filter(|_| read > 0)?;
            let mut chunk = vec![0; size + 2];
            self.stream.read_exact(&mut chunk).await.ok()?;
            if size == 0 {
                return None;
            }
            chunk.truncate(size);
            self.text
                .push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }
}
