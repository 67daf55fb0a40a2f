//! Observers of what is sent to one socket: adding them, and telling them.

use std::{cell::Cell, sync::Arc};

use super::{
    listener_id::ListenerId,
    outgoing::{OutgoingEvent, OutgoingObserver},
    socket::Socket,
};
use crate::{
    Result,
    wire::{Draft, Frame},
};

thread_local! {
    /// Whether this thread runs observers of what is sent: what they emit themselves is not observed.
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

impl Socket {
    /// Calls `observer` with each event that is sent to this client, by any emit: Socket.IO's `onAnyOutgoing`. Behind
    /// the observers that were added before.
    ///
    /// It is called when the event has been queued, in the task that emits, and behind the last recipient of a broadcast; not
    /// with acknowledgements, nor with what was refused or dropped. It must not block. A panic in it is caught and logged.
    /// What it emits itself is not observed, nor are values that are nested deeper than 128. It goes when the socket does.
    ///
    /// ```
    /// use koio::{Context, Result, on};
    ///
    /// #[on("connection")]
    /// async fn connection(ctx: Context) -> Result<()> {
    ///     let id = ctx.socket().id();
    ///     ctx.socket().on_any_outgoing(move |sent| println!("{id} < {} {}", sent.event(), sent.json()))?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [Closed](crate::Error::is_closed) if the socket is gone; code `listeners`, hidden from the client, above
    /// [`listeners`](crate::config::SocketConfig::listeners) of them.
    pub fn on_any_outgoing(
        &self,
        observer: impl Fn(&OutgoingEvent) + Send + Sync + 'static,
    ) -> Result<ListenerId> {
        self.observe_outgoing(observer, false)
    }

    /// [`on_any_outgoing`](Self::on_any_outgoing) in front of the observers that were added before: Socket.IO's
    /// `prependAnyOutgoing`.
    ///
    /// # Errors
    /// As [`on_any_outgoing`](Self::on_any_outgoing).
    pub fn prepend_any_outgoing(
        &self,
        observer: impl Fn(&OutgoingEvent) + Send + Sync + 'static,
    ) -> Result<ListenerId> {
        self.observe_outgoing(observer, true)
    }

    /// Removes all observers of what is sent, and returns how many there were. One of them: [`off`](Self::off).
    #[allow(
        clippy::must_use_candidate,
        reason = "the number is rarely of interest"
    )]
    pub fn off_any_outgoing(&self) -> usize {
        self.remove_outgoing(|_| true)
    }

    /// How many observers of what is sent were added: the length of Socket.IO's `listenersAnyOutgoing()`.
    #[must_use]
    pub fn any_outgoing_count(&self) -> usize {
        self.outgoing_observers().len()
    }

    /// A copy of what is about to be sent, if it is observed.
    #[inline]
    pub(super) fn watched(&self, draft: &Draft) -> Option<Frame> {
        self.has_outgoing_observers().then(|| draft.copied())
    }

    /// It has been sent.
    #[inline]
    pub(super) fn tell_watched(&self, packet: Option<Frame>) {
        if let Some(packet) = packet {
            tell(std::slice::from_ref(self), &packet);
        }
    }

    fn observe_outgoing(
        &self,
        observer: impl Fn(&OutgoingEvent) + Send + Sync + 'static,
        in_front: bool,
    ) -> Result<ListenerId> {
        let id = ListenerId::fresh();
        let tell = Arc::new(observer);
        self.add_outgoing(&OutgoingObserver { id, tell }, in_front)?;
        Ok(id)
    }
}

/// Sockets that have been sent a packet, and have observers of that. Empty nearly always, and then nothing is allocated.
#[derive(Default)]
pub(super) struct Watched(Vec<Socket>);

impl Watched {
    /// The socket has been sent the packet.
    #[inline]
    pub(super) fn sent_to(&mut self, socket: &Socket) {
        if socket.has_outgoing_observers() {
            self.0.push(socket.clone());
        }
    }

    /// Tells their observers. No lock may be held.
    #[inline]
    pub(super) fn tell(self, packet: &Frame) {
        if !self.0.is_empty() {
            tell(&self.0, packet);
        }
    }
}

#[cold]
fn tell(sockets: &[Socket], packet: &Frame) {
    if TELLING.replace(true) {
        return;
    }
    // All of one namespace.
    let outgoing = sockets
        .first()
        .and_then(|socket| OutgoingEvent::of_frame(packet, socket.namespace()));
    if let Some(outgoing) = outgoing {
        for socket in sockets {
            for observer in &*socket.outgoing_observers() {
                observer.observe(&outgoing);
            }
        }
    }
    TELLING.set(false);
}
