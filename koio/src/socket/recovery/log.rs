//! The log of one namespace: the order of its events, and those that a client may come back for. Pure: time is an argument.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    position::{self, POSITION_CHARS},
    record::SessionRecord,
    trimmed::Trimmed,
};
use crate::{
    adapter::Target,
    ids::{Epoch, Room, SocketId},
    wire::{Frame, FrameForms},
};

/// What an event counts beside its bytes: its entry, and its memory's own overhead.
const ENTRY_WEIGHT: usize = 192;
/// What each room of its target counts.
const ROOM_WEIGHT: usize = 16;

/// Entries that are looked at for a client that returns, before the emits that wait for the log have their turn. A session may
/// be in a thousand rooms, each of which is compared with each of an entry.
const SLICE: usize = 256;

/// How much logs may hold.
#[derive(Debug)]
pub(in crate::socket) struct LogLimits {
    /// Bytes of one namespace.
    pub(in crate::socket) namespace_bytes: usize,
    /// Bytes of all namespaces.
    pub(in crate::socket) server_bytes: usize,
    /// The bytes that all logs hold.
    pub(in crate::socket) held: Arc<AtomicUsize>,
}

/// The events of one namespace, in the order in which they were sent.
#[derive(Debug)]
pub(in crate::socket) struct NamespaceLog {
    epoch: Epoch,
    limits: LogLimits,
    /// The offset that was given last. The first event has offset 1.
    last: u64,
    /// The entries up to `last`, without a gap.
    entries: VecDeque<LogEntry>,
    bytes: usize,
    trimmed: Trimmed,
    /// The last offset at certain times, oldest first.
    marks: VecDeque<(Instant, u64)>,
    /// The event streams that follow the namespace.
    streams: usize,
    /// When the last of them has ended: its client may come back for what it has missed.
    unfollowed: Option<Instant>,
    /// The sessions that are connected.
    connected: usize,
    /// The sessions that are not, and may be recovered, each with those of its rooms that others ask for.
    away: HashMap<SocketId, Vec<Room>>,
    /// How many of them are in each of these rooms.
    away_in: HashMap<Room, usize>,
}

/// What a session has missed, as far as the log was looked through.
#[derive(Debug, Default)]
pub(in crate::socket) struct MissedEvents {
    pub(in crate::socket) frames: Vec<Frame>,
    /// The client takes compressed messages.
    pub(in crate::socket) takes_compressed: bool,
    /// The offset of the last entry that was looked at.
    upto: u64,
    /// The last offset that was given when the looking began.
    begun: Option<u64>,
    /// Something of it is gone.
    pub(in crate::socket) has_gap: bool,
}

#[derive(Debug)]
struct LogEntry {
    forms: FrameForms,
    target: Target,
}

impl LogEntry {
    fn weight(&self) -> usize {
        let rooms = self.target.rooms.len() + self.target.except.len();
        self.forms.len() + ENTRY_WEIGHT + rooms * ROOM_WEIGHT
    }
}

impl NamespaceLog {
    pub(in crate::socket) fn new(epoch: Epoch, limits: LogLimits) -> Self {
        Self {
            epoch,
            limits,
            last: 0,
            entries: VecDeque::new(),
            bytes: 0,
            trimmed: Trimmed::default(),
            marks: VecDeque::new(),
            streams: 0,
            unfollowed: None,
            connected: 0,
            away: HashMap::new(),
            away_in: HashMap::new(),
        }
    }

    /// The offset that was given last.
    pub(in crate::socket) fn last(&self) -> u64 {
        self.last
    }

    /// The position of the last event, for one that is not logged.
    pub(in crate::socket) fn position(&self) -> [u8; POSITION_CHARS] {
        position::to_text(self.epoch, self.last)
    }

    /// The position of the event that is appended next.
    pub(in crate::socket) fn next_position(&self) -> [u8; POSITION_CHARS] {
        position::to_text(self.epoch, self.last + 1)
    }

    /// Appends an event that carries [`next_position`](Self::next_position).
    pub(in crate::socket) fn append(&mut self, forms: impl Into<FrameForms>, target: Target) {
        self.last += 1;
        let forms = forms.into();
        let entry = LogEntry { forms, target };
        let weight = entry.weight();
        self.entries.push_back(entry);
        self.bytes += weight;
        self.limits.held.fetch_add(weight, Ordering::Relaxed);
        while self.is_full() && self.trim_first() {}
    }

