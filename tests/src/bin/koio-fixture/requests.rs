//! What the server says about the requests of its clients.

use hyper::http::StatusCode;
use koio::server::{OpeningRequest, Rejection};

/// Refuses who asks for it with `?refuse=<status>`, and lets in everybody else.
pub(crate) async fn refuse_who_asks_for_it(request: OpeningRequest) -> Result<(), Rejection> {
    let Some(status) = request.query("refuse") else {
        return Ok(());
    };
    let status = StatusCode::from_bytes(status.as_bytes())?;
    Err(Rejection::new("not \"you\"").status(status))
}
