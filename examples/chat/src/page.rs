//! The page, which the binary carries.

use bytes::Bytes;
use http::{Request, Response, Result};
use http_body_util::Full;
use std::{collections::HashMap, sync::Arc};

/// Own scripts, styles and connections, images from blobs, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

macro_rules! files {
    ($($name:literal)*) => { [$((concat!("/", $name), include_str!(concat!("../page/", $name)))),*] };
}

/// Every file there is: what is not one of these is looked for nowhere.
#[derive(Clone)]
pub(crate) struct Page(Arc<HashMap<&'static str, Bytes>>);

impl Page {
    pub(crate) fn load() -> Self {
        let embedded = files!["index.html" "icon.svg" "base.css" "chat.css" "messages.css" "frames.css" "ways.css"
            "attention.js" "chat.js" "client.js" "composer.js" "connection.js" "conversations.js"
            "elements.js" "frame.js" "frames.js" "images.js" "log.js" "message.js" "outbox.js"
            "sidebar.js" "store.js" "ways.js" "windows.js"];
        let files: HashMap<_, _> = embedded.map(|(path, text)| (path, text.into())).into();
        Self(Arc::new(files))
    }

    pub(crate) async fn answer<B>(self, request: Request<B>) -> Result<Response<Full<Bytes>>> {
        let path = match request.uri().path() {
            "/" => "/index.html",
            path => path,
        };
        let response = Response::builder()
            .header("cache-control", "no-cache")
            .header("content-security-policy", POLICY)
            .header("x-content-type-options", "nosniff");
        match (self.0.get(path), request.method().as_str()) {
            (Some(body), "GET" | "HEAD") => response
                .header("content-type", kind(path))
                .body(body.clone().into()),
            (Some(_), _) => response
                .status(405)
                .header("allow", "GET, HEAD")
                .body(Full::default()),
            (None, _) => response.status(404).body(Full::default()),
        }
    }
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/html; charset=utf-8",
    }
}
