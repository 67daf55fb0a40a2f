//! Headers that the program adds to an answer.

use http::{
    HeaderMap, HeaderName,
    header::{
        CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT,
        SEC_WEBSOCKET_EXTENSIONS, SET_COOKIE, TRANSFER_ENCODING, UPGRADE, VARY,
    },
};

/// Headers that say how an answer is read. They are koio's.
fn is_fixed(name: &HeaderName) -> bool {
    [
        CONNECTION,
        CONTENT_ENCODING,
        CONTENT_LENGTH,
        CONTENT_TYPE,
        SEC_WEBSOCKET_ACCEPT,
        SEC_WEBSOCKET_EXTENSIONS,
        TRANSFER_ENCODING,
        UPGRADE,
    ]
    .contains(name)
}

/// Adds headers of the program's to an answer.
pub(super) fn add_own_headers(own: &HeaderMap, answer: &mut HeaderMap) {
    let is_list = |name: &HeaderName| *name == SET_COOKIE || *name == VARY;
    for name in own.keys().filter(|name| !is_list(name) && !is_fixed(name)) {
        answer.remove(name);
    }
    for (name, value) in own.iter().filter(|(name, _)| !is_fixed(name)) {
        answer.append(name, value.clone());
    }
}
