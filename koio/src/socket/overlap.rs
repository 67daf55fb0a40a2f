//! The events of one socket that run at the same time, in the task of their session.
//!
//! Each has a waker of its own: one wake polls one future, however many wait beside it. The wakers are made once and
//! used again by the events that come later, and an event is polled with its waker from its first poll on, so that it is
//! polled as often as it was woken.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use parking_lot::Mutex;

use super::{
    catch_unwind::{PanicPayload, caught},
    concurrency::{Concurrency, RunningLimits},
    dispatch::BoxFuture,
    event_queue::HeldEvents,
};

/// Runs events that may overlap.
pub(super) struct Overlap {
    places: Vec<Place>,
    /// Places without an event.
    free: Vec<u16>,
    limits: RunningLimits,
    /// The weights of the events that run.
    bytes: usize,
    /// Places whose events were woken and have not been polled since, in the order of the wakes.
    due: VecDeque<u16>,
    woken: Arc<Woken>,
}

/// A place for one event.
struct Place {
    notice: Arc<PlaceWaker>,
    waker: Waker,
    event: Option<RunningEvent>,
}

struct RunningEvent {
    future: BoxFuture,
    limit: Concurrency,
    weight: usize,
    /// The name of its handler's event.
    name: &'static str,
}

/// What the wakers of all places share.
struct Woken(Mutex<WokenPlaces>);

struct WokenPlaces {
    /// In the order of the wakes.
    places: Vec<u16>,
    /// The session's task. `None` from the first wake until [`Overlap::collect`]: the task will be polled anyway.
    task: Option<Waker>,
}

struct PlaceWaker {
    place: u16,
    /// In `places` or `due`: it is not put there twice.
    is_due: AtomicBool,
    woken: Arc<Woken>,
}

impl Wake for PlaceWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_due.swap(true, Ordering::AcqRel) {
            return;
        }
        let task = {
            let mut woken = self.woken.0.lock();
            woken.places.push(self.place);
            woken.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl Overlap {
    /// For the session's task, whose context this is.
    pub(super) fn new(cx: &Context<'_>) -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            limits: RunningLimits::default(),
            bytes: 0,
            due: VecDeque::new(),
            woken: Arc::new(Woken(Mutex::new(WokenPlaces {
                places: Vec::new(),
                task: Some(cx.waker().clone()),
            }))),
        }
    }

    /// How many events run.
    pub(super) fn events(&self) -> usize {
        self.limits.events()
    }

    /// The events that run, for the bounds of the queue.
    pub(super) fn running_events(&self) -> HeldEvents {
        HeldEvents {
            count: self.events(),
            bytes: self.bytes,
        }
    }

    /// Whether an event with this limit may start.
    pub(super) fn admit(&self, limit: Concurrency) -> bool {
        self.limits.admit(limit)
    }

    /// The event that holds up the others, by the name of its handler's event, and its limit: of those that run, the
    /// one with the least limit.
    pub(super) fn blocker(&self) -> Option<(&'static str, Concurrency)> {
        let running = self.places.iter().filter_map(|place| place.event.as_ref());
        let blocker = running.min_by_key(|event| event.limit)?;
        Some((blocker.name, blocker.limit))
    }

    /// Starts an event: `start` polls it for the first time, with the waker of its place. It returns the future if that
    /// has not completed, and the event of the handler.
    pub(super) fn start(
        &mut self,
        limit: Concurrency,
        weight: usize,
        start: impl FnOnce(&mut Context<'_>) -> Option<(BoxFuture, &'static str)>,
    ) -> Result<(), PanicPayload> {
        let at = self.free_place();
        let Some(place) = self.places.get_mut(usize::from(at)) else {
            return Ok(());
        };
        let mut own = Context::from_waker(&place.waker);
        let started = caught(|| start(&mut own));
        let Ok(Some((future, name))) = started else {
            self.free.push(at);
            return started.map(|_| ());
        };
        place.event = Some(RunningEvent {
            future,
            limit,
            weight,
            name,
        });
        self.limits.add(limit);
        self.bytes = self.bytes.saturating_add(weight);
        Ok(())
    }

    fn free_place(&mut self) -> u16 {
        if let Some(at) = self.free.pop() {
            return at;
        }
        // No more places than events that run at the same time, of which there are at most `Concurrency::MAX`.
        let at = u16::try_from(self.places.len()).unwrap_or(u16::MAX);
        let notice = Arc::new(PlaceWaker {
            place: at,
            is_due: AtomicBool::new(false),
            woken: Arc::clone(&self.woken),
        });
        self.places.push(Place {
            waker: Waker::from(Arc::clone(&notice)),
            notice,
            event: None,
        });
        at
    }

    /// Takes the wakes that have come since the last call. The next one wakes the session's task, whose context this is.
    pub(super) fn collect(&mut self, cx: &Context<'_>) {
        let mut woken = self.woken.0.lock();
        self.due.extend(woken.places.drain(..));
        if woken.task.is_none() {
            woken.task = Some(cx.waker().clone());
        }
    }

    /// Polls the event that was woken first, of those [collected](Self::collect). `None` if there is none.
    pub(super) fn poll_woken(&mut self) -> Option<Result<(), PanicPayload>> {
        loop {
            let at = self.due.pop_front()?;
            let Some(place) = self.places.get_mut(usize::from(at)) else {
                continue;
            };
            // Before the poll: a wake during the poll must not be lost. A swap, since the poll must see what was written
            // before a wake that found it still set.
            place.notice.is_due.swap(false, Ordering::AcqRel);
            // A waker that outlived its event wakes a place that is free, or the event that has the place by now.
            let Some(event) = &mut place.event else {
                continue;
            };
            let mut own = Context::from_waker(&place.waker);
            let future = event.future.as_mut();
            return Some(match caught(|| future.poll(&mut own)) {
                Ok(Poll::Pending) => Ok(()),
                Ok(Poll::Ready(())) => self.remove(at),
                Err(panic) => {
                    let _ = self.remove(at);
                    Err(panic)
                }
            });
        }
    }

    /// Drops the future in a place, which is free then.
    fn remove(&mut self, at: u16) -> Result<(), PanicPayload> {
        let place = self.places.get_mut(usize::from(at));
        let Some(event) = place.and_then(|place| place.event.take()) else {
            return Ok(());
        };
        self.limits.remove(event.limit);
        self.bytes = self.bytes.saturating_sub(event.weight);
        self.free.push(at);
        caught(|| drop(event))
    }

    /// Drops one of the events that run. `None` if none does.
    pub(super) fn drop_one(&mut self) -> Option<Result<(), PanicPayload>> {
        let running = self.places.iter().position(|place| place.event.is_some())?;
        Some(self.remove(u16::try_from(running).ok()?))
    }
}
