//! Observers, and the observations that they receive.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::{Observation, Observer, Observers};

#[derive(Clone, Default)]
struct LateEvents(Arc<AtomicUsize>);

impl Observer for LateEvents {
    fn observe(&self, observation: &Observation<'_>) {
        if let Observation::LateEvent { namespace } = observation {
            assert_eq!(*namespace, "/chat");
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Panics;

impl Observer for Panics {
    fn observe(&self, _: &Observation<'_>) {
        panic!("an observer's own bug");
    }
}

const LATE: Observation<'_> = Observation::LateEvent { namespace: "/chat" };

#[test]
fn the_counters_and_an_added_observer_receive_the_same_observation() {
    let (observers, late) = (Observers::default(), LateEvents::default());
    observers.add(vec![Box::new(late.clone())]);
    observers.notify(&LATE);
    assert_eq!(late.0.load(Ordering::Relaxed), 1);
    assert_eq!(observers.counts().late_events, 1);
    assert_eq!(observers.counts().slow_consumers, 0);
}

#[test]
fn an_observer_that_panics_does_not_stop_the_others() {
    let (observers, late) = (Observers::default(), LateEvents::default());
    observers.add(vec![Box::new(Panics), Box::new(late.clone())]);
    observers.notify(&LATE);
    assert_eq!(late.0.load(Ordering::Relaxed), 1);
    assert_eq!(observers.counts().late_events, 1);
}

#[test]
fn an_observation_on_the_path_of_an_event_is_made_only_for_added_observers() {
    let observers = Observers::default();
    observers.notify_added(|| unreachable!("nobody would see it"));
    let late = LateEvents::default();
    observers.add(vec![Box::new(late.clone())]);
    observers.notify_added(|| LATE);
    assert_eq!(late.0.load(Ordering::Relaxed), 1);
    assert_eq!(observers.counts().late_events, 0, "the counters do not ask");
}
