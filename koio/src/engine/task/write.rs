//! Writing what is queued.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll},
};

use tokio::task::coop::unconstrained;

use super::{SessionTask, link::Link};
use crate::{
    engine::{
        machine::Input,
        outbox::Outbox,
        requests::PollResponse,
        transport::{FrameSource, TransportLost},
    },
    wire::{Frame, payload},
};

/// Frames that one turn writes: emitters on other threads may queue as fast as the client reads.
const MAX_FRAMES_PER_TURN: usize = 4_096;

/// What is queued, as far as one turn writes it.
struct TurnFrames<'a> {
    outbox: &'a Outbox,
    left: usize,
}

impl FrameSource for TurnFrames<'_> {
    fn gather(&mut self, together: &mut Vec<u8>, enough: usize) -> bool {
        self.outbox.gather(together, enough, &mut self.left)
    }

    fn next(&mut self) -> Option<Frame> {
        self.left = self.left.checked_sub(1)?;
        self.outbox.pop()
    }
}

impl SessionTask {
    /// WriteBudget what is queued. Returns whether the transport would take more.
    pub(super) fn write(&mut self, cx: &mut Context<'_>) -> bool {
        let outbox = &self.session.shared().outbox;
        match &mut self.link {
            Link::WebSocket(websocket) => {
                // A turn that has read much has used up what tokio lets a task do at once. Without a share of its
                // own the writing would wait for a client to stop sending, and look like one that does not read.
                let left = if self.ending.is_some() {
                    usize::MAX
                } else {
                    MAX_FRAMES_PER_TURN
                };
                let mut share = TurnFrames { outbox, left };
                let io = &mut websocket.io;
                let write = poll_fn(|cx| io.poll_write(cx, &mut share));
                let result = pin!(unconstrained(write)).poll(cx);
                let progress = websocket.io.has_progressed();
                match result {
                    Poll::Ready(Ok(())) => {
                        self.machine.wrote();
                        self.websocket_drained(cx);
                        true
                    }
                    Poll::Ready(Err(TransportLost(reason))) => {
                        websocket.read_done = true;
                        self.input(Input::Lost(reason));
                        self.input(Input::Finished);
                        false
                    }
                    Poll::Pending => {
                        if progress {
                            self.machine.wrote();
                        }
                        self.input(Input::Stalled);
                        false
                    }
                }
            }
            Link::Polling(polling) => {
                if polling.poll.is_none() {
                    return false;
                }
                if self.ending.is_some_and(|ending| ending.flush) && outbox.is_empty() {
                    // The reference answers a waiting poll with a close, and a later one with noop and close.
                    return false;
                }
                let payload = match outbox.take_corked() {
                    Some(only) => payload::encode([only]),
                    None => payload::encode(outbox.take_all()),
                };
                if payload.is_empty() {
                    return true;
                }
                if let Some(poll) = polling.poll.take() {
                    poll.answer(PollResponse::Payload(payload));
                }
                false
            }
        }
    }
}
