//! Words from outside: their limits are part of their types.

use koio::SocketId;
use serde::{Deserialize, Serialize};

/// `MIN` to `MAX` characters that are not all white space.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(try_from = "String")]
pub(crate) struct Text<const MIN: usize, const MAX: usize>(pub(crate) String);

impl<const MIN: usize, const MAX: usize> TryFrom<String> for Text<MIN, MAX> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fits = (MIN..=MAX).contains(&text.chars().count()) && !text.trim().is_empty();
        let error = || format!("expected {MIN} to {MAX} characters");
        fits.then_some(Self(text)).ok_or_else(error)
    }
}

/// What a page calls a message of its own: the same tag again is the same message again.
pub(crate) type Tag = Text<1, 64>;

/// Somebody's name or a group's, which others see: no socket id, nothing invisible, and nothing
/// that turns the text around it.
#[derive(Clone, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub(crate) struct Name(pub(crate) String);

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let fits = (1..=32).contains(&name.chars().count()) && name.trim() == name;
        let is_seen = !name.contains(is_invisible) && SocketId::parse(&name).is_none();
        let error = "A name is 1 to 32 visible characters.";
        (fits && is_seen).then_some(Self(name)).ok_or(error)
    }
}

fn is_invisible(c: char) -> bool {
    let fillers = [
        '\u{ad}', '\u{34f}', '\u{61c}', '\u{115f}', '\u{1160}', '\u{17b4}', '\u{17b5}',
    ];
    let more = ['\u{2800}', '\u{3164}', '\u{feff}', '\u{ffa0}'];
    let ranges = [
        '\u{180b}'..='\u{180f}',
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
    ];
    let others = [
        '\u{2060}'..='\u{206f}',
        '\u{fe00}'..='\u{fe0f}',
        '\u{e0000}'..='\u{e0fff}',
    ];
    let is_in = |range: &std::ops::RangeInclusive<char>| range.contains(&c);
    c.is_control()
        || fillers.contains(&c)
        || more.contains(&c)
        || ranges.iter().chain(&others).any(is_in)
}
