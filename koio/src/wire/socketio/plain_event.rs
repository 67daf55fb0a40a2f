//! [`PlainEvent`]: an event as a name and JSON, for clients that know no Socket.IO.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::value::RawValue;

use super::{json_packet::JsonPacket, kind::PacketKind};

/// An event whose name and arguments are one line each.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlainEvent {
    pub(crate) name: String,
    /// Its place in the order of its namespace.
    pub(crate) position: Option<String>,
    /// The only argument, the list of several, or `null`.
    pub(crate) data: String,
}

impl PlainEvent {
    /// The event in this text, which begins with the digit of Engine.IO. `positioned`: its last argument is its position. `None`
    /// if it is another packet, or asks for an answer.
    pub(crate) fn read(
        text: &[u8],
        attachments: &[&[u8]],
        namespace: &str,
        positioned: bool,
    ) -> Option<Self> {
        let packet = JsonPacket::read(text, namespace)?;
        if packet.kind != PacketKind::Event || packet.id.is_some() {
            return None;
        }
        let mut args: Vec<&RawValue> = serde_json::from_slice(packet.data).ok()?;
        let name = (!args.is_empty()).then(|| args.remove(0))?;
        let position = match positioned {
            true => Some(serde_json::from_str(args.pop()?.get()).ok()?),
            false => None,
        };
        let data = match args.as_slice() {
            [] => "null".to_owned(),
            [only] => only.get().to_owned(),
            several => {
                let texts: Vec<_> = several.iter().map(|value| value.get()).collect();
                format!("[{}]", texts.join(","))
            }
        };
        let data = match attachments {
            [] => data,
            some => with_base64(&data, some),
        };
        Some(Self {
            name: one_line(name)?,
            position,
            // Outside of texts, where they are escaped, line breaks mean nothing.
            data: data.replace(['\r', '\n'], " "),
        })
    }
}

/// The text of a name; as JSON has it if a line can't hold it.
fn one_line(name: &RawValue) -> Option<String> {
    let text: String = serde_json::from_str(name.get()).ok()?;
    if text.contains(['\r', '\n', '\0']) {
        return Some(name.get().strip_prefix('"')?.strip_suffix('"')?.to_owned());
    }
    Some(text)
}

const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":"#;

/// Replaces each placeholder by its attachment as a text in base64. koio writes placeholders in one way only, and in a text their
/// quotes would be escaped.
fn with_base64(json: &str, attachments: &[&[u8]]) -> String {
    let mut parts = json.split(PLACEHOLDER);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (num, rest) = part.split_once('}').unwrap_or((part, ""));
        let attachment = num.parse().ok().and_then(|at: usize| attachments.get(at));
        match attachment {
            Some(bytes) => {
                replaced.push('"');
                STANDARD.encode_string(bytes, &mut replaced);
                replaced.push('"');
                replaced.push_str(rest);
            }
            // A value of the application's own.
            None => {
                replaced.push_str(PLACEHOLDER);
                replaced.push_str(part);
            }
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{self, ArgList, Bytes};

    fn plain(frame: &wire::Frame, namespace: &str, positioned: bool) -> Option<PlainEvent> {
        let mut parts = frame.parts();
        let text = parts.next()?.payload;
        let attachments: Vec<_> = parts.map(|part| part.payload).collect();
        PlainEvent::read(text, &attachments, namespace, positioned)
    }

    fn event(name: &str, args: impl serde::Serialize) -> PlainEvent {
        let frame = wire::event("/news", None, name, &args).unwrap();
        plain(&frame, "/news", false).unwrap()
    }

    #[test]
    fn one_argument_is_the_data_and_several_are_a_list() {
        assert_eq!(event("a", ()).data, "null");
        assert_eq!(event("a", "é").data, r#""é""#);
        assert_eq!(event("a", ArgList((1, "b"))).data, r#"[1,"b"]"#);
        assert_eq!(event("a", [1, 2]).data, "[1,2]");
        assert_eq!(event("a b", 1).name, "a b");
    }

    #[test]
    fn a_name_that_no_line_can_hold_is_as_json_has_it() {
        assert_eq!(event("a\nb\"c", 1).name, r#"a\nb\"c"#);
        assert_eq!(event("\"\n\"", 1).name, r#"\"\n\""#);
        assert_eq!(event("\"\u{e9}\"", 1).name, "\"é\"");
    }

    #[test]
    fn line_breaks_between_values_are_gone() {
        let text = b"42[\"a\",{\"x\":\r\n1},\n2]";
        let plain = PlainEvent::read(text, &[], "/", false).unwrap();
        assert_eq!(plain.data, "[{\"x\":  1},2]");
    }

    #[test]
    fn binary_is_base64() {
        let bytes = Bytes::from(vec![1, 2, 3, 4]);
        let args = ArgList((&bytes, r#"{"_placeholder":true,"num":0}"#, vec![&bytes]));
        let data = event("file", args).data;
        assert_eq!(
            data,
            r#"["AQIDBA==","{\"_placeholder\":true,\"num\":0}",["AQIDBA=="]]"#
        );
    }

    #[test]
    fn the_position_is_no_argument() {
        let event = wire::event("/", None, "a", &ArgList((1, "0123456789abc"))).unwrap();
        let event = plain(&event, "/", true).unwrap();
        assert_eq!(event.position.as_deref(), Some("0123456789abc"));
        assert_eq!(event.data, "1");
    }

    #[test]
    fn what_asks_for_an_answer_or_is_no_event_is_left_out() {
        let asks = wire::event("/", Some(7), "a", &1).unwrap();
        assert_eq!(plain(&asks, "/", false), None);
        assert_eq!(plain(&wire::disconnect("/"), "/", false), None);
    }
}
