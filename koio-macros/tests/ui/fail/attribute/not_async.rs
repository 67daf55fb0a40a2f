use koio::{Context, handlers, on};

#[on("sendMsg")]
fn send_msg(_ctx: Context, _text: String) {}

fn main() {
    // Listing it adds no second error.
    let _ = handlers![send_msg];
}
