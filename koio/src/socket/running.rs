//! What runs for one socket: one future alone, or several events that overlap.

use std::task::{Context, Poll};

use bytes::BytesMut;

use super::{
    catch_unwind::{PanicPayload, caught},
    concurrency::Concurrency,
    dispatch::BoxFuture,
    event_queue::HeldEvents,
    held_up::{HeldUp, LongWait},
    overlap::Overlap,
};
use crate::{time::now, wire::Event};

/// The futures of one socket. Small, since every socket has one: most have never overlapped.
pub(super) struct RunningHandlers {
    /// Of the connection, of the disconnect, or of an event beside which no other may run. It is polled whenever the
    /// session's task is, with that task's waker.
    alone: Option<BoxFuture>,
    /// Boxed, and `None` until something has overlapped or waited.
    company: Option<Box<Company>>,
    /// The weight of the event that runs alone.
    alone_bytes: u32,
    /// Nothing has been polled yet.
    is_new: bool,
    /// There are events that may overlap, so the limit of each is asked for. Here, where it takes no memory of its own.
    may_overlap: bool,
}

/// What a socket has only while events overlap or wait.
#[derive(Default)]
struct Company {
    overlap: Option<Overlap>,
    /// Where the texts of small events are copied to.
    texts: BytesMut,
    held_up: HeldUp,
    /// Whether something has run or waited since the last [`on_idle`](RunningHandlers::on_idle).
    is_active: bool,
}

/// What has become of the futures that were [polled](RunningHandlers::poll).
pub(super) enum Polled {
    /// None runs, or none of those that overlap was woken.
    None,
    /// The future that runs alone is not ready.
    AloneWaits,
    /// The future that ran alone has ended.
    AloneEnded(Result<(), PanicPayload>),
    /// One of those that overlap was polled.
    OneOfMany(Result<(), PanicPayload>),
}

impl RunningHandlers {
    pub(super) fn new(connecting: BoxFuture, may_overlap: bool) -> Self {
        Self {
            alone: Some(connecting),
            company: None,
            alone_bytes: 0,
            is_new: true,
            may_overlap,
        }
    }

    /// Whether there are events that may overlap.
    pub(super) fn may_overlap(&self) -> bool {
        self.may_overlap
    }

