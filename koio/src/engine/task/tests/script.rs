//! A scripted WebSocket, a layer above that records and echoes, and sessions between the two.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::{
    engine::{
        Acceptor, CloseReason, Ending, Engine, EngineConfig, NotOpened, Opening, Session,
        TransportKind, Upstream,
        commands::NotTaken,
        transport::{Arriving, CloseProgress, FrameSource, Received, Transport, TransportLost},
    },
    observe::Observers,
    time::now,
    transport::{
        close_code,
        polling::{self, PendingRequest, PollResponse, PollingTransport},
    },
    wire::{Message, payload},
};

/// The client's end of a scripted connection.
#[derive(Clone, Default)]
pub(super) struct Wire(pub(super) Arc<Mutex<Script>>);

#[derive(Default)]
pub(super) struct Script {
    pub(super) incoming: VecDeque<Message>,
    pub(super) written: Vec<String>,
    pub(super) closed: Option<u16>,
    /// The code of the close frame that is sent behind everything else.
    pub(super) close_with: Option<u16>,
    pub(super) gone: bool,
    pub(super) blocked: bool,
    /// Writing fails from here on.
    pub(super) broken: bool,
    /// Half of a message has arrived, whatever came before it.
    pub(super) arriving: Option<Arriving>,
    /// Control frames that come without end, counted.
    pub(super) control_frames: Option<usize>,
    /// Big messages without an end, which take many reads each.
    pub(super) flood: bool,
    pub(super) progressed: bool,
    pub(super) waker: Option<Waker>,
}

impl Wire {
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        let mut script = self.0.lock().unwrap();
        let result = change(&mut script);
        if let Some(waker) = script.waker.take() {
            waker.wake();
        }
        result
    }

    pub(super) fn send(&self, text: &str) {
        let message = Message::Text(Bytes::copy_from_slice(text.as_bytes()));
        self.with(|script| script.incoming.push_back(message));
    }

    pub(super) fn hang_up(&self) {
        self.with(|script| script.gone = true);
    }

    pub(super) fn written(&self) -> Vec<String> {
        self.with(|script| std::mem::take(&mut script.written))
    }

    pub(super) fn closed(&self) -> Option<u16> {
        self.with(|script| script.closed)
    }
}

