//! What an Engine.IO request asks for.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, Method, Version, header};
use memchr::{memchr, memchr2};

use super::refusal::Refusal;
use crate::{
    engine::{EngineConfig, TransportKind},
    ids::Sid,
    wire::Revision,
};

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RequestIntent {
    /// A new session.
    Open(TransportKind, Revision),
    /// A request of a session: a poll, a stream or a POST, or an upgrade if the transport is WebSocket.
    Session(Sid, TransportKind),
    /// A poll that is answered at once (`wait=0`), if only with a noop.
    ShortPoll(Sid),
}

/// The query parameters of the protocol.
#[derive(Default)]
struct EngineQuery<'a> {
    version: Option<Cow<'a, [u8]>>,
    transport: Option<Cow<'a, [u8]>>,
    sid: Option<Cow<'a, [u8]>>,
    /// One of these that is given twice, with different values.
    ambiguous: Option<&'static str>,
    /// `j`, a number: what JSONP adds, or a parameter of the application's own.
    jsonp_index: bool,
    /// `b64`, which a client without binary data adds.
    base64: bool,
    /// `wait=0`: a poll is not to wait for packets.
    at_once: bool,
}

impl<'a> EngineQuery<'a> {
    /// Splits a query without escapes itself, as clients send it: `form_urlencoded` decodes byte by byte, which is 14 %
    /// of the row `connect-polling` of `koio/benches/instructions`.
    fn parse(query: &'a [u8]) -> Self {
        let mut parsed = Self::default();
        if memchr2(b'%', b'+', query).is_some() {
            for (name, value) in form_urlencoded::parse(query) {
                parsed.set(name.as_bytes(), || match value {
                    Cow::Borrowed(value) => Cow::Borrowed(value.as_bytes()),
                    Cow::Owned(value) => Cow::Owned(value.into_bytes()),
                });
            }
            return parsed;
        }
        let mut rest = query;
        while !rest.is_empty() {
            let (pair, behind) = split_at_byte(rest, b'&');
            let (name, value) = split_at_byte(pair, b'=');
            parsed.set(name, || Cow::Borrowed(value));
            rest = behind;
        }
        parsed
    }

    fn set(&mut self, name: &[u8], value: impl FnOnce() -> Cow<'a, [u8]>) {
        let (parameter, name) = match name {
            b"EIO" => (&mut self.version, "EIO"),
            b"transport" => (&mut self.transport, "transport"),
            b"sid" => (&mut self.sid, "sid"),
            b"j" => {
                let value = value();
                self.jsonp_index = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
                return;
            }
            b"b64" => {
                self.base64 = true;
                return;
            }
            b"wait" => {
                self.at_once = *value() == *b"0";
                return;
            }
            _ => return,
        };
        let value = value();
        if let Some(before) = parameter
            && *before != value
        {
            self.ambiguous.get_or_insert(name);
        }
        *parameter = Some(value);
    }
}

/// Splits `text` at the first `byte`, which is in neither half.
fn split_at_byte(text: &[u8], byte: u8) -> (&[u8], &[u8]) {
    let at = memchr(byte, text).unwrap_or(text.len());
    let (before, behind) = text.split_at_checked(at).unwrap_or_default();
    (before, behind.get(1..).unwrap_or_default())
}

/// What a request asks its connection to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestUpgrade {
    None,
    /// A WebSocket, by the `Upgrade` and `Connection` headers.
    WebSocket,
    /// A WebSocket on this stream of an HTTP/2 connection (RFC 8441).
    WebSocketStream,
}

impl RequestUpgrade {
    pub(crate) fn is_websocket(self) -> bool {
        self != Self::None
    }

    /// Whether it is what this transport needs.
    fn check(self, transport: TransportKind) -> Result<(), Refusal> {
        match (self.is_websocket(), transport == TransportKind::WebSocket) {
            (false, true) => Err(Refusal::NoUpgrade),
            (true, false) => Err(Refusal::UpgradedPoll),
            _ => Ok(()),
        }
    }
}

