//! Logins: a secret for each, which the browser keeps as a cookie.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use axum::http::{HeaderMap, header::COOKIE};
use koio::{Result, ensure};

const MOST: usize = 10_000;

/// Whose session a secret is. A real one looks at a password first, and forgets sessions after a while.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, String>>);

impl Sessions {
    /// Opens a session and returns its secret.
    pub(crate) fn open(&self, name: &str) -> Result<String> {
        let secret = format!("{:016x}{:016x}", getrandom::u64()?, getrandom::u64()?);
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(sessions.len() < MOST, "full", "too many sessions");
        sessions.insert(secret.clone(), name.to_owned());
        Ok(secret)
    }

    /// Whose request this is.
    pub(crate) fn name(&self, headers: &HeaderMap) -> Option<String> {
        let cookies = headers.get(COOKIE)?.to_str().ok()?;
        let secret = cookies
            .split("; ")
            .find_map(|cookie| cookie.strip_prefix("session="))?;
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(secret).cloned()
    }
}
