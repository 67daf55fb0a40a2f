//! Long-polling as a transport: packets leave as answers to GETs and arrive with POSTs.

use std::{
    any::Any,
    cell::Cell,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use smallvec::SmallVec;

use super::{
    inbox::{PollingInbox, Post},
    response::{PendingRequest, PollResponse},
};
use crate::{
    engine::{
        CloseReason, Ending, TransportKind,
        transport::{Arriving, CloseProgress, FrameSource, Received, Transport, TransportLost},
    },
    wire::{Frame, Message, Revision},
};

/// The HTTP requests of one session that wait for an answer.
#[derive(Default)]
pub(crate) struct PollingTransport {
    inbox: Arc<PollingInbox>,
    /// The GET that waits for packets.
    poll: Option<PendingRequest>,
    /// The POST whose packets are being received.
    post: Option<Post>,
    state: PollingState,
    revision: Revision,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum PollingState {
    #[default]
    Open,
    /// The client broke the protocol: a second GET came while one waited.
    Violated,
    /// Closing. Queued packets are fetched first. `polled`: the GET that waits came before the close. `fetched`: the client
    /// has got what was queued, and may come once more. `shuts_down`: the server shuts down.
    Flushing {
        polled: bool,
        fetched: bool,
        shuts_down: bool,
    },
    /// The client has sent a close packet in a POST, and its GET has not arrived: the two race on different connections. The
    /// POST is answered behind the GET, since a client that sees it answered may find its session gone.
    Farewell,
    /// Everything is answered.
    Finished,
}

impl PollingTransport {
    /// For a client of this revision.
    pub(crate) fn of_revision(revision: Revision) -> Self {
        let mut transport = Self::default();
        transport.revision = revision;
        transport
    }

    /// The answer to a GET with this frame alone.
    fn only(&self, frame: Frame) -> PollResponse {
        PollResponse::with_frames([frame], self.revision)
    }

    /// Takes the requests that have arrived.
    fn take_requests(&mut self) {
        let Some(requests) = self.inbox.take() else {
            return;
        };
        for poll in requests.polls {
            match self.state {
                PollingState::Open if self.poll.is_some() => self.state = PollingState::Violated,
                PollingState::Open | PollingState::Flushing { .. } if self.poll.is_none() => {
                    self.poll = Some(poll);
                }
                PollingState::Farewell => {
                    poll.respond(self.only(Frame::noop()));
                    self.state = PollingState::Finished;
                }
                // Dropping it refuses it.
                _ => {}
            }
        }
        if let Some(post) = requests.post {
            self.post = Some(post);
            if !matches!(self.state, PollingState::Open | PollingState::Violated) {
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

    fn check(&self) -> Result<(), TransportLost> {
        if self.state == PollingState::Violated {
            let rule = "a second GET came while one waited. Do two clients share a session, or does a proxy repeat requests?";
            return Err(TransportLost::broken(CloseReason::TransportError, rule));
        }
        Ok(())
    }
}

impl Transport for PollingTransport {
    fn kind(&self) -> TransportKind {
        TransportKind::Polling
    }

    fn poll_recv(
        &mut self,
        _: &mut Context<'_>,
        message: &mut Message,
    ) -> Poll<Result<Received, TransportLost>> {
        // Requests wake the task through the outbox, so no waker is kept here.
        self.take_requests();
        self.check()?;
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
        _: &mut Context<'_>,
        frames: &mut dyn FrameSource,
    ) -> Poll<Result<(), TransportLost>> {
        self.take_requests();
        self.check()?;
        if self.poll.is_none() {
            return Poll::Pending;
        }
        let mut response = with_all(frames, self.revision);
        if response.len() == 0 {
            let PollingState::Flushing {
                polled, shuts_down, ..
            } = self.state
            else {
                if self.inbox.is_at_once()
                    && let Some(poll) = self.poll.take()
                {
                    let noop = self.only(Frame::noop());
                    self.inbox.answer(poll, noop);
                    return Poll::Pending;
                }
                return Poll::Ready(Ok(()));
            };
            response = match (shuts_down, polled) {
                (true, _) => self.only(last_frame_at_shutdown()),
                // As the reference: a GET that waits is answered with a close, a later one with noop and close.
                (false, true) => self.only(Frame::close()),
                (false, false) => {
                    PollResponse::with_frames([Frame::noop(), Frame::close()], self.revision)
                }
            };
            self.state = PollingState::Finished;
        } else if let PollingState::Flushing { shuts_down, .. } = self.state {
            self.state = PollingState::Flushing {
                polled: false,
                fetched: true,
                shuts_down,
            };
        }
        if let Some(poll) = self.poll.take() {
            self.inbox.answer(poll, response);
        }
        Poll::Pending
    }

    fn suspect(&mut self) {
        self.inbox.suspect();
    }

    fn has_returned(&mut self) -> bool {
        self.take_requests();
        // A client that does not wait may be away for longer than a connection lasts.
        self.poll.is_some() || self.inbox.has_returned() || self.inbox.is_at_once()
    }

    fn last_answer(&self) -> usize {
        self.inbox.last_answer()
    }

    fn is_answering(&self) -> bool {
        self.inbox.progress().is_unsent()
    }

    fn overtakes_answer(&mut self) -> bool {
        let progress = self.inbox.progress();
        progress.is_unsent() && progress.overtaken()
    }

    fn is_awaited(&mut self) -> bool {
        self.take_requests();
        self.poll.is_some()
    }

    fn release(&mut self, frames: &mut dyn FrameSource) {
        self.take_requests();
        if let Some(poll) = self.poll.take() {
            let mut response = with_all(frames, self.revision);
            if response.len() == 0 {
                response = self.only(Frame::noop());
            }
            self.inbox.answer(poll, response);
        }
    }

    fn close(&mut self, reason: CloseReason, ending: Ending) -> CloseProgress {
        self.take_requests();
        let shuts_down = reason == CloseReason::ServerShuttingDown;
        if ending == Ending::Flush {
            self.end_post(PollResponse::Taken);
            let polled = self.poll.is_some();
            self.state = PollingState::Flushing {
                polled,
                fetched: false,
                shuts_down,
            };
            return CloseProgress::Flushing;
        }
        let farewell = reason == CloseReason::TransportClose && self.post.is_some();
        if farewell && self.poll.is_none() {
            self.state = PollingState::Farewell;
            return CloseProgress::Flushing;
        }
        let (to_post, to_poll) = if farewell {
            (PollResponse::Taken, Frame::noop())
        } else if shuts_down {
            (PollResponse::Refused, last_frame_at_shutdown())
        } else {
            (PollResponse::Refused, Frame::close())
        };
        self.end_post(to_post);
        if let Some(poll) = self.poll.take() {
            poll.respond(self.only(to_poll));
        }
        self.state = PollingState::Finished;
        CloseProgress::Finished
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> CloseProgress {
        self.take_requests();
        match self.state {
            PollingState::Finished => CloseProgress::Finished,
            PollingState::Flushing { fetched: true, .. } => CloseProgress::AwaitingClient,
            _ => CloseProgress::Flushing,
        }
    }

    fn retire(mut self: Box<Self>) -> Option<Box<dyn Transport>> {
        self.take_requests();
        self.inbox.close();
        self.poll = None;
        self.post.is_some().then_some(self as _)
    }

    fn mailbox(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::clone(&self.inbox) as _)
    }

    fn end_turn(&mut self) {
        // `poll_recv` answers a POST when it finds no packet behind the last one. The session may have stopped reading right
        // there, until a GET comes: a client that makes one request at a time makes none before this answer.
        if self.state == PollingState::Open
            && self
                .post
                .as_ref()
                .is_some_and(|post| post.packets.is_empty())
        {
            self.end_post(PollResponse::Taken);
        }
    }
}

impl Drop for PollingTransport {
    fn drop(&mut self) {
        self.inbox.close();
        if self.state != PollingState::Open {
            self.end_post(PollResponse::Taken);
        }
    }
}

/// What a poll is answered when the server shuts down, instead of a close packet. That one is final to python-socketio, which
/// then never comes back. Behind a noop each client polls once more, finds that its session is gone (400) or that no
/// server listens, and connects again.
fn last_frame_at_shutdown() -> Frame {
    Frame::noop()
}

thread_local! {
    /// Where small frames are gathered. Kept, so that a payload needs one allocation, for its own bytes.
    static GATHERED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Takes all of `frames` as one payload. Empty if there are none.
fn with_all(frames: &mut dyn FrameSource, revision: Revision) -> PollResponse {
    let mut gathered = GATHERED.take();
    let mut all = SmallVec::<[Frame; 2]>::new();
    loop {
        gathered.clear();
        let more = frames.gather(&mut gathered, usize::MAX);
        if !gathered.is_empty() {
            // How many messages it holds makes no difference to a payload.
            all.push(Frame::new(Bytes::copy_from_slice(&gathered), 0));
        }
        if !more {
            break;
        }
        match frames.next() {
            Some(frame) => all.push(frame),
            None => break,
        }
    }
    GATHERED.set(gathered);
    PollResponse::with_frames(all, revision)
}
