//! What a server sends: Socket.IO packets, put together with their attachments.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

#[cfg(any(test, feature = "msgpack"))]
use crate::wire::{PackedPacket, PacketKind, PacketLimits};
use crate::{
    Error, Result,
    wire::{EnginePacket, Frame, Message, Parser, RawArgs},
};

/// A packet of the server.
#[derive(Debug)]
pub(super) enum ServerPacket {
    Connected {
        id: String,
    },
    /// CONNECT_ERROR.
    Refused(Error),
    /// DISCONNECT.
    Left,
    /// The first argument is the event's name.
    Event {
        ack: Option<u64>,
        list: RawArgs,
    },
    Answer {
        id: u64,
        list: RawArgs,
    },
}

/// Makes packets of messages, each with its namespace.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    parser: Parser,
    partial: Option<(ServerPacketHeader, Vec<Bytes>)>,
}

#[derive(Debug)]
struct ServerPacketHeader {
    kind: u8,
    attachments: usize,
    namespace: String,
    id: Option<u64>,
    data: Bytes,
}

#[derive(Deserialize)]
struct ConnectedData {
    sid: String,
}

#[derive(Deserialize)]
struct ConnectErrorData {
    #[serde(default)]
    message: String,
    data: Option<Value>,
}

/// The limits with which packets of a server are read: their attachments may have any size.
#[cfg(any(test, feature = "msgpack"))]
fn limits_of_servers() -> PacketLimits {
    PacketLimits {
        attachment_bytes: Some(usize::MAX),
        ..PacketLimits::default()
    }
}

impl Decoder {
    /// For a server with this parser.
    pub(super) fn of(parser: Parser) -> Self {
        Self {
            parser,
            partial: None,
        }
    }

    /// The parser that it reads.
    pub(super) fn parser(&self) -> Parser {
        self.parser
    }

    /// Takes the next message. Returns a packet if that completes one.
    pub(super) fn push(&mut self, message: Message) -> Result<Option<(String, ServerPacket)>> {
        match (self.parser, message) {
            (Parser::Json, Message::Binary(data)) => self.binary(data),
            #[cfg(any(test, feature = "msgpack"))]
            (Parser::Msgpack, Message::Binary(packed)) => {
                let packet = PackedPacket::read(&packed, &limits_of_servers())?;
                let attachments = packet.attachments.clone();
                ServerPacketHeader::of_packed(packet)
                    .packet(attachments)
                    .map(Some)
            }
            // With any parser: a server that is sent JSON refuses the client in JSON.
            (_, Message::Text(text)) => self.text(text),
        }
    }

    fn text(&mut self, text: Bytes) -> Result<Option<(String, ServerPacket)>> {
        let header = ServerPacketHeader::read(&text).ok_or_else(|| unreadable(&text))?;
        if header.attachments > 0 {
            self.partial = Some((header, Vec::new()));
            return Ok(None);
        }
        header.packet(Vec::new()).map(Some)
    }

    fn binary(&mut self, data: Bytes) -> Result<Option<(String, ServerPacket)>> {
        let Some((header, mut attachments)) = self.partial.take() else {
            return Err(Error::internal(
                "the server sent a binary message that belongs to no packet",
            ));
        };
        attachments.push(data);
        if attachments.len() < header.attachments {
            self.partial = Some((header, attachments));
            return Ok(None);
        }
        header.packet(attachments).map(Some)
    }
}

