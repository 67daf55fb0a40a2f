//! A client that polls: a task that waits for packets, and one that posts them, as the official client does it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;
use tokio::{
    sync::{mpsc, watch},
    task::{AbortHandle, JoinHandle},
};

use super::{
    head::ClientHead,
    host::{Host, HttpLine, refused, spawn},
    line::{Disconnected, Line, Outgoing},
};
use crate::{
    Error, Result,
    wire::{Frame, payload},
};

/// A session that polls, from its handshake on.
pub(super) struct PollingSession {
    pub(super) host: Arc<Host>,
    pub(super) head: ClientHead,
    pub(super) sid: String,
    pub(super) line: Line,
}

/// The tasks of a session that polls.
pub(super) struct Polls {
    stop: Arc<AtomicBool>,
    pub(super) poll: JoinHandle<()>,
    /// Gives back what is to be sent when it is stopped.
    pub(super) post: JoinHandle<Option<mpsc::UnboundedReceiver<Outgoing>>>,
}

impl Polls {
    pub(super) fn tasks(&self) -> Vec<AbortHandle> {
        vec![self.poll.abort_handle(), self.post.abort_handle()]
    }

    /// Makes no further poll; the one that is under way is answered first.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// Opens a session. Returns the packets of the answer, and its headers.
pub(super) async fn open(
    host: &Host,
    head: &ClientHead,
    http: &mut HttpLine,
) -> Result<(payload::Packets, HeaderMap)> {
    let request = head.request("polling", None).body(Full::default())?;
    let response = http.send(host, request).await?;
    if response.status() != StatusCode::OK {
        return Err(refused(
            &response,
            &format!("the handshake at `{}/`", head.path),
        ));
    }
    let (parts, payload) = response.into_parts();
    let packets = payload::decode(payload)
        .map_err(|error| Error::internal(format!("the payload of the handshake: {error}")))?;
    Ok((packets, parts.headers))
}

impl PollingSession {
    /// Starts the tasks. `http`: the connection of the handshake, on which the polls go on.
    pub(super) fn drive(
        self,
        http: HttpLine,
        sending: mpsc::UnboundedReceiver<Outgoing>,
        frozen: &watch::Receiver<bool>,
    ) -> Polls {
        let stop = Arc::new(AtomicBool::new(false));
        let session = Arc::new(self);
        let posts = HttpLine::new(session.head.peer, frozen.clone());
        Polls {
            poll: spawn(frozen, Arc::clone(&session).poll(http, Arc::clone(&stop))),
            post: spawn(frozen, session.post(posts, sending)),
            stop,
        }
    }

    async fn poll(self: Arc<Self>, mut http: HttpLine, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Acquire) {
            match self.send(&mut http, "GET", Bytes::new()).await {
                Ok(payload) => match payload::decode(payload) {
                    Ok(packets) => packets.for_each(|packet| self.line.packet(packet)),
                    Err(error) => self.line.packet(Err(error)),
                },
                Err(_) => return self.line.end(Disconnected::TRANSPORT_ERROR),
            }
        }
    }

    async fn post(
        self: Arc<Self>,
        mut http: HttpLine,
        mut sending: mpsc::UnboundedReceiver<Outgoing>,
    ) -> Option<mpsc::UnboundedReceiver<Outgoing>> {
        loop {
            // What was queued while the last request was under way goes in one.
            let mut batch = vec![sending.recv().await?];
            while let Ok(next) = sending.try_recv() {
                batch.push(next);
            }
            let is_last = |outgoing: &Outgoing| matches!(outgoing, Outgoing::Stop);
            let stops = batch.iter().any(is_last);
            let payload = payload::encode(batch.into_iter().filter_map(packet));
            if !payload.is_empty() && self.send(&mut http, "POST", payload).await.is_err() {
                self.line.end(Disconnected::TRANSPORT_ERROR);
                return None;
            }
            if stops {
                return Some(sending);
            }
        }
    }

    async fn send(&self, http: &mut HttpLine, method: &str, payload: Bytes) -> Result<Bytes> {
        let request: Request<_> = self
            .head
            .request("polling", Some(&self.sid))
            .method(method)
            .body(Full::new(payload))?;
        let response = http.send(&self.host, request).await?;
        if response.status() != StatusCode::OK {
            return Err(refused(&response, method));
        }
        Ok(response.into_body())
    }
}

/// What is posted for it.
fn packet(outgoing: Outgoing) -> Option<Frame> {
    match outgoing {
        Outgoing::Packet(packet) => Some(packet),
        Outgoing::Close => Some(Frame::close()),
        Outgoing::Stop => None,
    }
}
