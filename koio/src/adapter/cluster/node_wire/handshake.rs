//! The handshake of a socket, as Node's servers describe it to each other.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::error::NodeWireError;
use crate::{adapter::HandshakeView, wire::date_text};

/// Reads a handshake. Keys may be missing, values may be lists, and what has another shape is left out.
pub(super) fn read(value: Option<&RawValue>) -> Result<HandshakeView, NodeWireError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct ReadHandshake {
        headers: Value,
        address: Value,
        secure: Value,
        issued: Value,
        url: Value,
        query: Value,
        auth: Value,
    }
    let read: ReadHandshake = match value {
        Some(value) if value.get().starts_with('{') => serde_json::from_str(value.get())?,
        _ => ReadHandshake::default(),
    };
    Ok(HandshakeView {
        // Node has a list where a header may come more than once, and where a parameter does.
        headers: texts(read.headers, |values| values.join(", ")),
        query: texts(read.query, |mut values| values.pop().unwrap_or_default()),
        address: read.address.as_str().and_then(address),
        secure: read.secure.as_bool().unwrap_or_default(),
        issued: read.issued.as_u64().unwrap_or_default(),
        url: read.url.as_str().unwrap_or_default().to_owned(),
        auth: read.auth,
    })
}

fn texts(object: Value, several: impl Fn(Vec<String>) -> String) -> BTreeMap<String, String> {
    let text = |value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    };
    let Value::Object(object) = object else {
        return BTreeMap::new();
    };
    let entry = |(key, value)| match value {
        Value::Array(values) => Some((key, several(values.into_iter().filter_map(text).collect()))),
        value => Some((key, text(value)?)),
    };
    object.into_iter().filter_map(entry).collect()
}

/// Node says no port.
fn address(text: &str) -> Option<SocketAddr> {
    let ip: IpAddr = text.parse().ok()?;
    Some(SocketAddr::new(ip.to_canonical(), 0))
}

/// The JSON of a handshake, with Node's keys in Node's order.
pub(super) fn write(view: &HandshakeView) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    struct WrittenHandshake<'a> {
        headers: &'a BTreeMap<String, String>,
        time: String,
        address: String,
        xdomain: bool,
        secure: bool,
        issued: u64,
        url: &'a str,
        query: &'a BTreeMap<String, String>,
        auth: &'a Value,
    }
    serde_json::to_vec(&WrittenHandshake {
        headers: &view.headers,
        time: date_text(view.issued),
        address: view
            .address
            .map(|address| address.ip().to_string())
            .unwrap_or_default(),
        xdomain: view.headers.contains_key("origin"),
        secure: view.secure,
        issued: view.issued,
        url: &view.url,
        query: &view.query,
        auth: &view.auth,
    })
}
