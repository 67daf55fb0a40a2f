//! The grammar of the headers by which a proxy says whose request it passes on: `Forwarded` (RFC 7239) and `X-Forwarded-*`.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use crate::engine::canonical;

/// The headers of a request, whichever way it was read.
pub(crate) trait HeaderLines {
    /// The values of all headers of this name, which is in lower case, in their order.
    fn values(&self, name: &str) -> Vec<&[u8]>;
}

impl HeaderLines for HeaderMap {
    fn values(&self, name: &str) -> Vec<&[u8]> {
        let values = self.get_all(name).iter();
        values.map(|value| value.as_bytes()).collect()
    }
}

/// What one proxy says of the request that it received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hop {
    /// Whom it came from. `None` if that is no address: `unknown`, a name of the proxy's own, or garbage.
    pub(super) client: Option<SocketAddr>,
    /// The host that it asked for.
    pub(super) host: Option<String>,
    /// `http` or `https`.
    pub(super) scheme: Option<String>,
}

/// The hops of `Forwarded`, the first proxy's first.
pub(super) fn hops(headers: &(impl HeaderLines + ?Sized)) -> Vec<Hop> {
    let mut hops = Vec::new();
    for value in headers.values("forwarded") {
        let Ok(value) = std::str::from_utf8(value) else {
            hops.push(Hop::default());
            continue;
        };
        for element in split(value, ',') {
            hops.push(hop(element));
        }
    }
    hops
}

fn hop(element: &str) -> Hop {
    let mut hop = Hop::default();
    for pair in split(element, ';') {
        let Some((name, value)) = pair.split_once('=') else {
            continue;
        };
        let value = unquoted(value.trim());
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => hop.client = address(&value),
            "host" => hop.host = Some(value),
            "proto" => hop.scheme = scheme(&value),
            _ => {}
        }
    }
    hop
}

/// The addresses of `X-Forwarded-For`, the client's first.
pub(super) fn addresses(headers: &(impl HeaderLines + ?Sized)) -> Vec<Option<SocketAddr>> {
    let mut all = Vec::new();
    for value in headers.values("x-forwarded-for") {
        match std::str::from_utf8(value) {
            Ok(value) => all.extend(value.split(',').map(address)),
            Err(_) => all.push(None),
        }
    }
    all
}

/// The first value of a list: what the proxy that the client spoke to has written.
pub(super) fn first(headers: &(impl HeaderLines + ?Sized), name: &str) -> Option<String> {
    let values = headers.values(name);
    let value = std::str::from_utf8(values.first()?).ok()?;
    let first = value.split(',').next().unwrap_or_default().trim();
    (!first.is_empty()).then(|| first.to_owned())
}

/// `http` or `https`. Traefik writes the scheme of a WebSocket as `ws` or `wss`.
pub(super) fn scheme(text: &str) -> Option<String> {
    let scheme = match text.to_ascii_lowercase().as_str() {
        "http" | "ws" => "http",
        "https" | "wss" => "https",
        _ => return None,
    };
    Some(scheme.to_owned())
}

/// An address, with a port or without one (0), as any of the headers may spell it.
fn address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let address = if let Ok(address) = text.parse::<IpAddr>() {
        SocketAddr::new(address, 0)
    } else if let Ok(address) = text.parse::<SocketAddr>() {
        address
    } else {
        // `[2001:db8::1]`, or a port that is a name of the proxy's own (`_http`).
        let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (address, port) = bracketed.or_else(|| text.split_once(':'))?;
        let port = port.strip_prefix(':').unwrap_or(port);
        if !(port.is_empty() || port.starts_with('_')) {
            return None;
        }
        SocketAddr::new(address.parse().ok()?, 0)
    };
    Some(canonical(address))
}

