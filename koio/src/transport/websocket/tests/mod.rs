//! Frames as clients send them, and tungstenite as the oracle.

mod compressed;
mod direct_write;
mod interleaving;
mod reader;
mod transport;

use std::io;

use tokio_tungstenite::tungstenite::{
    self, Error,
    error::CapacityError,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use crate::{engine::EngineConfig, wire::Message};

/// A frame as a client sends it, masked with zeroes.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

/// The same with a length of 64 bits.
fn long(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | 127];
    frame.extend((payload.len() as u64).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// A frame whose mask changes its payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = match payload.len() {
        length @ 0..126 => vec![first, 0x80 | length as u8],
        length => {
            let [high, low] = (length as u16).to_be_bytes();
            vec![first, 0x80 | 126, high, low]
        }
    };
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    frame.extend(mask);
    frame.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

/// The messages, answers and end that a stream of bytes leads to.
#[derive(Debug, Default, PartialEq)]
struct Story {
    messages: Vec<Message>,
    /// Answers to pings, and to a close frame.
    answers: Vec<u8>,
    end: Option<StreamEnd>,
}

#[derive(Debug, PartialEq)]
enum StreamEnd {
    ClosedByPeer,
    /// The peer broke the protocol: the code of the close frame.
    Violation(u16),
}

/// What tungstenite alone makes of the bytes, all of them at once.
fn tungstenite_alone(bytes: &[u8], config: &EngineConfig) -> Story {
    let limits = WebSocketConfig::default()
        .write_buffer_size(0)
        .max_message_size(Some(config.max_payload))
        .max_frame_size(Some(config.max_payload));
    let mut context =
        WebSocketContext::from_partially_read(bytes.into(), Role::Server, Some(limits));
    let mut pipe = WriteOnly(Vec::new());
    let mut messages = Vec::new();
    let end = loop {
        match context.read(&mut pipe) {
            Ok(tungstenite::Message::Text(text)) => messages.push(Message::Text(text.into())),
            Ok(tungstenite::Message::Binary(data)) => messages.push(Message::Binary(data)),
            Ok(tungstenite::Message::Close(_)) => {
                let _ = context.flush(&mut pipe);
                break Some(StreamEnd::ClosedByPeer);
            }
            Ok(_) => {}
            Err(Error::Io(_)) => break None,
            Err(error) => break Some(StreamEnd::Violation(close_code(&error))),
        }
        let _ = context.flush(&mut pipe);
    };
    Story {
        messages,
        answers: pipe.0,
        end,
    }
}

/// RFC 6455 section 7.4.1. tungstenite leaves the close frame to its user.
fn close_code(error: &Error) -> u16 {
    match error {
        Error::Utf8(_) => 1007,
        Error::Capacity(CapacityError::MessageTooLong { .. }) => 1009,
        _ => 1002,
    }
}

/// A stream with nothing to read.
struct WriteOnly(Vec<u8>);

impl io::Read for WriteOnly {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl io::Write for WriteOnly {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
