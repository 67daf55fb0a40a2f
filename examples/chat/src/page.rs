//! The page, which the binary carries, and the official client beside it if a folder has it.

use bytes::Bytes;
use http::{Request, Response, Result};
use http_body_util::Full;
use std::{collections::HashMap, ffi::OsString, fs, io, path::Path, sync::Arc};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
/// Own scripts, styles and connections, images from blobs, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Every file there is: what is not one of these is looked for nowhere.
#[derive(Clone)]
pub(crate) struct Page(Arc<HashMap<&'static str, (&'static str, Bytes)>>);

impl Page {
    pub(crate) fn load(client_dir: Option<OsString>) -> io::Result<Self> {
        let mut files = HashMap::from([
            ("/", (HTML, include_str!("../page/index.html").into())),
            ("/chat.css", (CSS, include_str!("../page/chat.css").into())),
            ("/chat.js", (SCRIPT, include_str!("../page/chat.js").into())),
            (
                "/client.js",
                (SCRIPT, include_str!("../page/client.js").into()),
            ),
            ("/icon.svg", (SVG, include_str!("../page/icon.svg").into())),
        ]);
        if let Some(dir) = client_dir.filter(|dir| !dir.is_empty()) {
            let path = Path::new(&dir).join("socket.io.min.js");
            let absent = |error| io::Error::other(format!("{}: {error}", path.display()));
            let script = fs::read(&path).map_err(absent)?;
            files.insert("/socket.io.min.js", (SCRIPT, script.into()));
        }
        Ok(Self(Arc::new(files)))
    }

    pub(crate) async fn answer<B>(self, request: Request<B>) -> Result<Response<Full<Bytes>>> {
        let response = Response::builder()
            .header("cache-control", "no-cache")
            .header("content-security-policy", POLICY)
            .header("x-content-type-options", "nosniff");
        match (self.0.get(request.uri().path()), request.method().as_str()) {
            (Some((kind, body)), "GET" | "HEAD") => response
                .header("content-type", *kind)
                .body(body.clone().into()),
            (Some(_), _) => response
                .status(405)
                .header("allow", "GET, HEAD")
                .body(Full::default()),
            (None, _) => response.status(404).body(Full::default()),
        }
    }
}
