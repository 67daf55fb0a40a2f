//! Every kind of argument and answer.

use std::borrow::Cow;
use std::collections::HashMap;

use koio::{
    Ack, Args, Auth, CloseReason, Context, FromEvent, Handlers, Handshake, Reply, Result, Socket,
    State, extract::Try, handlers, on,
};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Message {
    text: String,
}

struct Sender(String);

impl FromEvent for Sender {
    async fn from_event(ctx: &Context, _: &mut Args) -> Result<Self> {
        Ok(Self(ctx.socket().id().to_string()))
    }
}

// More than clippy likes, which is the user's to decide.
#[expect(clippy::too_many_arguments)]
#[on("all")]
async fn all(
    _ctx: Context,
    _socket: Socket,
    _state: State<HashMap<String, u32>>,
    _auth: Auth<Message>,
    _handshake: Handshake,
    Sender(_sender): Sender,
    _first: Message,
    _second: Option<u64>,
    _third: Try<(u8, Cow<'static, str>)>,
    _rest: Args,
    _ack: Ack,
) {
}

#[on("disconnect")]
async fn gone(_reason: CloseReason) {}

// Patterns belong to the function, which gets them as they are.
#[on("patterns")]
async fn patterns(
    Sender(sender): Sender,
    state: State<u32>,
    Message { text }: Message,
    (left, _): (u8, u8),
    mut count: u32,
    _: Option<bool>,
) -> u32 {
    count += u32::from(left);
    drop(sender);
    count + *state + u32::try_from(text.len()).unwrap_or_default()
}

// A `'static` reference inside of one of koio's types.
#[on("static")]
async fn shared(names: State<Vec<&'static str>>, more: Try<State<Vec<&'static str>>>) -> usize {
    names.len() + more.0.map_or(0, |more| more.len())
}

#[on("value")]
async fn value() -> Message {
    Message {
        text: String::new(),
    }
}

#[on("nothing")]
async fn nothing() -> Result<()> {
    Ok(())
}

#[on("own error")]
async fn own_error(number: String) -> Result<u32, std::num::ParseIntError> {
    number.parse()
}

#[on("reply")]
async fn reply() -> Result<Reply> {
    Ok(Reply::none())
}

#[on("bare reply")]
async fn bare_reply() -> Reply {
    Reply::none()
}

#[on("alias")]
async fn alias() -> std::io::Result<Vec<u8>> {
    Ok(Vec::new())
}

#[on("name of an argument")]
async fn r#async(r#type: u32) -> u32 {
    r#type
}

fn every() -> Handlers {
    handlers![
        all, gone, patterns, shared, value, nothing, own_error, reply, bare_reply, alias, r#async
    ]
}

#[test]
fn whatever_koio_gives_or_a_client_sends_is_an_argument() {
    let described = format!("{:?}", every());
    assert!(described.contains("name of an argument"), "{described}");
}
