//! [`OnceMemory`]: the events of one session that were handled once, by their keys. Pure: it sends nothing.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;

use crate::{Error, wire::RawArgs};

/// How many tries of one event may wait for its answer.
const MAX_WAITING: usize = 16;

/// What an event counts beside its key and its answer while its session waits for its client: its entries, and their memory's own
/// overhead.
const ENTRY_WEIGHT: usize = 256;

/// How much a session remembers: [`once_keys`](crate::config::SocketConfig::once_keys) and
/// [`once_bytes`](crate::config::SocketConfig::once_bytes).
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnceLimits {
    pub(crate) keys: usize,
    pub(crate) bytes: usize,
}

/// A try of which the answer is known elsewhere. One that is dropped is answered that there is none.
pub(in crate::socket) trait WaitingTry: Send {
    /// Sends it the answer to the first try.
    fn answer(self: Box<Self>, answer: &RawArgs);
    /// Sends it an error.
    fn refuse(self: Box<Self>, error: &Error);
}

pub(in crate::socket) type BoxTry = Box<dyn WaitingTry>;

/// The events of one session that run, and the answers to those that have run.
pub(in crate::socket) struct OnceMemory(Mutex<Remembered>);

struct Remembered {
    by_key: HashMap<Arc<str>, Arc<Tries>>,
    /// The keys, the oldest first.
    order: VecDeque<Arc<str>>,
    /// Of the answers and their keys.
    bytes: usize,
    /// While its session waits for its client.
    away: Option<Away>,
}

/// What sessions remember that wait for their clients, all those of a server together.
#[derive(Debug)]
pub(in crate::socket) struct AwayBytes {
    held: AtomicUsize,
    limit: usize,
}

/// The part of one session in that.
struct Away {
    all: Arc<AwayBytes>,
    counted: usize,
}

/// What a session remembers that waits for its client. Dropping it ends the wait.
#[derive(Debug, Default)]
pub(in crate::socket) struct AwayMemory(Arc<OnceMemory>);

/// The tries of one event.
pub(in crate::socket) struct Tries {
    key: Arc<str>,
    memory: Weak<OnceMemory>,
    state: Mutex<TryState>,
}

enum TryState {
    /// The first one runs, the others wait for its answer.
    Running {
        has_started: bool,
        waiting: Vec<BoxTry>,
    },
    Answered(RawArgs),
    /// It has ended without an answer to repeat.
    Ended,
}

/// What is to be done with a try.
pub(in crate::socket) enum Begin {
    /// It runs, and its answer is that of the others.
    Run(Arc<Tries>),
    /// It waits for the first one. Of so many that wait, this one was the oldest.
    Wait(Option<BoxTry>),
    /// It gets this answer.
    Repeat(RawArgs, Option<BoxTry>),
}

/// What was forgotten because of a limit: to be dropped without a lock.
pub(in crate::socket) struct Forgotten {
    tries: Vec<Arc<Tries>>,
    keys: usize,
    bytes: usize,
    /// What the sessions that wait for their clients had, and the limit, if it is because of that.
    away: Option<(usize, usize)>,
}

impl Default for OnceMemory {
    fn default() -> Self {
        Self(Mutex::new(Remembered {
            by_key: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            away: None,
        }))
    }
}

impl AwayBytes {
    pub(in crate::socket) fn up_to(limit: usize) -> Self {
        Self {
            held: AtomicUsize::new(0),
            limit,
        }
    }
}

impl Away {
    /// The session has this much.
    fn count(&mut self, weight: usize) {
        let held = &self.all.held;
        held.fetch_add(weight, Ordering::Relaxed);
        held.fetch_sub(
            std::mem::replace(&mut self.counted, weight),
            Ordering::Relaxed,
        );
    }

    /// How much all of them have, if that is too much.
    fn excess(&self) -> Option<(usize, usize)> {
        let (held, limit) = (self.all.held.load(Ordering::Relaxed), self.all.limit);
        (held > limit).then_some((held, limit))
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        self.count(0);
    }
}

