//! Who has which name, and who is online.

use crate::text::{Text, is_name};
use koio::{Args, Context, FromEvent, Result, Socket, bail, ensure};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc, time::Instant};

const NAMES: usize = 1_000; // that are kept, unless more are online

/// A name, and the key that proves whose it is. Others see the name only.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
pub(crate) struct Person {
    #[serde(rename = "id")]
    pub(crate) name: String,
    pub(crate) key: Option<Text<16, 64>>,
}

impl Person {
    /// Where they are, whatever their socket. No client can ask to join it.
    pub(crate) fn room(&self) -> String {
        format!("@{}", self.name.to_lowercase())
    }

    /// The conversation of two, whoever of them asks.
    pub(crate) fn room_with(&self, other: &Self) -> String {
        let mut both = [self.room(), other.room()];
        both.sort();
        both.concat()
    }
}

/// An argument of our own: who sent the event. A handler that takes it runs for nobody else.
pub(crate) struct Me {
    pub(crate) person: Arc<Person>,
    pub(crate) socket: Socket,
}

impl FromEvent for Me {
    async fn from_event(ctx: &Context, _: &mut Args) -> Result<Self> {
        let socket = ctx.socket().clone();
        let Some(person) = socket.get() else {
            bail!("not_logged_in", "Log in first.");
        };
        Ok(Self { person, socket })
    }
}

pub(crate) struct Known {
    person: Person,
    socket: Option<Socket>, // none while they are away
    seen: Instant,
}

/// By room, so that names which differ in case only are one name.
#[derive(Default)]
pub(crate) struct People(BTreeMap<String, Known>);

impl People {
    /// Gives the name to the socket, if it is free or the key is right.
    pub(crate) fn enter(&mut self, socket: &Socket, login: Person) -> Result<Arc<Person>> {
        let good = is_name(&login.name);
        ensure!(good, "bad_name", "A name is 1 to 32 visible characters.");
        if let Some(own) = socket.get::<Person>() {
            let same = own.room() == login.room();
            ensure!(same, "already_logged_in", "You are {} already.", own.name);
            return Ok(own);
        }
        let known = self.know(&login);
        let fits = known.person.key == login.key && (login.key.is_some() || known.socket.is_none());
        ensure!(fits, "name_taken", "This name is taken.");
        if let Some(old) = known.socket.replace(socket.clone()) {
            old.disconnect(); // of another window, or of a connection that is dead
        }
        let person = known.person.clone(); // as the name was written first
        socket.set(person.clone());
        Ok(Arc::new(person))
    }

    /// Frees the name, or keeps it for whoever has the key.
    pub(crate) fn leave(&mut self, me: &Me) {
        let room = me.person.room();
        let known = self.0.get_mut(&room);
        // It may have gone over to another socket.
        if let Some(known) = known.filter(|known| known.socket.as_ref() == Some(&me.socket)) {
            (known.socket, known.seen) = (None, Instant::now());
            if me.person.key.is_none() {
                self.0.remove(&room);
            }
        }
    }

    /// Makes a name known, in the place of the one that has not been used for longest.
    pub(crate) fn know(&mut self, person: &Person) -> &mut Known {
        let room = person.room();
        if self.0.len() >= NAMES && !self.0.contains_key(&room) {
            let away = self.0.iter().filter(|(_, known)| known.socket.is_none());
            let longest = away.min_by_key(|(_, known)| known.seen);
            if let Some(room) = longest.map(|(room, _)| room.clone()) {
                self.0.remove(&room);
            }
        }
        let (person, socket, seen) = (person.clone(), None, Instant::now());
        let entry = self.0.entry(room);
        entry.or_insert(Known {
            person,
            socket,
            seen,
        })
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Person> {
        let known = self.0.get(&format!("@{}", name.trim().to_lowercase()));
        known.map(|known| &known.person)
    }

    pub(crate) fn sockets(&self) -> impl Iterator<Item = &Socket> {
        self.0.values().filter_map(|known| known.socket.as_ref())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let online = self.0.values().filter(|known| known.socket.is_some());
        online.map(|known| known.person.name.clone()).collect()
    }
}
