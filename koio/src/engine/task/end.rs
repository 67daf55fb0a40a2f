//! Swapping the transport, and ending: what the client is told, and when the session can be forgotten.

use std::{sync::atomic::Ordering, task::Context};

use super::{SessionTask, link::Link};
use crate::{
    engine::{CloseReason, machine::Input, requests::PollResponse},
    observe::Observation,
    wire::{Frame, payload},
};

/// How a session ends.
#[derive(Clone, Copy)]
pub(super) struct SessionEnd {
    pub(super) reason: CloseReason,
    pub(super) flush: bool,
}

impl SessionTask {
    pub(super) fn upgrade(&mut self) {
        let Some(mut probe) = self.probe.take() else {
            return;
        };
        let shared = self.session.shared();
        shared.outbox.open_direct_writer(probe.io.direct_writer());
        shared.is_websocket.store(true, Ordering::Relaxed);
        self.registration
            .observers()
            .notify(&Observation::SessionUpgraded {
                sid: self.session.sid(),
                transport: self.machine.transport().as_str(),
            });
        if let Link::Polling(polling) = &mut self.link {
            probe.overtaken = polling.post.take().map(Box::new);
        }
        self.link = Link::WebSocket(*probe);
        shared.inbox.shrink();
    }

    pub(super) fn drop_probe(&mut self) {
        if let Some(probe) = self.probe.take() {
            self.session.shared().outbox.heed_polls(false);
            probe.turn_away();
        }
    }

    pub(super) fn closed(&mut self, reason: CloseReason, flush: bool) {
        self.registration
            .observers()
            .notify(&Observation::SessionClosed {
                sid: self.session.sid(),
                transport: self.machine.transport().as_str(),
                reason,
            });
        self.ending = Some(SessionEnd { reason, flush });
        let shared = self.session.shared();
        shared.outbox.close(!flush);
        self.upstream_busy = true;
        self.upstream.on_close(reason);
        match &mut self.link {
            Link::WebSocket(websocket) => {
                if !flush {
                    websocket.close_sent = true;
                    websocket.io.close(close_code(reason));
                }
            }
            Link::Polling(polling) => {
                // The client said goodbye in its post; the poll that it sent beside it may come a moment later,
                // and the post is answered only then: who waits for its answer finds the session gone.
                let farewell = reason == CloseReason::TransportClose && polling.post.is_some();
                if farewell && polling.poll.is_none() {
                    return;
                }
                self.session.end_post(polling, flush || farewell);
                if flush {
                    return;
                }
                if let Some(poll) = polling.poll.take() {
                    let last = if farewell {
                        Frame::noop()
                    } else {
                        Frame::close()
                    };
                    poll.answer(PollResponse::Payload(payload::encode([last])));
                }
                self.input(Input::Finished);
            }
        }
    }

    pub(super) fn gone(&mut self) {
        match &mut self.link {
            Link::Polling(polling) => self.session.end_post(polling, true),
            Link::WebSocket(websocket) => {
                if let Some(post) = websocket.overtaken.take() {
                    self.session.answer_post(post.request, true);
                }
            }
        }
        self.session.shared().outbox.close(true);
        self.session.shared().inbox.close();
        self.registration.end();
        self.link = Link::Polling(Box::default());
        self.drop_probe();
    }

    pub(super) fn websocket_drained(&mut self, cx: &mut Context<'_>) {
        let (Some(ending), Link::WebSocket(websocket)) = (self.ending, &mut self.link) else {
            return;
        };
        let read_done = websocket.read_done;
        if !websocket.close_sent {
            websocket.close_sent = true;
            websocket.io.close(close_code(ending.reason));
            let written = websocket.io.poll_write(cx, &mut None);
            self.input(Input::Told);
            if written.is_pending() {
                return;
            }
        }
        if read_done {
            self.input(Input::Finished);
        }
    }

    /// Tells a polling client of a graceful end, once everything before it has been fetched. `waited`: its poll
    /// was there already when the session ended.
    pub(super) fn finish_polling(&mut self, waited: bool) {
        if !self.ending.is_some_and(|ending| ending.flush) {
            return;
        }
        let empty = self.session.shared().outbox.is_empty();
        if let Link::Polling(polling) = &mut self.link
            && empty
            && let Some(poll) = polling.poll.take()
        {
            let payload = if waited {
                payload::encode([Frame::close()])
            } else {
                payload::encode([Frame::noop(), Frame::close()])
            };
            poll.answer(PollResponse::Payload(payload));
            self.input(Input::Finished);
        }
    }
}

/// The WebSocket close code for an ending (RFC 6455 section 7.4.1). The official clients look at none of them;
/// people who read a capture do.
fn close_code(reason: CloseReason) -> u16 {
    match reason {
        CloseReason::ServerShuttingDown => 1001,
        CloseReason::ParseError | CloseReason::TransportError => 1002,
        CloseReason::SlowConsumer
        | CloseReason::PingTimeout
        | CloseReason::ForcedClose
        | CloseReason::ForcedServerClose => 1008,
        CloseReason::TransportClose
        | CloseReason::ServerNamespaceDisconnect
        | CloseReason::ClientNamespaceDisconnect => 1000,
    }
}
