//! Who is online under which name: one name for a socket, one socket for a name.

use koio::{Arguments, Context, Error, FromEvent, Result, SocketId, bail};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(crate) struct People(Mutex<Online>);

#[derive(Default)]
pub(crate) struct Online(BTreeMap<String, SocketId>);

impl People {
    /// Emitting never waits, so a change can be told to everybody before the lock is given back:
    /// two who come at the same moment are announced in the order in which they came.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Online> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Online {
    /// Gives the name to the socket; false if that has it already.
    pub(crate) fn enter(&mut self, id: SocketId, name: &str) -> Result<bool> {
        match (self.name_of(id), self.0.contains_key(name)) {
            (Some(own), _) if own == name => return Ok(false),
            (Some(own), _) => bail!("already_logged_in", "Your name is {own} already."),
            (None, true) => bail!("name_taken", "This name is taken."),
            (None, false) if is_good(name) => self.0.insert(name.to_owned(), id),
            (None, false) => bail!("bad_name", "A name is 1 to 32 visible characters."),
        };
        Ok(true)
    }

    /// Frees the socket's name; false if it has none.
    pub(crate) fn leave(&mut self, id: SocketId) -> bool {
        let name = self.name_of(id).map(str::to_owned);
        name.is_some_and(|name| self.0.remove(&name).is_some())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// Somebody by name or socket id. A client's word is looked up before anything is sent there:
    /// taken as it is, it could be the name of any room.
    pub(crate) fn find(&self, to: &str) -> Option<SocketId> {
        let by_id = || SocketId::parse(to).filter(|id| self.name_of(*id).is_some());
        self.0.get(to).copied().or_else(by_id)
    }

    fn name_of(&self, id: SocketId) -> Option<&str> {
        let mut all = self.0.iter();
        all.find_map(|(name, holder)| (*holder == id).then_some(name.as_str()))
    }
}

/// Others see it: no socket id, nothing invisible, and nothing that turns the text around it.
fn is_good(name: &str) -> bool {
    let hides =
        |c: char| c.is_control() || ('\u{200b}'..='\u{206f}').contains(&c) || c == '\u{feff}';
    let length = name.chars().count();
    length > 0
        && length <= 32
        && name.trim() == name
        && !name.contains(hides)
        && SocketId::parse(name).is_none()
}

/// An argument of our own: who sent the event. A handler that takes it runs for nobody else.
pub(crate) struct Me(String);

/// The fields of `what`, and who says it.
#[derive(Serialize)]
pub(crate) struct Said<T> {
    from: String,
    #[serde(flatten)]
    what: T,
}

impl Me {
    pub(crate) fn says<T>(self, what: T) -> Said<T> {
        Said { from: self.0, what }
    }
}

impl FromEvent for Me {
    async fn from_event(ctx: &Context, _: &mut Arguments) -> Result<Self> {
        let people = ctx.state::<People>()?;
        let name = people.lock().name_of(ctx.socket().id()).map(str::to_owned);
        name.map(Me)
            .ok_or_else(|| Error::new("not_logged_in", "Log in first."))
    }
}
