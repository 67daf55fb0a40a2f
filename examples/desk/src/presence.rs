//! Who is online. A user may have several tabs: the first and the last of them are told.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use koio::{IoHandle, Result};
use serde::Serialize;

use crate::{
    desk::{Role, User},
    events::AGENTS,
};

/// How many tabs each user has open.
///
/// `count()` of the user's room would not do: of two tabs that connect at the same time each may find two sockets in it.
/// This is one server; for several see "Several nodes" in koio's guide.
#[derive(Default)]
pub(crate) struct Online(Mutex<BTreeMap<String, (Role, usize)>>);

#[derive(Serialize)]
struct Presence<'a> {
    name: &'a str,
    role: Role,
    online: bool,
}

impl Online {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (Role, usize)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `presence` is emitted under the lock, so that no client hears of two changes in the wrong order. An emit never waits.
    pub(crate) fn opened(&self, user: &User, io: &IoHandle) -> Result<()> {
        let mut online = self.lock();
        let (_, tabs) = online.entry(user.name.clone()).or_insert((user.role, 0));
        *tabs += 1;
        match tabs {
            1 => tell(io, user, true),
            _ => Ok(()),
        }
    }

    pub(crate) fn closed(&self, user: &User, io: &IoHandle) -> Result<()> {
        let mut online = self.lock();
        if let Entry::Occupied(mut entry) = online.entry(user.name.clone()) {
            entry.get_mut().1 -= 1;
            if entry.get().1 == 0 {
                entry.remove();
                return tell(io, user, false);
            }
        }
        Ok(())
    }

    /// Agents see everybody, customers the staff.
    pub(crate) fn seen_by(&self, user: &User) -> Vec<String> {
        let online = self.lock();
        let seen = |role| user.role == Role::Agent || role == Role::Agent;
        let seen = online.iter().filter(|(_, (role, _))| seen(*role));
        seen.map(|(name, _)| name.clone()).collect()
    }
}

fn tell(io: &IoHandle, user: &User, online: bool) -> Result<()> {
    let presence = Presence {
        name: &user.name,
        role: user.role,
        online,
    };
    io.of(AGENTS).broadcast("presence", &presence)?;
    if user.role == Role::Agent {
        io.broadcast("presence", &presence)?;
    }
    Ok(())
}
