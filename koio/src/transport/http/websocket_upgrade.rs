//! From a request for a WebSocket to the session that gets it.

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response,
    header::{SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION},
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
        websocket::WebSocketTransport,
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
pub(super) async fn connect(engine: Engine, upgrading: OnUpgrade, session: WebSocketFor) {
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
            let websocket = websocket(connection, &engine, opening.revision);
            // Refused only while shutting down. The client sees the connection close, and reconnects.
            let _ = engine.open_admitted(admission, opening, websocket);
        }
        WebSocketFor::Existing(sid) => {
            if let Some(session) = engine.get(&sid) {
                let websocket = websocket(connection, &engine, session.revision());
                let _ = session.probe(websocket);
            }
        }
    }
}

/// Finds the TCP connection within hyper's, to read and write the socket itself. Emitters can write to a bare TCP
/// connection without waking the session's task.
fn websocket(connection: Upgraded, engine: &Engine, revision: Revision) -> Box<dyn Transport> {
    let config = engine.config();
    let taken = match connection.downcast::<TokioIo<HttpStream>>() {
        Ok(parts) => {
            let (unread, stream) = parts.io.into_inner().into_parts();
            let mut all = BytesMut::from(parts.read_buf);
            all.extend_from_slice(&unread);
            let unread = all.freeze();
            match stream {
                AnyStream::Tcp(tcp) => Ok((tcp, unread)),
                AnyStream::Other(stream) => {
                    return speaking(WebSocketTransport::new(stream, &unread, config), revision);
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
        Ok((tcp, unread)) => speaking(WebSocketTransport::new(tcp, &unread, config), revision),
        // TLS, or another stream type.
        Err(connection) => {
            let stream = TokioIo::new(connection);
            speaking(
                WebSocketTransport::new(stream, &Bytes::new(), config),
                revision,
            )
        }
    }
}

/// For a client of this revision.
fn speaking<S: ByteStream + Send + 'static>(
    mut websocket: WebSocketTransport<S>,
    revision: Revision,
) -> Box<dyn Transport>
where
    WebSocketTransport<S>: Transport,
{
    websocket.speak(revision);
    Box::new(websocket)
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
