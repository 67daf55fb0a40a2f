//! The requests of a polling client that its session's task has not taken yet.

use std::{
    mem::take,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::{
    progress::AnswerProgress,
    response::{PendingRequest, PollResponse},
};
use crate::{
    engine::{CloseReason, Session, TransportKind, commands::NotTaken},
    observe::{Observation, Observers},
    wire::payload::Packets,
};

/// GETs that may wait for one session. An honest client has one under way.
const CAPACITY: usize = 64;

/// The mailbox of a polling session: shared by its transport and the tasks that serve its requests.
#[derive(Default)]
pub(in crate::transport) struct PollingInbox {
    /// Whether `state` has requests, readable without the lock. Written under the lock, and before the session's task is
    /// woken, so a task that was woken sees it.
    pending: AtomicBool,
    /// Whether a POST is under way. Set under the lock, and cleared by the session's task without it.
    posting: AtomicBool,
    /// GETs that have come.
    polls: AtomicU32,
    /// While the body of a POST is read: one more than the bytes that have arrived. Else 0.
    arrived: AtomicU64,
    /// Whether a request has come since [`suspect`](Self::suspect).
    came: AtomicBool,
    /// Whether the last poll is to be answered at once, if only with a noop.
    at_once: AtomicBool,
    /// The packets that a client over EventSource has said that it has.
    received: AtomicU64,
    /// The bytes of the last answer to a GET.
    last_answer: AtomicU32,
    progress: AnswerProgress,
    state: Mutex<InboxState>,
}

#[derive(Default)]
struct InboxState {
    requests: InboxRequests,
    closed: bool,
}

/// Requests that have arrived.
#[derive(Default)]
pub(in crate::transport) struct InboxRequests {
    pub(in crate::transport) polls: SmallVec<[PendingRequest; 1]>,
    /// One at most: a second POST is refused while one is under way.
    pub(in crate::transport) post: Option<Post>,
}

/// A POST, and the packets of its body.
pub(in crate::transport) struct Post {
    pub(in crate::transport) packets: Packets,
    pub(in crate::transport) request: PendingRequest,
}

impl PollingInbox {
    fn push_poll(&self, request: impl FnOnce() -> PendingRequest) -> Result<(), NotTaken> {
        let mut state = self.state.lock();
        if state.closed || state.requests.polls.len() >= CAPACITY {
            return Err(NotTaken);
        }
        self.came.store(true, Ordering::Relaxed);
        state.requests.polls.push(request());
        self.pending.store(true, Ordering::Release);
        Ok(())
    }

    fn begin_post(&self) -> Result<(), NotTaken> {
        let state = self.state.lock();
        if state.closed || self.posting.load(Ordering::Acquire) {
            return Err(NotTaken);
        }
        self.came.store(true, Ordering::Relaxed);
        self.posting.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn push_post(
        &self,
        packets: Packets,
        request: impl FnOnce() -> PendingRequest,
    ) -> Result<(), NotTaken> {
        let mut state = self.state.lock();
        if state.closed || state.requests.post.is_some() {
            return Err(NotTaken);
        }
        let request = request();
        state.requests.post = Some(Post { packets, request });
        self.pending.store(true, Ordering::Release);
        Ok(())
    }

    /// Answers a GET.
    pub(super) fn answer(&self, poll: PendingRequest, response: PollResponse) {
        let bytes = u32::try_from(response.len()).unwrap_or(u32::MAX);
        // Not under the lock. One that is missed for that is followed by the next poll.
        self.came.store(true, Ordering::Relaxed);
        self.last_answer.store(bytes, Ordering::Relaxed);
        poll.answer(response, &self.progress);
    }

    /// How far the last answer with packets has left the server.
    pub(super) fn progress(&self) -> &AnswerProgress {
        &self.progress
    }

    /// Whether the GET of this number is the last one that has come.
    pub(super) fn is_last(&self, number: u32) -> bool {
        self.polls.load(Ordering::Relaxed) == number
    }

    /// The client has made its next poll before it can have the whole answer to the last one.
    pub(super) fn overtaken(&self, session: &Session, observers: &Observers) {
        if self.progress.overtaken() {
            answer_lost(session, observers, "the next poll came before it was sent");
        }
    }

    /// The bytes of the last answer to a GET.
    pub(super) fn last_answer(&self) -> usize {
        let bytes = self.last_answer.load(Ordering::Relaxed);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Forgets the requests that have come.
    pub(super) fn suspect(&self) {
        self.came.store(false, Ordering::Relaxed);
    }

    /// Whether a request has come since [`suspect`](Self::suspect), or a POST is under way.
    pub(super) fn has_returned(&self) -> bool {
        self.came.load(Ordering::Relaxed) || self.posting.load(Ordering::Acquire)
    }

    /// Whether the client does not wait for packets: it polls, and comes again after a while.
    pub(super) fn is_at_once(&self) -> bool {
        self.at_once.load(Ordering::Relaxed)
    }

    /// The packets that a client over EventSource has said that it has.
    pub(in crate::transport) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn is_empty(&self) -> bool {
        !self.pending.load(Ordering::Acquire)
    }

    /// Takes all requests that have arrived.
    pub(in crate::transport) fn take(&self) -> Option<InboxRequests> {
        if self.is_empty() {
            return None;
        }
        let mut state = self.state.lock();
        self.pending.store(false, Ordering::Release);
        Some(take(&mut state.requests))
    }

    /// The POST under way is answered: the next may come.
    pub(in crate::transport) fn end_post(&self) {
        self.posting.store(false, Ordering::Release);
    }

    /// Bytes of a POST whose body is being read.
    pub(in crate::transport) fn arrived(&self) -> Option<u64> {
        // Relaxed: a session that looks too early looks again.
        self.arrived.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Refuses every request from here on, waiting ones included.
    pub(in crate::transport) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let refused = take(&mut state.requests);
        self.pending.store(false, Ordering::Release);
        drop(state);
        drop(refused);
    }
}

/// The packets of an answer are lost: what comes later would come behind a hole.
pub(super) fn answer_lost(session: &Session, observers: &Observers, cause: &str) {
    let sid = session.sid();
    observers.notify(&Observation::AnswerCut { sid, cause });
    session.lost(CloseReason::TransportError);
}

pub(super) fn inbox(session: &Session) -> Result<Arc<PollingInbox>, NotTaken> {
    session.mailbox().ok_or(NotTaken)
}

/// A GET has arrived. It is answered here if something is queued and the session's task is idle. `request` is not called if
/// the session does not take it. Returns the number of the GET. `waits`: for packets, if there are none.
///
/// It ends the session if the client can't have the whole answer before it. `in_order`: it has come on the connection of that
/// answer, and is answered behind it.
pub(crate) fn poll(
    session: &Session,
    observers: &Observers,
    in_order: bool,
    waits: bool,
    request: impl FnOnce() -> PendingRequest,
) -> Result<u32, NotTaken> {
    let inbox = inbox(session)?;
    inbox.at_once.store(!waits, Ordering::Relaxed);
    // Not one atomic step: two GETs at once break the protocol.
    let number = inbox.polls.load(Ordering::Relaxed).wrapping_add(1);
    inbox.polls.store(number, Ordering::Relaxed);
    if !in_order && inbox.progress.is_unsent() {
        inbox.overtaken(session, observers);
        return Err(NotTaken);
    }
    if inbox.is_empty()
        && let Some(frames) = session.take_queued(|| session.transport() == TransportKind::Polling)
    {
        let response = PollResponse::with_frames(frames, session.revision());
        inbox.answer(request(), response);
        return Ok(number);
    }
    inbox.push_poll(request)?;
    // In this order: a frame that is queued from here on wakes the task, which finds the poll.
    if !waits || !session.set_writable() {
        session.wake();
    }
    Ok(number)
}

/// A client over EventSource says how many packets it has: the session need not keep them.
pub(crate) fn note_received(session: &Session, packets: u64) {
    if let Ok(inbox) = inbox(session) {
        inbox.received.fetch_max(packets, Ordering::Relaxed);
    }
}

/// The head of a POST has arrived. Two POSTs at once break the protocol.
pub(crate) fn begin_post(session: &Session) -> Result<ArrivingBody, NotTaken> {
    let inbox = inbox(session)?;
    inbox.begin_post()?;
    let body = ArrivingBody(inbox);
    body.reach(0);
    Ok(body)
}

/// The body of a POST that is being read. Its session looks at it when the client's pong is due.
pub(crate) struct ArrivingBody(Arc<PollingInbox>);

impl ArrivingBody {
    /// So many bytes have arrived.
    pub(crate) fn reach(&self, bytes: u64) {
        self.0.arrived.store(bytes + 1, Ordering::Relaxed);
    }
}

impl Drop for ArrivingBody {
    fn drop(&mut self) {
        self.0.arrived.store(0, Ordering::Relaxed);
    }
}

/// The body of the POST has arrived.
pub(crate) fn post(
    session: &Session,
    packets: Packets,
    request: impl FnOnce() -> PendingRequest,
) -> Result<(), NotTaken> {
    inbox(session)?.push_post(packets, request)?;
    session.wake();
    Ok(())
}

/// A POST has arrived, its body together with its head. `request` is not called if the session does not take it.
pub(crate) fn post_whole(
    session: &Session,
    packets: Packets,
    request: impl FnOnce() -> PendingRequest,
) -> Result<(), NotTaken> {
    let inbox = inbox(session)?;
    inbox.begin_post()?;
    inbox.push_post(packets, request)?;
    session.wake();
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;
    use crate::wire::payload;

    #[test]
    fn requests_that_are_taken_are_not_answered_until_they_are_dropped() {
        let inbox = PollingInbox::default();
        let (first, mut response) = PendingRequest::with_task();
        let (second, _kept) = PendingRequest::with_task();
        inbox.push_poll(|| first).unwrap();
        inbox.push_poll(|| second).unwrap();
        let requests = inbox.take().unwrap();
        assert_eq!(requests.polls.len(), 2);
        assert_eq!(response.try_recv(), Err(TryRecvError::Empty));
        assert!(inbox.is_empty() && inbox.take().is_none());
        drop(requests);
        assert_eq!(response.try_recv(), Ok(PollResponse::Refused));
    }

    #[test]
    fn a_second_post_is_refused_until_the_first_is_answered() {
        let inbox = PollingInbox::default();
        let packets = || payload::decode("4a".into()).unwrap();
        inbox.begin_post().unwrap();
        assert_eq!(inbox.begin_post(), Err(NotTaken));
        let (first, _kept) = PendingRequest::with_task();
        inbox.push_post(packets(), || first).unwrap();
        assert!(inbox.take().unwrap().post.is_some());
        assert_eq!(inbox.begin_post(), Err(NotTaken));
        inbox.end_post();
        assert_eq!(inbox.begin_post(), Ok(()));
    }

    #[test]
    fn a_closed_inbox_refuses_a_waiting_poll() {
        let inbox = PollingInbox::default();
        let (poll, mut response) = PendingRequest::with_task();
        inbox.push_poll(|| poll).unwrap();
        inbox.close();
        assert_eq!(response.try_recv(), Ok(PollResponse::Refused));
        let (poll, _kept) = PendingRequest::with_task();
        assert_eq!(inbox.push_poll(|| poll), Err(NotTaken));
    }
}
