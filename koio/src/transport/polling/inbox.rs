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

use super::response::{PendingRequest, PollResponse};
use crate::{
    engine::{Session, TransportKind, commands::NotTaken},
    wire::payload::{self, Packets},
};

/// GETs that may wait for one session. An honest client has one under way.
const CAPACITY: usize = 64;

/// The mailbox of a polling session: shared by its transport and the tasks that serve its requests.
#[derive(Default)]
pub(super) struct PollingInbox {
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
    /// The bytes of the last answer to a GET.
    last_answer: AtomicU32,
    state: Mutex<InboxState>,
}

#[derive(Default)]
struct InboxState {
    requests: InboxRequests,
    closed: bool,
}

/// Requests that have arrived.
#[derive(Default)]
pub(super) struct InboxRequests {
    pub(super) polls: SmallVec<[PendingRequest; 1]>,
    /// One at most: a second POST is refused while one is under way.
    pub(super) post: Option<Post>,
}

/// A POST, and the packets of its body.
pub(super) struct Post {
    pub(super) packets: Packets,
    pub(super) request: PendingRequest,
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

    /// A GET is answered with so many bytes.
    pub(super) fn answered(&self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        // Not under the lock. One that is missed for that is followed by the next poll.
        self.came.store(true, Ordering::Relaxed);
        self.last_answer.store(bytes, Ordering::Relaxed);
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

    fn is_empty(&self) -> bool {
        !self.pending.load(Ordering::Acquire)
    }

    /// Takes all requests that have arrived.
    pub(super) fn take(&self) -> Option<InboxRequests> {
        if self.is_empty() {
            return None;
        }
        let mut state = self.state.lock();
        self.pending.store(false, Ordering::Release);
        Some(take(&mut state.requests))
    }

    /// The POST under way is answered: the next may come.
    pub(super) fn end_post(&self) {
        self.posting.store(false, Ordering::Release);
    }

    /// Bytes of a POST whose body is being read.
    pub(super) fn arrived(&self) -> Option<u64> {
        // Relaxed: a session that looks too early looks again.
        self.arrived.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Refuses every request from here on, waiting ones included.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let refused = take(&mut state.requests);
        self.pending.store(false, Ordering::Release);
        drop(state);
        drop(refused);
    }
}

fn inbox(session: &Session) -> Result<Arc<PollingInbox>, NotTaken> {
    session.mailbox().ok_or(NotTaken)
}

/// The number of the last GET that has come.
pub(super) fn polls(session: &Session) -> Option<u32> {
    let inbox = inbox(session).ok()?;
    Some(inbox.polls.load(Ordering::Relaxed))
}

/// A GET has arrived. It is answered here if something is queued and the session's task is idle. `request` is not called if
/// the session does not take it. Returns the number of the GET.
pub(crate) fn poll(
    session: &Session,
    request: impl FnOnce() -> PendingRequest,
) -> Result<u32, NotTaken> {
    let inbox = inbox(session)?;
    // Not one atomic step: two GETs at once break the protocol.
    let number = inbox.polls.load(Ordering::Relaxed).wrapping_add(1);
    inbox.polls.store(number, Ordering::Relaxed);
    if inbox.is_empty()
        && let Some(frames) = session.take_queued(|| session.transport() == TransportKind::Polling)
    {
        let payload = payload::encode(frames);
        inbox.answered(payload.len());
        request().respond(PollResponse::Payload(payload));
        return Ok(number);
    }
    inbox.push_poll(request)?;
    // In this order: a frame that is queued from here on wakes the task, which finds the poll.
    if !session.set_writable() {
        session.wake();
    }
    Ok(number)
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
