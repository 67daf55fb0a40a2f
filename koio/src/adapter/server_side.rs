//! Events that servers send to each other, for the program and not for its clients.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{NeutralPacket, cluster::NodeId};
use crate::wire::RawArgs;

/// An event of another server.
#[derive(Debug)]
pub(crate) struct IncomingServerEvent {
    pub(crate) namespace: String,
    pub(crate) from: NodeId,
    pub(crate) name: String,
    pub(crate) args: RawArgs,
    /// Whether the other server waits for an answer.
    pub(crate) is_asked: bool,
}

/// Why a server gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ServerFailure {
    /// It has no handler for the event.
    NoHandler,
    /// As many of its handlers run as may.
    Overloaded { running: usize, limit: usize },
    /// Its handler failed.
    Failed { code: String, message: String },
    /// Its answer arrived and is no JSON.
    Malformed,
}

/// The answer of one server.
pub(crate) type ServerAnswer = (NodeId, Result<RawArgs, ServerFailure>);

/// A handler under way, and what it ends with: a list of arguments.
pub(crate) type ServerRun =
    Pin<Box<dyn Future<Output = Result<NeutralPacket, ServerFailure>> + Send>>;

/// The handlers of this server for events of others. Implemented by the socket layer.
pub(crate) trait ServerHandlers: Send + Sync + 'static {
    /// The handler of an event, which has not begun. `None` if there is none. Dropping what it returns drops the handler.
    fn handle(&self, event: IncomingServerEvent) -> Option<ServerRun>;
}

/// The packet of an event between servers, given its arguments.
pub(crate) fn named(name: &str, args: NeutralPacket) -> NeutralPacket {
    let name = serde_json::Value::from(name).to_string();
    let arguments = args.list.strip_prefix(b"[").unwrap_or(&args.list);
    let comma: &[u8] = match arguments.trim_ascii_start() {
        b"]" => b"",
        _ => b",",
    };
    NeutralPacket {
        list: [b"[", name.as_bytes(), comma, arguments].concat().into(),
        attachments: args.attachments,
        uncompressed: false,
    }
}

/// The name of an event, which is text, and its arguments. `None` if the packet is no such event.
pub(super) fn name_and_args(packet: NeutralPacket) -> Option<(String, RawArgs)> {
    let event = RawArgs::from_list(packet.list, packet.attachments).ok()?;
    let items = event.json();
    let mut names = serde_json::Deserializer::from_slice(items).into_iter::<String>();
    let name = names.next()?.ok()?;
    let rest = items.get(names.byte_offset()..)?.trim_ascii_start();
    let args = rest.strip_prefix(b",").unwrap_or(rest);
    // Copied: they wait for their handler, and are a slice of what they were read with.
    let list = [b"[", args, b"]"].concat();
    let attachments = event
        .attachments()
        .iter()
        .map(|part| Bytes::copy_from_slice(part));
    let args = RawArgs::from_list(list, attachments.collect()).ok()?;
    Some((name, args))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    fn packet(list: &'static str) -> NeutralPacket {
        NeutralPacket {
            list: Bytes::from_static(list.as_bytes()),
            attachments: Vec::new(),
            uncompressed: false,
        }
    }

    #[test]
    fn the_name_of_an_event_is_put_before_its_arguments_and_taken_off_again() {
        for (args, event) in [
            ("[]", r#"["a\"b"]"#),
            ("[1]", r#"["a\"b",1]"#),
            (r#"[null,"x"]"#, r#"["a\"b",null,"x"]"#),
        ] {
            let whole = named("a\"b", packet(args));
            assert_eq!(whole.list, event);
            let (name, read) = name_and_args(whole).unwrap();
            assert_eq!(name, "a\"b");
            assert_eq!([b"[", read.json(), b"]"].concat(), args.as_bytes());
        }
        let (name, args) = name_and_args(packet(r#"[ "e" , 1 , [2] ] "#)).unwrap();
        assert_eq!((&*name, args.json()), ("e", &b"1 , [2]"[..]));
    }

    #[test]
    fn binary_stays_beside_the_list() {
        let bytes = wire::Bytes::from(vec![1, 2, 3]);
        let args = NeutralPacket::of_frame(&wire::ack("/", 0, &bytes).unwrap(), "/").unwrap();
        let (_, args) = name_and_args(named("e", args)).unwrap();
        assert_eq!(args.attachments(), [Bytes::from_static(&[1, 2, 3])]);
        let read: wire::Bytes = args.reader().next_or_null().unwrap();
        assert_eq!(read, bytes);
    }

    #[test]
    fn what_has_no_name_is_no_event() {
        for list in ["", "{}", "[]", "[1]", r#"["e""#, r#"["e"]x"#, r#"["e" 1]"#] {
            assert!(name_and_args(packet(list)).is_none(), "{list}");
        }
    }
}
