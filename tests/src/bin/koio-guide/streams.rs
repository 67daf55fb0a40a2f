//! Server-sent events: as a transport, and for everybody else.

use koio::{Io, config::ClientFiles, js};

// With `ClientFiles::from_dir("node_modules/socket.io/client-dist")`.
pub(crate) fn with_streams(io: Io, files: ClientFiles) -> Io {
    io.config(|config| config.engine.event_source = true)
        .serve_client(files.file("transports.mjs", js::TRANSPORTS.as_bytes()))
}

use http::StatusCode;
use koio::server::{OpeningRequest, Rejection};

pub(crate) fn with_news(io: Io) -> Io {
    io.event_source("/news", |request: OpeningRequest| async move {
        match request.query("token").as_deref() {
            Some("secret") => Ok(["news", "sport"]), // rooms of `/`
            _ => Err(Rejection::new("a token, please").status(StatusCode::UNAUTHORIZED)),
        }
    })
}
