//! Section 7 of the guide.

use koio::{Args, Context, Error, FromEvent, Result, State, on};
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

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![login, whoami]
}