impl AwayMemory {
    /// The session waits for its client from here on. What is too much is forgotten by [`OnceMemory::trim`].
    pub(in crate::socket) fn new(memory: Arc<OnceMemory>, all: &Arc<AwayBytes>) -> Self {
        let mut remembered = memory.0.lock();
        let mut away = Away {
            all: Arc::clone(all),
            counted: 0,
        };
        away.count(remembered.weight());
        remembered.away = Some(away);
        drop(remembered);
        Self(memory)
    }

    /// The memory, if it may be found to remember something; `None` of one that nobody has used.
    pub(in crate::socket) fn in_use(&self) -> Option<Arc<OnceMemory>> {
        // A handler of the socket that was lost may hold it, and is about to begin.
        let is_used = Arc::strong_count(&self.0) > 1 || !self.0.0.lock().order.is_empty();
        is_used.then(|| Arc::clone(&self.0))
    }
}

impl Drop for AwayMemory {
    fn drop(&mut self) {
        self.0.0.lock().away = None;
    }
}

impl OnceMemory {
    /// Forgets the oldest while the sessions that wait for their clients remember too much, if this one waits.
    pub(in crate::socket) fn trim(&self) -> Forgotten {
        let mut forgotten = Forgotten::nothing();
        self.0.lock().trim(&mut forgotten);
        forgotten
    }

    /// An event with this key has come. `waiting` makes the try that is answered, if its client wants an answer, unless it is the
    /// first. It runs under the lock.
    pub(in crate::socket) fn begin(
        self: &Arc<Self>,
        key: &str,
        waiting: impl FnOnce() -> Option<BoxTry>,
        limits: OnceLimits,
    ) -> (Begin, Forgotten) {
        let mut remembered = self.0.lock();
        if let Some(tries) = remembered.by_key.get(key) {
            return (tries.join(waiting), Forgotten::nothing());
        }
        let key: Arc<str> = key.into();
        let tries = Arc::new(Tries {
            key: Arc::clone(&key),
            memory: Arc::downgrade(self),
            state: Mutex::new(TryState::Running {
                has_started: false,
                waiting: Vec::new(),
            }),
        });
        remembered.bytes += key.len();
        remembered
            .by_key
            .insert(Arc::clone(&key), Arc::clone(&tries));
        remembered.order.push_back(key);
        let mut forgotten = remembered.forget(limits);
        remembered.trim(&mut forgotten);
        (Begin::Run(tries), forgotten)
    }

    #[cfg(test)]
    fn held(&self) -> (usize, usize) {
        let remembered = self.0.lock();
        assert_eq!(remembered.by_key.len(), remembered.order.len());
        (remembered.order.len(), remembered.bytes)
    }
}

impl Remembered {
    /// Forgets the oldest while there is too much: those that are answered ahead of those that run.
    fn forget(&mut self, limits: OnceLimits) -> Forgotten {
        let mut forgotten = Forgotten::nothing();
        while self.order.len() > limits.keys || self.bytes > limits.bytes {
            forgotten.keys = forgotten.keys.max(self.order.len());
            forgotten.bytes = forgotten.bytes.max(self.bytes);
            let Some(tries) = self.remove_oldest() else {
                break;
            };
            forgotten.tries.push(tries);
        }
        forgotten
    }

    /// Counts what there is, and forgets the oldest while the sessions that wait for their clients have too much.
    fn trim(&mut self, forgotten: &mut Forgotten) {
        loop {
            let weight = self.weight();
            let Some(away) = &mut self.away else {
                return;
            };
            away.count(weight);
            let Some(excess) = away.excess() else {
                return;
            };
            let Some(tries) = self.remove_oldest() else {
                return;
            };
            forgotten.away.get_or_insert(excess);
            forgotten.tries.push(tries);
        }
    }

    /// What it counts while its session waits.
    fn weight(&self) -> usize {
        self.bytes + self.order.len() * ENTRY_WEIGHT
    }

    /// Those that are answered come ahead of those that run.
    fn remove_oldest(&mut self) -> Option<Arc<Tries>> {
        let is_answered = |key: &Arc<str>| {
            let tries = self.by_key.get(key);
            tries.is_none_or(|tries| !tries.is_running())
        };
        let oldest = self.order.iter().position(is_answered).unwrap_or(0);
        self.remove_at(oldest)
    }

    fn remove_at(&mut self, index: usize) -> Option<Arc<Tries>> {
        let key = self.order.remove(index)?;
        let tries = self.by_key.remove(&key)?;
        self.bytes = self.bytes.saturating_sub(tries.weight());
        Some(tries)
    }

