//! What a client may add to its own socket, and to all.

use std::sync::{Arc, Mutex};

use koio::{Args, Context, Handlers, Next, Result, ensure, handlers, on};

/// What the observers of a socket have seen.
#[derive(Clone, Default)]
struct Observed(Arc<Mutex<Vec<String>>>);

impl Observed {
    fn add(&self, line: String) {
        self.0.lock().expect("a lock").push(line);
    }
}

pub(crate) fn all() -> Handlers {
    handlers![listen, deaf, mute, listen_all, deaf_all, observe, observed]
}

/// Answers the events of this name with their arguments, or the next one of them.
#[on("listen")]
async fn listen(ctx: Context, event: String, once: bool) -> Result<usize> {
    let socket = ctx.socket();
    if once {
        socket.once(&event, |ctx: Context| async move { ctx.args() })?;
    } else {
        socket.on(&event, |ctx: Context| async move { ctx.args() })?;
    }
    Ok(socket.listener_count(&event))
}

#[on("deaf")]
async fn deaf(ctx: Context, event: String) -> usize {
    ctx.socket().off_all(&event)
}

/// Refuses the events of this name from here on.
#[on("mute")]
async fn mute(ctx: Context, event: String) -> Result<()> {
    ctx.socket().wrap(move |ctx: Context, next: Next| {
        let is_muted = ctx.event() == event;
        async move {
            ensure!(!is_muted, "muted", "you may listen");
            next.run().await
        }
    })?;
    Ok(())
}

/// Answers the events of this name of every client with their arguments.
#[on("listen all")]
async fn listen_all(ctx: Context, event: String) -> Result<usize> {
    let everybody = ctx.here();
    everybody.on(&event, |ctx: Context| async move { ctx.args() })?;
    Ok(everybody.listener_count(&event))
}

#[on("deaf all")]
async fn deaf_all(ctx: Context, event: String) -> usize {
    ctx.here().off_all(&event)
}

/// Observes what comes and what is sent, for `observed`.
#[on("observe")]
async fn observe(ctx: Context) -> Result<()> {
    let socket = ctx.socket();
    let observed = Observed::default();
    let (incoming, outgoing) = (observed.clone(), observed.clone());
    socket.on_any(move |ctx| {
        let args = ctx.args().map_or(0, |args: Args| args.len());
        incoming.add(format!("> {} {args}", ctx.event()));
    })?;
    socket.on_any_outgoing(move |sent| {
        outgoing.add(format!("< {} {}", sent.event(), sent.json()));
    })?;
    socket.set(observed);
    Ok(())
}

#[on("observed")]
async fn observed(ctx: Context) -> Vec<String> {
    let observed = ctx.socket().get::<Observed>().unwrap_or_default();
    ctx.socket().off_any();
    ctx.socket().off_any_outgoing();
    observed.0.lock().expect("a lock").clone()
}
