//! [`OnceRun`]: the first try of an event, whose answer the others get.

use std::{fmt, sync::Arc};

use super::memory::{Forgotten, OnceLimits, Tries, WaitingTry};
use crate::{
    Error,
    observe::Observation,
    socket::socket::Socket,
    wire::{self, Draft, RawArgs},
};

/// A try of a client that wants an answer, and waits for that to the first try. A shutdown waits for it.
pub(super) struct SocketTry {
    socket: Socket,
    id: u64,
    is_answered: bool,
}

impl SocketTry {
    pub(super) fn new(socket: &Socket, id: u64) -> Self {
        socket.ack_taken();
        Self {
            socket: socket.clone(),
            id,
            is_answered: false,
        }
    }

    fn fail(&mut self, error: &Error) {
        self.is_answered = true;
        if let Ok(draft) = self.socket.answer(self.id, &error.envelope()) {
            self.socket.send_answer(draft);
        }
    }
}

impl WaitingTry for SocketTry {
    fn answer(mut self: Box<Self>, answer: &RawArgs) {
        match self.socket.answer(self.id, answer) {
            Ok(draft) => {
                self.is_answered = true;
                self.socket.send_answer(draft);
            }
            Err(error) => self.fail(&error),
        }
    }

    fn refuse(mut self: Box<Self>, error: &Error) {
        self.fail(error);
    }
}

impl Drop for SocketTry {
    fn drop(&mut self) {
        if !self.is_answered {
            self.fail(&Error::unanswered());
        }
        // Behind the answer: a shutdown closes the session when this was the last one.
        self.socket.ack_dropped();
    }
}

/// The first try of an event that is handled once. It ends once, with an answer or without.
#[derive(Clone)]
pub(crate) struct OnceRun {
    pub(super) tries: Arc<Tries>,
    pub(super) limits: OnceLimits,
}

impl OnceRun {
    /// The handler starts: from here on the answer is kept, whatever it is.
    pub(crate) fn start(&self) {
        self.tries.start();
    }

    /// Sends the answer of the first try, if its client wants one, keeps it, and sends it to those that wait.
    pub(crate) fn answer(&self, socket: &Socket, answer: Draft, is_wanted: bool) {
        let is_running = self.tries.is_running();
        let kept = is_running.then(|| wire::ack_args(&answer)).flatten();
        debug_assert!(kept.is_some() == is_running, "an answer is an ack");
        if is_wanted {
            socket.send_answer(answer);
        }
        self.end(socket, kept.as_ref());
    }

    /// It ends without an answer, unless it has ended: those that wait are told, and one more try would run.
    pub(crate) fn abandon(&self, socket: &Socket) {
        self.end(socket, None);
    }

    fn end(&self, socket: &Socket, answer: Option<&RawArgs>) {
        let (waiting, forgotten) = self.tries.end(answer, self.limits);
        for one in waiting {
            match answer {
                Some(answer) => one.answer(answer),
                None => drop(one),
            }
        }
        tell_forgotten(socket, &forgotten, self.limits);
    }
}

/// Notifies the observers of what a limit has made the session forget.
pub(super) fn tell_forgotten(socket: &Socket, forgotten: &Forgotten, limits: OnceLimits) {
    let Some((events, keys, bytes)) = forgotten.what() else {
        return;
    };
    let OnceLimits {
        keys: max_keys,
        bytes: max_bytes,
    } = limits;
    let notify = |cause: fmt::Arguments<'_>| {
        socket.observers().notify(&Observation::OnceForgotten {
            namespace: socket.namespace(),
            socket: socket.id(),
            events,
            cause,
        });
    };
    if let Some((held, limit)) = forgotten.away() {
        return notify(format_args!(
            "{held} bytes of sessions that wait for their clients (recovery.server_bytes {limit})"
        ));
    }
    match (keys > max_keys, bytes > max_bytes) {
        (true, false) => notify(format_args!("{keys} keys (once_keys {max_keys})")),
        (false, _) => notify(format_args!(
            "{bytes} bytes of answers (once_bytes {max_bytes})"
        )),
        (true, true) => notify(format_args!(
            "{keys} keys (once_keys {max_keys}), and {bytes} bytes of answers (once_bytes {max_bytes})"
        )),
    }
}

impl fmt::Debug for OnceRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceRun")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