impl Transport for Wire {
    fn kind(&self) -> TransportKind {
        TransportKind::WebSocket
    }

    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Message,
    ) -> Poll<Result<Received, TransportLost>> {
        let mut script = self.0.lock().unwrap();
        if let Some(count) = &mut script.control_frames {
            *count += 1;
            return Poll::Ready(Ok(Received::Part(2)));
        }
        if script.flood {
            for _ in 0..50 {
                std::task::ready!(tokio::task::coop::poll_proceed(cx)).made_progress();
            }
            *message = Message::Text(Bytes::from_static(b"4flood"));
            return Poll::Ready(Received::decode(message, crate::wire::Revision::Four));
        }
        if let Some(next) = script.incoming.pop_front() {
            *message = next;
            return Poll::Ready(Received::decode(message, crate::wire::Revision::Four));
        }
        if script.gone {
            return Poll::Ready(Err(TransportLost::gone(CloseReason::TransportClose)));
        }
        script.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn arriving(&self) -> Option<Arriving> {
        self.0.lock().unwrap().arriving
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut dyn FrameSource,
    ) -> Poll<Result<(), TransportLost>> {
        let mut script = self.0.lock().unwrap();
        if script.broken {
            return Poll::Ready(Err(TransportLost::gone(CloseReason::TransportClose)));
        }
        if script.blocked {
            script.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        loop {
            std::task::ready!(tokio::task::coop::poll_proceed(cx)).made_progress();
            let Some(frame) = source.next() else { break };
            script.progressed = true;
            for part in frame.parts() {
                let text = String::from_utf8_lossy(part.payload).into_owned();
                script.written.push(text);
            }
        }
        script.closed = script.closed.or(script.close_with);
        Poll::Ready(Ok(()))
    }

    fn has_progressed(&mut self) -> bool {
        std::mem::take(&mut self.0.lock().unwrap().progressed)
    }

    fn close(&mut self, reason: CloseReason, ending: Ending) -> CloseProgress {
        let mut script = self.0.lock().unwrap();
        let code = Some(close_code(reason));
        if ending == Ending::Cut {
            script.closed = code;
        }
        script.close_with = code;
        CloseProgress::Flushing
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> CloseProgress {
        while let Poll::Ready(Ok(_)) = self.poll_recv(cx, &mut Message::default()) {}
        let script = self.0.lock().unwrap();
        if script.closed.is_none() {
            CloseProgress::Flushing
        } else if script.gone && !script.blocked {
            CloseProgress::Finished
        } else {
            CloseProgress::AwaitingClient
        }
    }
}

/// The layer above: records, and echoes.
#[derive(Clone, Default)]
pub(super) struct Above(pub(super) Arc<Mutex<Record>>);

#[derive(Default)]
pub(super) struct Record {
    pub(super) session: Option<Session>,
    pub(super) heard: Vec<String>,
    pub(super) closed: Vec<CloseReason>,
    pub(super) full: bool,
    /// Needs one more poll after `on_close`.
    pub(super) farewell: bool,
    /// Wakes its session when it is polled, as another thread may at that moment.
    pub(super) wakes: usize,
    pub(super) polled: usize,
    pub(super) deadline: Option<Instant>,
}

pub(super) struct Recorder(Above, Session);

impl Acceptor for Above {
    fn accept(&self, session: Session, _: Opening) -> Box<dyn Upstream> {
        self.0.lock().unwrap().session = Some(session.clone());
        Box::new(Recorder(self.clone(), session))
    }
}

impl Upstream for Recorder {
    fn on_message(&mut self, message: Message, _: &mut Context<'_>) {
        let Message::Text(text) = &message else {
            return;
        };
        let text = String::from_utf8_lossy(text).into_owned();
        self.0.0.lock().unwrap().heard.push(text);
        let _ = self.1.send(&message);
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        let mut record = self.0.0.lock().unwrap();
        record.polled += 1;
        record.deadline.take_if(|at| now() >= *at);
        if record.wakes > 0 {
            record.wakes -= 1;
            self.1.wake();
        }
        if record.farewell && record.closed.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn deadline(&self) -> Option<Instant> {
        self.0.0.lock().unwrap().deadline
    }

    fn is_full(&mut self, above_mark: bool) -> bool {
        above_mark || self.0.0.lock().unwrap().full
    }

    fn on_close(&mut self, reason: CloseReason) {
        self.0.0.lock().unwrap().closed.push(reason);
    }
}

impl Above {
    pub(super) fn session(&self) -> Session {
        self.0.lock().unwrap().session.clone().unwrap()
    }

    /// How often it was polled.
    pub(super) fn polled(&self) -> usize {
        self.0.lock().unwrap().polled
    }

    pub(super) fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().heard)
    }

    pub(super) fn closed(&self) -> Vec<CloseReason> {
        self.0.lock().unwrap().closed.clone()
    }
}

pub(super) fn config() -> EngineConfig {
    EngineConfig {
        ping_interval: Duration::from_secs(1000),
        ..EngineConfig::default()
    }
}

pub(super) fn opening(transport: TransportKind) -> Opening {
    Opening::new(&Default::default(), &Default::default(), None, transport)
}

pub(super) fn engine(config: EngineConfig) -> (Engine, Above) {
    let above = Above::default();
    let engine = Engine::new(config, Arc::new(above.clone())).unwrap();
    (engine, above)
}

pub(super) fn websocket(config: EngineConfig) -> (Engine, Above, Wire) {
    let (engine, above) = engine(config);
    let wire = Wire::default();
    let open = opening(TransportKind::WebSocket);
    engine.open(open, Box::new(wire.clone())).unwrap();
    (engine, above, wire)
}

pub(super) fn polling(config: EngineConfig) -> (Engine, Above, Session) {
    let (engine, above) = engine(config);
    open_polling(&engine).unwrap();
    let session = above.session();
    (engine, above, session)
}

pub(super) fn open_polling(engine: &Engine) -> Result<(), NotOpened> {
    let transport = Box::<PollingTransport>::default();
    engine
        .open(opening(TransportKind::Polling), transport)
        .map(drop)
}

/// The requests of a polling client.
pub(super) trait PollingRequests {
    fn poll(&self) -> Result<oneshot::Receiver<PollResponse>, NotTaken>;
    fn begin_post(&self) -> Result<(), NotTaken>;
    fn post(&self, packets: payload::Packets) -> Result<oneshot::Receiver<PollResponse>, NotTaken>;
}

impl PollingRequests for Session {
    fn poll(&self) -> Result<oneshot::Receiver<PollResponse>, NotTaken> {
        let (request, response) = PendingRequest::with_task();
        polling::poll(self, &Observers::default(), false, true, || request)?;
        Ok(response)
    }

    fn begin_post(&self) -> Result<(), NotTaken> {
        polling::begin_post(self).map(drop)
    }

    fn post(&self, packets: payload::Packets) -> Result<oneshot::Receiver<PollResponse>, NotTaken> {
        let (request, response) = PendingRequest::with_task();
        polling::post(self, packets, || request)?;
        Ok(response)
    }
}

pub(super) async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// A WebSocket that probes the session, after the session has answered `3probe`.
pub(super) async fn probed(session: &Session) -> Wire {
    let wire = Wire::default();
    session.probe(Box::new(wire.clone())).unwrap();
    wire.send("2probe");
    settle().await;
    wire
}

pub(super) async fn polled(session: &Session) -> String {
    match session.poll().unwrap().await.unwrap() {
        PollResponse::Payload(payload) => String::from_utf8(payload.into()).unwrap(),
        other => format!("{other:?}").to_lowercase(),
    }
}

pub(super) fn packets(body: &'static str) -> payload::Packets {
    payload::decode(Bytes::from_static(body.as_bytes())).unwrap()
}

pub(super) async fn posted(session: &Session, body: &'static str) -> PollResponse {
    session.begin_post().unwrap();
    session.post(packets(body)).unwrap().await.unwrap()
}