impl ServerPacketHeader {
    fn read(text: &Bytes) -> Option<Self> {
        let whole = std::str::from_utf8(text).ok()?;
        let kind = *whole.as_bytes().first()?;
        let mut rest = whole.get(1..)?;
        let mut attachments = 0;
        if matches!(kind, b'5' | b'6') {
            let (count, behind) = rest.split_once('-')?;
            (attachments, rest) = (count.parse().ok()?, behind);
        }
        let mut namespace = "/";
        if rest.starts_with('/') {
            (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
        }
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (id, data) = rest.split_at(digits);
        Some(Self {
            kind,
            attachments,
            namespace: namespace.to_owned(),
            id: id.parse().ok(),
            data: text.slice(whole.len() - data.len()..),
        })
    }

    #[cfg(any(test, feature = "msgpack"))]
    fn of_packed(packet: PackedPacket) -> Self {
        Self {
            kind: match packet.kind {
                PacketKind::Connect => b'0',
                PacketKind::Disconnect => b'1',
                PacketKind::Event => b'2',
                PacketKind::Ack => b'3',
                PacketKind::ConnectError => b'4',
            },
            attachments: packet.attachments.len(),
            namespace: crate::wire::namespace_str(&packet.namespace).to_owned(),
            id: packet.id,
            data: packet.data,
        }
    }

    fn packet(self, attachments: Vec<Bytes>) -> Result<(String, ServerPacket)> {
        let data = self.data;
        let packet = match (self.kind, self.id) {
            (b'0', _) => {
                let ConnectedData { sid: id } = serde_json::from_slice(&data)?;
                ServerPacket::Connected { id }
            }
            (b'1', _) => ServerPacket::Left,
            (b'2' | b'5', ack) => {
                let list = RawArgs::from_list(data, attachments)?;
                ServerPacket::Event { ack, list }
            }
            (b'3' | b'6', Some(id)) => {
                let list = RawArgs::from_list(data, attachments)?;
                ServerPacket::Answer { id, list }
            }
            (b'4', _) => ServerPacket::Refused(refusal(serde_json::from_slice(&data)?)),
            _ => return Err(unreadable(&data)),
        };
        Ok((self.namespace, packet))
    }
}

/// The messages of a frame.
pub(super) fn messages(frame: &Frame) -> impl Iterator<Item = Message> {
    frame.parts().filter_map(|part| {
        let payload = Bytes::copy_from_slice(part.payload);
        if !part.text {
            return Some(Message::Binary(payload));
        }
        match EnginePacket::decode(payload) {
            Ok(EnginePacket::Message(message)) => Some(message),
            _ => None,
        }
    })
}

/// The error in a CONNECT_ERROR: its code is in the data.
fn refusal(ConnectErrorData { message, data }: ConnectErrorData) -> Error {
    let code = data.as_ref().and_then(|data| data.get("code")?.as_str());
    let error = Error::new(code.unwrap_or("refused").to_owned(), message);
    match data {
        Some(data) => error.data(data),
        None => error,
    }
}

fn unreadable(text: &[u8]) -> Error {
    let text = String::from_utf8_lossy(text);
    Error::internal(format!("the server sent what is no packet: {text}"))
}

/// The error in an answer, if it is one: `{"error": {"code", "message", "data"?}}`.
pub(super) fn error_of(answer: &RawArgs) -> Option<Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Failed {
        error: AnswerFailure,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct AnswerFailure {
        code: String,
        message: String,
        data: Option<Value>,
    }
    let Failed { error } = answer.reader().next().ok()??;
    let shown = Error::new(error.code, error.message);
    Some(match error.data {
        Some(data) => shown.data(data),
        None => shown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> (String, ServerPacket) {
        let text = Bytes::copy_from_slice(text.as_bytes());
        Decoder::default().text(text).unwrap().unwrap()
    }

    #[test]
    fn packets_are_told_apart_with_and_without_a_namespace() {
        let (namespace, packet) = text(r#"2/chat,12["heard",1]"#);
        assert_eq!(namespace, "/chat");
        assert!(matches!(packet, ServerPacket::Event { ack: Some(12), .. }));
        let (namespace, packet) = text(r#"0{"sid":"x"}"#);
        assert_eq!(namespace, "/");
        assert!(matches!(packet, ServerPacket::Connected { id } if id == "x"));
        let (namespace, packet) = text("1/chat,");
        assert_eq!(namespace, "/chat");
        assert!(matches!(packet, ServerPacket::Left));
    }

    #[test]
    fn a_binary_packet_is_complete_with_its_last_attachment() {
        let mut decoder = Decoder::default();
        let packet = r#"52-["two",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
        assert!(decoder.text(packet.into()).unwrap().is_none());
        assert!(decoder.binary(vec![1].into()).unwrap().is_none());
        assert!(decoder.binary(vec![2].into()).unwrap().is_some());
        assert!(decoder.binary(vec![3].into()).is_err());
    }

    #[test]
    fn a_refusal_has_the_code_of_its_data() {
        let (_, packet) = text(r#"4{"message":"no","data":{"code":"token"}}"#);
        let ServerPacket::Refused(error) = packet else {
            panic!("{packet:?}")
        };
        assert_eq!((error.code(), error.message()), ("token", "no"));
    }
}
