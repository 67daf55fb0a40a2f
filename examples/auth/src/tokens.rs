//! Tokens: who got which, and how long it is good for.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use koio::{Error, Result};
use serde::Serialize;
use tokio::time::Instant;

use crate::User;

/// Whom a token stands for, and until when.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) user: User,
    pub(crate) ends: Instant,
}

/// One token for each user who has logged in, so that there are no more than users.
pub(crate) struct Tokens {
    lifetime: Duration,
    sessions: Mutex<HashMap<String, Session>>,
}

/// What a client learns when it is refused.
#[derive(Serialize)]
struct Refusal {
    reason: &'static str,
    login: &'static str,
}

impl Tokens {
    pub(crate) fn new(lifetime: Duration) -> Self {
        let sessions = Mutex::default();
        Self { lifetime, sessions }
    }

    /// A new token, in the place of the user's last one.
    pub(crate) fn issue(&self, user: User) -> Result<(String, Session)> {
        let token = format!("{:016x}{:016x}", getrandom::u64()?, getrandom::u64()?);
        let ends = Instant::now() + self.lifetime;
        let session = Session { user, ends };
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, other| other.user != session.user);
        sessions.insert(token.clone(), session.clone());
        Ok((token, session))
    }

    /// What a token is good for.
    pub(crate) fn session(&self, token: &str) -> Result<Session> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = match sessions.get(token) {
            Some(session) if session.ends > Instant::now() => return Ok(session.clone()),
            Some(_) => "expired",
            None => "unknown",
        };
        let login = "/login";
        Err(Error::new("token", "a token is needed").data(Refusal { reason, login }))
    }
}
