//! Socket.IO packets and their arguments, with serde_json as the oracle. Run it like `payload.rs`, which says how.
//!
//! The input is what a client sends over one connection: each line is a text message, or a binary one if it begins with
//! `!`.

#![no_main]

use bytes::Bytes;
use koio::wire::{ArgError, Assembler, Incoming, Message, PacketLimits, RawArgs, event};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, value::RawValue};

fuzz_target!(|input: &str| {
    let mut assembler = Assembler::new(PacketLimits::default());
    for line in input.split('\n') {
        let message = match line.strip_prefix('!') {
            Some(data) => Message::Binary(Bytes::copy_from_slice(data.as_bytes())),
            None => Message::Text(Bytes::copy_from_slice(line.as_bytes())),
        };
        match assembler.push(message) {
            Ok(Some(Incoming::Event { event, .. })) => {
                let _ = event.name();
                args(&event.args);
            }
            Ok(Some(Incoming::Ack { args: of_ack, .. })) => args(&of_ack),
            Ok(_) => {}
            Err(error) => {
                assert!(error.offset() <= line.len());
                return;
            }
        }
        assembler.detach();
    }
});

fn args(args: &RawArgs) {
    let list = [b"[", args.json(), b"]"].concat();
    if args.reader().finish().is_err() {
        // The oracle may still take the list: it has no limit of depth, and does not see a missing comma behind the name.
        return;
    }
    // Raw values are checked for syntax alone: unpaired surrogates and numbers beyond `f64` are JSON.
    let raw = serde_json::from_slice::<Vec<&RawValue>>(&list).expect("koio found it to be JSON");
    let has_attachments = !args.attachments().is_empty();

    let mut reader = args.reader();
    for raw in &raw {
        let value = reader.next::<Value>();
        match serde_json::from_str::<Value>(raw.get()) {
            Ok(expected) if !has_attachments => assert_eq!(value, Ok(Some(expected))),
            _ => assert!(!matches!(value, Ok(None) | Err(ArgError::Syntax(_)))),
        }
    }
    assert_eq!(reader.next::<Value>(), Ok(None));

    // Strings take a path of their own.
    let mut reader = args.reader();
    for raw in &raw {
        match (reader.next::<String>(), serde_json::from_str::<String>(raw.get())) {
            (Ok(Some(text)), Ok(expected)) => assert_eq!(text, expected),
            // koio replaces unpaired surrogates.
            (Ok(Some(text)), Err(_)) => assert!(has_attachments || text.contains('\u{fffd}')),
            (Err(ArgError::Type { .. }), Err(_)) => {}
            (other, expected) => panic!("{other:?} for {expected:?}"),
        }
    }
    relay(args, &raw);
}

/// Arguments that are sent on read back the same.
fn relay(args: &RawArgs, raw: &[&RawValue]) {
    let Ok(frame) = event("/", None, "e", args) else {
        // More attachments than clients take, or a `_placeholder` key beside them.
        assert!(!args.attachments().is_empty());
        return;
    };
    let mut assembler = Assembler::new(PacketLimits::default());
    let mut complete = None;
    for part in frame.parts() {
        let payload = Bytes::copy_from_slice(part.payload);
        let message = match part.text {
            // Without the type digit of Engine.IO.
            true => Message::Text(payload.slice(1..)),
            false => Message::Binary(payload),
        };
        complete = assembler.push(message).expect("koio writes packets");
    }
    let Some(Incoming::Event { event, .. }) = complete else {
        panic!("{complete:?}");
    };
    if args.attachments().is_empty() {
        let mut reader = event.args.reader();
        for raw in raw {
            let text = reader.next::<Box<RawValue>>().expect("JSON").expect("one more");
            // A binary packet is written value by value, so its white space may differ. So may its unpaired surrogates,
            // which `Value` refuses.
            let value = |json: &RawValue| serde_json::from_str::<Value>(json.get()).ok();
            if let Some(expected) = value(raw) {
                assert_eq!(value(&text), Some(expected));
            }
        }
        assert!(reader.next::<Value>().expect("the end").is_none());
    }
}
