use koio::{Context, on};

#[on("a", ns = "/chat", ns = "/admin")]
async fn namespace(_ctx: Context) {}

#[on("b", also, timeout = "1s", also, timeout = "2s")]
async fn flags(_ctx: Context) {}

// The first is wrong already; the second is one too many all the same.
#[on("c", timeout = "soon", timeout = "2s")]
async fn wrong(_ctx: Context) {}

fn main() {}
