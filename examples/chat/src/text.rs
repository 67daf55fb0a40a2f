use serde::{Deserialize, Serialize};

/// 1 to `MAX` characters that are not all white space: the limit is part of the type.
#[derive(Deserialize, Serialize)]
#[serde(try_from = "String")]
pub(crate) struct Text<const MAX: usize>(pub(crate) String);

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fits = !text.trim().is_empty() && text.chars().count() <= MAX;
        if fits {
            Ok(Self(text))
        } else {
            Err(format!("expected 1 to {MAX} characters"))
        }
    }
}
