//! Everything that the chat knows: one value, behind one lock.

use crate::history::{Conversation, History, Message, Sent, Shown, What, answer};
use crate::journal::{Journal, Line};
use crate::people::{Login, Me, Person, handle, room_of};
use crate::text::{Name, Tag};
use koio::{Context, Error, Result, Room, Socket, bail, ensure};
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};
use std::{ffi::OsString, io};
use tokio::sync::Semaphore;

pub(crate) const EVERYONE: &str = "everyone";
const NAMES: usize = 1_000; // that are kept
const TAGS: usize = 50; // of one person
const TICKS: usize = 1_000; // answers that are waited for at once
const CROWD: usize = 20; // above it nobody counts who has got a message
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Chat(Mutex<Inside>);

pub(crate) struct Inside {
    people: BTreeMap<String, Person>, // by handle
    history: History,
    journal: Option<Journal>,
    last_id: u64,
    ticks: Arc<Semaphore>,
}

/// A conversation as the sender of an event sees it.
pub(crate) struct Place {
    id: Conversation,
    pub(crate) room: Room,     // where the others are
    mine: String,              // its key for the sender
    pub(crate) theirs: String, // its key for the others
}

impl Chat {
    /// With what an earlier run has left in the file.
    pub(crate) fn open(file: Option<OsString>) -> io::Result<Self> {
        let mut chat = Inside {
            people: BTreeMap::new(),
            history: History::default(),
            journal: None,
            last_id: 0,
            ticks: Arc::new(Semaphore::new(TICKS)),
        };
        if let Some(path) = file.filter(|path| !path.is_empty()) {
            let mut journal = Journal::open(path.into(), |line| chat.take(line))?;
            let guests = chat
                .people
                .values()
                .filter(|person| person.login.key.is_none());
            for name in guests
                .map(|person| handle(&person.login.id))
                .collect::<Vec<_>>()
            {
                chat.forget(&name);
            }
            journal.rewrite(&chat.lines())?;
            chat.journal = Some(journal);
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
    pub(crate) fn enter(&mut self, socket: &Socket, login: Login) -> Result<Me> {
        let name = Name::try_from(login.id.clone()).map_err(|why| Error::new("bad_name", why))?;
        let me = Me::new(name);
        if let Some(own) = socket.get::<Me>() {
            let same = own.handle == me.handle;
            ensure!(
                same,
                "already_logged_in",
                "Your name is {} already.",
                own.name
            );
            return Ok(Me::clone(&own));
        }
        if let Some(holder) = self.people.get(&me.handle) {
            let same = holder.login.key.is_some() && holder.login.key == login.key;
            ensure!(same, "name_taken", "This name is taken.");
        }
        self.record(Line::Login(login))?;
        socket.set(me.clone());
        let person = self.people.get_mut(&me.handle);
        if let Some(old) = person.and_then(|person| person.socket.replace(socket.clone())) {
            old.disconnect(); // the same person in another window, or on a connection that broke
        }
        socket.join(EVERYONE)?;
        socket.join(room_of(&me.handle))?;
        Ok(me)
    }

    /// False if the name has gone over to another socket.
    pub(crate) fn leave(&mut self, socket: &Socket, me: &Me) -> bool {
        let person = self.people.get_mut(&me.handle);
        let Some(person) = person.filter(|person| person.socket.as_ref() == Some(socket)) else {
            return false;
        };
        (person.socket, person.left) = (None, Instant::now());
        if person.login.key.is_none() {
            self.forget(&me.handle);
        }
        true
    }

    pub(crate) fn online(&self) -> impl Iterator<Item = (&str, &Socket)> {
        let all = self.people.values();
        all.filter_map(|person| Some((person.login.id.as_str(), person.socket.as_ref()?)))
    }

    /// Everyone's messages, and the private ones of `me`.
    pub(crate) fn history(&self, me: &Me) -> Vec<Shown> {
        let key = |to: &Conversation| match to {
            Conversation::Public(room) => (room == EVERYONE).then(|| room.clone()),
            Conversation::Private(one, other) => {
                let other = if *one == me.handle {
                    other
                } else if *other == me.handle {
                    one
                } else {
                    return None;
                };
                Some(format!("@{}", self.people.get(other)?.login.id))
            }
        };
        let mine = self
            .history
            .all()
            .filter_map(|(to, message)| Some(message.shown(key(to)?, message.from == me.name)));
        answer(mine.collect())
    }

    pub(crate) fn history_of(&self, me: &Me, room: &str) -> Vec<Shown> {
        let all = self
            .history
            .all()
            .filter(|(to, _)| **to == Conversation::Public(room.to_owned()));
        answer(
            all.map(|(_, message)| message.shown(room.to_owned(), message.from == me.name))
                .collect(),
        )
    }

    /// The conversation of this key, if the sender of the event is in it.
    pub(crate) fn place(&self, ctx: &Context, me: &Me, key: &str) -> Result<Place> {
        if let Some(name) = key.strip_prefix('@') {
            let other = handle(name);
            let Some(person) = self.people.get(&other) else {
                bail!("no_such_person", "Nobody here is called {name}.");
            };
            let (room, mine) = (room_of(&other).into(), format!("@{}", person.login.id));
            let (one, two) = if other < me.handle {
                (other, me.handle.clone())
            } else {
                (me.handle.clone(), other)
            };
            let theirs = format!("@{}", me.name);
            return Ok(Place {
                id: Conversation::Private(one, two),
                room,
                mine,
                theirs,
            });
        }
        let room = Room::from(key);
        ensure!(
            ctx.socket().rooms().contains(&room),
            "not_in_room",
            "Join the group first."
        );
        Ok(Place {
            id: Conversation::Public(key.to_owned()),
            room,
            mine: key.to_owned(),
            theirs: key.to_owned(),
        })
    }

    /// Keeps a message and gives it to everybody in the conversation, its sender included.
    pub(crate) fn say(
        &mut self,
        ctx: &Context,
        me: &Me,
        key: &str,
        what: What,
        tag: Option<Tag>,
    ) -> Result<Sent> {
        let earlier = self.people.get(&me.handle).and_then(|person| {
            person
                .sent
                .iter()
                .find(|(earlier, _)| Some(earlier) == tag.as_ref())
        });
        if let Some((_, sent)) = earlier {
            return Ok(Sent {
                is_new: false,
                ..*sent
            });
        }
        let place = self.place(ctx, me, key)?;
        let at = u64::try_from(UNIX_EPOCH.elapsed()?.as_millis())?;
        let id = at.max(self.last_id + 1);
        let message = Message {
            id,
            from: me.name.clone(),
            at,
            tag,
            what,
        };
        self.record(Line::Message(place.id.clone(), message.clone()))?;
        ctx.emit("message", message.shown(place.mine.clone(), true))?;
        self.deliver(ctx, place, &message)?;
        Ok(Sent {
            id,
            at,
            is_new: true,
        })
    }

    /// To the others; a task waits for their pages' answers and tells the sender how many came.
    fn deliver(&self, ctx: &Context, place: Place, message: &Message) -> Result<()> {
        let shown = message.shown(place.theirs, false);
        let is_there =
            |socket: &&Socket| *socket != ctx.socket() && socket.rooms().contains(&place.room);
        let others: Vec<_> = self
            .online()
            .map(|(_, socket)| socket)
            .filter(is_there)
            .cloned()
            .collect();
        let places = Arc::clone(&self.ticks).try_acquire_many_owned(others.len().try_into()?);
        let (Ok(places), ..=CROWD) = (places, others.len()) else {
            return ctx.to(place.room).emit("message", shown);
        };
        let emits = others.into_iter().map(|socket| {
            (
                socket
                    .timeout(PATIENCE)
                    .emit_with_ack::<()>("message", &shown),
                socket,
            )
        });
        let (answers, sender, id) = (emits.collect::<Vec<_>>(), ctx.socket().clone(), message.id);
        tokio::spawn(async move {
            let mut count = 0;
            for (answer, socket) in answers {
                match answer.await {
                    Ok(()) => count += 1,
                    Err(error) if error.is_full() => socket.disconnect_all(),
                    Err(_) => {}
                }
            }
            drop(places);
            if count > 0 {
                let _ = sender.emit(
                    "delivered",
                    json!({ "room": place.mine, "id": id, "count": count }),
                );
            }
        });
        Ok(())
    }

    /// Into the file first, so that nobody has seen what a restart would forget.
    fn record(&mut self, line: Line) -> io::Result<()> {
        let lines = match &self.journal {
            Some(journal) if journal.is_long() => Some(self.lines()),
            _ => None,
        };
        if let Some(journal) = &mut self.journal {
            if let Some(lines) = lines {
                journal.rewrite(&lines)?;
            }
            journal.write(&line)?;
        }
        self.take(line);
        Ok(())
    }

    /// What happened now, or in an earlier run.
    fn take(&mut self, line: Line) {
        match line {
            Line::Login(login) => {
                let name = handle(&login.id);
                if let Some(person) = self
                    .people
                    .get_mut(&name)
                    .filter(|person| person.login.key == login.key)
                {
                    person.login = login;
                    return;
                }
                self.forget(&name);
                if self.people.len() >= NAMES {
                    let away = self
                        .people
                        .iter()
                        .filter(|(_, person)| person.socket.is_none());
                    let longest = away
                        .min_by_key(|(_, person)| person.left)
                        .map(|(name, _)| name.clone());
                    if let Some(name) = longest {
                        self.forget(&name);
                    }
                }
                self.people.insert(
                    name,
                    Person {
                        login,
                        socket: None,
                        left: Instant::now(),
                        sent: VecDeque::new(),
                    },
                );
            }
            Line::Message(to, message) => {
                if let Conversation::Private(one, other) = &to
                    && !(self.people.contains_key(one) && self.people.contains_key(other))
                {
                    return;
                }
                self.last_id = self.last_id.max(message.id);
                if let (Some(tag), Some(person)) =
                    (&message.tag, self.people.get_mut(&handle(&message.from)))
                {
                    person.sent.push_back((
                        tag.clone(),
                        Sent {
                            id: message.id,
                            at: message.at,
                            is_new: false,
                        },
                    ));
                    if person.sent.len() > TAGS {
                        person.sent.pop_front();
                    }
                }
                self.history.keep(to, message);
            }
        }
    }

    fn forget(&mut self, name: &str) {
        self.people.remove(name);
        self.history.forget(name);
    }

    /// All that is kept, for a file without the rest.
    fn lines(&self) -> Vec<Line> {
        let logins = self
            .people
            .values()
            .map(|person| Line::Login(person.login.clone()));
        let messages = self
            .history
            .all()
            .map(|(to, message)| Line::Message(to.clone(), message.clone()));
        logins.chain(messages).collect()
    }
}
