//! Who is online under which name: one name for a socket, one socket for a name.

use koio::{Arguments, Context, Error, FromEvent, Requirements, Result, SocketId, State};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

const NAME_CHARS: usize = 32;

#[derive(Default)]
pub(crate) struct People(Mutex<Online>);

#[derive(Default)]
pub(crate) struct Online {
    by_name: BTreeMap<String, SocketId>,
    by_id: HashMap<SocketId, String>,
}

impl People {
    /// Emitting never waits, so a change can be told to everybody before the lock is given back:
    /// two who come at the same moment are then announced in the order in which they came.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Online> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Online {
    /// Gives the name to the socket. False: it had this name already.
    pub(crate) fn enter(&mut self, id: SocketId, name: String) -> Result<bool> {
        if !is_good(&name) {
            return Err(Error::new(
                "bad_name",
                "A name has 1 to 32 characters that can be seen.",
            ));
        }
        match (self.by_id.get(&id), self.by_name.contains_key(&name)) {
            (Some(own), _) if *own == name => Ok(false),
            (Some(_), _) => Err(Error::new("already_logged_in", "You have a name already.")),
            (None, true) => Err(Error::new("name_taken", "This name is taken.")),
            (None, false) => {
                self.by_name.insert(name.clone(), id);
                self.by_id.insert(id, name);
                Ok(true)
            }
        }
    }

    /// Frees the name of the socket. False: it had none.
    pub(crate) fn leave(&mut self, id: SocketId) -> bool {
        let name = self.by_id.remove(&id);
        name.is_some_and(|name| self.by_name.remove(&name).is_some())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.by_name.keys().cloned().collect()
    }

    /// Somebody by name or by socket id. A client's string is looked up before anything is sent
    /// there: taken as it is, it would let the client choose any room.
    pub(crate) fn find(&self, to: &str) -> Option<SocketId> {
        let by_id = || SocketId::parse(to).filter(|id| self.by_id.contains_key(id));
        self.by_name.get(to).copied().or_else(by_id)
    }
}

/// Others see it: nothing invisible, nothing that turns the text around it, and no socket id, which
/// could be meant for another person.
fn is_good(name: &str) -> bool {
    let deceives = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    !name.is_empty()
        && name.trim() == name
        && name.chars().count() <= NAME_CHARS
        && !name.contains(deceives)
        && SocketId::parse(name).is_none()
}

/// An argument of our own: the name of who sent the event. Without one the handler does not run.
pub(crate) struct Me(pub(crate) String);

impl FromEvent for Me {
    async fn from_event(ctx: &Context, args: &mut Arguments) -> Result<Self> {
        let people = State::<People>::from_event(ctx, args).await?;
        let name = people.lock().by_id.get(&ctx.socket().id()).cloned();
        name.map(Self)
            .ok_or_else(|| Error::new("not_logged_in", "Log in first."))
    }

    fn requires(needs: &mut Requirements) {
        State::<People>::requires(needs);
    }
}
