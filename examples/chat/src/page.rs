//! The page, which the binary carries, and the official client beside it if a folder has it.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use std::{collections::HashMap, ffi::OsString, fs, io, path::Path, sync::Arc};

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
/// Own scripts, styles and connections, images from blobs, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Every file there is: a path that is not one of these is looked for nowhere.
#[derive(Clone)]
pub(crate) struct Page(Arc<HashMap<&'static str, (&'static str, Bytes)>>);

impl Page {
    pub(crate) fn load(client_dir: Option<OsString>) -> io::Result<Self> {
        let embedded = [
            ("/", HTML, include_str!("../page/index.html")),
            (
                "/chat.css",
                "text/css; charset=utf-8",
                include_str!("../page/chat.css"),
            ),
            ("/chat.js", SCRIPT, include_str!("../page/chat.js")),
            ("/client.js", SCRIPT, include_str!("../page/client.js")),
            (
                "/icon.svg",
                "image/svg+xml",
                include_str!("../page/icon.svg"),
            ),
        ];
        let mut files: HashMap<_, _> = embedded
            .into_iter()
            .map(|(path, kind, text)| (path, (kind, Bytes::from(text))))
            .collect();
        if let Some(dir) = client_dir.filter(|dir| !dir.is_empty()) {
            let script = fs::read(Path::new(&dir).join("socket.io.min.js"))?;
            files.insert("/socket.io.min.js", (SCRIPT, script.into()));
        }
        Ok(Self(Arc::new(files)))
    }

    pub(crate) async fn answer<B>(
        self,
        request: Request<B>,
    ) -> http::Result<Response<Full<Bytes>>> {
        let none = |status| (status, "text/plain", Bytes::new());
        let (status, kind, body) = match (self.0.get(request.uri().path()), request.method()) {
            (Some((kind, body)), &Method::GET | &Method::HEAD) => {
                (StatusCode::OK, *kind, body.clone())
            }
            (Some(_), _) => none(StatusCode::METHOD_NOT_ALLOWED),
            (None, _) => none(StatusCode::NOT_FOUND),
        };
        Response::builder()
            .status(status)
            .header(ALLOW, "GET, HEAD")
            .header(CACHE_CONTROL, "no-cache")
            .header(CONTENT_SECURITY_POLICY, POLICY)
            .header(CONTENT_TYPE, kind)
            .header(X_CONTENT_TYPE_OPTIONS, "nosniff")
            .body(Full::new(body))
    }
}
