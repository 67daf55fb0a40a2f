//! The messages of a client, as its server's parser reads them.

use super::{Client, ProtocolViolation};
use crate::wire::{Incoming, Message, Parser};
#[cfg(any(test, feature = "msgpack"))]
use crate::{
    Error,
    wire::{self, PackedPacket, PacketKind},
};

impl Client {
    /// Takes the next message. Returns a packet if that completes one.
    pub(super) fn assemble(
        &mut self,
        message: Message,
    ) -> Result<Option<Incoming>, ProtocolViolation> {
        match self.parser {
            Parser::Json => self.assemble_json(message),
            #[cfg(any(test, feature = "msgpack"))]
            Parser::Msgpack => match message {
                Message::Binary(packed) => {
                    let packet = PackedPacket::read(&packed, self.assembler.limits())?;
                    Ok(Some(packet.into_incoming()?))
                }
                message => self.speaks_json(message),
            },
        }
    }

    fn assemble_json(&mut self, message: Message) -> Result<Option<Incoming>, ProtocolViolation> {
        #[cfg(any(test, feature = "msgpack"))]
        if let Message::Binary(data) = &message
            && !self.assembler.is_partial()
            && let Ok(packet) = PackedPacket::read(data, self.assembler.limits())
        {
            return self.speaks_msgpack(&packet);
        }
        Ok(self.assembler.push(message)?)
    }

    /// Text, where the server's parser has none.
    #[cfg(any(test, feature = "msgpack"))]
    #[cold]
    fn speaks_json(&mut self, message: Message) -> Result<Option<Incoming>, ProtocolViolation> {
        let packet = self.assembler.push(message)?;
        if let Some(Incoming::Connect { namespace, .. }) = &packet {
            let words = "this server's parser is msgpack: give the client that of `socket.io-msgpack-parser`";
            self.refuse_parser(Parser::Json, namespace, words);
        }
        Err(ProtocolViolation::OtherParser(
            "the client's parser is the default one, this server's (`Io::parser`) is msgpack",
        ))
    }

    #[cfg(any(test, feature = "msgpack"))]
    #[cold]
    fn speaks_msgpack(&self, packet: &PackedPacket) -> Result<Option<Incoming>, ProtocolViolation> {
        if packet.kind == PacketKind::Connect {
            let words = "this server's parser is the default one: give the client no other";
            self.refuse_parser(Parser::Msgpack, &packet.namespace, words);
        }
        Err(ProtocolViolation::OtherParser(
            "the client's parser is `socket.io-msgpack-parser`, this server's (`Io::parser`) is the default one",
        ))
    }

    /// Refuses the CONNECT of a client with this parser, which is not the server's.
    #[cfg(any(test, feature = "msgpack"))]
    fn refuse_parser(&self, parser: Parser, namespace: &[u8], words: &'static str) {
        let error = Error::new("parser", words);
        let (message, data) = error.refusal(false);
        let namespace = wire::namespace_str(namespace);
        self.refuse_with(parser, namespace, message, data.as_deref());
    }
}
