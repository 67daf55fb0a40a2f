use koio::{Args, Context, FromEvent, Result};

#[derive(serde::Deserialize)]
struct Session {
    _user: String,
}

impl FromEvent for Session {
    async fn from_event(_ctx: &Context, args: &mut Args) -> Result<Self> {
        args.next()
    }
}

fn main() {}
