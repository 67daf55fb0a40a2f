//! What was said where.

use crate::text::{Tag, Text};
use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
use koio::Bytes;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::collections::{HashMap, VecDeque};

const CONVERSATIONS: usize = 1_000;
const MESSAGES: usize = 50; // of one conversation
const IMAGE_BYTES: usize = 16_000_000; // of all of them together
/// What goes into one answer. Official clients take no more than ten binaries in one packet.
const ANSWER_BYTES: usize = 4_000_000;
const ANSWER_IMAGES: usize = 10;

#[derive(Clone, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Conversation {
    /// Everyone, or a group: the room of this name.
    Public(String),
    /// Two people, in the order of the alphabet.
    Private(String, String),
}

#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) from: String,
    pub(crate) at: u64, // milliseconds, as JavaScript counts
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
        /// Clients get bytes, the file has base64.
        #[serde(deserialize_with = "from_base64")]
        bytes: Bytes,
    },
}

fn from_base64<'de, D: Deserializer<'de>>(file: D) -> Result<Bytes, D::Error> {
    let bytes = BASE64.decode(String::deserialize(file)?);
    bytes.map(Bytes::from).map_err(D::Error::custom)
}

/// What the sender of a message is answered.
#[derive(Clone, Serialize)]
pub(crate) struct Sent {
    pub(crate) id: u64,
    pub(crate) at: u64,
    #[serde(skip)]
    pub(crate) is_new: bool,
}

/// A message under the key that its conversation has for whoever sees it.
#[derive(Serialize)]
pub(crate) struct Shown {
    pub(crate) room: String,
    #[serde(flatten)]
    message: Message,
}

impl Message {
    /// The tag is for its author alone.
    pub(crate) fn shown(&self, room: String, is_own: bool) -> Shown {
        let mut message = self.clone();
        message.tag = message.tag.filter(|_| is_own);
        Shown { room, message }
    }

    fn image_bytes(&self) -> usize {
        match &self.what {
            What::Text(_) => 0,
            What::Image { bytes, .. } => bytes.len(),
        }
    }

    fn bytes(&self) -> usize {
        match &self.what {
            What::Text(text) => text.0.len(),
            What::Image { bytes, .. } => bytes.len(),
        }
    }
}

#[derive(Default)]
pub(crate) struct History(HashMap<Conversation, VecDeque<Message>>);

impl History {
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Conversation, &Message)> {
        let all = self.0.iter();
        all.flat_map(|(to, messages)| messages.iter().map(move |message| (to, message)))
    }

    /// Keeps a message, and lets go what has become too much.
    pub(crate) fn keep(&mut self, to: Conversation, message: Message) {
        let has_image = message.image_bytes() > 0;
        let messages = self.0.entry(to).or_default();
        messages.push_back(message);
        if messages.len() > MESSAGES {
            messages.pop_front();
        }
        if self.0.len() > CONVERSATIONS {
            let last = |messages: &VecDeque<Message>| messages.back().map(|message| message.id);
            let unused = self.0.values().map(last).min();
            self.0.retain(|_, messages| Some(last(messages)) != unused);
        }
        if has_image {
            let images = self.all().map(|(_, message)| message);
            let oldest = oldest_that_fits(images, Message::image_bytes, IMAGE_BYTES);
            let fits = |message: &Message| message.id >= oldest || message.image_bytes() == 0;
            self.0
                .values_mut()
                .for_each(|messages| messages.retain(fits));
        }
    }

    /// Lets go what was said in private by somebody whose name is free again.
    pub(crate) fn forget(&mut self, handle: &str) {
        self.0.retain(|to, _| match to {
            Conversation::Public(_) => true,
            Conversation::Private(one, other) => one != handle && other != handle,
        });
    }
}

/// Of what somebody may see, the newest that fit into one answer, in the order of their ids.
pub(crate) fn answer(mut all: Vec<Shown>) -> Vec<Shown> {
    let messages = || all.iter().map(|shown| &shown.message);
    let is_image = |message: &Message| usize::from(message.image_bytes() > 0);
    let oldest = oldest_that_fits(messages(), Message::bytes, ANSWER_BYTES);
    let image = oldest_that_fits(messages(), is_image, ANSWER_IMAGES);
    all.retain(|Shown { message, .. }| {
        message.id >= oldest && (message.id >= image || is_image(message) == 0)
    });
    all.sort_unstable_by_key(|shown| shown.message.id);
    all
}

/// The id of the oldest message before which, counted from the newest, there is not too much.
fn oldest_that_fits<'a>(
    messages: impl Iterator<Item = &'a Message>,
    weight: impl Fn(&Message) -> usize,
    limit: usize,
) -> u64 {
    let mut all: Vec<_> = messages
        .map(|message| (message.id, weight(message)))
        .collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    let mut sum = 0;
    let fits = all.iter().take_while(|(_, weight)| {
        sum += weight;
        sum <= limit
    });
    fits.last().map_or(u64::MAX, |(id, _)| *id)
}
