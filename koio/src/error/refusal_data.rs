//! The `data` of CONNECT_ERROR, in which a client finds the error's code.

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::{RawValue, to_raw_value};

/// `{"code": ..}`; with the program's own data, if that is an object, behind it. A `code` in that, and data that is no
/// object, are the program's business and stay as they are.
pub(super) fn with_code(code: &str, data: Option<&RawValue>) -> Option<Box<RawValue>> {
    let own = data.map(RawValue::get);
    let Some(own) = own else {
        return to_raw_value(&serde_json::json!({ "code": code })).ok();
    };
    let keeps = match serde_json::from_str::<Keys>(own) {
        // No object.
        Err(_) => true,
        Ok(keys) => keys.has_code,
    };
    if keeps {
        return RawValue::from_string(own.to_owned()).ok();
    }
    let code = serde_json::to_string(code).ok()?;
    let fields = own.trim_start().strip_prefix('{')?.trim_start();
    let comma = if fields.starts_with('}') { "" } else { "," };
    RawValue::from_string(format!(r#"{{"code":{code}{comma}{fields}"#)).ok()
}

/// Whether an object has a field `code`.
struct Keys {
    has_code: bool,
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self { has_code: false })
    }
}

impl<'de> Visitor<'de> for Keys {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            self.has_code |= key == "code";
            map.next_value::<IgnoredAny>()?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_added_to_an_object_that_has_none_and_to_nothing_else() {
        for (own, sent) in [
            ("{}", r#"{"code":"c"}"#),
            (
                r#"{ "why" : {"code":1} }"#,
                r#"{"code":"c","why" : {"code":1} }"#,
            ),
            (r#"{"code":"own"}"#, r#"{"code":"own"}"#),
            (r#"{"a":1,"c\u006fde":2}"#, r#"{"a":1,"c\u006fde":2}"#),
            (r#"["code"]"#, r#"["code"]"#),
            (r#""text""#, r#""text""#),
            ("null", "null"),
        ] {
            let own = RawValue::from_string(own.to_owned()).unwrap();
            assert_eq!(with_code("c", Some(&own)).unwrap().get(), sent);
        }
        assert_eq!(with_code("a\"b", None).unwrap().get(), r#"{"code":"a\"b"}"#);
    }
}
