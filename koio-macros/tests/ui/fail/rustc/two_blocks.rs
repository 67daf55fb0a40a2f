use koio::on;

struct Chat;

#[on]
impl Chat {
    #[on("join")]
    async fn join(&self) {}
}

#[on(ns = "/admin")]
impl Chat {
    #[on("kick")]
    async fn kick(&self) {}
}

fn main() {}
