//! The transport of a session over EventSource.

use std::{
    any::Any,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    lines::{self, PRELUDE},
    pipe::StreamPipe,
    stream::StreamConnection,
    window::Window,
};
use crate::{
    engine::{
        CloseReason, Ending, TransportKind,
        transport::{Arriving, CloseProgress, FrameSource, Received, Transport, TransportLost},
    },
    transport::polling::{PollResponse, PollingInbox, Post},
    wire::{Frame, Message},
};

/// One stream down, which may end and be followed by another; POSTs up.
pub(crate) struct EventSourceTransport {
    inbox: Arc<PollingInbox>,
    /// The POST whose packets are being received.
    post: Option<Post>,
    /// The newest stream. It may have ended.
    stream: Arc<StreamPipe>,
    window: Window,
    state: EventSourceState,
    /// The client moves to another transport: it has got a noop, and waits for it before it leaves the stream.
    held: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EventSourceState {
    Open,
    /// Closing. Queued packets are sent first.
    Flushing,
    /// The last packet is in the stream.
    Ended,
}

impl EventSourceTransport {
    /// `window`: bytes of sent packets to keep.
    pub(crate) fn new(stream: Arc<StreamPipe>, window: usize) -> Self {
        stream.write(|bytes| bytes.extend_from_slice(PRELUDE));
        Self {
            inbox: Arc::default(),
            post: None,
            stream,
            window: Window::new(window),
            state: EventSourceState::Open,
            held: false,
        }
    }

    /// Takes the POST that has arrived.
    fn take_requests(&mut self) {
        // Polls are not of this transport: dropping them refuses them.
        let post = self.inbox.take().and_then(|requests| requests.post);
        if post.is_some() {
            self.window.received(self.inbox.received());
            self.post = post;
            if self.state != EventSourceState::Open {
                self.end_post(PollResponse::Taken);
            }
        }
    }

    /// Answers the POST that is under way, so that the next one may come.
    fn end_post(&mut self, response: PollResponse) {
        if let Some(post) = self.post.take() {
            self.inbox.end_post();
            post.request.respond(response);
        }
    }

    /// Sends a frame, and keeps it.
    fn send(&mut self, frame: Frame) {
        let written = self.stream.write(|bytes| lines::write(&frame, 0, bytes));
        // A stream that has just ended: the client gets the frame on its next one.
        let packets = written.unwrap_or_else(|| frame.parts().count());
        self.window.push(frame, packets);
    }

    /// Sends the last packet.
    fn end(&mut self) {
        self.send(Frame::close());
        self.stream.end();
        self.state = EventSourceState::Ended;
    }
}

impl Transport for EventSourceTransport {
    fn kind(&self) -> TransportKind {
        TransportKind::EventSource
    }

    fn poll_recv(
        &mut self,
        _: &mut Context<'_>,
        message: &mut Message,
    ) -> Poll<Result<Received, TransportLost>> {
        // Requests wake the task through the outbox, so no waker is kept here.
        self.take_requests();
        let Some(post) = &mut self.post else {
            return Poll::Pending;
        };
        match post.packets.next() {
            Some(packet) => Poll::Ready(Received::from_packet(packet, message)),
            None => {
                self.end_post(PollResponse::Taken);
                Poll::Pending
            }
        }
    }

    fn arriving(&self) -> Option<Arriving> {
        let bytes = self.inbox.arrived()?;
        Some(Arriving {
            bytes,
            expected: 0,
            is_judged: true,
        })
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut dyn FrameSource,
    ) -> Poll<Result<(), TransportLost>> {
        if self.held || self.state == EventSourceState::Ended {
            return Poll::Pending;
        }
        loop {
            if !self.stream.has_room(cx) {
                return Poll::Pending;
            }
            match frames.next() {
                Some(frame) => self.send(frame),
                None if self.state == EventSourceState::Flushing => {
                    self.end();
                    return Poll::Pending;
                }
                None => return Poll::Ready(Ok(())),
            }
        }
    }

    fn has_progressed(&mut self) -> bool {
        self.stream.has_progressed()
    }

    fn has_returned(&mut self) -> bool {
        !self.stream.is_dropped()
    }

    fn overtakes_answer(&mut self) -> bool {
        // A client that does not wait for its noop may have packets under way.
        !self.held || !self.stream.is_taken()
    }

    fn release(&mut self, frames: &mut dyn FrameSource) {
        if self.held || self.state == EventSourceState::Ended {
            return;
        }
        while let Some(frame) = frames.next() {
            self.send(frame);
        }
        self.send(Frame::noop());
        self.held = true;
    }

    fn resume(&mut self) {
        self.held = false;
    }

    fn awaits_client(&mut self) -> bool {
        self.held || self.stream.is_dropped()
    }

    fn reconnect(&mut self, connection: Box<dyn Any + Send>) -> Result<(), String> {
        let Ok(connection) = connection.downcast::<StreamConnection>() else {
            return Ok(());
        };
        let (pipe, received) = connection.accept();
        let missed = self.window.since(received);
        let written = pipe.write(|bytes| {
            bytes.extend_from_slice(PRELUDE);
            let (frames, mut skipped) = missed?;
            for frame in frames {
                lines::write(frame, skipped, bytes);
                skipped = 0;
            }
            Ok(())
        });
        // The client may have two streams for a moment. What it reads on the old one it has counted, or will not count.
        std::mem::replace(&mut self.stream, pipe).cut();
        if self.state == EventSourceState::Ended {
            self.stream.end();
        }
        written.unwrap_or(Ok(()))
    }

    fn close(&mut self, reason: CloseReason, ending: Ending) -> CloseProgress {
        self.take_requests();
        if ending == Ending::Flush {
            self.end_post(PollResponse::Taken);
            self.state = EventSourceState::Flushing;
            return CloseProgress::Flushing;
        }
        self.end_post(match reason {
            CloseReason::TransportClose => PollResponse::Taken,
            _ => PollResponse::Refused,
        });
        if reason == CloseReason::SlowConsumer {
            // Nothing is kept for a client that does not read.
            self.stream.cut();
            self.state = EventSourceState::Ended;
        } else {
            self.end();
        }
        CloseProgress::Finished
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> CloseProgress {
        self.take_requests();
        if self.state == EventSourceState::Ended && self.stream.is_finished(cx) {
            CloseProgress::Finished
        } else {
            CloseProgress::Flushing
        }
    }

    fn retire(mut self: Box<Self>) -> Option<Box<dyn Transport>> {
        self.take_requests();
        self.inbox.close();
        self.stream.end();
        self.post.is_some().then_some(self as _)
    }

    fn mailbox(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::clone(&self.inbox) as _)
    }

    fn end_turn(&mut self) {
        // As over polling: the session may have stopped reading right behind the last packet.
        if self.state == EventSourceState::Open
            && self
                .post
                .as_ref()
                .is_some_and(|post| post.packets.is_empty())
        {
            self.end_post(PollResponse::Taken);
        }
    }
}

impl Drop for EventSourceTransport {
    fn drop(&mut self) {
        self.inbox.close();
        self.stream.end();
        if self.state != EventSourceState::Open {
            self.end_post(PollResponse::Taken);
        }
    }
}
