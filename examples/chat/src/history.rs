//! What was said: in memory and, if there is one, in a file that outlives the server.

use crate::{people::Person, text::Text};
use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
use koio::Bytes;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::ser::{Formatter, Serializer};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Error, Write};
use std::path::PathBuf;

type Result<T, E = Error> = std::result::Result<T, E>;

/// Of one conversation. More are kept than shown: by their tags, retries are known.
const SHOWN: usize = 50;
const KEPT: usize = 100;
const KEPT_IN_ALL: usize = 20_000;
const IMAGE_BYTES: usize = 16_000_000;
const FILE_BYTES: usize = 100_000_000;

/// What a page calls a message of its own.
pub(crate) type Tag = Text<1, 64>;

/// Which message, and when: what its author is answered.
#[derive(Clone, Copy, Deserialize, Serialize)]
pub(crate) struct Sent {
    pub(crate) id: u64,
    pub(crate) at: u64, // milliseconds, as JavaScript counts
}

#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Message {
    #[serde(flatten)]
    pub(crate) sent: Sent,
    pub(crate) room: String,
    pub(crate) from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag: Option<Tag>,
    #[serde(flatten)]
    pub(crate) what: What,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    Text(Text<1, 2000>),
    Image {
        name: Text<1, 100>,
        #[serde(deserialize_with = "from_base64")]
        bytes: Bytes,
    },
}

impl Message {
    fn image_bytes(&self) -> usize {
        match &self.what {
            What::Text(_) => 0,
            What::Image { bytes, .. } => bytes.len(),
        }
    }
}

/// A message and whose it is, keys included: a line of the file, and never sent.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Kept {
    pub(crate) by: Person,
    pub(crate) to: Option<Person>, // of a private message
    pub(crate) message: Message,
}

impl Kept {
    /// Whether it is a private message that `person` wrote or got. Without a key nobody can prove that.
    pub(crate) fn is_private_of(&self, person: &Person) -> bool {
        let is_theirs = |to: &Person| self.by == *person || to == person;
        person.key.is_some() && self.to.as_ref().is_some_and(is_theirs)
    }

    /// As its author sees it, or as others do.
    pub(crate) fn shown(&self, is_own: bool) -> Message {
        let mut message = self.message.clone();
        message.tag = message.tag.filter(|_| is_own);
        if let Some(to) = &self.to {
            let other = if is_own { to } else { &self.by };
            message.room = format!("@{}", other.name);
        }
        message
    }
}

pub(crate) type ByRoom = BTreeMap<String, Vec<Message>>;

#[derive(Default)]
pub(crate) struct History {
    pub(crate) kept: Vec<Kept>, // in the order of their ids
    path: PathBuf,
    file: Option<File>, // locked, so that a second server finds out before it does harm
    written: usize,
}

impl History {
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        let mut options = File::options();
        let file = options.read(true).append(true).create(true).open(&path)?;
        file.try_lock()?;
        let mut history = Self::default();
        for line in BufReader::new(&file).split(b'\n').skip(1) {
            match serde_json::from_slice(&line?) {
                Ok(kept) => history.remember(kept),
                Err(error) => eprintln!("a damaged line of the history is skipped: {error}"),
            }
        }
        history.path = path;
        history.rewrite()?;
        Ok(history)
    }

    /// Into the file first: what anybody has seen or was answered outlives this process. It does not outlive
    /// the machine: that would take `sync_data`, and a thread that may wait for a disk. Handing a line to the
    /// operating system takes microseconds, and an image a millisecond.
    pub(crate) fn keep(&mut self, kept: Kept) -> Result<()> {
        if self.written > FILE_BYTES {
            self.rewrite()?;
        }
        if let Some(file) = &mut self.file {
            self.written += write(file, &kept)?;
        }
        self.remember(kept);
        Ok(())
    }

    fn remember(&mut self, kept: Kept) {
        let (all, room) = (&mut self.kept, kept.message.room.clone());
        all.push(kept);
        limit(all, |kept| (kept.message.room == room).into(), KEPT);
        limit(all, |kept| kept.message.image_bytes(), IMAGE_BYTES);
        limit(all, |_| 1, KEPT_IN_ALL);
    }

    /// A new file with what is still kept, in the old one's place.
    fn rewrite(&mut self) -> Result<()> {
        let path = self.path.with_added_extension("new");
        let mut file = File::create(&path)?;
        file.try_lock()?;
        #[cfg(unix)] // what is private, and the keys, are for nobody else on the machine
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        for kept in &self.kept {
            write(&mut file, kept)?;
        }
        fs::rename(path, &self.path)?;
        (self.file, self.written) = (Some(file), 0);
        Ok(())
    }

    pub(crate) fn last_id(&self) -> u64 {
        self.kept.last().map_or(0, |kept| kept.message.sent.id)
    }

    /// The message that has this tag of its author's.
    pub(crate) fn find(&self, by: &Person, tag: Option<&Tag>) -> Option<&Message> {
        let own = self.kept.iter().filter(|kept| kept.by == *by);
        let mut messages = own.map(|kept| &kept.message);
        messages.find(|message| tag.is_some() && message.tag.as_ref() == tag)
    }

    /// The newest of some messages as `me` sees them, by conversation. No more than fits into one
    /// answer: official clients take ten binaries.
    pub(crate) fn of(&self, me: &Person, which: impl Fn(&Kept) -> bool) -> ByRoom {
        let which = self.kept.iter().filter(|kept| which(kept));
        let mut all = which.map(|kept| kept.shown(kept.by == *me)).collect();
        limit(&mut all, |_| 1, 2_000);
        limit(&mut all, |message| message.image_bytes().min(1), 10);
        limit(&mut all, Message::image_bytes, 4_000_000);
        let mut rooms = ByRoom::new();
        for message in all {
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

/// The line break comes first, so that half a line, which a full disk may leave, spoils no other.
fn write(file: &mut File, kept: &Kept) -> Result<usize> {
    let mut line = vec![b'\n'];
    kept.serialize(&mut Serializer::with_formatter(&mut line, Base64))?;
    file.write_all(&line)?;
    Ok(line.len())
}

/// JSON as usual, but bytes are base64.
struct Base64;

impl Formatter for Base64 {
    fn write_byte_array<W: Write + ?Sized>(&mut self, to: &mut W, bytes: &[u8]) -> Result<()> {
        write!(to, "\"{}\"", BASE64.encode(bytes))
    }
}

fn from_base64<'de, D: Deserializer<'de>>(file: D) -> Result<Bytes, D::Error> {
    let bytes = BASE64.decode(String::deserialize(file)?);
    bytes.map(Bytes::from).map_err(D::Error::custom)
}
