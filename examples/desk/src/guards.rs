//! What stands around the handlers, and the argument that says who sent an event.

use koio::{Args, Context, Error, FromEvent, Next, Reply, Result, ensure};
use tokio::time::Instant; // a test can let it pass

use crate::desk::{DeskError, Role, User};

/// Who sent the event: `who`, around axum's router, has found it out.
pub(crate) struct Me(pub(crate) User);

impl FromEvent for Me {
    async fn from_event(ctx: &Context, _: &mut Args) -> Result<Self> {
        user(ctx).cloned().map(Me)
    }
}

fn user(ctx: &Context) -> Result<&User> {
    let user = ctx.handshake().extension::<User>();
    user.ok_or_else(|| Error::new("unauthorized", "log in first"))
}

/// Around everything, outermost: a line for each event, with its code if it failed.
pub(crate) async fn logged(ctx: Context, next: Next) -> Result<Reply> {
    let started = Instant::now();
    let reply = next.run().await;
    let (event, took) = (ctx.event(), started.elapsed());
    let name = user(&ctx).map_or("nobody", |user| &user.name);
    match &reply {
        Ok(_) => tracing::info!(name, event, ?took),
        Err(error) => tracing::warn!(name, event, ?took, code = error.code(), %error),
    }
    reply
}

/// Around everything: refuses a client without a session. Around `connection` the error is the client's `connect_error`, with
/// its code in `error.data.code`.
pub(crate) async fn logged_in(ctx: Context, next: Next) -> Result<Reply> {
    user(&ctx)?;
    next.run().await
}

/// Around `/agents`.
pub(crate) async fn staff_only(ctx: Context, next: Next) -> Result<Reply> {
    let is_staff = user(&ctx)?.role == Role::Agent;
    ensure!(is_staff, "forbidden", "this is for the staff");
    next.run().await
}

/// Lets through so many events in a second from each socket.
pub(crate) async fn at_most<const MOST: u32>(ctx: Context, next: Next) -> Result<Reply> {
    if matches!(ctx.event(), "connection" | "disconnect") {
        return next.run().await;
    }
    let (since, count) = match ctx.socket().get::<Second<MOST>>() {
        Some(second) if second.since.elapsed().as_secs() < 1 => (second.since, second.count),
        _ => (Instant::now(), 0),
    };
    ensure!(count < MOST, "too_fast", "{MOST} in a second are enough");
    // No lock: events of a socket are handled one at a time.
    let count = count + 1;
    ctx.socket().set(Second::<MOST> { since, count });
    next.run().await
}

/// What a socket has had of the second that began then. A type for each limit, as a socket has one value of each type.
struct Second<const MOST: u32> {
    since: Instant,
    count: u32,
}

/// What a client is told of the desk's own errors: given to `Io::map_error`.
pub(crate) fn code(error: &DeskError) -> Error {
    let code = match error {
        DeskError::NoTicket(_) => "no_ticket",
        DeskError::NotYours(_) => "not_yours",
        DeskError::NotJoined(_) => "not_joined",
        DeskError::Closed(_) => "ticket_closed",
        DeskError::NoFile(_) => "no_file",
        DeskError::TooLarge { max, size } => {
            return Error::new("too_large", error.to_string()).data([max, size]);
        }
        DeskError::TooMany { .. } => "too_many",
        DeskError::Random(_) => return Error::internal(error.to_string()),
    };
    Error::new(code, error.to_string())
}
