//! Words from outside: the limit is part of the type.

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

/// Others see it: no socket id, nothing invisible, and nothing that turns the text around it.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.chars().count())
        && name.trim() == name
        && !name.contains(is_invisible)
        && SocketId::parse(name).is_none()
}

fn is_invisible(c: char) -> bool {
    #[rustfmt::skip]
    let invisible = [
        0xad..=0xad, 0x34f..=0x34f, 0x61c..=0x61c, 0x115f..=0x1160, 0x17b4..=0x17b5, 0x180b..=0x180f,
        0x200b..=0x200f, 0x2028..=0x202e, 0x2060..=0x206f, 0x2800..=0x2800, 0x3164..=0x3164,
        0xfe00..=0xfe0f, 0xfeff..=0xfeff, 0xffa0..=0xffa0, 0xe0000..=0xe0fff,
    ];
    c.is_control() || invisible.iter().any(|range| range.contains(&u32::from(c)))
}
