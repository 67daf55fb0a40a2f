//! A message, and whose it is.

use crate::{people::Person, text::Text};
use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
use koio::Bytes;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

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
        /// Base64 in the file, and there only.
        #[serde(deserialize_with = "bytes_or_base64")]
        bytes: Bytes,
    },
}

impl Message {
    pub(crate) fn image_bytes(&self) -> usize {
        match &self.what {
            What::Text(_) => 0,
            What::Image { bytes, .. } => bytes.len(),
        }
    }
}

/// A message and whose it is, keys included: a line of the file, and what nodes tell each other. No client gets it.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Kept {
    pub(crate) by: Person,
    pub(crate) to: Option<Person>, // of a private message
    pub(crate) message: Message,
}

impl Kept {
    pub(crate) fn id(&self) -> u64 {
        self.message.sent.id
    }

    /// Its place among all, on every node. Two nodes may give one id to messages of two people, but each is on one node at a
    /// time.
    pub(crate) fn order(&self) -> (u64, String) {
        (self.id(), self.by.room())
    }

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

fn bytes_or_base64<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Image {
        Bytes(Bytes),
        Base64(String),
    }
    match Image::deserialize(from)? {
        Image::Bytes(bytes) => Ok(bytes),
        Image::Base64(text) => BASE64
            .decode(text)
            .map(Bytes::from)
            .map_err(D::Error::custom),
    }
}
