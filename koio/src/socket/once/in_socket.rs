//! The memory of a socket's session.

use std::sync::Arc;

use super::{
    memory::{Begin, BoxTry, OnceLimits, OnceMemory},
    tries::{OnceRun, SocketTry, tell_forgotten},
};
use crate::{Error, observe::Observation, socket::socket::Socket};

impl Socket {
    /// The events of its session that are handled once for each key.
    pub(in crate::socket) fn once_memory(&self) -> Arc<OnceMemory> {
        let mut extras = self.extras();
        Arc::clone(extras.get_or_insert_default().once.get_or_insert_default())
    }

    fn once_limits(&self) -> OnceLimits {
        let config = self.core().config();
        OnceLimits {
            keys: config.once_keys,
            bytes: config.once_bytes,
        }
    }

    /// Its session may wait for its client from here on: forgets what is too much for that. No lock may be held.
    pub(in crate::socket) fn trim_once_memory(&self) {
        let memory = self
            .extras()
            .as_ref()
            .and_then(|extras| extras.once.clone());
        if let Some(memory) = memory {
            tell_forgotten(self, &memory.trim(), self.once_limits());
        }
    }

    /// An event has come that is handled once for each key. The first try of a key is to run; `None` if this is another one,
    /// which is answered, or will be.
    pub(crate) fn begin_once(&self, event: &str, key: &str, ack: Option<u64>) -> Option<OnceRun> {
        let limits = self.once_limits();
        let memory = self.once_memory();
        // The length keeps the two apart, whatever is in them.
        let key = format!("{}:{event}{key}", event.len());
        let waiting = || ack.map(|id| Box::new(SocketTry::new(self, id)) as BoxTry);
        let (begin, forgotten) = memory.begin(&key, waiting, limits);
        tell_forgotten(self, &forgotten, limits);
        match begin {
            Begin::Run(tries) => return Some(OnceRun { tries, limits }),
            Begin::Wait(None) => {}
            Begin::Wait(Some(oldest)) => oldest.refuse(&Error::overloaded_because(
                "too many tries of one event wait for its answer",
            )),
            Begin::Repeat(answer, waiting) => {
                if let Some(waiting) = waiting {
                    waiting.answer(&answer);
                }
            }
        }
        self.observers().notify(&Observation::EventRepeated {
            namespace: self.namespace(),
            socket: self.id(),
            event,
        });
        None
    }
}
