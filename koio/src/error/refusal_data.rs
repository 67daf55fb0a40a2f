//! The `data` of CONNECT_ERROR, in which a client finds the error's code.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// The program's own data, if Socket.IO 2 can say it: its clients take text, objects and lists, and end the connection for
/// anything else.
pub(super) fn of_2(data: &RawValue) -> Option<Box<RawValue>> {
    let first = data.get().trim_start().bytes().next();
    matches!(first, Some(b'"' | b'{' | b'[')).then(|| data.to_owned())
}

/// `{"code": ..}`; with the program's own data, if that is an object, behind it. A `code` in that, and data that is no
/// object, are the program's business and stay as they are.
pub(super) fn with_code(code: &str, data: Option<&RawValue>) -> Option<Box<RawValue>> {
    let own = data.map_or("{}", RawValue::get);
    let fields = serde_json::from_str::<BTreeMap<String, IgnoredAny>>(own);
    // An error: it is no object.
    if fields.map_or(true, |fields| fields.contains_key("code")) {
        return data.map(ToOwned::to_owned);
    }
    let code = serde_json::to_string(code).ok()?;
    let fields = own.trim_start().strip_prefix('{')?.trim_start();
    let comma = if fields.starts_with('}') { "" } else { "," };
    RawValue::from_string(format!(r#"{{"code":{code}{comma}{fields}"#)).ok()
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
