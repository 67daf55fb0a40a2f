//! Sending queued frames.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll},
};

use tokio::task::coop::unconstrained;

use super::session_task::{SessionTask, TurnFrames};
use crate::{engine::machine::Input, time::now};

/// Frames that one turn sends: emitters on other threads may queue as fast as the client reads.
const MAX_FRAMES_PER_TURN: usize = 4_096;

impl SessionTask {
    /// Sends queued frames. Returns whether the transport would take more.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> bool {
        let outbox = &self.session.shared().outbox;
        let waits_for_requests = self.transport.kind().capabilities().waits_for_requests;
        let mut frames = if waits_for_requests || self.ending.is_some() {
            TurnFrames::all(outbox)
        } else {
            TurnFrames::up_to(outbox, MAX_FRAMES_PER_TURN)
        };
        // Without tokio's budget: a turn that has read much has used it up, and writing would wait until the client stops
        // sending. The client would look like one that does not read.
        let transport = &mut self.transport;
        let send = poll_fn(|cx| transport.poll_send(cx, &mut frames));
        match pin!(unconstrained(send)).poll(cx) {
            Poll::Ready(Ok(())) => {
                if self.machine.is_stalled() {
                    self.machine.wrote(now());
                }
                true
            }
            Poll::Ready(Err(lost)) => {
                self.lost(&lost);
                self.input(Input::Finished);
                false
            }
            Poll::Pending => {
                // A polling client that makes no request runs into the ping timeout, not into the write timeout.
                // A session that closes waits for its client no longer than for one that takes nothing.
                if self.machine.is_open() && self.transport.awaits_client() {
                    if self.machine.is_stalled() {
                        self.machine.wrote(now());
                    }
                } else if !waits_for_requests {
                    if self.transport.has_progressed() {
                        self.machine.wrote(now());
                        self.session.shared().outbox.note_progress();
                    }
                    self.input(Input::Stalled);
                }
                false
            }
        }
    }

    /// Writes to a connection that has not said that it takes more. Linux says so only when a third of the send buffer is
    /// free, which takes a client that reads slowly longer than `write_timeout`. Only a bare TCP connection can be asked.
    pub(super) fn try_write(&mut self) {
        if self.session.shared().outbox.retry() {
            self.machine.wrote(now());
            self.input(Input::Stalled);
        }
    }
}