/// The upgrade that a request asks for.
///
/// A CONNECT of HTTP/2 that names a path is an extended one, since any other has none. Its `:protocol` is known to hyper's
/// feature `http2` only, which koio does not need otherwise; of the protocols that there are only WebSocket has this header.
pub(crate) fn upgrade_of(method: &Method, version: Version, headers: &HeaderMap) -> RequestUpgrade {
    if version == Version::HTTP_2 {
        let websocket = headers.get(header::SEC_WEBSOCKET_VERSION);
        let is_websocket = websocket.is_some_and(|version| version == "13");
        return if method == Method::CONNECT && is_websocket {
            RequestUpgrade::WebSocketStream
        } else {
            RequestUpgrade::None
        };
    }
    let has = |name, word: &str| {
        headers.get_all(name).iter().any(|value| {
            value.to_str().is_ok_and(|value| {
                value
                    .split(',')
                    .any(|part| part.trim().eq_ignore_ascii_case(word))
            })
        })
    };
    // `Upgrade` first: polls do not have it.
    if has(header::UPGRADE, "websocket") && has(header::CONNECTION, "upgrade") {
        RequestUpgrade::WebSocket
    } else {
        RequestUpgrade::None
    }
}

/// Whether the key is 16 bytes in base64 (RFC 6455 section 4.1), which tungstenite does not check.
pub(crate) fn is_good_key(key: &[u8]) -> bool {
    // 24 characters decode to at most 18 bytes.
    let mut decoded = [0; 18];
    matches!(STANDARD.decode_slice(key, &mut decoded), Ok(16))
}

