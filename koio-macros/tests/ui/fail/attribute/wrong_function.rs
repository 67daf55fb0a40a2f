use koio::{Context, on};

#[on("unsafe")]
async unsafe fn not_safe(_ctx: Context) {}

#[on("extern")]
async extern "C" fn foreign(_ctx: Context) {}

#[on("cfg")]
async fn conditional(_ctx: Context, #[cfg(all())] _more: u32) {}

fn main() {}
