//! Who has which name, and who is online.

use crate::message::Kept;
use crate::text::{Text, is_name};
use koio::cluster::RemoteSocket;
use koio::{Args, Context, FromEvent, Result, Room, Socket, SocketId, bail, ensure};
use serde::{Deserialize, Serialize};
use std::time::{Instant, UNIX_EPOCH};
use std::{collections::BTreeMap, sync::Arc};

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

/// Whose a socket is, and since when: its data, which every node can see, and no client.
#[derive(Deserialize, Serialize)]
struct Claim {
    #[serde(flatten)]
    person: Person,
    since: u64, // milliseconds
}

impl Claim {
    fn of(socket: &Socket) -> Option<Self> {
        socket.data().ok().flatten()
    }

    /// Of two claims to one name on two nodes, whether this is the one that goes: between two people the later one, between
    /// two windows of one person the earlier one. Each node sees both, and comes to the same end.
    fn yields(&self, own: SocketId, other: &Self, others: SocketId) -> bool {
        let is_one_person = self.person.key.is_some() && self.person.key == other.person.key;
        let is_earlier = (self.since, own) < (other.since, others);
        is_earlier == is_one_person
    }
}

enum Place {
    Here(Socket),
    /// On another node, in these rooms.
    Elsewhere(Vec<Room>),
    Away,
}

pub(crate) struct Known {
    person: Person,
    place: Place,
    since: u64, // of their last claim
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
        let fits = known.person.key == login.key && (login.key.is_some() || !known.is_online());
        ensure!(fits, "name_taken", "This name is taken.");
        let now = u64::try_from(UNIX_EPOCH.elapsed()?.as_millis())?;
        known.since = now.max(known.since + 1); // another node's clock may be ahead
        let (person, since) = (known.person.clone(), known.since); // as the name was written first
        socket.set(person.clone());
        socket.set_data(&Claim {
            person: person.clone(),
            since,
        })?;
        if let Place::Here(old) = std::mem::replace(&mut known.place, Place::Here(socket.clone())) {
            old.disconnect(); // of another window, or of a connection that is dead
        }
        Ok(Arc::new(person))
    }

    /// Frees the name, or keeps it for whoever has the key.
    pub(crate) fn leave(&mut self, me: &Me) {
        let room = me.person.room();
        let known = self.0.get_mut(&room);
        // It may have gone over to another socket.
        let is_it =
            |known: &&mut Known| matches!(&known.place, Place::Here(at) if *at == me.socket);
        if let Some(known) = known.filter(is_it) {
            (known.place, known.seen) = (Place::Away, Instant::now());
            if me.person.key.is_none() {
                self.0.remove(&room);
            }
        }
    }

    /// These and no others are on other nodes. Who has one of their names here stays or goes.
    pub(crate) fn meet(&mut self, others: &[RemoteSocket]) {
        self.0.retain(|_, known| {
            let was_elsewhere = matches!(known.place, Place::Elsewhere(_));
            if was_elsewhere {
                known.place = Place::Away;
            }
            !was_elsewhere || known.person.key.is_some()
        });
        for other in others {
            let Ok(Some(theirs)) = other.data::<Claim>() else {
                continue; // has left meanwhile, or is a stranger
            };
            let known = self.know(&theirs.person);
            if let Place::Here(socket) = &known.place {
                let ours = Claim::of(socket);
                if !ours.is_some_and(|ours| ours.yields(socket.id(), &theirs, other.id())) {
                    continue;
                }
                socket.disconnect();
            }
            known.place = Place::Elsewhere(other.rooms().to_vec());
            (known.person, known.since) = (theirs.person, theirs.since);
            known.seen = Instant::now();
        }
    }

    /// Makes a name known, in the place of the one that has not been used for longest.
    pub(crate) fn know(&mut self, person: &Person) -> &mut Known {
        let room = person.room();
        if self.0.len() >= NAMES && !self.0.contains_key(&room) {
            let away = self.0.iter().filter(|(_, known)| !known.is_online());
            let longest = away.min_by_key(|(_, known)| known.seen);
            if let Some(room) = longest.map(|(room, _)| room.clone()) {
                self.0.remove(&room);
            }
        }
        let person = person.clone();
        self.0.entry(room).or_insert_with(|| Known {
            person,
            place: Place::Away,
            since: 0,
            seen: Instant::now(),
        })
    }

    /// Makes the names known that a message has, if somebody has the key to them.
    pub(crate) fn know_all(&mut self, kept: &Kept) {
        let people = kept.to.iter().chain([&kept.by]);
        for person in people.filter(|person| person.key.is_some()) {
            self.know(person);
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Person> {
        let known = self.0.get(&format!("@{}", name.trim().to_lowercase()));
        known.map(|known| &known.person)
    }

    /// The rooms of all who are online, those that two are in twice.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = Room> {
        self.0.values().flat_map(|known| match &known.place {
            Place::Here(socket) => socket.rooms(),
            Place::Elsewhere(rooms) => rooms.clone(),
            Place::Away => Vec::new(),
        })
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let online = self.0.values().filter(|known| known.is_online());
        online.map(|known| known.person.name.clone()).collect()
    }
}

impl Known {
    fn is_online(&self) -> bool {
        !matches!(self.place, Place::Away)
    }
}
