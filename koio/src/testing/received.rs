//! [`ReceivedEvent`]: what a client got.

use std::{fmt, panic::Location};

use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};

use super::{line::WeakLine, sent::Sent};
use crate::{
    Error, Result,
    wire::{self, ArgError, RawArgs},
};

/// The most of an event that a failure prints.
const SHOWN: usize = 200;

/// An event that a client received, or a whole answer.
///
/// The server may have asked: [`reply`](Self::reply) answers it.
#[derive(Clone)]
pub struct ReceivedEvent {
    name: String,
    /// With the name in front of an event's arguments.
    list: RawArgs,
    /// How many items come before the arguments.
    skipped: usize,
    asked: Option<Asker>,
}

/// The server's end of an event that it asked by: where the answer goes.
#[derive(Clone, Debug)]
struct Asker {
    line: WeakLine,
    namespace: String,
    ack: u64,
}

impl ReceivedEvent {
    pub(super) fn event(line: &WeakLine, namespace: &str, ack: Option<u64>, list: RawArgs) -> Self {
        Self {
            name: list.reader().next_or_null().unwrap_or_default(),
            list,
            skipped: 1,
            asked: ack.map(|ack| Asker {
                line: line.clone(),
                namespace: namespace.to_owned(),
                ack,
            }),
        }
    }

    /// An answer to the event of that name.
    pub(super) fn answer(name: &str, list: RawArgs) -> Self {
        Self {
            name: name.to_owned(),
            list,
            skipped: 0,
            asked: None,
        }
    }

    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many arguments there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut reader = self.list.reader();
        while let Ok(Some(IgnoredAny)) = reader.next() {}
        reader.position().saturating_sub(self.skipped)
    }

    /// Whether there are no arguments.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The argument at this index, from zero. One that is missing counts as `null`. Binary is read into
    /// [`Bytes`](crate::Bytes), at any depth.
    ///
    /// # Errors
    /// `bad_request`, if it is no `T`; the message shows the event, and where in the test it was read.
    #[track_caller]
    pub fn get<T: DeserializeOwned>(&self, index: usize) -> Result<T> {
        self.get_at(index, Location::caller())
    }

    pub(super) fn get_at<T: DeserializeOwned>(
        &self,
        index: usize,
        location: &'static Location<'static>,
    ) -> Result<T> {
        let mut reader = self.list.reader();
        for _ in 0..index.saturating_add(self.skipped) {
            if let Ok(None) = reader.next::<IgnoredAny>() {
                break;
            }
        }
        reader.next_or_null().map_err(|error| {
            // Its own position counts the name.
            let reason = match error {
                ArgError::Type { reason, .. } => reason,
                syntax @ ArgError::Syntax(_) => syntax.to_string(),
            };
            let number = index.saturating_add(1);
            let misfit =
                format!("{location}: argument {number} of `{self}` does not fit: {reason}");
            Error::bad_request(match self.len() {
                len if index < len => misfit,
                1 => format!(
                    "{misfit}; there is one argument: a list or a tuple is one, `args![..]` are several"
                ),
                len => format!("{misfit}; there are {len} arguments"),
            })
        })
    }

    /// Whether the server waits for an answer.
    #[must_use]
    pub fn wants_reply(&self) -> bool {
        self.asked.is_some()
    }

    /// Answers the server: `()` with no argument, [`args!`](crate::args) with several, anything else with one. Await it to
    /// go on when the server has done with it what it can.
    ///
    /// # Errors
    /// Code `not_asked`, if the server did not ask; [disconnected](Error::is_disconnected), if the client is gone.
    pub fn reply(self, args: impl Serialize) -> Sent {
        Sent::after(self.try_reply(&args))
    }

    fn try_reply(&self, args: &impl Serialize) -> Result<()> {
        let Some(asked) = &self.asked else {
            let message = format!("the server does not wait for an answer to {self}");
            return Err(Error::new("not_asked", message));
        };
        let packet = wire::ack(&asked.namespace, asked.ack, args)?;
        asked.line.upgrade()?.send(&asked.namespace, packet)
    }
}

/// `heard "hi" 7`: the name, and the arguments as JSON, cut short if they are long.
impl fmt::Display for ReceivedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let json = String::from_utf8_lossy(self.list.json());
        let name = serde_json::to_string(&self.name).unwrap_or_default();
        let args = match self.skipped {
            0 => &*json,
            _ => json.trim_start().strip_prefix(&name).unwrap_or(&json),
        };
        let args = args.trim_start_matches([',', ' ']);
        if args.is_empty() {
            return Ok(());
        }
        match args.char_indices().nth(SHOWN) {
            None => write!(f, " {args}"),
            Some((end, _)) => write!(f, " {}…", args.get(..end).unwrap_or_default()),
        }
    }
}

impl fmt::Debug for ReceivedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceivedEvent({self})")
    }
}
