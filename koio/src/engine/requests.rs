//! What HTTP requests ask of a session: the inbox that its task empties.

use std::{
    iter::Chain,
    option,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    vec,
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{CloseReason, transport::Transport};
use crate::wire::payload::Packets;

/// How a request is answered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum PollResponse {
    /// To a poll (GET): 200 with this payload.
    Payload(Bytes),
    /// To data (POST): 200 `ok`.
    Taken,
    /// 400: it broke the rules, or nobody is there to answer it.
    #[default]
    Refused,
}

/// A connection that a reply is written to at once, by whoever has it.
pub(crate) trait Responder: Send + Sync {
    /// Called once for each request.
    fn answer(&self, reply: PollResponse);
}

/// Who has made a request and gets the reply. A request that is dropped is refused.
pub(crate) struct PendingRequest(Option<ResponseRoute>);

enum ResponseRoute {
    /// A task waits for it.
    Task(oneshot::Sender<PollResponse>),
    Responder(Arc<dyn Responder>),
}

impl PendingRequest {
    pub(crate) fn task() -> (Self, oneshot::Receiver<PollResponse>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(ResponseRoute::Task(sender))), receiver)
    }

    pub(crate) fn line(line: Arc<dyn Responder>) -> Self {
        Self(Some(ResponseRoute::Responder(line)))
    }

    pub(crate) fn answer(mut self, reply: PollResponse) {
        self.tell(reply);
    }

    fn tell(&mut self, reply: PollResponse) {
        if let Some(way) = self.0.take() {
            way.answer(reply);
        }
    }
}

impl ResponseRoute {
    fn answer(self, reply: PollResponse) {
        match self {
            Self::Responder(line) => line.answer(reply),
            Self::Task(sender) => {
                // Its client may have gone.
                let _ = sender.send(reply);
            }
        }
    }
}

impl Drop for PendingRequest {
    fn drop(&mut self) {
        self.tell(PollResponse::Refused);
    }
}

/// Something that another task asks of a session.
pub(crate) enum SessionRequest {
    Poll(PendingRequest),
    Post(Packets, PendingRequest),
    /// A WebSocket for this session, its 101 sent.
    Probe(Box<dyn Transport>),
    /// The client broke the transport's rules, or aborted a request.
    Lost(CloseReason),
    /// The layer above ends the session; `flush`: what is queued is delivered first.
    Close {
        reason: CloseReason,
        flush: bool,
    },
}

/// RequestQueue that may wait for one session. An honest client has at most one poll, one post and one WebSocket
/// under way; each is taken at the session's next turn.
const CAPACITY: usize = 64;

#[derive(Default)]
pub(crate) struct Inbox {
    /// Whether there are requests, for a look without the lock. Written under it, and before the session's task is
    /// woken through its outbox: whoever has been woken sees it.
    waiting: AtomicBool,
    /// A POST is under way. Set under the lock, and taken back by the session's task without it.
    posting: AtomicBool,
    state: Mutex<InboxState>,
}

#[derive(Default)]
struct InboxState {
    /// In a box: a session that begins with a WebSocket seldom needs it.
    waiting: Option<Box<WaitingRequests>>,
    closed: bool,
}

#[derive(Default)]
struct WaitingRequests {
    /// Came before all of `requests`.
    poll: Option<PendingRequest>,
    requests: RequestQueue,
}

/// RequestQueue in the order in which they came. Mostly there is only one, and then nothing is allocated.
#[derive(Default)]
pub(crate) struct RequestQueue {
    first: Option<SessionRequest>,
    more: Vec<SessionRequest>,
}

impl RequestQueue {
    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.len()
    }

    fn push(&mut self, request: SessionRequest) {
        if self.first.is_none() {
            self.first = Some(request);
        } else {
            self.more.push(request);
        }
    }
}

impl IntoIterator for RequestQueue {
    type Item = SessionRequest;
    type IntoIter = Chain<option::IntoIter<SessionRequest>, vec::IntoIter<SessionRequest>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.more)
    }
}

impl InboxState {
    fn waiting(&mut self) -> &mut WaitingRequests {
        self.waiting.get_or_insert_default()
    }
}

/// The session takes no more requests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotTaken;

