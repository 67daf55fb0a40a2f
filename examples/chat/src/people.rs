//! Who somebody is.

use crate::{
    history::Sent,
    text::{Name, Tag, Text},
};
use koio::{Arguments, Context, Error, FromEvent, Result, Socket};
use serde::{Deserialize, Serialize};
use std::{collections::VecDeque, time::Instant};

/// The key keeps the name for whoever has it.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Login {
    pub(crate) id: String,
    pub(crate) key: Option<Text<16, 64>>,
}

pub(crate) struct Person {
    pub(crate) login: Login,
    pub(crate) socket: Option<Socket>, // none while they are away
    pub(crate) left: Instant,
    pub(crate) sent: VecDeque<(Tag, Sent)>,
}

/// An argument of our own: who sent the event. A handler that takes it runs for nobody else.
#[derive(Clone)]
pub(crate) struct Me {
    pub(crate) name: String,
    /// The name as names are compared: look-alikes by case are the same.
    pub(crate) handle: String,
}

pub(crate) fn handle(name: &str) -> String {
    name.trim().to_lowercase()
}

impl Me {
    pub(crate) fn new(name: Name) -> Self {
        Self {
            handle: handle(&name.0),
            name: name.0,
        }
    }
}

impl FromEvent for Me {
    async fn from_event(ctx: &Context, _: &mut Arguments) -> Result<Self> {
        let me = ctx.socket().get::<Self>();
        let me = me.ok_or_else(|| Error::new("not_logged_in", "Log in first."))?;
        Ok(Self::clone(&me))
    }
}

/// The room of one person, whatever socket they are on.
pub(crate) fn room_of(handle: &str) -> String {
    format!("@{handle}")
}
