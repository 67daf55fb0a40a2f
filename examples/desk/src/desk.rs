//! Users, tickets and files, in memory. A real desk has a database here, and its functions are `async`.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use koio::Bytes;
use serde::Serialize;

/// The largest file, in bytes. Above it the client is told both numbers; koio's own limit, which ends the session, is higher.
pub(crate) const MAX_FILE: usize = 5_000_000;
const MAX_TICKETS: usize = 1_000;
const MAX_MESSAGES: usize = 1_000;
/// Of all tickets. Then the oldest is forgotten.
const MAX_FILES: usize = 50;
const MAX_SESSIONS: usize = 10_000;

/// Who may come. A real desk keeps no passwords but their hashes.
const PEOPLE: [(&str, &str, Role); 4] = [
    ("ann", "tea", Role::Customer),
    ("ben", "tea", Role::Customer),
    ("eve", "staff", Role::Agent),
    ("sam", "staff", Role::Agent),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Customer,
    Agent,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) role: Role,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ticket {
    pub(crate) id: u32,
    pub(crate) subject: String,
    pub(crate) customer: String,
    pub(crate) is_open: bool,
    #[serde(skip)]
    pub(crate) messages: Vec<Message>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Message {
    pub(crate) ticket: u32,
    pub(crate) from: String,
    pub(crate) text: String,
    pub(crate) file: Option<FileInfo>,
}

/// A file without its bytes, which [`Desk::file`] has.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FileInfo {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) size: usize,
}

/// What can go wrong. `guards::code` gives each its code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeskError {
    #[error("there is no ticket {0}")]
    NoTicket(u32),
    #[error("ticket {0} is somebody else's")]
    NotYours(u32),
    #[error("join ticket {0} first")]
    NotJoined(u32),
    #[error("ticket {0} is closed")]
    Closed(u32),
    #[error("there is no file {0}")]
    NoFile(u32),
    #[error("a file may have {max} bytes, and this one has {size}")]
    TooLarge { max: usize, size: usize },
    #[error("more than {max} {what}")]
    TooMany { max: usize, what: &'static str },
    #[error("no randomness")]
    Random(#[from] io::Error),
}

#[derive(Default)]
pub(crate) struct Desk(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    sessions: HashMap<String, User>,
    tickets: BTreeMap<u32, Ticket>,
    files: BTreeMap<u32, (u32, Bytes)>,
    last_file: u32,
}

fn at_most(max: usize, now: usize, what: &'static str) -> Result<(), DeskError> {
    if now < max {
        Ok(())
    } else {
        Err(DeskError::TooMany { max, what })
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session and returns its secret, if the password is right.
    pub(crate) fn login(&self, name: &str, password: &str) -> Result<Option<String>, DeskError> {
        let known = PEOPLE
            .iter()
            .find(|(known, theirs, _)| (*known, *theirs) == (name, password));
        let Some((_, _, role)) = known else {
            return Ok(None);
        };
        let random = || getrandom::u64().map_err(io::Error::other);
        let secret = format!("{:016x}{:016x}", random()?, random()?);
        let mut tables = self.lock();
        at_most(MAX_SESSIONS, tables.sessions.len(), "sessions")?;
        let user = User {
            name: name.to_owned(),
            role: *role,
        };
        tables.sessions.insert(secret.clone(), user);
        Ok(Some(secret))
    }

    pub(crate) fn logout(&self, user: &User) {
        let sessions = &mut self.lock().sessions;
        sessions.retain(|_, other| other.name != user.name);
    }

    pub(crate) fn user(&self, secret: &str) -> Option<User> {
        self.lock().sessions.get(secret).cloned()
    }

    pub(crate) fn open(&self, customer: &User, subject: String) -> Result<Ticket, DeskError> {
        let tickets = &mut self.lock().tickets;
        at_most(MAX_TICKETS, tickets.len(), "tickets")?;
        let id = tickets.last_key_value().map_or(1, |(last, _)| last + 1);
        let ticket = Ticket {
            id,
            subject,
            customer: customer.name.clone(),
            is_open: true,
            messages: Vec::new(),
        };
        tickets.insert(id, ticket.clone());
        Ok(ticket)
    }

    /// The tickets that a user may see.
    pub(crate) fn tickets(&self, user: &User) -> Vec<Ticket> {
        let tables = self.lock();
        let all = tables.tickets.values();
        all.filter(|ticket| ticket.is_for(user)).cloned().collect()
    }

    pub(crate) fn history(&self, id: u32, user: &User) -> Result<Vec<Message>, DeskError> {
        Ok(self.lock().ticket(id, user)?.messages.clone())
    }

    pub(crate) fn close(&self, id: u32, user: &User) -> Result<(), DeskError> {
        self.lock().ticket(id, user)?.is_open = false;
        Ok(())
    }

    pub(crate) fn add(&self, message: &Message, user: &User) -> Result<(), DeskError> {
        self.lock().add(message, user)
    }

    /// Keeps a file, and the message that it has come.
    pub(crate) fn upload(
        &self,
        (ticket, name, bytes): (u32, String, Bytes),
        user: &User,
    ) -> Result<Message, DeskError> {
        let (max, size) = (MAX_FILE, bytes.len());
        if size > max {
            return Err(DeskError::TooLarge { max, size });
        }
        let mut tables = self.lock();
        let id = tables.last_file + 1;
        let message = Message {
            ticket,
            from: user.name.clone(),
            text: String::new(),
            file: Some(FileInfo { id, name, size }),
        };
        tables.add(&message, user)?;
        tables.last_file = id;
        tables.files.insert(id, (ticket, bytes));
        if tables.files.len() > MAX_FILES {
            tables.files.pop_first();
        }
        Ok(message)
    }

    pub(crate) fn file(&self, id: u32, user: &User) -> Result<Bytes, DeskError> {
        let mut tables = self.lock();
        let file = tables.files.get(&id).cloned();
        let (ticket, bytes) = file.ok_or(DeskError::NoFile(id))?;
        tables.ticket(ticket, user)?;
        Ok(bytes)
    }
}

impl Ticket {
    fn is_for(&self, user: &User) -> bool {
        user.role == Role::Agent || self.customer == user.name
    }
}

impl Tables {
    fn ticket(&mut self, id: u32, user: &User) -> Result<&mut Ticket, DeskError> {
        let ticket = self.tickets.get_mut(&id).ok_or(DeskError::NoTicket(id))?;
        if ticket.is_for(user) {
            Ok(ticket)
        } else {
            Err(DeskError::NotYours(id))
        }
    }

    fn add(&mut self, message: &Message, user: &User) -> Result<(), DeskError> {
        let ticket = self.ticket(message.ticket, user)?;
        if !ticket.is_open {
            return Err(DeskError::Closed(ticket.id));
        }
        at_most(MAX_MESSAGES, ticket.messages.len(), "messages")?;
        ticket.messages.push(message.clone());
        Ok(())
    }
}