impl Inbox {
    fn state(&self) -> MutexGuard<'_, InboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, request: SessionRequest) -> Result<(), NotTaken> {
        let mut state = self.state();
        // An ending is never refused for want of room: it frees everything.
        let ends = matches!(
            request,
            SessionRequest::Lost(_) | SessionRequest::Close { .. }
        );
        if state.closed {
            return Err(NotTaken);
        }
        let requests = &mut state.waiting().requests;
        if requests.len() >= CAPACITY {
            if !ends {
                return Err(NotTaken);
            }
            *requests = RequestQueue::default();
        }
        requests.push(request);
        self.waiting.store(true, Ordering::Release);
        Ok(())
    }

    /// A poll, for which nothing need be done now if there is nothing to send: the session's task finds it when it has
    /// something. `request` is not called if the poll is not taken.
    pub(crate) fn push_poll(
        &self,
        request: impl FnOnce() -> PendingRequest,
    ) -> Result<(), NotTaken> {
        let mut state = self.state();
        if state.closed || state.waiting().requests.len() >= CAPACITY {
            return Err(NotTaken);
        }
        let waiting = state.waiting();
        if waiting.poll.is_some() || waiting.requests.len() > 0 {
            waiting.requests.push(SessionRequest::Poll(request()));
        } else {
            waiting.poll = Some(request());
        }
        self.waiting.store(true, Ordering::Release);
        Ok(())
    }

    /// Marks the begin of a POST, from its head on: two at once break the protocol ("HTTP long-polling").
    pub(crate) fn begin_post(&self) -> Result<(), NotTaken> {
        let state = self.state();
        if state.closed || self.is_posting() {
            return Err(NotTaken);
        }
        self.posting.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The same for one whose body is there.
    pub(crate) fn push_post(
        &self,
        packets: Packets,
        request: impl FnOnce() -> PendingRequest,
    ) -> Result<(), NotTaken> {
        let mut state = self.state();
        if state.closed || self.is_posting() || state.waiting().requests.len() >= CAPACITY {
            return Err(NotTaken);
        }
        self.posting.store(true, Ordering::Relaxed);
        let requests = &mut state.waiting().requests;
        requests.push(SessionRequest::Post(packets, request()));
        self.waiting.store(true, Ordering::Release);
        Ok(())
    }

    fn is_posting(&self) -> bool {
        self.posting.load(Ordering::Acquire)
    }

    pub(crate) fn end_post(&self) {
        self.posting.store(false, Ordering::Release);
    }

    /// Takes everything: first a poll, then the other requests.
    pub(crate) fn take(&self) -> (Option<PendingRequest>, RequestQueue) {
        if self.is_empty() {
            return (None, RequestQueue::default());
        }
        let mut state = self.state();
        self.waiting.store(false, Ordering::Release);
        let waiting = state.waiting();
        (waiting.poll.take(), std::mem::take(&mut waiting.requests))
    }

    /// Hardly anything is to come.
    pub(crate) fn shrink(&self) {
        let mut state = self.state();
        if self.is_empty() {
            state.waiting = None;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.waiting.load(Ordering::Acquire)
    }

    /// Refuses everything from here on, what waits included.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.waiting = None;
        self.waiting.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_that_came_before_everything_is_taken_before_everything() {
        let inbox = Inbox::default();
        let (first, mut told) = PendingRequest::task();
        let (second, _kept) = PendingRequest::task();
        inbox.push_poll(|| first).unwrap();
        inbox
            .push(SessionRequest::Lost(CloseReason::TransportError))
            .unwrap();
        inbox.push_poll(|| second).unwrap();
        let (poll, requests) = inbox.take();
        let kinds: Vec<_> = requests
            .into_iter()
            .map(|request| matches!(request, SessionRequest::Poll(_)))
            .collect();
        assert_eq!(kinds, [false, true]);
        assert!(
            told.try_recv()
                .is_err_and(|error| error == oneshot::error::TryRecvError::Empty)
        );
        drop(poll);
        assert_eq!(told.try_recv(), Ok(PollResponse::Refused));
        assert!(inbox.is_empty());
    }

    #[test]
    fn a_poll_waits_behind_what_came_before_it() {
        let inbox = Inbox::default();
        let (poll, _kept) = PendingRequest::task();
        inbox
            .push(SessionRequest::Lost(CloseReason::TransportError))
            .unwrap();
        inbox.push_poll(|| poll).unwrap();
        let (poll, requests) = inbox.take();
        assert!(poll.is_none());
        let mut requests = requests.into_iter();
        assert!(matches!(requests.next(), Some(SessionRequest::Lost(_))));
        assert!(matches!(requests.next(), Some(SessionRequest::Poll(_))));
        assert!(requests.next().is_none() && inbox.is_empty());
    }

    #[test]
    fn a_closed_inbox_lets_a_waiting_poll_go() {
        let inbox = Inbox::default();
        let (poll, mut told) = PendingRequest::task();
        inbox.push_poll(|| poll).unwrap();
        inbox.close();
        assert_eq!(told.try_recv(), Ok(PollResponse::Refused));
        let (poll, _kept) = PendingRequest::task();
        assert_eq!(inbox.push_poll(|| poll), Err(NotTaken));
    }
}
