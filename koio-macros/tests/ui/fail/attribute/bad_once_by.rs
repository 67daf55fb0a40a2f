use koio::on;

#[on("order", once_by = "id")]
async fn no_slash(_: u32) {}

#[on("order", once_by = "/id")]
async fn no_argument(_: u32) {}

#[on("order", once_by = "/0/a~b")]
async fn no_escape(_: u32) {}

#[on("order", once_by = 0)]
async fn no_text(_: u32) {}

#[on("order", once_by)]
async fn no_value(_: u32) {}

#[on("order", once_by = "/0", once_by = "/1")]
async fn twice(_: u32) {}

#[on("order", once_by = "/0", also)]
async fn behind_another(_: u32) {}

#[on("disconnect", once_by = "/0")]
async fn of_no_event() {}

struct Shop;

#[on(once_by = "/0")]
impl Shop {
    #[on("order", once_by = "0")]
    async fn order(&self, _: u32) {}
}

#[on("order", once_key = "/0")]
async fn misspelt(_: u32) {}

fn main() {}
