//! All arguments of an answer as one value.

use serde::de::DeserializeOwned;

use crate::{Error, Result, wire::RawArgs};

/// The arguments of an answer as a list.
pub(super) fn all_values<T: DeserializeOwned>(args: &RawArgs) -> Result<T> {
    let json = args.json();
    let mut list = Vec::with_capacity(json.len() + 4);
    list.extend_from_slice(b"[[");
    list.extend_from_slice(json);
    list.extend_from_slice(b"]]");
    let unread = |why: &dyn std::fmt::Display| {
        Error::bad_request(format!("the client's answer: {why}")).hide()
    };
    let list = RawArgs::from_list(list, args.attachments().to_vec());
    let list = list.map_err(|error| unread(&error))?;
    let value = list.reader().next_or_null();
    value.map_err(|error| unread(&error))
}
