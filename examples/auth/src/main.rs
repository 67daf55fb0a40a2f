//! A token in the CONNECT payload. Who has none is refused, and told where to get one; who has one is a user in every
//! handler, and is put out when the token ends.
//!
//! ```sh
//! cargo run -p auth
//! ```
//!
//! ```js
//! const io = require('socket.io-client'), url = 'http://127.0.0.1:3000'
//! io(url).on('connect_error', error => console.log(error.message, error.data))
//! io(url + '/login').emit('login', 'ann', 'secret', ({ token }) => {
//!   const socket = io(url, { auth: { token } })
//!   socket.emit('whoami', console.log)
//!   socket.on('disconnect', console.log) // after a minute, unless it emits `renew` before
//! })
//! ```
//!
//! `PORT` overrides 3000, and `LIFETIME` the milliseconds that a token is good for, 60000.

mod expiry;
#[cfg(test)]
mod tests;
mod tokens;

use std::{env, time::Duration};

use koio::extract::Requirements;
use koio::{
    Args, Auth, Context, Error, FromEvent, Io, Namespace, Result, Socket, State, args, ensure,
    handlers, on,
};
use serde::{Deserialize, Serialize};
use tokens::{Session, Tokens};

/// Who may come. A real one keeps no passwords but their hashes, in a database.
const PEOPLE: [(&str, &str); 2] = [("ann", "secret"), ("ben", "geheim")];

/// In the namespace `/login`, which needs no token.
#[on("login")]
async fn login(name: String, password: String, tokens: State<Tokens>) -> Result<Ticket> {
    let known = PEOPLE.contains(&(&name, &password));
    ensure!(known, "login", "the name or the password is wrong");
    let (token, _) = tokens.issue(User { name })?;
    Ok(Ticket { token })
}

#[derive(Serialize)]
struct Ticket {
    token: String,
}

/// What a client gives as `auth`.
#[derive(Deserialize)]
struct Credentials {
    #[serde(default)]
    token: String,
}

/// The session of the client's token, for `connection`. Arguments are read before CONNECT is answered, so an error
/// here refuses the client: it gets `connect_error` with the message and the data.
impl FromEvent for Session {
    async fn from_event(ctx: &Context, args: &mut Args) -> Result<Self> {
        let Auth(credentials) = Auth::<Credentials>::from_event(ctx, args).await?;
        ctx.state::<Tokens>()?.session(&credentials.token)
    }

    fn requires(requirements: &mut Requirements) {
        Auth::<Credentials>::requires(requirements);
        State::<Tokens>::requires(requirements);
    }
}

/// Who a socket is: an argument of any handler.
#[derive(Clone, PartialEq, Serialize)]
struct User {
    name: String,
}

impl FromEvent for User {
    async fn from_event(ctx: &Context, _: &mut Args) -> Result<Self> {
        let user = ctx.socket().get::<Self>();
        user.map(|user| (*user).clone())
            .ok_or_else(|| Error::internal("a socket without a user"))
    }
}

#[on("connection")]
async fn came(socket: Socket, session: Session) {
    expiry::put_out_at(&socket, session.ends);
    socket.set(session.user);
}

#[on("disconnect")]
async fn left(socket: Socket) {
    expiry::forget(&socket);
}

#[on("renew")]
async fn renew(socket: Socket, user: User, tokens: State<Tokens>) -> Result<Ticket> {
    let (token, session) = tokens.issue(user)?;
    expiry::put_out_at(&socket, session.ends);
    Ok(Ticket { token })
}

#[on("whoami")]
async fn whoami(user: User) -> User {
    user
}

#[on("say")]
async fn say(ctx: Context, user: User, text: String) -> Result<()> {
    ctx.broadcast("said", args![user.name, text])
}

/// What `main` serves, and what the tests connect to.
fn app(lifetime: Duration) -> Io {
    Io::new()
        .state(Tokens::new(lifetime))
        .handlers(handlers![came, left, renew, whoami, say])
        .namespace("/login", Namespace::new().handlers(handlers![login]))
}

#[tokio::main]
async fn main() -> Result<()> {
    let port: u16 = env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let lifetime: u64 = env::var("LIFETIME").map_or(Ok(60_000), |time| time.parse())?;
    app(Duration::from_millis(lifetime))
        .listen(("127.0.0.1", port))
        .await
}
