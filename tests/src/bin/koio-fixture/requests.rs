//! What the server says about the requests of its clients.

use std::time::Duration;

use hyper::http::request::Parts;
use hyper::http::{HeaderMap, HeaderValue, StatusCode};
use koio::config::Cors;
use koio::server::{OpeningRequest, Rejection};

/// Refuses who asks for it with `?refuse=<status>`, and lets in everybody else.
pub(crate) async fn refuse_who_asks_for_it(request: OpeningRequest) -> Result<(), Rejection> {
    let Some(status) = request.query("refuse") else {
        return Ok(());
    };
    let status = StatusCode::from_bytes(status.as_bytes())?;
    Err(Rejection::new("not \"you\"").status(status))
}

/// Pages may send one header of their own, and read one.
pub(crate) fn cors() -> Cors {
    Cors::new()
        .allow_headers(["x-api-key"])
        .expose_headers(["x-served-by"])
        .max_age(Duration::from_secs(600))
}

pub(crate) fn served_by(_: &Parts, headers: &mut HeaderMap) {
    headers.insert("x-served-by", HeaderValue::from_static("the fixture"));
}
