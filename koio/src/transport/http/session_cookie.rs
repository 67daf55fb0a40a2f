//! The cookie that a balancer may know a session by.

use std::fmt;

use http::HeaderValue;

use crate::ids::Sid;

/// A cookie with the id of the session, set by the answer to a handshake over long-polling: a balancer that reads it sends all
/// requests of a session to one server. See [`Io::cookie`](crate::Io::cookie).
///
/// ```
/// use koio::config::SessionCookie;
///
/// // For pages of another site, which must be served over TLS.
/// let cookie = SessionCookie::new("io").attributes("Path=/; HttpOnly; Secure; SameSite=None");
/// let io = koio::Io::new().cookie(cookie);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCookie {
    name: String,
    attributes: String,
}

/// Why a cookie can't be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCookie(&'static str);

impl fmt::Display for BadCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadCookie {}

impl SessionCookie {
    /// A cookie of this name, with the attributes that Socket.IO gives it: `Path=/; HttpOnly; SameSite=Lax`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            attributes: "Path=/; HttpOnly; SameSite=Lax".to_owned(),
        }
    }

    /// Other attributes, as they stand in a `Set-Cookie` header behind the value. Leave `HttpOnly` in: the id is a secret of
    /// its client.
    #[must_use]
    pub fn attributes(mut self, attributes: impl Into<String>) -> Self {
        self.attributes = attributes.into();
        self
    }

    /// Checks that it is a cookie (RFC 6265 section 4.1.1).
    pub(crate) fn check(&self) -> Result<(), BadCookie> {
        let in_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if self.name.is_empty() || !self.name.bytes().all(in_token) {
            return Err(BadCookie(
                "its name is empty, or has more than letters, digits and `!#$%&'*+-.^_`|~` in it",
            ));
        }
        let in_attributes = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        if !self.attributes.bytes().all(in_attributes) || self.attributes.starts_with(';') {
            return Err(BadCookie(
                "its attributes are none: `Path=/; HttpOnly; SameSite=Lax`, for example",
            ));
        }
        Ok(())
    }

    /// The value of the header.
    pub(super) fn header(&self, sid: &Sid) -> Option<HeaderValue> {
        let Self { name, attributes } = self;
        let border = if attributes.is_empty() { "" } else { "; " };
        let text = format!("{name}={}{border}{attributes}", sid.expose());
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl<N: Into<String>> From<N> for SessionCookie {
    fn from(name: N) -> Self {
        Self::new(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_has_the_name_the_id_and_the_attributes() {
        let sid = Sid::random().unwrap();
        let header = |cookie: SessionCookie| {
            assert_eq!(cookie.check(), Ok(()));
            let header = cookie.header(&sid).unwrap();
            header.to_str().unwrap().replace(sid.expose(), "SID")
        };
        let cookie = SessionCookie::new("io");
        assert_eq!(
            header(cookie.clone()),
            "io=SID; Path=/; HttpOnly; SameSite=Lax"
        );
        assert_eq!(header(cookie.attributes("")), "io=SID");
    }

    #[test]
    fn what_is_no_cookie_is_refused() {
        for name in ["", "a b", "a;b", "a=b", "\u{e9}", "a\r\nb"] {
            assert!(SessionCookie::new(name).check().is_err(), "{name}");
        }
        for attributes in ["Path=/\r\nx: y", "; Path=/", "Path=\u{e9}"] {
            let cookie = SessionCookie::new("io").attributes(attributes);
            assert!(cookie.check().is_err(), "{attributes}");
        }
    }
}
