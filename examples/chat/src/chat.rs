//! Everything that the chat knows, behind one lock, and how a message travels.

use crate::history::History;
use crate::message::{Kept, Message, Sent, Tag, What};
use crate::people::{Me, People, Person};
use koio::cluster::{PartialAnswer, RemoteSocket};
use koio::{IoHandle, Result, Room, bail, ensure};
use serde_json::json;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;
use std::{ffi::OsString, io};
use tokio::sync::Notify;

pub(crate) const EVERYONE: &str = "everyone";
const TICKS: usize = 250;

#[derive(Clone, Default)]
pub(crate) struct Chat {
    inside: Arc<Mutex<Inside>>,
    /// Somebody has come or gone on another node.
    pub(crate) others_changed: Arc<Notify>,
}

#[derive(Default)]
pub(crate) struct Inside {
    pub(crate) people: People,
    pub(crate) history: History,
    /// One reference for each message whose pages are waited for. Beyond `TICKS` of them there are no ticks.
    ticks: Arc<()>,
}

impl Chat {
    /// With what an earlier run of the server has left in the file.
    pub(crate) fn open(file: Option<OsString>) -> io::Result<Self> {
        let chat = Self::default();
        if let Some(path) = file.filter(|path| !path.is_empty()) {
            let mut inside = chat.lock();
            inside.history = History::open(path.as_ref())?;
            let Inside {
                history, people, ..
            } = &mut *inside;
            history.all().for_each(|kept| people.know_all(kept));
        }
        Ok(chat)
    }

    /// Emitting never waits, so a change is told to everybody before the lock is given back: what
    /// two people do at the same moment is announced in the order in which it happened.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Somebody has come or gone: tells the pages here, and the other nodes, which have their own list.
    pub(crate) fn tell_people(&self, io: &IoHandle) -> Result<()> {
        io.local().emit("users", self.people.names())?;
        io.server_side_emit("people", ())
    }

    /// These are on other nodes.
    pub(crate) fn meet(&mut self, io: &IoHandle, others: &[RemoteSocket]) -> Result<()> {
        let before = self.people.names();
        self.people.meet(others);
        let names = self.people.names();
        if names == before {
            return Ok(());
        }
        io.local().emit("users", names)
    }

    /// The newest that was said, to tell another node.
    pub(crate) fn newest(&self) -> Vec<Kept> {
        let newest = self.history.newest(|_| true);
        newest.into_iter().cloned().collect()
    }

    /// The room that a key means, if `me` may speak there, and whose it is if it is one person's.
    pub(crate) fn find(&self, me: &Me, key: &str) -> Result<(Room, Option<&Person>)> {
        if let Some(name) = key.strip_prefix('@') {
            let Some(person) = self.people.find(name) else {
                bail!("no_such_person", "Nobody of that name is known here.");
            };
            return Ok((person.room().into(), Some(person)));
        }
        let room = Room::from(key);
        let is_in = me.socket.is_in(&room);
        ensure!(is_in, "not_in_room", "Join the group first.");
        Ok((room, None))
    }

    /// Keeps a message and gives it to everybody in the conversation, its author included.
    pub(crate) fn say(&mut self, me: &Me, key: &str, what: What, tag: Option<Tag>) -> Result<Sent> {
        let (room, to) = self.find(me, key)?;
        let (by, to) = (Person::clone(&me.person), to.cloned());
        let conversation = to.as_ref().map_or(key.into(), |to| by.room_with(to));
        if let Some(message) = self.history.find(&conversation, &by, tag.as_ref()) {
            return Ok(message.sent); // a retry: the answer was lost
        }
        let at = u64::try_from(UNIX_EPOCH.elapsed()?.as_millis())?;
        let id = at.max(self.history.last_id() + 1); // also after a restart with a clock gone back
        let message = Message {
            sent: Sent { id, at },
            room: conversation,
            from: by.name.clone(),
            tag,
            what,
        };
        let kept = Kept { by, to, message };
        let (own, shown) = (kept.shown(true), kept.shown(false));
        self.history.keep(kept.clone())?;
        let io = me.socket.io();
        io.server_side_emit("said", kept)?; // first: who comes to another node now has it from there
        let author = io.to(me.person.room());
        author.emit("message", &own)?;
        let others = me.socket.to(room);
        let tick = Arc::clone(&self.ticks);
        if Arc::strong_count(&tick) > TICKS {
            others.emit("message", shown)?;
            return Ok(Sent { id, at });
        }
        let answers = others.emit_with_acks::<()>("message", shown); // of their pages
        tokio::spawn(async move {
            let answers = answers.await.unwrap_or_else(|error| {
                let partial = error.downcast_ref(); // a node has died
                partial.map_or_else(Vec::new, PartialAnswer::answers)
            });
            let count = answers.iter().filter(|(_, answer)| answer.is_ok()).count();
            if count > 0 {
                let told = json!({ "room": own.room, "id": id, "count": count });
                author.emit("delivered", told).ok();
            }
            drop(tick);
        });
        Ok(Sent { id, at })
    }

    /// What was said on another node, whether its pages here have it from there or not.
    pub(crate) fn hear(&mut self, kept: Kept) -> Result<()> {
        if !self.history.has(&kept) {
            self.people.know_all(&kept);
            self.history.keep(kept)?;
        }
        Ok(())
    }

    /// What other nodes have said while this one did not hear them, or before it was there. Pages get it late.
    pub(crate) fn catch_up(&mut self, io: &IoHandle, missed: Vec<Kept>) -> Result<()> {
        for kept in missed {
            if self.history.has(&kept) {
                continue;
            }
            let author = kept.by.room();
            let room = kept
                .to
                .as_ref()
                .map_or(kept.message.room.clone(), Person::room);
            let others = io.local().to(room).except(author.clone());
            others.emit("message", kept.shown(false))?;
            io.local().to(author).emit("message", kept.shown(true))?;
            self.hear(kept)?;
        }
        Ok(())
    }
}
