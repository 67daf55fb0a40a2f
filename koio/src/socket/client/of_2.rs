//! What is kept of a client of Socket.IO 2, and the query that it writes behind the name of a namespace.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// What only such a client has.
#[derive(Clone, Copy, Default)]
pub(super) struct ClientOf2 {
    /// It was put into `/`.
    pub(super) is_in_root: bool,
}

/// The name of a namespace without the query behind it.
pub(super) fn without_query(namespace: &str) -> &str {
    namespace.split('?').next().unwrap_or_default()
}

/// The parameters of a query as JSON: text, and a list of texts for one that is there more than once. Empty without any.
pub(super) fn auth_of(query: &str) -> Cow<'static, str> {
    let mut auth = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = Value::String(value.into_owned());
        match auth.get_mut(&*name) {
            None => _ = auth.insert(name.into_owned(), value),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    if auth.is_empty() {
        return "".into();
    }
    Value::Object(auth).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_becomes_the_auth_payload() {
        for (namespace, name, auth) in [
            ("/chat", "/chat", ""),
            ("/chat?", "/chat", ""),
            ("/chat?token=a%20b+c", "/chat", r#"{"token":"a b c"}"#),
            ("/?a=1&b", "/", r#"{"a":"1","b":""}"#),
            ("/x?a=1&a=2&a=3&b=?", "/x", r#"{"a":["1","2","3"],"b":"?"}"#),
            (r#"/x?"=%22"#, "/x", r#"{"\"":"\""}"#),
        ] {
            assert_eq!(without_query(namespace), name);
            let query = namespace.get(name.len() + 1..).unwrap_or_default();
            assert_eq!(auth_of(query), auth, "{namespace}");
        }
    }
}
