//! A text with its limit in its type.

use koio::Room;
use serde::{Deserialize, Serialize};

/// 1 to `MAX` characters that are not all white space. A payload with another text does not fit.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub(crate) struct Text<const MAX: usize>(String);

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.trim().is_empty() || text.chars().count() > MAX {
            return Err(format!("expected 1 to {MAX} characters"));
        }
        Ok(Self(text))
    }
}

impl<const MAX: usize> Text<MAX> {
    /// A group's room. The prefix keeps what clients name apart from all other rooms.
    pub(crate) fn as_room(&self) -> Room {
        Room::from(format!("group:{}", self.0))
    }
}
