use koio::{handlers, on};

struct Chat;

#[on]
impl Chat {
    #[on("join")]
    async fn join(&self) {}
}

struct Other;

fn main() {
    let _ = handlers![Chat];
    let _ = handlers![(Other)];
}
