//! Random values and random packets.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::random::Random;
use super::*;
use crate::wire::Bytes as Data;

/// Any value that can be sent.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    Data(Vec<u8>),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// With no more than `binaries` binaries, which are counted down.
    fn grow(random: &mut Random, depth: usize, binaries: &mut usize) -> Self {
        const TEXTS: [&str; 6] = [
            "",
            "plain",
            "é€😀",
            "\"\\\n\u{1}\u{7f}",
            "_placeholder",
            "[{,",
        ];
        match random.below(if depth == 0 { 6 } else { 9 }) {
            0 => Self::Null,
            1 => Self::Bool(random.below(2) == 0),
            2 => Self::Int(random.below(usize::MAX >> 12) as i64 - (1 << 50)),
            3 => Self::Text((*random.one(&TEXTS)).to_owned()),
            4 | 5 if *binaries > 0 => {
                *binaries -= 1;
                let len = *random.one(&[0, 1, 2, 3, 125, 126, 300]);
                Self::Data((0..len).map(|_| random.below(256) as u8).collect())
            }
            6 => Self::List(
                (0..random.below(4))
                    .map(|_| Self::grow(random, depth - 1, binaries))
                    .collect(),
            ),
            7 | 8 => {
                let entries = (0..random.below(4)).map(|_| {
                    let key = *random.one(&["a", "num", "\"é\n", ""]);
                    (key.to_owned(), Self::grow(random, depth - 1, binaries))
                });
                Self::Map(entries.collect())
            }
            _ => Self::Text("x".repeat(random.below(200))),
        }
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Bool(value) => value.serialize(serializer),
            Self::Int(value) => value.serialize(serializer),
            Self::Text(value) => value.serialize(serializer),
            Self::Data(value) => serializer.serialize_bytes(value),
            Self::List(items) => items.serialize(serializer),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(None)?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TreeVisitor;
        impl<'de> Visitor<'de> for TreeVisitor {
            type Value = Tree;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_unit<E: Error>(self) -> Result<Tree, E> {
                Ok(Tree::Null)
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Bool(value))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Int(value))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Int(value as i64))
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::Text(value.to_owned()))
            }
            fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Tree, E> {
                Ok(Tree::Data(value.to_vec()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = access.next_element()? {
                    items.push(item);
                }
                Ok(Tree::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = access.next_entry()? {
                    entries.push(entry);
                }
                Ok(Tree::Map(entries))
            }
        }
        deserializer.deserialize_any(TreeVisitor)
    }
}

/// Reads all arguments as trees.
fn trees(args: &RawArgs) -> Vec<Tree> {
    let mut reader = args.reader();
    let mut trees = Vec::new();
    while let Some(tree) = reader.next().unwrap() {
        trees.push(tree);
    }
    reader.finish().unwrap();
    trees
}

fn polled(frame: &Frame) -> Vec<Message> {
    let packets = payload::decode(payload::encode([frame.clone()])).unwrap();
    let messages = packets.map(|packet| match packet {
        Ok(EnginePacket::Message(message)) => message,
        other => panic!("{other:?}"),
    });
    messages.collect()
}

#[test]
fn values_survive_both_transports_and_a_relay() {
    let mut random = Random::new(4);
    for _ in 0..5_000 {
        let mut binaries = MAX_ATTACHMENTS;
        let values: Vec<_> = (0..random.below(4))
            .map(|_| Tree::grow(&mut random, 4, &mut binaries))
            .collect();
        let namespace = *random.one(&["/", "/admin", "/é?x=1"]);
        let id = *random.one(&[None, Some(0), Some(13), Some((1 << 53) - 1)]);
        let name = *random.one(&["e", "", "é\"\n", "message"]);
        let frame = event(namespace, id, name, &ArgList(&values)).unwrap();
        assert_eq!(sent(&frame), polled(&frame));
        assert_eq!(sent(&frame).len(), 1 + MAX_ATTACHMENTS - binaries);
        let Incoming::Event {
            namespace: in_namespace,
            event: got,
        } = one(sent(&frame))
        else {
            panic!();
        };
        assert_eq!(
            (in_namespace, got.ack, got.name()),
            (namespace.into(), id, name)
        );
        let args = got.args;
        assert_eq!(trees(&args), values);
        // Relayed, it has the same bytes.
        assert_eq!(event(namespace, id, name, &args).unwrap(), frame);
        let Incoming::Ack { args, .. } = one(sent(&ack(namespace, 5, &args).unwrap())) else {
            panic!();
        };
        assert_eq!(trees(&args), values);
        assert_eq!(event(namespace, id, name, &args).unwrap(), frame);
    }
}

#[test]
fn random_and_broken_packets_are_read_or_refused_consistently() {
    let mut random = Random::new(5);
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    for round in 0..40_000 {
        let json = random.json(3);
        let valid = match random.below(8) {
            0 => format!("0/n,{{\"a\":{json}}}"),
            1 => format!("213[\"e\",{json},{json}]"),
            2 => format!("3/n,7[{json}]"),
            3 => format!("51-/n,[\"e\",{json},{placeholder}]"),
            4 => format!("61-7[[{placeholder},{json}]]"),
            5 => format!("4{{\"message\":{json}}}"),
            6 => "1/n,".to_owned(),
            _ => format!("2[\"e\",{json}]"),
        };
        let packet = if round % 4 == 0 {
            valid
        } else {
            random.spoil(&valid)
        };
        let (packets, _) = receive([text(&packet), binary(&[1]), text(&packet)]);
        for packet in packets {
            let args = match packet {
                Incoming::Event { event, .. } => event.args,
                Incoming::Ack { args, .. } => args,
                _ => continue,
            };
            let valid = args.reader().finish().is_ok();
            // A relay succeeds if and only if the arguments are JSON.
            let relayed = event("/", None, "e", &args);
            assert_eq!(
                valid,
                !matches!(relayed, Err(EncodeError::Serialize(_))),
                "{args:?}"
            );
            // Reading finds the same syntax errors with every type.
            let mut reader = args.reader();
            let result = loop {
                let read = match reader.position() % 4 {
                    0 => reader
                        .next::<serde_json::Value>()
                        .map(|value| value.is_some()),
                    1 => reader.next::<Data>().map(|value| value.is_some()),
                    2 => reader
                        .next::<Vec<Option<String>>>()
                        .map(|value| value.is_some()),
                    _ => reader
                        .next::<Box<serde_json::value::RawValue>>()
                        .map(|value| value.is_some()),
                };
                match read {
                    Ok(true) | Err(ArgError::Type { .. }) => {}
                    Ok(false) => break Ok(()),
                    Err(ArgError::Syntax(error)) => break Err(error),
                }
            };
            assert_eq!(
                valid,
                result.is_ok(),
                "{:?}",
                std::str::from_utf8(args.json())
            );
        }
    }
}

#[test]
fn random_polling_bodies_are_read_or_refused() {
    let mut random = Random::new(6);
    for _ in 0..20_000 {
        let body = random.spoil("4hello\u{1e}bAQIDBA==\u{1e}2\u{1e}42[\"e\"]\u{1e}6");
        for packet in payload::decode(body.into()).unwrap() {
            if let Ok(EnginePacket::Message(message)) = packet {
                let _ = receive([message]);
            }
        }
    }
}
