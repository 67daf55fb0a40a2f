//! Who is online under which name: one name for a socket, one socket for a name.

use koio::{
    Arguments, Context, Error, FromEvent, Requirements, Result, SocketId, State, bail, ensure,
};
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
    pub(crate) fn enter(&mut self, id: SocketId, name: String) -> Result<bool> {
        ensure!(
            is_good(&name),
            "bad_name",
            "A name has 1 to 32 characters that can be seen."
        );
        match (self.name_of(id), self.0.contains_key(&name)) {
            (Some(own), _) if *own == name => return Ok(false),
            (Some(own), _) => bail!("already_logged_in", "Your name is {own} already."),
            (None, true) => bail!("name_taken", "This name is taken."),
            (None, false) => self.0.insert(name, id),
        };
        Ok(true)
    }

    /// Frees the socket's name; false if it has none.
    pub(crate) fn leave(&mut self, id: SocketId) -> bool {
        let name = self.name_of(id).cloned();
        name.is_some_and(|name| self.0.remove(&name).is_some())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    // What comes of it goes to everybody in most cases; next to that, looking at everybody is cheap.
    fn name_of(&self, id: SocketId) -> Option<&String> {
        self.0
            .iter()
            .find(|(_, holder)| **holder == id)
            .map(|(name, _)| name)
    }

    /// Somebody by name or socket id. A client's word is looked up before anything is sent there:
    /// as it is, it would be the name of any room.
    pub(crate) fn find(&self, to: &str) -> Option<SocketId> {
        let by_id = || SocketId::parse(to).filter(|id| self.name_of(*id).is_some());
        self.0.get(to).copied().or_else(by_id)
    }
}

/// Others see it: no socket id, nothing invisible, and nothing that turns the text around it.
fn is_good(name: &str) -> bool {
    let hides = |c: char| {
        c.is_control()
            || "\u{200b}\u{200e}\u{200f}\u{feff}".contains(c)
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
    };
    (1..=32).contains(&name.chars().count())
        && name.trim() == name
        && !name.contains(hides)
        && SocketId::parse(name).is_none()
}

/// An argument of our own: the name of who sent the event. The handler does not run without one.
pub(crate) struct Me(pub(crate) String);

impl FromEvent for Me {
    async fn from_event(ctx: &Context, args: &mut Arguments) -> Result<Self> {
        let people = State::<People>::from_event(ctx, args).await?;
        let name = people.lock().name_of(ctx.socket().id()).cloned();
        name.map(Self)
            .ok_or_else(|| Error::new("not_logged_in", "Log in first."))
    }

    fn requires(needs: &mut Requirements) {
        State::<People>::requires(needs);
    }
}