    /// Whether these tries are those of their key. They may have been forgotten.
    fn has(&self, tries: &Arc<Tries>) -> bool {
        let there = self.by_key.get(&tries.key);
        there.is_some_and(|there| Arc::ptr_eq(there, tries))
    }

    /// These tries have their answer, of this weight. One that is too long by itself is forgotten, and no other in its place.
    fn keep(&mut self, tries: &Tries, answer: usize, limits: OnceLimits) -> Forgotten {
        self.bytes += answer;
        if tries.key.len() + answer <= limits.bytes {
            return self.forget(limits);
        }
        let (keys, bytes) = (self.order.len(), self.bytes);
        Forgotten {
            tries: self.remove(tries).into_iter().collect(),
            keys,
            bytes,
            away: None,
        }
    }

    fn remove(&mut self, tries: &Tries) -> Option<Arc<Tries>> {
        // From the newest: those that end without an answer have just begun, most of them.
        let at = self.order.iter().rposition(|key| *key == tries.key)?;
        self.remove_at(at)
    }
}

impl Tries {
    /// What it counts in the memory.
    fn weight(&self) -> usize {
        let answer = match &*self.state.lock() {
            TryState::Answered(answer) => answer.weight(),
            TryState::Running { .. } | TryState::Ended => 0,
        };
        self.key.len() + answer
    }

    pub(in crate::socket) fn is_running(&self) -> bool {
        matches!(&*self.state.lock(), TryState::Running { .. })
    }

    /// One more try.
    fn join(&self, waiting: impl FnOnce() -> Option<BoxTry>) -> Begin {
        match &mut *self.state.lock() {
            TryState::Running { waiting: all, .. } => {
                all.extend(waiting());
                let is_over = all.len() > MAX_WAITING;
                Begin::Wait(is_over.then(|| all.remove(0)))
            }
            TryState::Answered(answer) => Begin::Repeat(answer.clone(), waiting()),
            // Not found by its key: it is taken out in the same step.
            TryState::Ended => Begin::Wait(waiting()),
        }
    }

    /// The handler starts: from here on the answer is kept, whatever it is.
    pub(in crate::socket) fn start(&self) {
        if let TryState::Running { has_started, .. } = &mut *self.state.lock() {
            *has_started = true;
        }
    }

    /// The first try has its answer, or will have none. Returns those that wait for it.
    pub(in crate::socket) fn end(
        self: &Arc<Self>,
        answer: Option<&RawArgs>,
        limits: OnceLimits,
    ) -> (Vec<BoxTry>, Forgotten) {
        let memory = self.memory.upgrade();
        let mut remembered = memory.as_ref().map(|memory| memory.0.lock());
        let mut state = self.state.lock();
        let TryState::Running {
            has_started,
            waiting,
        } = &mut *state
        else {
            return (Vec::new(), Forgotten::nothing());
        };
        let waiting = std::mem::take(waiting);
        let kept = answer.filter(|_| *has_started);
        *state = kept.map_or(TryState::Ended, |answer| TryState::Answered(answer.clone()));
        drop(state);
        let mut forgotten = Forgotten::nothing();
        if let Some(remembered) = &mut remembered
            && remembered.has(self)
        {
            match kept {
                Some(answer) => forgotten = remembered.keep(self, answer.weight(), limits),
                None => {
                    remembered.remove(self);
                }
            }
            remembered.trim(&mut forgotten);
        }
        (waiting, forgotten)
    }
}

impl Forgotten {
    fn nothing() -> Self {
        Self {
            tries: Vec::new(),
            keys: 0,
            bytes: 0,
            away: None,
        }
    }

    /// How many keys, and how much there was. `None` if nothing was forgotten.
    pub(in crate::socket) fn what(&self) -> Option<(usize, usize, usize)> {
        let count = self.tries.len();
        (count > 0).then_some((count, self.keys, self.bytes))
    }

    /// What the sessions that wait for their clients had, and the limit, if it is because of that.
    pub(in crate::socket) fn away(&self) -> Option<(usize, usize)> {
        self.away
    }
}

impl fmt::Debug for OnceMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceMemory").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