    fn is_full(&self) -> bool {
        self.bytes > self.limits.namespace_bytes
            || self.limits.held.load(Ordering::Relaxed) > self.limits.server_bytes
    }

    /// The offset of the first entry.
    fn first(&self) -> u64 {
        let entries = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        self.last - entries + 1
    }

    fn trim_first(&mut self) -> bool {
        let offset = self.first();
        let Some(entry) = self.entries.pop_front() else {
            return false;
        };
        self.release(entry.weight());
        self.trimmed.add(&entry.target, offset);
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
        true
    }

    fn release(&mut self, weight: usize) {
        self.bytes -= weight;
        self.limits.held.fetch_sub(weight, Ordering::Relaxed);
    }

    /// Trims what is older than `keep`. To be called from time to time: how exact that is depends on how often.
    pub(in crate::socket) fn trim_older(&mut self, now: Instant, keep: Duration) {
        while let Some((at, offset)) = self.marks.front().copied()
            && now.saturating_duration_since(at) >= keep
        {
            self.marks.pop_front();
            while !self.entries.is_empty() && self.first() <= offset {
                self.trim_first();
            }
        }
        if self.marks.back().is_none_or(|(_, last)| *last < self.last) && self.last > 0 {
            self.marks.push_back((now, self.last));
        }
    }

    /// Whether something is gone that a session has missed, whose client has everything up to `since`.
    pub(in crate::socket) fn has_gap(&self, session: &SessionRecord) -> bool {
        self.is_gap_behind(session, session.since)
    }

    /// Whether something is gone that a session has missed behind this offset.
    fn is_gap_behind(&self, session: &SessionRecord, offset: u64) -> bool {
        !session.stays.are_known_since(offset) || self.trimmed.is_gap(session, offset)
    }

    /// Collects what a session has missed whose client has everything up to `since`, oldest first, from some more of the
    /// entries. True when there is nothing more to look at.
    ///
    /// What has come since the first call is looked at in one piece: emitters that are quicker than this would never let it end.
    pub(in crate::socket) fn collect(
        &self,
        session: &SessionRecord,
        missed: &mut MissedEvents,
    ) -> bool {
        let upto = missed.upto.max(session.since);
        missed.has_gap = self.is_gap_behind(session, upto);
        missed.has_gap
            || self.collect_some(upto, missed, |target, offset| {
                session.was_meant(target, offset)
            })
    }

    /// As [`collect`](Self::collect), for the client of an event stream in these rooms that has seen everything up to `seen`.
    /// Whom a trimmed event was for is not asked: one that it has not seen is a gap.
    pub(in crate::socket) fn collect_for_stream(
        &self,
        seen: u64,
        rooms: &[Room],
        missed: &mut MissedEvents,
    ) -> bool {
        let upto = missed.upto.max(seen);
        missed.has_gap = upto + 1 < self.first();
        let is_in = |room: &Room| rooms.contains(room);
        missed.has_gap
            || self.collect_some(upto, missed, |target, _| {
                (target.rooms.is_empty() || target.rooms.iter().any(is_in))
                    && !target.except.iter().any(is_in)
            })
    }

    /// Collects what is meant of some of the entries behind `upto`.
    fn collect_some(
        &self,
        upto: u64,
        missed: &mut MissedEvents,
        is_meant: impl Fn(&Target, u64) -> bool,
    ) -> bool {
        let begun = *missed.begun.get_or_insert(self.last);
        let first = self.first();
        // Behind what was trimmed, if that is more.
        let upto = upto.max(first - 1);
        let from = usize::try_from(upto + 1 - first).unwrap_or(usize::MAX);
        let from = from.min(self.entries.len());
        let until = match upto < begun {
            true => self.entries.len().min(from + SLICE),
            false => self.entries.len(),
        };
        let some = self.entries.range(from..until);
        let meant = some
            .zip(upto + 1..)
            .filter(|(entry, offset)| is_meant(&entry.target, *offset));
        let takes_compressed = missed.takes_compressed;
        let frames = meant.map(|(entry, _)| entry.forms.for_recipient(takes_compressed).clone());
        missed.frames.extend(frames);
        missed.upto = upto + (until - from) as u64;
        missed.upto == self.last
    }

    /// The offset up to which a client has everything that says it has seen `seen` last. An offset of another epoch is from an
    /// earlier session of the client: it has seen no event of this one.
    pub(in crate::socket) fn seen(&self, since: u64, seen: Option<&str>) -> u64 {
        let seen = seen.and_then(|seen| self.offset_of(seen));
        since.max(seen.unwrap_or_default())
    }

