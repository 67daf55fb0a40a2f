//! Section 5 of the guide: a user is a room.

use koio::{Context, Error, Result, on};

struct User(String);

fn user_room(name: &str) -> String {
    format!("user:{name}")
}

#[on("sign_in")]
async fn sign_in(ctx: Context, token: String) -> Result<usize> {
    let name = token.strip_prefix("token of "); // looked up, in earnest
    let name = name.ok_or_else(|| Error::new("unauthorized", "unknown token"))?;
    ctx.socket().set(User(name.to_owned()));
    ctx.socket().join(user_room(name))?;
    Ok(ctx.io().to(user_room(name)).count()) // how many devices that makes
}

#[on("tell")]
async fn tell(ctx: Context, name: String, text: String) -> Result<bool> {
    let user = ctx.io().to(user_room(&name)); // all devices of one user, or nobody
    user.emit("told", text)?;
    Ok(user.count() > 0)
}

#[on("online")]
async fn online(ctx: Context) -> Vec<String> {
    let rooms = ctx.io().rooms().into_iter();
    rooms
        .filter_map(|room| Some(room.as_str().strip_prefix("user:")?.to_owned()))
        .collect()
}

#[on("sign_out_everywhere")]
async fn sign_out_everywhere(ctx: Context) -> Result<()> {
    let user = ctx.socket().get::<User>();
    let user = user.ok_or_else(|| Error::new("unauthorized", "sign in first"))?;
    ctx.io().to(user_room(&user.0)).disconnect_sockets()
}

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![sign_in, tell, online, sign_out_everywhere]
}
