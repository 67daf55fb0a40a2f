use koio::handlers;

mod chat {
    #[koio::on("typing")]
    pub async fn typing() {}

    #[koio::on("private")]
    async fn private() {}
}

fn main() {
    let _ = handlers![typing, chat::typing, chat::private];
}