/// Splits at a separator that is in no quoted string. Parts without content are left out.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(move |letter: char| {
        if escaped {
            escaped = false;
            return false;
        }
        match letter {
            '"' => quoted = !quoted,
            '\\' if quoted => escaped = true,
            _ => {}
        }
        letter == separator && !quoted
    });
    let parts = parts.map(str::trim);
    parts.filter(|part| !part.is_empty()).collect()
}

/// The content of a token or a quoted string.
fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let Some(inner) = inner else {
        return text.to_owned();
    };
    let mut content = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => content.extend(letters.next()),
            letter => content.push(letter),
        }
    }
    content
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn an_address_is_read_in_each_of_its_spellings() {
        for (text, expected) in [
            ("192.0.2.43", Some("192.0.2.43:0")),
            (" 192.0.2.43:47011 ", Some("192.0.2.43:47011")),
            ("192.0.2.43:_http", Some("192.0.2.43:0")),
            ("2001:db8::1", Some("[2001:db8::1]:0")),
            ("[2001:db8::1]", Some("[2001:db8::1]:0")),
            ("[2001:db8::1]:4711", Some("[2001:db8::1]:4711")),
            ("[2001:db8::1]:_x", Some("[2001:db8::1]:0")),
            ("::ffff:10.1.2.3", Some("10.1.2.3:0")),
            ("[::ffff:10.1.2.3]:80", Some("10.1.2.3:80")),
            ("unknown", None),
            ("_hidden", None),
            ("", None),
            ("192.0.2.43:99999", None),
            ("192.0.2.43:80:80", None),
            ("[2001:db8::1", None),
            ("[2001:db8::1]x", None),
            ("chat.example", None),
            ("192.0.2.256", None),
        ] {
            let expected = expected.map(|it: &str| it.parse().unwrap());
            assert_eq!(address(text), expected, "{text}");
        }
    }

    #[test]
    fn forwarded_is_read_with_its_quotes_lists_and_several_headers() {
        let hop = |client: &str, host: Option<&str>, scheme: Option<&str>| Hop {
            client: client.parse().ok(),
            host: host.map(str::to_owned),
            scheme: scheme.map(str::to_owned),
        };
        let headers = headers(
            "forwarded",
            &[
                r#"For="[2001:db8::1]:4711";Proto=HTTPS;host="chat.example:8443";by=_a, for=192.0.2.43"#,
                r#"for=unknown;host="a\",b\\c";proto=gopher,,"#,
                r#"for="192.0.2.1"#,
            ],
        );
        assert_eq!(
            hops(&headers),
            [
                hop(
                    "[2001:db8::1]:4711",
                    Some("chat.example:8443"),
                    Some("https")
                ),
                hop("192.0.2.43:0", None, None),
                hop("", Some(r#"a",b\c"#), None),
                hop("", None, None),
            ]
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_an_unknown_client() {
        let mut headers = headers("x-forwarded-for", &["192.0.2.1"]);
        let garbage = HeaderValue::from_bytes(b"\xff\xfe").unwrap();
        headers.append("x-forwarded-for", garbage.clone());
        headers.append("forwarded", garbage);
        let known = "192.0.2.1:0".parse().ok();
        assert_eq!(addresses(&headers), [known, None]);
        assert_eq!(hops(&headers), [Hop::default()]);
    }

    #[test]
    fn no_text_is_too_strange_to_be_read() {
        let letters = "for=\"[]:;,\\ host_1.f%\t\u{e9}x";
        let letters: Vec<char> = letters.chars().collect();
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..100_000 {
            let length = random.usize(..40);
            let text: String = (0..length)
                .map(|_| letters[random.usize(..letters.len())])
                .collect();
            let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) else {
                continue;
            };
            let mut headers = HeaderMap::new();
            headers.append("forwarded", value.clone());
            headers.append("x-forwarded-for", value);
            // Neither panics, and each element says something of its own.
            assert!(hops(&headers).len() <= length + 1);
            assert!(addresses(&headers).len() <= length + 1);
        }
    }
}
