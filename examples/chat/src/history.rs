//! What was said where: the last of it, and no more than fits.

use crate::journal::Journal;
use crate::message::{Kept, Message, Tag};
use crate::people::Person;
use std::{collections::BTreeMap, io, path::Path};

const CONVERSATIONS: usize = 1_000;
/// Of one conversation. More are kept than shown: by their tags, retries are known.
const SHOWN: usize = 50;
const KEPT: usize = 80;
const IMAGE_BYTES: usize = 16_000_000;

pub(crate) type ByRoom = BTreeMap<String, Vec<Message>>;

#[derive(Default)]
pub(crate) struct History {
    rooms: BTreeMap<String, Vec<Kept>>, // each in its order
    journal: Option<Journal>,
}

impl History {
    /// With what an earlier run of the server has left in the file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut history = Self::default();
        let mut journal = Journal::open(path, |kept| history.remember(kept))?;
        history.trim();
        journal.rewrite(history.all())?;
        history.journal = Some(journal);
        Ok(history)
    }

    /// Into the file first: nobody is answered what a restart would forget.
    pub(crate) fn keep(&mut self, kept: Kept) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            if journal.is_long() {
                journal.rewrite(self.rooms.values().flatten())?;
            }
            journal.write(&kept)?;
        }
        let is_text = kept.message.image_bytes() == 0;
        let is_usual = is_text && self.rooms.contains_key(&kept.message.room);
        self.remember(kept);
        if !is_usual {
            self.trim();
        }
        Ok(())
    }

    fn remember(&mut self, kept: Kept) {
        let room = self.rooms.entry(kept.message.room.clone()).or_default();
        // The last place, but for what another node has said before.
        let at = room.iter().rposition(|one| one.order() < kept.order());
        room.insert(at.map_or(0, |at| at + 1), kept);
        limit(room, |_| 1, KEPT);
    }

    pub(crate) fn has(&self, kept: &Kept) -> bool {
        let room = self.rooms.get(&kept.message.room);
        room.is_some_and(|room| room.iter().any(|one| one.order() == kept.order()))
    }

    /// Lets the conversations go that were not used for longest, and the oldest images.
    fn trim(&mut self) {
        let last = self.rooms.values().filter_map(|room| room.last());
        let oldest = oldest_that_fits(last.map(|kept| (kept.id(), 1)), CONVERSATIONS);
        let is_used = |room: &[Kept]| room.last().is_some_and(|kept| kept.id() >= oldest);
        self.rooms.retain(|_, room| is_used(room));
        let image = |kept: &Kept| (kept.id(), kept.message.image_bytes());
        let oldest = oldest_that_fits(self.all().map(image), IMAGE_BYTES);
        let fits = |kept: &Kept| kept.id() >= oldest || kept.message.image_bytes() == 0;
        self.rooms.values_mut().for_each(|room| room.retain(fits));
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Kept> {
        self.rooms.values().flatten()
    }

    pub(crate) fn last_id(&self) -> u64 {
        let last = self.rooms.values().filter_map(|room| room.last());
        last.map(Kept::id).max().unwrap_or_default()
    }

    /// The message of this tag, if its author has sent it before.
    pub(crate) fn find(&self, room: &str, by: &Person, tag: Option<&Tag>) -> Option<&Message> {
        let mut own = self.rooms.get(room)?.iter().filter(|kept| kept.by == *by);
        let found = own.find(|kept| tag.is_some() && kept.message.tag.as_ref() == tag);
        found.map(|kept| &kept.message)
    }

    /// The newest of some messages, in their order. No more than fits into one answer: official clients take ten binaries.
    pub(crate) fn newest(&self, which: impl Fn(&Kept) -> bool) -> Vec<&Kept> {
        let mut all: Vec<_> = self.all().filter(|kept| which(kept)).collect();
        all.sort_by_cached_key(|kept| kept.order());
        limit(&mut all, |_| 1, 2_000);
        limit(&mut all, |kept| kept.message.image_bytes().min(1), 10);
        limit(&mut all, |kept| kept.message.image_bytes(), 4_000_000);
        all
    }

    /// The same as `me` sees them, by conversation.
    pub(crate) fn of(&self, me: &Person, which: impl Fn(&Kept) -> bool) -> ByRoom {
        let mut rooms = ByRoom::new();
        for kept in self.newest(which) {
            let message = kept.shown(kept.by == *me);
            let room = rooms.entry(message.room.clone()).or_default();
            room.push(message);
            limit(room, |_| 1, SHOWN);
        }
        rooms
    }
}

/// Lets go the oldest of those that weigh anything, until the rest weighs no more than `most`.
fn limit<T>(all: &mut Vec<T>, weight: impl Fn(&T) -> usize, most: usize) {
    let mut sum: usize = all.iter().map(&weight).sum();
    all.retain(|one| {
        let weight = if sum > most { weight(one) } else { 0 };
        sum -= weight;
        weight == 0
    });
}

/// The id of the oldest of those, each with its weight, that are light enough together with all newer ones.
fn oldest_that_fits(all: impl Iterator<Item = (u64, usize)>, most: usize) -> u64 {
    let mut all: Vec<_> = all.filter(|(_, weight)| *weight > 0).collect();
    all.sort_unstable();
    limit(&mut all, |(_, weight)| *weight, most);
    all.first().map_or(0, |(id, _)| *id)
}
