//! From a request for a WebSocket to the session that gets it.

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response,
    header::{
        SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    },
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::{rt::TokioIo, server::conn::auto};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tracing::debug;

use super::{Body, HttpStream, refusal::Refusal, request};
use crate::{
    engine::{Admission, Engine, Opening, transport::Transport},
    ids::Sid,
    transport::{
        AnyStream,
        tcp::{ByteStream, Tcp},
        websocket::{Agreed, WebSocketTransport, negotiate},
    },
    wire::Revision,
};

/// The session that gets a WebSocket.
pub(super) enum WebSocketFor {
    New(Box<(Admission, Opening)>),
    /// It upgrades from polling.
    Existing(Sid),
}

/// Waits for the connection behind a 101 and gives it to a session. The task ends then, so nothing of the HTTP request
/// outlives the upgrade.
pub(super) async fn connect(
    engine: Engine,
    upgrading: OnUpgrade,
    agreed: Option<Agreed>,
    session: WebSocketFor,
) {
    let connection = match upgrading.await {
        Ok(connection) => connection,
        Err(error) => {
            debug!(%error, "websocket upgrade did not complete");
            return;
        }
    };
    match session {
        WebSocketFor::New(new) => {
            let (admission, opening) = *new;
            let websocket = websocket(connection, agreed, &engine, opening.revision);
            // Refused only while shutting down. The client sees the connection close, and reconnects.
            let _ = engine.open_admitted(admission, opening, websocket);
        }
        WebSocketFor::Existing(sid) => {
            if let Some(session) = engine.get(&sid) {
                let websocket = websocket(connection, agreed, &engine, session.revision());
                let _ = session.probe(websocket);
            }
        }
    }
}

/// Finds the TCP connection within hyper's, to read and write the socket itself. Emitters can write to a bare TCP
/// connection without waking the session's task.
fn websocket(
    connection: Upgraded,
    agreed: Option<Agreed>,
    engine: &Engine,
    revision: Revision,
) -> Box<dyn Transport> {
    let over = Handshaken {
        agreed,
        engine,
        revision,
    };
    let taken = match connection.downcast::<TokioIo<HttpStream>>() {
        Ok(parts) => {
            let (unread, stream) = parts.io.into_inner().into_parts();
            let mut all = BytesMut::from(parts.read_buf);
            all.extend_from_slice(&unread);
            let unread = all.freeze();
            match stream {
                AnyStream::Tcp(tcp) => Ok((tcp, unread)),
                AnyStream::Other(stream) => {
                    return over.stream(stream, &unread);
                }
            }
        }
        // The connection of a server on hyper-util, such as axum's; then that of hyper's own server.
        Err(connection) => match auto::upgrade::downcast::<TokioIo<TcpStream>>(connection) {
            Ok(parts) => Ok((Tcp::from(parts.io.into_inner()), parts.read_buf)),
            Err(connection) => connection
                .downcast::<TokioIo<TcpStream>>()
                .map(|parts| (Tcp::from(parts.io.into_inner()), parts.read_buf)),
        },
    };
    match taken {
        Ok((tcp, unread)) => over.stream(tcp, &unread),
        // TLS, or another stream type.
        Err(connection) => over.stream(TokioIo::new(connection), &Bytes::new()),
    }
}

/// What is known of a WebSocket when its handshake is over.
struct Handshaken<'a> {
    agreed: Option<Agreed>,
    engine: &'a Engine,
    /// The one that the client speaks.
    revision: Revision,
}

impl Handshaken<'_> {
    fn stream<S: ByteStream + 'static>(self, stream: S, unread: &Bytes) -> Box<dyn Transport> {
        let websocket = WebSocketTransport::new(stream, unread, self.engine.config());
        let mut websocket = websocket.agreed(self.agreed);
        websocket.speak(self.revision);
        Box::new(websocket)
    }
}

/// Agrees on an extension, and says so in the response to the handshake.
pub(super) fn agree(
    request: &HeaderMap,
    response: &mut HeaderMap,
    engine: &Engine,
) -> Option<Agreed> {
    let settings = engine.config().deflate()?;
    let lines = request.get_all(SEC_WEBSOCKET_EXTENSIONS).into_iter();
    let agreed = negotiate(lines.map(HeaderValue::as_bytes), settings.window())?;
    let answer = HeaderValue::from_str(&agreed.answer()).ok()?;
    response.insert(SEC_WEBSOCKET_EXTENSIONS, answer);
    Some(agreed)
}

/// The response to the handshake of a WebSocket (RFC 6455 section 4.2).
pub(super) fn switching_protocols<B>(request: &Request<B>) -> Result<Response<Body>, Refusal> {
    if request.method() != Method::GET {
        return Err(Refusal::UpgradeMethod);
    }
    let version = request.headers().get(SEC_WEBSOCKET_VERSION);
    if version.is_none_or(|version| version != "13") {
        return Err(Refusal::WebSocketVersion);
    }
    let key = request.headers().get(SEC_WEBSOCKET_KEY);
    if key.is_none_or(|key| !request::is_good_key(key.as_bytes())) {
        return Err(Refusal::WebSocketKey);
    }
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    let mut response =
        create_response_with_body(&head, Body::empty).map_err(|_| Refusal::NoUpgrade)?;
    echo_protocol(request.headers(), response.headers_mut());
    Ok(response)
}

/// Echoes the first subprotocol that the client offers: some clients hang up without an answer.
pub(super) fn echo_protocol(request: &HeaderMap, response: &mut HeaderMap) {
    let offered = request
        .get(SEC_WEBSOCKET_PROTOCOL)
        .and_then(|offered| offered.to_str().ok()?.split(',').next())
        .and_then(|first| HeaderValue::from_str(first.trim()).ok());
    if let Some(offered) = offered {
        response.insert(SEC_WEBSOCKET_PROTOCOL, offered);
    }
}
