//! Section 7 of the guide.

use koio::{Args, Context, Error, FromEvent, Result, State, on};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex};

#[derive(Default)]
pub(crate) struct Guests(Mutex<Vec<String>>);

struct Name(String);

#[on("login")]
async fn login(ctx: Context, name: String, guests: State<Guests>) -> Vec<String> {
    ctx.socket().set(Name(name.clone()));
    let mut guests = guests.0.lock().unwrap(); // never across an `.await`
    guests.push(name);
    guests.clone()
}

/// An argument of our own: whoever has not logged in is refused, and the handler need not think of it.
struct Me(Arc<Name>);

impl FromEvent for Me {
    async fn from_event(ctx: &Context, _: &mut Args) -> Result<Self> {
        let name = ctx.socket().get::<Name>();
        name.map(Me)
            .ok_or_else(|| Error::new("not_logged_in", "log in first"))
    }
}

#[on("whoami")]
async fn whoami(me: Me) -> String {
    me.0.0.clone()
}

#[derive(Deserialize, Serialize)]
struct Profile {
    name: String,
}

#[on("profile")]
async fn profile(ctx: Context, profile: Profile) -> Result<()> {
    ctx.socket().set_data(&profile)
}

#[on("who")]
async fn who(ctx: Context) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for socket in ctx.io().fetch_sockets().await? {
        names.extend(socket.data::<Profile>()?.map(|profile| profile.name));
    }
    Ok(names)
}

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![login, whoami, profile, who]
}
