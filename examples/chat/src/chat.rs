//! Everything that the chat knows, behind one lock, and how a message travels.

use crate::history::{History, Kept, Message, Sent, Tag, What};
use crate::people::{Me, People, Person};
use koio::{Result, Room, Socket, bail, ensure};
use serde_json::json;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;
use std::{ffi::OsString, io};
use tokio::sync::Semaphore;

pub(crate) const EVERYONE: &str = "everyone";
/// Beyond so many recipients, a message is encoded once for all, and nobody counts who has it.
const CROWD: u32 = 20;
/// Answers of pages that are waited for at once; beyond them there are no ticks.
static TICKS: Semaphore = Semaphore::const_new(1_000);

pub(crate) struct Chat(Mutex<Inside>);

#[derive(Default)]
pub(crate) struct Inside {
    pub(crate) people: People,
    pub(crate) history: History,
}

impl Chat {
    /// With what an earlier run of the server has left in the file.
    pub(crate) fn open(file: Option<OsString>) -> io::Result<Self> {
        let mut chat = Inside::default();
        if let Some(path) = file.filter(|path| !path.is_empty()) {
            chat.history = History::open(path.into())?;
            for kept in &chat.history.kept {
                let both = kept.to.iter().chain([&kept.by]);
                both.for_each(|person| chat.people.remember(person));
            }
        }
        Ok(Self(Mutex::new(chat)))
    }

    /// Emitting never waits, so a change is told to everybody before the lock is given back: what
    /// two people do at the same moment is announced in the order in which it happened.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// The room that a key means, if `me` may speak there, and whose it is if it is one person's.
    pub(crate) fn find(&self, me: &Me, key: &str) -> Result<(Room, Option<&Person>)> {
        let room = Room::from(key);
        if let Some(name) = key.strip_prefix('@') {
            let Some(person) = self.people.find(name) else {
                bail!("no_such_person", "Nobody of that name is known here.");
            };
            return Ok((person.room().into(), Some(person)));
        }
        ensure!(
            me.socket.is_in(&room),
            "not_in_room",
            "Join the group first."
        );
        Ok((room, None))
    }

    /// Keeps a message and gives it to everybody in the conversation, its author included.
    pub(crate) fn say(&mut self, me: &Me, key: &str, what: What, tag: Option<Tag>) -> Result<Sent> {
        if let Some(message) = self.history.find(&me.person, tag.as_ref()) {
            return Ok(message.sent); // a retry: the answer was lost
        }
        let (room, to) = self.find(me, key)?;
        let (by, to) = (Person::clone(&me.person), to.cloned());
        let mut pair = [by.room(), room.to_string()];
        pair.sort(); // one conversation, whoever of the two speaks
        let at = u64::try_from(UNIX_EPOCH.elapsed()?.as_millis())?;
        let id = at.max(self.history.last_id() + 1); // also after a restart with a clock gone back
        let message = Message {
            sent: Sent { id, at },
            room: if to.is_some() {
                pair.concat()
            } else {
                room.to_string()
            },
            from: by.name.clone(),
            tag,
            what,
        };
        let kept = Kept { by, to, message };
        let (own, shown) = (kept.shown(true), kept.shown(false));
        self.history.keep(kept)?;
        me.socket.emit("message", &own).ok(); // its author may be gone by now
        self.deliver(me, room, own, shown)?;
        Ok(Sent { id, at })
    }

    /// To the others. A task waits for their pages to acknowledge it, and tells its author how many did.
    fn deliver(&self, me: &Me, room: Room, own: Message, shown: Message) -> Result<()> {
        let is_there = |other: &&Socket| **other != me.socket && other.is_in(&room);
        let others: Vec<_> = self.people.sockets().filter(is_there).cloned().collect();
        let count = u32::try_from(others.len())?;
        let Some(Ok(places)) = (count <= CROWD).then(|| TICKS.try_acquire_many(count)) else {
            return me.socket.to(room).emit("message", shown);
        };
        let emit = |socket: &Socket| socket.emit_with_ack::<()>("message", &shown);
        let answers: Vec<_> = others.iter().map(emit).collect();
        let author = me.socket.clone();
        tokio::spawn(async move {
            let mut count = 0;
            for (socket, answer) in others.iter().zip(answers) {
                match answer.await {
                    Ok(()) => count += 1,
                    Err(error) if error.is_full() => socket.disconnect_all(), // it reads too slowly
                    Err(_) => {}
                }
            }
            drop(places);
            if count > 0 {
                let told = json!({ "room": own.room, "id": own.sent.id, "count": count });
                author.emit("delivered", told).ok();
            }
        });
        Ok(())
    }
}
