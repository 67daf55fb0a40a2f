//! What is echoed.

use crate::frames::{BINARY, TEXT, Template};

/// What is echoed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string.
    Text,
    /// Nested objects and lists, which the server need not look into.
    Json,
    /// A message of a chat, which the server reads into a `serde_json::Value` and writes anew.
    Value,
    /// The same, which the server reads into a struct and writes anew.
    Struct,
    /// A string that the handler hands back after it has awaited once.
    Awaiting,
    /// The same, and handlers may overlap.
    Overlapping,
    /// An attachment.
    Binary,
}

impl Kind {
    /// Whether it is about what a handler looks like, which servers without handlers can't have.
    pub(crate) fn is_about_handlers(self) -> bool {
        matches!(
            self,
            Self::Value | Self::Struct | Self::Awaiting | Self::Overlapping
        )
    }

    /// A request, and the payloads of its answer. The number stands in the ack's id and in the payload, so neither
    /// can be another message's.
    pub(super) fn templates(self, size: usize) -> (Template, Vec<(u8, Template)>) {
        match self {
            Self::Text => echo("echo", &format!("\"{}\"", text(size))),
            Self::Json => echo("json", &json(size)),
            Self::Value => echo("value", &message(size)),
            Self::Struct => echo("struct", &message(size)),
            Self::Awaiting => echo("await", &format!("\"{}\"", text(size))),
            Self::Overlapping => echo("overlap", &format!("\"{}\"", text(size))),
            Self::Binary => (
                Template::text(r##"451-#["binary",{"_placeholder":true,"num":0}]"##)
                    .frame(BINARY, &text(size)),
                vec![
                    (
                        TEXT,
                        Template::plain(r##"461-#[{"_placeholder":true,"num":0}]"##),
                    ),
                    (BINARY, Template::plain(&text(size))),
                ],
            ),
        }
    }
}

fn echo(event: &str, argument: &str) -> (Template, Vec<(u8, Template)>) {
    let request = Template::text(&format!(r##"42#["{event}",{argument}]"##));
    let answer = Template::plain(&format!("43#[{argument}]"));
    (request, vec![(TEXT, answer)])
}

fn text(size: usize) -> String {
    format!("#{}", "x".repeat(size - 8))
}

/// An object of this size once the number is in it. Whoever reads and writes it anew comes to the same bytes: its
/// keys are in alphabetical order, and there are no spaces.
fn json(size: usize) -> String {
    let item = r#"{"at":{"x":12.5,"y":-3},"id":1234567,"name":"an item of a list","on":[true,false,null],"tags":["red","green"]}"#;
    let start = r##"{"count":#,"items":["##;
    let middle = r#"],"rest":""#;
    let end = r#""}"#;
    let fixed = start.len() + "0000000".len() + middle.len() + end.len();
    let items = (size - fixed + 1) / (item.len() + 1);
    let items = vec![item; items].join(",");
    let rest = "x".repeat(size - fixed - items.len());
    format!("{start}{items}{middle}{rest}{end}")
}

/// An object of this size with few keys, in alphabetical order as well.
fn message(size: usize) -> String {
    let start = r##"{"from":"somebody","id":#,"private":false,"reply_to":null,"tags":["red","green"],"text":""##;
    let end = r#""}"#;
    let text = "x".repeat(size - start.len() - "0000000".len() - end.len());
    format!("{start}{text}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_has_its_size_and_stays_the_same_when_written_anew() {
        for (text, size) in [(json(1024), 1024), (message(200), 200)] {
            let text = text.replace('#', "10000000");
            assert_eq!(text.len(), size);
            let value: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
            assert_eq!(value.to_string(), text);
        }
    }
}
