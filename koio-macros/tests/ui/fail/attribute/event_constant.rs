use koio::on;

mod events {
    pub const RESERVED: &str = "connect";
    pub const LIFE: &str = "disconnect";
    pub const EMPTY: &str = "";
}

#[on(events::RESERVED)]
async fn reserved() {}

#[on(events::LIFE)]
async fn life() {}

#[on(events::EMPTY)]
async fn empty() {}

fn main() {}
