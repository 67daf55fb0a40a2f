//! All arguments of an answer as one value.

use serde::de::DeserializeOwned;

use super::read::{first_argument, misfit};
use crate::{Result, wire::RawArgs};

/// The arguments of an answer as a list.
pub(super) fn all_values<T: DeserializeOwned>(args: &RawArgs) -> Result<T> {
    let json = args.json();
    let mut list = Vec::with_capacity(json.len() + 4);
    list.extend_from_slice(b"[[");
    list.extend_from_slice(json);
    list.extend_from_slice(b"]]");
    let list = RawArgs::from_list(list, args.attachments().to_vec());
    first_argument(&list.map_err(|error| misfit("client", &error))?)
}
