//! What has come to a client, until the test looks at it.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use super::{
    line::{Disconnected, Happening, WeakLine},
    received::ReceivedEvent,
};

/// Which events are meant.
pub(super) enum Wanted {
    Named(String),
    Any,
}

impl Wanted {
    fn is(&self, event: &ReceivedEvent) -> bool {
        match self {
            Self::Named(name) => event.name() == name,
            Self::Any => true,
        }
    }
}

/// What has come to one client.
pub(super) struct ClientInbox {
    pub(super) namespace: String,
    line: WeakLine,
    happenings: mpsc::UnboundedReceiver<Happening>,
    /// What has come and was not expected yet.
    kept: VecDeque<ReceivedEvent>,
    disconnected: Option<Disconnected>,
    /// The test knows that the client is disconnected.
    end_is_known: bool,
}

impl ClientInbox {
    pub(super) fn new(
        namespace: String,
        line: WeakLine,
        happenings: mpsc::UnboundedReceiver<Happening>,
    ) -> Self {
        Self {
            namespace,
            line,
            happenings,
            kept: VecDeque::new(),
            disconnected: None,
            end_is_known: false,
        }
    }

    /// Waits for something to happen. False if nothing will.
    pub(super) async fn happens(&mut self) -> bool {
        match self.happenings.recv().await {
            Some(happening) => {
                self.keep(happening);
                true
            }
            None => false,
        }
    }

    /// Takes what has happened.
    pub(super) fn look(&mut self) {
        while let Ok(happening) = self.happenings.try_recv() {
            self.keep(happening);
        }
    }

    fn keep(&mut self, happening: Happening) {
        match happening {
            Happening::Event { ack, list } => {
                let event = ReceivedEvent::event(&self.line, &self.namespace, ack, list);
                self.kept.push_back(event);
            }
            Happening::Disconnected(how) => self.disconnected = Some(how),
        }
    }

    pub(super) fn kept(&self) -> &VecDeque<ReceivedEvent> {
        &self.kept
    }

    pub(super) fn take_all(&mut self) -> Vec<ReceivedEvent> {
        self.kept.drain(..).collect()
    }

    /// Takes the first kept event that is wanted.
    pub(super) fn take(&mut self, wanted: &Wanted) -> Option<ReceivedEvent> {
        let at = self.kept.iter().position(|event| wanted.is(event))?;
        self.kept.remove(at)
    }

    pub(super) fn disconnected(&self) -> Option<Disconnected> {
        self.disconnected
    }

    /// The test ends the client, or has seen that it ended.
    pub(super) fn end_is_known(&mut self) {
        self.end_is_known = true;
    }

    /// Whether there is nothing that the test does not know of.
    pub(super) fn is_quiet(&self) -> bool {
        self.kept.is_empty() && (self.disconnected.is_none() || self.end_is_known)
    }
}
