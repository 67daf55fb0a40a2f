//! A client's WebSocket: its handshake, and the two tasks that read and write it.

use std::str;

use bytes::Bytes;
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use http::{HeaderMap, Response};
use tokio::{
    io::DuplexStream,
    sync::{mpsc, watch},
    task::AbortHandle,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error as WebSocketError, Message as WebSocketMessage, handshake::client::generate_key,
    },
};

use super::{
    head::ClientHead,
    host::{Host, PIPE, refused, spawn},
    line::{Disconnected, Line, Outgoing},
};
use crate::{
    Error, Result,
    wire::{EnginePacket, Frame, Message},
};

pub(super) type WebSocketPipe = WebSocketStream<DuplexStream>;

/// Opens a WebSocket. `sid`: the session that it comes for. Returns the headers of the answer too.
pub(super) async fn open(
    host: &Host,
    head: &ClientHead,
    sid: Option<&str>,
) -> Result<(WebSocketPipe, HeaderMap)> {
    let request = head
        .request("websocket", sid)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", generate_key())
        .body(())?;
    match client_async(request, host.pipe(PIPE, head.peer)).await {
        Ok((socket, response)) => Ok((socket, response.into_parts().0.headers)),
        Err(WebSocketError::Http(response)) => {
            let (parts, body) = response.into_parts();
            let response = Response::from_parts(parts, body.unwrap_or_default());
            let what = format!("the WebSocket handshake at `{}/`", head.path);
            Err(refused(&response, &what))
        }
        Err(error) => Err(error.into()),
    }
}

/// The next text: the handshake of the session, or the answer to a probe.
pub(super) async fn next_text(socket: &mut WebSocketPipe) -> Result<Bytes> {
    match socket.next().await {
        Some(Ok(WebSocketMessage::Text(text))) => Ok(text.into()),
        Some(Ok(other)) => Err(Error::internal(format!(
            "the server sent {other:?} where a text was due"
        ))),
        Some(Err(error)) => Err(error.into()),
        None => Err(Error::disconnected_because(
            "the server closed the WebSocket",
        )),
    }
}

/// Sends a text.
pub(super) async fn send_text(socket: &mut WebSocketPipe, text: &'static str) -> Result<()> {
    Ok(socket.send(WebSocketMessage::text(text)).await?)
}

/// Starts the tasks of an open WebSocket.
pub(super) fn drive(
    socket: WebSocketPipe,
    line: &Line,
    sending: mpsc::UnboundedReceiver<Outgoing>,
    frozen: &watch::Receiver<bool>,
) -> Vec<AbortHandle> {
    let (sink, stream) = socket.split();
    vec![
        spawn(frozen, write(sink, sending)).abort_handle(),
        spawn(frozen, read(stream, line.clone())).abort_handle(),
    ]
}

async fn read(mut stream: SplitStream<WebSocketPipe>, line: Line) {
    let mut close_code = None;
    let reason = loop {
        match stream.next().await {
            Some(Ok(WebSocketMessage::Text(text))) => {
                line.packet(EnginePacket::decode(text.into()))
            }
            Some(Ok(WebSocketMessage::Binary(data))) => {
                line.packet(Ok(EnginePacket::Message(Message::Binary(data))));
            }
            // The answer to it is sent by the reads behind it.
            Some(Ok(WebSocketMessage::Close(frame))) => {
                close_code = frame.map(|frame| frame.code.into());
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break Disconnected::TRANSPORT_CLOSE,
        }
    };
    line.end(Disconnected {
        close_code,
        ..reason
    });
}

async fn write(
    mut sink: SplitSink<WebSocketPipe, WebSocketMessage>,
    mut sending: mpsc::UnboundedReceiver<Outgoing>,
) {
    while let Some(outgoing) = sending.recv().await {
        let sent = match outgoing {
            Outgoing::Packet(packet) => feed(&mut sink, &packet).await,
            Outgoing::Close => sink.close().await,
            Outgoing::Stop => continue,
        };
        if sent.is_err() {
            // The reader finds out why.
            return;
        }
    }
}

async fn feed(
    sink: &mut SplitSink<WebSocketPipe, WebSocketMessage>,
    packet: &Frame,
) -> Result<(), WebSocketError> {
    for part in packet.parts() {
        let message = if part.text {
            // It was put together of strings and of JSON.
            WebSocketMessage::text(str::from_utf8(part.payload).unwrap_or_default())
        } else {
            WebSocketMessage::binary(Bytes::copy_from_slice(part.payload))
        };
        sink.feed(message).await?;
    }
    sink.flush().await
}
