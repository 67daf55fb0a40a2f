//! What a client says, byte by byte: the handshake, and frames by hand. Nothing is checked.

use std::io;

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    frames::{self, BINARY, TEXT},
    wire::{self, Request},
};

/// One client's side of the conversation.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    /// The beginning of a message whose end has not come.
    rest: Vec<u8>,
    /// Whether the WebSocket is.
    open: bool,
}

impl Talk {
    /// Takes what was read. What the client asks goes to `on_request`, what answers it is appended to `out`.
    pub(crate) fn take(
        &mut self,
        bytes: &mut [u8],
        out: &mut Vec<u8>,
        on_request: &mut impl FnMut(Request<'_>),
    ) -> io::Result<()> {
        if self.rest.is_empty() {
            let used = self.handle(bytes, out, on_request)?;
            self.rest.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        let mut whole = std::mem::take(&mut self.rest);
        whole.extend_from_slice(bytes);
        let used = self.handle(&mut whole, out, on_request)?;
        if used < whole.len() {
            whole.drain(..used);
            self.rest = whole;
        }
        Ok(())
    }

    /// Handles the whole messages, and says how many bytes they were.
    fn handle(
        &mut self,
        bytes: &mut [u8],
        out: &mut Vec<u8>,
        on_request: &mut impl FnMut(Request<'_>),
    ) -> io::Result<usize> {
        let mut used = 0;
        if !self.open {
            used = self.shake_hands(bytes, out);
        }
        if !self.open {
            return Ok(used);
        }
        while let Some((opcode, payload, length)) = frames::split(&mut bytes[used..]) {
            used += length;
            match opcode {
                TEXT => {
                    let request = Request::of(payload);
                    on_request(request);
                    if let Some(answer) = request.answer() {
                        frames::write(TEXT, &answer, out);
                    }
                }
                BINARY => frames::write(BINARY, &[payload], out),
                _ => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
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
}

/// The frame that a broadcast is.
pub(crate) fn news(rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frames::write(TEXT, &wire::news(rest), &mut out);
    out
}
