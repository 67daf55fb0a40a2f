//! What the requests of one client have in common.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Request, header, request};

use super::host::HOST;

/// The head of each request of a client.
#[derive(Clone, Debug)]
pub(super) struct ClientHead {
    pub(super) path: String,
    /// What the test has added to the query, each with an `&` in front of it.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) peer: SocketAddr,
}

/// A header as a test writes it.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn parse_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    match (
        HeaderName::from_bytes(name.as_bytes()),
        HeaderValue::from_str(value),
    ) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        _ => Err(format!("`{name}: {value}` is no header")),
    }
}

impl ClientHead {
    /// A request to the server. `sid`: the session that it belongs to.
    pub(super) fn request(&self, transport: &str, sid: Option<&str>) -> request::Builder {
        let Self { path, query, .. } = self;
        // tungstenite takes an absolute address, and sends the rest of it.
        let host = match transport {
            "websocket" => format!("ws://{HOST}"),
            _ => String::new(),
        };
        let sid = sid.map(|sid| format!("&sid={sid}")).unwrap_or_default();
        let mut request = Request::builder().uri(format!(
            "{host}{path}/?EIO=4&transport={transport}{query}{sid}"
        ));
        if let Some(headers) = request.headers_mut() {
            headers.insert(header::HOST, HeaderValue::from_static(HOST));
            headers.extend(self.headers.clone());
        }
        request
    }
}
