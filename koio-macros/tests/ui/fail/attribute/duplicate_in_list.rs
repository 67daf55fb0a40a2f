use koio::{Context, handlers, on};

mod chat {
    #[koio::on("typing")]
    pub async fn typing() {}
}

#[on("sendMsg")]
async fn send_msg(_ctx: Context) {}

fn main() {
    let _ = handlers![send_msg, chat::typing, send_msg, chat::typing];
}