    /// Whether nothing has been polled yet.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    pub(super) fn is_none(&self) -> bool {
        self.alone.is_none() && self.overlap().is_none()
    }

    /// Whether it is a future beside which no other may run.
    pub(super) fn is_alone(&self) -> bool {
        self.alone.is_some()
    }

    /// The events that overlap, if any runs.
    fn overlap(&self) -> Option<&Overlap> {
        let overlap = self.company.as_ref()?.overlap.as_ref()?;
        (overlap.events() > 0).then_some(overlap)
    }

    /// The events that run, for the bounds of the queue.
    pub(super) fn events(&self) -> HeldEvents {
        match self.overlap() {
            Some(overlap) => overlap.running_events(),
            None => HeldEvents {
                count: usize::from(self.alone.is_some()),
                bytes: self.alone_bytes as usize,
            },
        }
    }

    /// Whether an event with this limit may start beside those that overlap.
    pub(super) fn admit(&self, limit: Concurrency) -> bool {
        self.overlap().is_none_or(|overlap| overlap.admit(limit))
    }

    /// Begins a round of [`poll`](Self::poll)s.
    pub(super) fn collect(&mut self, cx: &Context<'_>) {
        self.is_new = false;
        if let Some(company) = self.company.as_deref_mut()
            && let Some(overlap) = &mut company.overlap
        {
            overlap.collect(cx);
        }
    }

    /// Polls the future that runs alone, or one of those that overlap and were woken.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Polled {
        if let Some(alone) = &mut self.alone {
            // The router catches the panics of handlers; this keeps the connection alive if it panics itself.
            return match caught(|| alone.as_mut().poll(cx)) {
                Ok(Poll::Pending) => Polled::AloneWaits,
                Ok(Poll::Ready(())) => Polled::AloneEnded(Ok(())),
                Err(panic) => Polled::AloneEnded(Err(panic)),
            };
        }
        let Some(company) = self.company.as_deref_mut() else {
            return Polled::None;
        };
        company.is_active = true;
        let overlap = company.overlap.as_mut();
        let polled = overlap.and_then(Overlap::poll_woken);
        polled.map_or(Polled::None, Polled::OneOfMany)
    }

    /// Copies an event that is to overlap out of what it was read with, which could be a whole POST body: it may be kept
    /// while many others come.
    pub(super) fn detach(&mut self, event: &mut Event) {
        event.detach_into(&mut self.company.get_or_insert_default().texts);
    }

    /// Starts an event, of this weight, that may overlap, and keeps its future if it has not completed. `start` polls it
    /// for the first time; what it returns beside the future is the event of the handler.
    pub(super) fn start(
        &mut self,
        limit: Concurrency,
        weight: usize,
        cx: &Context<'_>,
        start: impl FnOnce(&mut Context<'_>) -> Option<(BoxFuture, &'static str)>,
    ) -> Result<(), PanicPayload> {
        let company = self.company.get_or_insert_default();
        company.is_active = true;
        let overlap = company.overlap.get_or_insert_with(|| Overlap::new(cx));
        overlap.start(limit, weight, start)
    }

    /// Keeps a future that no event may run beside, of an event of this weight. Nothing else runs.
    pub(super) fn keep_alone(&mut self, future: BoxFuture, weight: usize) {
        self.alone_bytes = u32::try_from(weight).unwrap_or(u32::MAX);
        self.alone = Some(future);
    }

    /// Drops one of the futures. `None` if none runs. A panic in the drop of a user's value is caught, so that the
    /// disconnect handlers of this connection still run.
    pub(super) fn drop_one(&mut self) -> Option<Result<(), PanicPayload>> {
        if let Some(dropped) = self.drop_alone() {
            return Some(dropped);
        }
        self.company.as_deref_mut()?.overlap.as_mut()?.drop_one()
    }

    pub(super) fn drop_alone(&mut self) -> Option<Result<(), PanicPayload>> {
        self.alone_bytes = 0;
        let alone = self.alone.take()?;
        Some(caught(|| drop(alone)))
    }

    /// Whether a [look](Self::look_at) would find events that were marked by an earlier one.
    pub(super) fn has_marked(&self) -> bool {
        let company = self.company.as_deref();
        company.is_some_and(|company| company.held_up.is_marked())
    }

    /// So many events wait behind what runs. Returns those that have waited long, if that is to be reported, and what they
    /// wait for, if that is one of several events that run.
    pub(super) fn look_at(
        &mut self,
        waiting: usize,
    ) -> Option<(LongWait, Option<(&'static str, Concurrency)>)> {
        let company = self.company.get_or_insert_default();
        company.is_active = true;
        let long = company.held_up.look(waiting, now())?;
        Some((long, company.overlap.as_ref().and_then(Overlap::blocker)))
    }

    /// An event is about to leave the queue. True if that is to be [looked at](Self::look_at) before.
    pub(super) fn leave_queue(&mut self) -> bool {
        let company = self.company.as_deref_mut();
        company.is_some_and(|company| company.held_up.leave())
    }

    /// Frees what an idle socket does not need.
    pub(super) fn on_idle(&mut self) {
        let is_none = self.is_none();
        if let Some(company) = self.company.as_deref_mut()
            && is_none
            && !std::mem::take(&mut company.is_active)
        {
            company.overlap = None;
            company.texts = BytesMut::new();
            self.company.take_if(|company| company.held_up.is_idle(now));
        }
    }

    #[cfg(test)]
    pub(super) fn has_company(&self) -> bool {
        self.company.is_some()
    }
}
