//! The longer lines for the operator about a refused request.

use std::fmt;

use http::{
    HeaderValue, Version,
    header::{CONNECTION, ORIGIN, UPGRADE},
};

use super::{origin::Origins, refusal::RefusalHint};

/// How nginx passes an upgrade on.
const PASS_UPGRADE: &str = "nginx: `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";`";

impl RefusalHint<'_> {
    pub(super) fn missing_upgrade(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = self.request;
        if request.version == Version::HTTP_2 {
            return write!(
                f,
                "a WebSocket over HTTP/2 is an extended CONNECT (RFC 8441), and this is a {}. Let the server in front speak HTTP/1.1 to koio",
                request.method
            );
        }
        match (request.header(UPGRADE), request.header(CONNECTION)) {
            (None, _) => write!(
                f,
                "`transport=websocket` without an `Upgrade` header. Does a proxy remove it? {PASS_UPGRADE}"
            ),
            (Some(upgrade), _) if !upgrade.to_ascii_lowercase().contains("websocket") => {
                write!(f, "`Upgrade: {upgrade}` does not name websocket")
            }
            (Some(_), connection) => write!(
                f,
                "`Connection: {}` does not name the upgrade. Does a proxy replace it? {PASS_UPGRADE}",
                connection.unwrap_or_default()
            ),
        }
    }

    pub(super) fn foreign_origin(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = self.request;
        let origins = request.headers.get_all(ORIGIN).iter().count();
        let length = request.headers.get(ORIGIN).map_or(0, HeaderValue::len);
        let Some(origin) = request.header(ORIGIN).filter(|_| origins == 1) else {
            return write!(
                f,
                "of {origins} `Origin` headers none can be trusted: a browser sends one, in ASCII"
            );
        };
        let scheme = request.forwarded.scheme.as_deref();
        match request.host() {
            Some(host) => match scheme {
                // A host alone would look the same, where a proxy says the wrong scheme.
                Some(scheme) => write!(
                    f,
                    "a page of {origin} is not of {scheme}://{host}, as a trusted proxy names it. "
                )?,
                None => write!(f, "a page of {origin} is not of the host {host}. ")?,
            },
            None => write!(
                f,
                "a page of {origin}, and the request has no `Host` header, or several. "
            )?,
        }
        if length > origin.len() {
            return write!(
                f,
                "The origin has {length} bytes, and this is its beginning: that of a page has a scheme, a name of at most 253 \
                 bytes and a port"
            );
        }
        match Origins::default().allow(origin) {
            Ok(()) => write!(f, "If it may connect: `.allow_origin({origin:?})`")?,
            Err(why) => write!(f, "`allow_origin` does not take it: {why}")?,
        }
        f.write_str(
            ". If it is a page of this server, a proxy in front has changed `Host` (nginx: `proxy_set_header Host $http_host;`)",
        )
    }
}
