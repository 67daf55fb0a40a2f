use koio::{handlers, on};

#[on("sendMsg")]
async fn send_msg() {}

fn main() {
    let first = handlers![send_msg];
    // A bare name is a handler's; a value stands in parentheses.
    let _ = handlers![first];
}
