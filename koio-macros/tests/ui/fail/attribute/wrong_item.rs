use koio::on;

#[on("sendMsg")]
struct SendMsg;

#[on("typing")]
const TYPING: u32 = 1;

fn main() {
    // The item is there all the same.
    let _ = (SendMsg, TYPING);
}
