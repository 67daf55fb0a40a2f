//! A third transport, written against the [`Transport`] trait alone: two queues in memory.
//!
//! It proves that the trait suffices for a new transport: the engine has no code for it beyond its row of capabilities.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;

use super::script::*;
use crate::{
    engine::{
        CloseReason, Ending, Engine, TransportKind,
        transport::{CloseProgress, FrameSource, Received, Transport, TransportLost},
    },
    transport::polling::PollResponse,
    wire::{EnginePacket, Message},
};

/// Both ends of the connection.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<MemoryQueues>>);

#[derive(Default)]
struct MemoryQueues {
    to_server: VecDeque<&'static str>,
    to_client: Vec<String>,
    hung_up: bool,
    closing: bool,
    closed: bool,
    waker: Option<Waker>,
}

impl Memory {
    fn send(&self, packet: &'static str) {
        let mut queues = self.0.lock().unwrap();
        queues.to_server.push_back(packet);
        if let Some(waker) = queues.waker.take() {
            waker.wake();
        }
    }

    fn received(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().to_client)
    }

    fn hang_up(&self) {
        let mut queues = self.0.lock().unwrap();
        queues.hung_up = true;
        if let Some(waker) = queues.waker.take() {
            waker.wake();
        }
    }

    fn is_closed(&self) -> bool {
        self.0.lock().unwrap().closed
    }
}

impl Transport for Memory {
    fn kind(&self) -> TransportKind {
        TransportKind::Memory
    }

    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Message,
    ) -> Poll<Result<Received, TransportLost>> {
        let mut queues = self.0.lock().unwrap();
        if let Some(packet) = queues.to_server.pop_front() {
            let packet = EnginePacket::decode(Bytes::from_static(packet.as_bytes()));
            return Poll::Ready(Received::from_packet(packet, message));
        }
        if queues.hung_up {
            return Poll::Ready(Err(TransportLost::gone(CloseReason::TransportClose)));
        }
        queues.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_send(
        &mut self,
        _: &mut Context<'_>,
        frames: &mut dyn FrameSource,
    ) -> Poll<Result<(), TransportLost>> {
        let mut queues = self.0.lock().unwrap();
        while let Some(frame) = frames.next() {
            for part in frame.parts() {
                let text = String::from_utf8_lossy(part.payload).into_owned();
                queues.to_client.push(text);
            }
        }
        queues.closed |= queues.closing;
        Poll::Ready(Ok(()))
    }

    fn close(&mut self, _: CloseReason, ending: Ending) -> CloseProgress {
        let mut queues = self.0.lock().unwrap();
        queues.closing = true;
        queues.closed |= ending == Ending::Cut;
        CloseProgress::Flushing
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> CloseProgress {
        if self.is_closed() {
            CloseProgress::Finished
        } else {
            CloseProgress::Flushing
        }
    }
}

fn opened(ping_interval: Duration) -> (Engine, Above, Memory) {
    let mut config = config();
    config.ping_interval = ping_interval;
    let (engine, above) = engine(config);
    let memory = Memory::default();
    let transport = Box::new(memory.clone());
    let opening = opening(TransportKind::Memory);
    engine.open(opening, transport).unwrap();
    (engine, above, memory)
}

#[tokio::test(start_paused = true)]
async fn a_session_over_a_third_transport_opens_echoes_and_closes() {
    let (engine, above, memory) = opened(Duration::from_secs(1000));
    settle().await;
    let handshake = memory.received();
    assert!(handshake[0].starts_with("0{\"sid\":\""), "{handshake:?}");
    assert!(handshake[0].contains("\"upgrades\":[\"websocket\"]"));
    assert_eq!(above.session().transport(), TransportKind::Memory);
    assert_eq!(above.session().transport().as_str(), "memory");
    memory.send("4a");
    memory.send("4b");
    settle().await;
    assert_eq!(memory.received(), ["4a", "4b"]);
    let last = Message::Text(Bytes::from_static(b"last"));
    above.session().send(&last).unwrap();
    above.session().close(CloseReason::ForcedClose);
    settle().await;
    assert_eq!(memory.received(), ["4last"]);
    assert!(memory.is_closed());
    assert_eq!(above.closed(), [CloseReason::ForcedClose]);
    assert!(engine.is_empty());
    assert_eq!(engine.sessions().tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_third_transport_has_the_heartbeat() {
    let (engine, above, memory) = opened(Duration::from_secs(1));
    settle().await;
    memory.received();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(1_001)).await;
        settle().await;
        assert_eq!(memory.received(), ["2"]);
        memory.send("3");
        settle().await;
    }
    tokio::time::sleep(Duration::from_secs(22)).await;
    assert_eq!(above.closed(), [CloseReason::PingTimeout]);
    assert!(engine.is_empty() && memory.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_third_transport_that_is_lost_ends_its_session() {
    let (engine, above, memory) = opened(Duration::from_secs(1000));
    settle().await;
    memory.hang_up();
    settle().await;
    assert_eq!(above.closed(), [CloseReason::TransportClose]);
    assert!(engine.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_session_moves_from_a_third_transport_to_a_websocket() {
    let (_engine, above, memory) = opened(Duration::from_secs(1000));
    settle().await;
    let wire = probed(&above.session()).await;
    assert_eq!(wire.written(), ["3probe"]);
    memory.send("4a");
    settle().await;
    wire.send("5");
    wire.send("4b");
    settle().await;
    assert_eq!(above.session().transport(), TransportKind::WebSocket);
    assert_eq!(above.heard(), ["a", "b"]);
    assert_eq!(memory.received()[1..], ["4a"]);
    assert_eq!(wire.written(), ["4b"]);
}

#[tokio::test(start_paused = true)]
async fn a_session_moves_from_polling_to_a_third_transport() {
    let (_engine, above, session) = polling(config());
    let poll = session.poll().unwrap();
    settle().await;
    let memory = Memory::default();
    session.probe(Box::new(memory.clone())).unwrap();
    memory.send("2probe");
    settle().await;
    assert_eq!(memory.received(), ["3probe"]);
    assert!(matches!(poll.await.unwrap(), PollResponse::Payload(payload) if *payload == *b"6"));
    memory.send("5");
    memory.send("4a");
    settle().await;
    assert_eq!(session.transport(), TransportKind::Memory);
    assert_eq!(above.heard(), ["a"]);
    assert_eq!(memory.received(), ["4a"]);
    assert!(
        session.poll().is_err(),
        "the session does not poll any more"
    );
}
