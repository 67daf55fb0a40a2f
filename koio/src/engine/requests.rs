//! What HTTP requests ask of a session: the inbox that its task empties.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{CloseReason, duplex::Duplex};
use crate::wire::payload::Packets;

/// How a poll (GET) is answered.
#[derive(Debug)]
pub(crate) enum PollReply {
    /// 200 with this payload.
    Payload(Bytes),
    /// 400: it overlapped with another one.
    Refused,
}

/// How data (POST) is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PostReply {
    /// 200 `ok`.
    Taken,
    /// 400.
    Refused,
}

/// Something that another task asks of a session.
pub(crate) enum Request {
    Poll(oneshot::Sender<PollReply>),
    Post(Packets, oneshot::Sender<PostReply>),
    /// A WebSocket for this session, its 101 sent.
    Probe(Box<dyn Duplex>),
    /// The client broke the transport's rules, or aborted a request.
    Lost(CloseReason),
    /// The layer above ends the session; `flush`: what is queued is delivered first.
    Close {
        reason: CloseReason,
        flush: bool,
    },
}

/// Requests that may wait for one session. An honest client has at most one poll, one post and one WebSocket
/// under way; each is taken at the session's next turn.
const CAPACITY: usize = 64;

#[derive(Default)]
pub(crate) struct Inbox {
    /// Whether there are requests, for a look without the lock. Written under it, and before the session's task is
    /// woken through its outbox: whoever has been woken sees it.
    waiting: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// In a box: a session that begins with a WebSocket seldom needs it.
    waiting: Option<Box<Waiting>>,
    posting: bool,
    closed: bool,
}

#[derive(Default)]
struct Waiting {
    /// Came before all of `requests`.
    poll: Option<oneshot::Sender<PollReply>>,
    requests: VecDeque<Request>,
}

impl State {
    fn waiting(&mut self) -> &mut Waiting {
        self.waiting.get_or_insert_default()
    }
}

/// The session takes no more requests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotTaken;

impl Inbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, request: Request) -> Result<(), NotTaken> {
        let mut state = self.state();
        // An ending is never refused for want of room: it frees everything.
        let ends = matches!(request, Request::Lost(_) | Request::Close { .. });
        if state.closed {
            return Err(NotTaken);
        }
        let requests = &mut state.waiting().requests;
        if requests.len() >= CAPACITY {
            if !ends {
                return Err(NotTaken);
            }
            requests.clear();
        }
        requests.push_back(request);
        self.waiting.store(true, Ordering::Release);
        Ok(())
    }

    /// A poll, for which nothing need be done now if there is nothing to send: the session's task finds it when it has
    /// something.
    pub(crate) fn push_poll(&self, reply: oneshot::Sender<PollReply>) -> Result<(), NotTaken> {
        let mut state = self.state();
        if state.closed {
            return Err(NotTaken);
        }
        let waiting = state.waiting();
        if waiting.poll.is_some() || !waiting.requests.is_empty() {
            drop(state);
            return self.push(Request::Poll(reply));
        }
        waiting.poll = Some(reply);
        self.waiting.store(true, Ordering::Release);
        Ok(())
    }

    /// Marks the begin of a POST, from its head on: two at once break the protocol ("HTTP long-polling").
    pub(crate) fn begin_post(&self) -> Result<(), NotTaken> {
        let mut state = self.state();
        if state.closed || state.posting {
            return Err(NotTaken);
        }
        state.posting = true;
        Ok(())
    }

    /// The same for one whose body is there.
    pub(crate) fn push_post(
        &self,
        packets: Packets,
        reply: oneshot::Sender<PostReply>,
    ) -> Result<(), NotTaken> {
        let mut state = self.state();
        if state.closed || state.posting || state.waiting().requests.len() >= CAPACITY {
            return Err(NotTaken);
        }
        state.posting = true;
        let requests = &mut state.waiting().requests;
        requests.push_back(Request::Post(packets, reply));
        self.waiting.store(true, Ordering::Release);
        Ok(())
    }

    pub(crate) fn end_post(&self) {
        self.state().posting = false;
    }

    /// Takes everything: first a poll, then the other requests.
    pub(crate) fn take(&self) -> (Option<oneshot::Sender<PollReply>>, VecDeque<Request>) {
        if self.is_empty() {
            return (None, VecDeque::new());
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
        let (first, mut told) = oneshot::channel();
        let (second, _kept) = oneshot::channel();
        inbox.push_poll(first).unwrap();
        inbox
            .push(Request::Lost(CloseReason::TransportError))
            .unwrap();
        inbox.push_poll(second).unwrap();
        let (poll, requests) = inbox.take();
        let kinds: Vec<_> = requests
            .iter()
            .map(|request| matches!(request, Request::Poll(_)))
            .collect();
        assert_eq!(kinds, [false, true]);
        assert!(
            told.try_recv()
                .is_err_and(|error| error == oneshot::error::TryRecvError::Empty)
        );
        drop(poll);
        assert!(
            told.try_recv()
                .is_err_and(|error| error == oneshot::error::TryRecvError::Closed)
        );
        assert!(inbox.is_empty());
    }

    #[test]
    fn a_poll_waits_behind_what_came_before_it() {
        let inbox = Inbox::default();
        let (poll, _kept) = oneshot::channel();
        inbox
            .push(Request::Lost(CloseReason::TransportError))
            .unwrap();
        inbox.push_poll(poll).unwrap();
        let (poll, requests) = inbox.take();
        assert!(poll.is_none());
        assert_eq!(requests.len(), 2);
    }

    #[test]
    fn a_closed_inbox_lets_a_waiting_poll_go() {
        let inbox = Inbox::default();
        let (poll, mut told) = oneshot::channel();
        inbox.push_poll(poll).unwrap();
        inbox.close();
        assert_eq!(
            told.try_recv().err(),
            Some(oneshot::error::TryRecvError::Closed)
        );
        let (poll, _kept) = oneshot::channel();
        assert_eq!(inbox.push_poll(poll), Err(NotTaken));
    }
}
