//! Sending the answer to an event.

use super::reply::Reply;
use crate::{Error, Result, observe::Observation, router::context::Context, wire::Draft};

impl Context {
    /// The onion has unwound: answers with what came out of it.
    pub(crate) fn end_with(&self, result: Result<Reply>) {
        let Some(id) = self.answer_id() else { return };
        let state = self.own_answer_state();
        match result {
            Ok(_) if state.is_taken() => {
                if state.end() && state.claim() {
                    self.send_unanswered(id);
                }
            }
            Ok(reply) => {
                // Written before it is claimed: if that panics, the panic can still be answered.
                if let Some(answer) = reply.write(self.socket(), id) {
                    self.end_with_answer(id, answer);
                }
            }
            Err(error) => match state.end_and_claim() {
                true => self.send_error(id, &error),
                false => self.count_second_answer(),
            },
        }
    }

    /// The same for an answer that is written already.
    pub(super) fn end_with_answer(&self, id: u64, answer: Result<Draft>) {
        match self.own_answer_state().end_and_claim() {
            true => self.send_answer(id, answer),
            false => self.count_second_answer(),
        }
    }

    /// Sends an answer. The caller has claimed it.
    pub(super) fn send_answer(&self, id: u64, answer: Result<Draft>) {
        let error = match answer {
            Ok(answer) => return self.deliver_answer(answer),
            Err(error) => error,
        };
        // The value can't be written (a map whose keys are no strings, say). The client waits all the same.
        self.report(&error);
        self.send_error(id, &Error::internal("unwritable"));
    }

    /// A handler's `Ack` was dropped unsent. The caller has claimed the answer.
    pub(super) fn send_unanswered(&self, id: u64) {
        let error = Error::unanswered();
        self.report(&error);
        self.send_error(id, &error);
    }

    /// Sends an error as the answer. The caller has claimed it.
    pub(super) fn send_error(&self, id: u64, error: &Error) {
        match self.socket().answer(id, &error.envelope()) {
            Ok(answer) => self.deliver_answer(answer),
            Err(error) => {
                tracing::debug!(%error, event = self.event(), "an error could not be answered");
            }
        }
    }

    /// A second answer, as by a handler that sends its `Ack` and then fails, is dropped.
    pub(super) fn count_second_answer(&self) {
        self.socket()
            .observers()
            .notify(&Observation::SecondAnswer {
                namespace: self.namespace(),
                socket: self.socket().id(),
                event: self.event(),
            });
    }
}
