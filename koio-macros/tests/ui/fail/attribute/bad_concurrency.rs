use koio::{Context, on};

#[on("a", concurrency = 0)]
async fn none(_ctx: Context) {}

#[on("b", concurrency = 1025)]
async fn too_many(_ctx: Context) {}

#[on("c", concurrency = 99999999999999999999)]
async fn beyond_any_number(_ctx: Context) {}

#[on("d", concurrency = "16")]
async fn text(_ctx: Context) {}

#[on("e", concurrency = -1)]
async fn negative(_ctx: Context) {}

#[on("f", concurrency = 16u8)]
async fn suffix(_ctx: Context) {}

#[on("g", concurrency)]
async fn missing(_ctx: Context) {}

#[on("h", concurrency = 2, concurrency = 3)]
async fn twice(_ctx: Context) {}

#[on("connection", concurrency = 2)]
async fn connected(_ctx: Context) {}

struct Chat;

#[on(concurrency = 4096)]
impl Chat {
    #[on("disconnect", concurrency = 2)]
    async fn left(&self) {}
}

fn main() {}