    /// The offset of a position that a client says it has seen. `None` if it is of another log, or was never given.
    pub(in crate::socket) fn offset_of(&self, position: &str) -> Option<u64> {
        position::of_epoch(position, self.epoch).filter(|offset| *offset <= self.last)
    }

    /// A session is connected that was not, or only now exists.
    ///
    /// If it was away: the rooms that it was lost with, in which it is not away any more.
    pub(in crate::socket) fn enter(&mut self, id: SocketId) -> Vec<Room> {
        self.connected += 1;
        self.not_away(id)
    }

    /// The connection of a session is lost. `rooms`: those that [`is_awaited`](Self::is_awaited) is to know.
    pub(in crate::socket) fn lose(&mut self, id: SocketId, rooms: Vec<Room>) {
        self.connected = self.connected.saturating_sub(1);
        for room in &rooms {
            *self.away_in.entry(room.clone()).or_default() += 1;
        }
        self.away.insert(id, rooms);
    }

    fn not_away(&mut self, id: SocketId) -> Vec<Room> {
        let rooms = self.away.remove(&id).unwrap_or_default();
        for room in &rooms {
            if let Some(sessions) = self.away_in.get_mut(room) {
                *sessions -= 1;
                if *sessions == 0 {
                    self.away_in.remove(room);
                }
            }
        }
        rooms
    }

    /// A connected session has ended.
    pub(in crate::socket) fn end(&mut self, id: SocketId) {
        self.connected = self.connected.saturating_sub(1);
        self.forget(id);
    }

    /// A session that was away will not come back. Returns the rooms that it was lost with.
    pub(in crate::socket) fn expire(&mut self, id: SocketId) -> Vec<Room> {
        let rooms = self.not_away(id);
        self.forget(id);
        rooms
    }

    fn forget(&mut self, id: SocketId) {
        self.trimmed.forget(id);
        if !self.has_sessions() && !self.is_followed() {
            self.clear();
        }
    }

    /// Whether this session is not connected and may come back.
    pub(in crate::socket) fn is_away(&self, id: &SocketId) -> bool {
        self.away.contains_key(id)
    }

    /// Whether a session is away that is in this room, which may be that of its own id.
    pub(in crate::socket) fn is_awaited(&self, room: &str) -> bool {
        self.away_in.contains_key(room) || SocketId::parse(room).is_some_and(|id| self.is_away(&id))
    }

    /// Whether a session is away.
    pub(in crate::socket) fn has_away(&self) -> bool {
        !self.away.is_empty()
    }

    /// An event stream follows the namespace.
    pub(in crate::socket) fn follow(&mut self) {
        self.streams += 1;
        self.unfollowed = None;
    }

    /// An event stream has ended.
    pub(in crate::socket) fn unfollow(&mut self, now: Instant) {
        self.streams = self.streams.saturating_sub(1);
        if self.streams == 0 {
            self.unfollowed = Some(now);
        }
    }

    /// Whether an event stream follows the namespace, or one has that its client may come back for.
    pub(in crate::socket) fn is_followed(&self) -> bool {
        self.streams > 0 || self.unfollowed.is_some()
    }

    /// Forgets that the namespace was followed, if nobody has followed it for so long and no session is left. Then nothing need be
    /// kept for it.
    pub(in crate::socket) fn lapse(&mut self, now: Instant, keep: Duration) -> bool {
        let is_over = |at: Instant| now.saturating_duration_since(at) >= keep;
        if self.streams > 0 || self.has_sessions() || !self.unfollowed.is_some_and(is_over) {
            return false;
        }
        self.unfollowed = None;
        self.clear();
        // From here on events may pass that get no offset: whoever has seen the last one has a gap all the same.
        self.last += 1;
        true
    }

    /// Whether somebody may come back for what is appended now.
    pub(in crate::socket) fn is_kept(&self) -> bool {
        self.is_followed() || self.has_away()
    }

    /// Whether there is a session, connected or away.
    pub(in crate::socket) fn has_sessions(&self) -> bool {
        self.connected > 0 || !self.away.is_empty()
    }

    /// Nobody is left who could come back.
    fn clear(&mut self) {
        self.release(self.bytes);
        self.entries = VecDeque::new();
        self.marks = VecDeque::new();
        self.trimmed = Trimmed::default();
        self.away = HashMap::new();
        self.away_in = HashMap::new();
    }
}

impl Drop for NamespaceLog {
    fn drop(&mut self) {
        self.release(self.bytes);
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
