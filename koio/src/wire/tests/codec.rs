//! The codec's operations for one message, repeated, for `koio/benches/codec.rs` to count their instructions.

use std::hint::black_box;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Bytes, text};
use crate::wire::{
    self, Assembler, EnginePacket, Incoming, Message, PacketLimits, RawArgs, ack_draft,
};

type Operation = Box<dyn FnMut()>;

/// The variable that names the operation to repeat, and how often. `koio/benches/codec.rs` sets it.
const ASKED: &str = "KOIO_CODEC";

#[derive(Serialize, Deserialize)]
struct Item {
    at: Point,
    id: u32,
    name: String,
    on: Vec<Option<bool>>,
    tags: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Point {
    x: f64,
    y: i32,
}

const ITEM: &str = r#"{"at":{"x":12.5,"y":-3},"id":1234567,"name":"an item of a list","on":[true,false,null],"tags":["red","green"]}"#;

/// A list of items, nearly 1 KiB.
fn json() -> String {
    format!("[{}]", [ITEM; 9].join(","))
}

/// From the text of an Engine.IO message to the arguments.
fn read(assembler: &mut Assembler, messages: &[Message]) -> RawArgs {
    let mut complete = None;
    for message in messages {
        let message = match message {
            Message::Text(text) => match EnginePacket::decode(text.clone()) {
                Ok(EnginePacket::Message(message)) => message,
                other => panic!("{other:?}"),
            },
            Message::Binary(data) => Message::Binary(data.clone()),
        };
        complete = assembler.push(message).unwrap();
    }
    match complete {
        Some(Incoming::Event { event, .. }) => event.args,
        other => panic!("{other:?}"),
    }
}

fn read_as<T: serde::de::DeserializeOwned>(messages: Vec<Message>) -> Operation {
    let mut assembler = Assembler::new(PacketLimits::default());
    Box::new(move || {
        let args = read(&mut assembler, &messages);
        let mut reader = args.reader();
        black_box(reader.next::<T>().unwrap());
        reader.finish().unwrap();
    })
}

/// From the value to the bytes that wait for the connection.
fn write(value: impl Serialize + 'static) -> Operation {
    let mut waiting = Vec::new();
    Box::new(move || {
        waiting.clear();
        let draft = ack_draft("/", 1234, black_box(&value)).unwrap();
        draft.append_to(black_box(&mut waiting));
    })
}

fn string_event(len: usize) -> Vec<Message> {
    vec![text(&format!(r#"421234["echo","{}"]"#, "x".repeat(len)))]
}

fn json_event() -> Vec<Message> {
    vec![text(&format!(r#"421234["json",{}]"#, json()))]
}

fn binary_event() -> Vec<Message> {
    vec![
        text(r#"451-1234["binary",{"_placeholder":true,"num":0}]"#),
        Message::Binary(Bytes::from(vec![7; 1024])),
    ]
}

fn operations() -> Vec<(&'static str, Operation)> {
    let items = || serde_json::from_str::<Vec<Item>>(&json()).unwrap();
    let mut assembler = Assembler::new(PacketLimits::default());
    let passed_on = read(&mut assembler, &json_event())
        .reader()
        .whole()
        .unwrap();
    vec![
        ("read a string of 32 B", read_as::<String>(string_event(32))),
        (
            "read a string of 1 KiB",
            read_as::<String>(string_event(1024)),
        ),
        (
            "read a string of 16 KiB",
            read_as::<String>(string_event(16 * 1024)),
        ),
        (
            "read 1 KiB of JSON as structs",
            read_as::<Vec<Item>>(json_event()),
        ),
        (
            "read 1 KiB of JSON as Value",
            read_as::<Value>(json_event()),
        ),
        ("read 1 KiB of JSON to pass it on", {
            let messages = json_event();
            Box::new(move || {
                let args = read(&mut assembler, &messages);
                drop(black_box(args.reader().whole().unwrap()));
            })
        }),
        (
            "read 1 KiB of binary",
            read_as::<wire::Bytes>(binary_event()),
        ),
        ("write a string of 32 B", write("x".repeat(32))),
        ("write a string of 1 KiB", write("x".repeat(1024))),
        ("write a string of 16 KiB", write("x".repeat(16 * 1024))),
        ("write 1 KiB of JSON of structs", write(items())),
        ("write 1 KiB of JSON passed on", write(passed_on)),
        (
            "write 1 KiB of binary",
            write(wire::Bytes::from(vec![7; 1024])),
        ),
        ("write a broadcast of 32 B to 10 sockets", {
            let news = "x".repeat(32);
            Box::new(move || {
                let frame = wire::event("/", None, "news", black_box(&news)).unwrap();
                for _ in 0..10 {
                    black_box(frame.clone());
                }
            })
        }),
    ]
}

/// Without the variable it prints the names of all operations, and runs each once.
#[test]
fn every_measured_operation_works() {
    let asked = std::env::var(ASKED).ok();
    let asked = asked.as_deref().and_then(|asked| asked.split_once('*'));
    for (name, mut operation) in operations() {
        match asked {
            Some((times, this)) if this == name => {
                (0..times.parse().unwrap()).for_each(|_: u32| operation());
            }
            Some(_) => {}
            None => {
                println!("operation: {name}");
                operation();
            }
        }
    }
}
