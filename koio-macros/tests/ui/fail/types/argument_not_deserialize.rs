use koio::{Context, State, on};

struct SendMsg {
    _text: String,
}

#[on("sendMsg")]
async fn send_msg(_ctx: Context, _msg: SendMsg) {}

#[on("many")]
async fn many(_ctx: Context, _many: Vec<SendMsg>, _names: State<Vec<String>>) {}

struct Chat;

#[on]
impl Chat {
    #[on("join")]
    async fn join(&self, _msg: SendMsg) {}
}

fn main() {}
