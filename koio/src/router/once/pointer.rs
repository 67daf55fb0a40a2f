//! A JSON pointer (RFC 6901) into the list of an event's arguments.

use std::{borrow::Cow, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// The number of the argument, and what is behind it in a pointer. `Err` says what is wrong with the pointer.
pub(super) fn split(pointer: &str) -> Result<(usize, &str), &'static str> {
    let Some(tokens) = pointer.strip_prefix('/') else {
        return Err("it begins with a slash");
    };
    let (first, rest) = match tokens.find('/') {
        Some(at) => tokens.split_at(at),
        None => (tokens, ""),
    };
    let Some(argument) = index(first) else {
        return Err("it begins with the number of an argument, counted from zero");
    };
    let is_escape = |text: &str| matches!(text.as_bytes().first(), Some(b'0' | b'1'));
    if !rest.split('~').skip(1).all(is_escape) {
        return Err("a `~` in it is written `~0`, and a slash in a name `~1`");
    }
    Ok((argument, rest))
}

/// An index without leading zeros.
fn index(token: &str) -> Option<usize> {
    let is_number = token.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = token == "0" || !token.starts_with('0');
    token.parse().ok().filter(|_| is_number && is_plain)
}

/// The text of the value that a pointer means in this JSON, if it is there. `null` counts as missing.
pub(super) fn find<'a>(json: &'a str, pointer: &str) -> Option<&'a str> {
    let mut found = json;
    for token in pointer.split('/').skip(1) {
        let token = unescaped(token);
        let mut json = serde_json::Deserializer::from_str(found);
        found = Child(&token).deserialize(&mut json).ok()??;
    }
    (found != "null").then_some(found)
}

fn unescaped(token: &str) -> Cow<'_, str> {
    match token.contains('~') {
        true => token.replace("~1", "/").replace("~0", "~").into(),
        false => token.into(),
    }
}

/// The entry of an object, or the item of a list, that has this name or index.
struct Child<'t>(&'t str);

impl<'de> DeserializeSeed<'de> for Child<'_> {
    type Value = Option<&'de str>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Child<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == self.0 {
                // Of two the last counts, as in JavaScript.
                found = Some(map.next_value::<&RawValue>()?.get());
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut at = index(self.0);
        let mut found = None;
        loop {
            match at {
                Some(0) => match list.next_element::<&RawValue>()? {
                    Some(value) => found = Some(value.get()),
                    None => return Ok(found),
                },
                _ => {
                    if list.next_element::<IgnoredAny>()?.is_none() {
                        return Ok(found);
                    }
                }
            }
            at = at.and_then(|at| at.checked_sub(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_finds_the_text_of_a_value_at_any_depth() {
        let json = r#"{"id":7,"a/b":{"~":[1, "two" ,{"x":1.50}]},"none":null,"id":8}"#;
        for (pointer, found) in [
            ("", Some(json)),
            ("/id", Some("8")),
            ("/a~1b/~0/1", Some("\"two\"")),
            ("/a~1b/~0/2/x", Some("1.50")),
            ("/a~1b/~0/3", None),
            ("/a~1b/~0/01", None),
            ("/a~1b/~0/-", None),
            ("/none", None),
            ("/missing", None),
            ("/id/deeper", None),
        ] {
            assert_eq!(find(json, pointer), found, "{pointer}");
        }
        assert_eq!(find(r#"{"\u0069d":1}"#, "/id"), Some("1"));
    }

    #[test]
    fn a_pointer_begins_with_an_argument() {
        assert_eq!(split("/0"), Ok((0, "")));
        assert_eq!(split("/12/id"), Ok((12, "/id")));
        assert_eq!(split("/0/a~1b~0"), Ok((0, "/a~1b~0")));
        for wrong in [
            "", "0", "id", "/", "/id", "/-", "/01", "/+1", "/0/~", "/0/~2", "/1.5",
        ] {
            assert!(split(wrong).is_err(), "{wrong}");
        }
    }
}