/// Judges a request by its head. The checks are in the order of the reference implementation.
pub(crate) fn judge(
    method: &Method,
    query: &[u8],
    upgrade: RequestUpgrade,
    config: &EngineConfig,
) -> Result<RequestIntent, Refusal> {
    let query = EngineQuery::parse(query);
    let transport = match query.transport.as_deref() {
        Some(b"polling") => TransportKind::Polling,
        Some(b"websocket") => TransportKind::WebSocket,
        Some(b"eventsource") => TransportKind::EventSource,
        _ => return Err(Refusal::TransportUnknown),
    };
    if !transport.is_enabled(config) {
        return Err(Refusal::TransportOff(transport));
    }
    // Proxies and servers may read different ones of two values.
    if let Some(parameter) = query.ambiguous {
        return Err(Refusal::Ambiguous(parameter));
    }
    // Some clients write an empty one when they have none, and the reference takes it so.
    if let Some(sid) = query.sid.filter(|sid| !sid.is_empty()) {
        let sid = Sid::read(&sid).ok_or(Refusal::SessionUnknown(None))?;
        // A proxy that strips the `Upgrade` header fails here.
        upgrade.check(transport)?;
        if query.at_once && transport == TransportKind::Polling && method == Method::GET {
            return Ok(RequestIntent::ShortPoll(sid));
        }
        return Ok(RequestIntent::Session(sid, transport));
    }
    if method != Method::GET && upgrade != RequestUpgrade::WebSocketStream {
        return Err(Refusal::BadHandshakeMethod);
    }
    upgrade.check(transport)?;
    let revision = match query.version.as_deref() {
        Some(b"4") => Revision::Four,
        // As in the reference, whatever the query says. koio's own transport has no older revision.
        _ if config.allow_eio3 && transport != TransportKind::EventSource => Revision::Three {
            base64: query.base64,
        },
        _ => return Err(Refusal::UnsupportedVersion),
    };
    // JSONP sends both with every request, and runs the answer as a script: koio writes none.
    if query.jsonp_index && query.base64 {
        return Err(Refusal::Jsonp);
    }
    Ok(RequestIntent::Open(transport, revision))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "abcdefghijklmnopqrstuvwxyz012345";

    use RequestUpgrade::{None as Plain, WebSocket};

    fn ask(
        method: &Method,
        query: &str,
        upgrade: RequestUpgrade,
    ) -> Result<RequestIntent, Refusal> {
        judge(method, query.as_bytes(), upgrade, &EngineConfig::default())
    }

    fn get(query: &str) -> Result<RequestIntent, Refusal> {
        ask(&Method::GET, query, Plain)
    }

    #[test]
    fn a_handshake_names_its_version_and_transport() {
        assert_eq!(
            get("EIO=4&transport=polling"),
            Ok(RequestIntent::Open(TransportKind::Polling, Revision::Four))
        );
        assert_eq!(
            ask(&Method::GET, "EIO=4&transport=websocket&t=abc", WebSocket),
            Ok(RequestIntent::Open(
                TransportKind::WebSocket,
                Revision::Four
            ))
        );
    }

    #[test]
    fn unknown_transports_are_refused_first() {
        for query in [
            "",
            "EIO=4",
            "EIO=4&transport=",
            "EIO=4&transport=abc",
            "EIO=4&transport=constructor",
            "EIO=4&transport=__proto__",
            "EIO=4&transport=webtransport",
            "transport=foo&sid=x",
        ] {
            assert_eq!(get(query), Err(Refusal::TransportUnknown), "{query}");
        }
    }

    #[test]
    fn other_versions_are_refused() {
        for query in ["", "EIO=3&", "EIO=abc&", "EIO=44&", "EIO=&"] {
            let query = format!("{query}transport=polling");
            assert_eq!(get(&query), Err(Refusal::UnsupportedVersion), "{query}");
        }
    }

    #[test]
    fn a_handshake_is_a_get() {
        for method in [Method::POST, Method::PUT, Method::OPTIONS] {
            assert_eq!(
                ask(&method, "EIO=4&transport=polling", Plain),
                Err(Refusal::BadHandshakeMethod)
            );
        }
    }

    #[test]
    fn a_websocket_needs_an_upgrade_and_a_poll_is_none() {
        for (query, upgrade) in [
            ("EIO=4&transport=websocket", Plain),
            ("EIO=4&transport=polling", WebSocket),
        ] {
            let refusal = if upgrade == Plain {
                Refusal::NoUpgrade
            } else {
                Refusal::UpgradedPoll
            };
            assert_eq!(ask(&Method::GET, query, upgrade), Err(refusal));
            let query = format!("{query}&sid={SID}");
            assert_eq!(ask(&Method::GET, &query, upgrade), Err(refusal));
        }
    }

    #[test]
    fn a_session_id_without_the_shape_of_one_is_unknown() {
        for sid in ["x", "__proto__", "..%2f"] {
            let query = format!("EIO=4&transport=polling&sid={sid}");
            assert_eq!(get(&query), Err(Refusal::SessionUnknown(None)), "{sid}");
        }
    }

    #[test]
    fn an_escaped_parameter_is_read_like_any_other() {
        assert_eq!(
            get("E%49O=4&%74ransport=p%6Flling&x=a+b"),
            Ok(RequestIntent::Open(TransportKind::Polling, Revision::Four))
        );
        assert_eq!(
            get("&&EIO=4&transport=polling&"),
            Ok(RequestIntent::Open(TransportKind::Polling, Revision::Four))
        );
    }

    #[test]
    fn ambiguous_queries_are_refused() {
        for (query, parameter) in [
            ("EIO=4&EIO=3&transport=polling", "EIO"),
            ("EIO=4&transport=polling&transport=websocket", "transport"),
            ("EIO=4&transport=polling&sid=a&sid=b", "sid"),
        ] {
            assert_eq!(get(query), Err(Refusal::Ambiguous(parameter)), "{query}");
        }
        let jsonp = get("EIO=4&transport=polling&j=1&b64=1");
        assert_eq!(jsonp, Err(Refusal::Jsonp));
        let older = get("EIO=3&transport=polling&j=1&b64=1");
        assert_eq!(older, Err(Refusal::UnsupportedVersion));
    }

    #[test]
    fn queries_that_mean_one_thing_only_are_taken() {
        for query in [
            "EIO=4&transport=polling&EIO=4",
            "EIO=4&EIO=%34&transport=polling&transport=polling",
            "EIO=4&transport=polling&sid=",
            "EIO=4&transport=polling&sid",
            "EIO=4&transport=polling&j=1",
            "EIO=4&transport=polling&j=a&b64=1",
            "EIO=4&transport=polling&b64=1&b64=0&t=1&t=2",
        ] {
            let open = Ok(RequestIntent::Open(TransportKind::Polling, Revision::Four));
            assert_eq!(get(query), open, "{query}");
        }
        let twice = format!("EIO=4&transport=polling&sid={SID}&sid={SID}");
        let session =
            RequestIntent::Session(Sid::read(SID.as_bytes()).unwrap(), TransportKind::Polling);
        assert_eq!(get(&twice), Ok(session));
    }
}
