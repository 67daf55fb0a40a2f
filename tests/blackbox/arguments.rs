//! What a handler takes.

use std::sync::Arc;

use koio::{
    Args, Auth, Bytes, Context, FromEvent, Handshake, Io, Result, Socket, State, args,
    extract::{Requirements, Try},
    handlers, on,
};
use koio_tests::{Received, Transport, client};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::memory::Memory;

#[on("spread")]
async fn spread(list: Vec<Bytes>) -> impl Serialize {
    args![..list]
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_spread_is_as_many_arguments_as_it_has_items() {
    let memory = Memory::new(Io::new().handlers(handlers![spread]));
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.send(r#"421["spread",[]]"#).await;
    peer.expect("431[]").await;
    let blob = r#"[{"_placeholder":true,"num":0}]"#;
    peer.send_with(&format!(r#"451-1["spread",{blob}]"#), b"]")
        .await;
    peer.expect(&format!("461-1{blob}")).await;
    assert_eq!(peer.next().await, Received::Binary(b"]".to_vec()));
    // The bytes of a blob that is spread are numbers, and no text of the packet.
    let bytes = Bytes::from_static(b"],[");
    memory
        .io
        .broadcast("bytes", args![..&*bytes])
        .expect("numbers");
    peer.expect(r#"42["bytes",93,44,91]"#).await;
}

/// A place in the line: made of the next argument, of a state, and of some waiting.
struct Seat {
    number: u32,
    free: usize,
}

impl FromEvent for Seat {
    async fn from_event(ctx: &Context, args: &mut Args) -> Result<Self> {
        let number = args.next::<u32>()?;
        let seats: State<Arc<Semaphore>> = State::from_event(ctx, args).await?;
        let permit = seats.acquire().await?;
        permit.forget();
        Ok(Self {
            number,
            free: seats.available_permits(),
        })
    }

    fn requires(requirements: &mut Requirements) {
        requirements.argument::<u32>();
        State::<Arc<Semaphore>>::requires(requirements);
    }
}

#[on("sit")]
async fn sit(name: String, seat: Seat, more: Option<u8>) -> String {
    format!("{name} {} {} {more:?}", seat.number, seat.free)
}

#[tokio::test(start_paused = true)]
async fn a_type_of_the_users_own_may_wait_and_may_read_arguments_between_the_others() {
    let seats = Arc::new(Semaphore::new(0));
    let io = Io::new().state(Arc::clone(&seats)).handlers(handlers![sit]);
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.send(r#"421["sit","ann",3,9]"#).await;
    tokio::task::yield_now().await;
    seats.add_permits(5);
    peer.expect(r#"431["ann 3 4 Some(9)"]"#).await;
    // What it reads has its place in the count, and its error names the argument.
    peer.send(r#"422["sit","ann","x"]"#).await;
    let answer = peer.text().await;
    assert!(
        answer.contains(r#""bad_request","message":"argument 2 (`seat`) does not fit"#),
        "{answer}"
    );
}

struct Name(&'static str);

/// What all of them came to.
#[derive(Serialize)]
struct Told {
    event: String,
    id: String,
    state: &'static str,
    query: Option<String>,
    first: u8,
    second: Option<u8>,
    third: bool,
    bytes: Bytes,
}

#[expect(clippy::too_many_arguments, reason = "any number is the point")]
#[on("all")]
async fn all(
    ctx: Context,
    first: u8,
    socket: Socket,
    second: Option<u8>,
    state: State<Name>,
    third: Try<u8>,
    handshake: Handshake,
    bytes: Bytes,
    args: Args,
) -> Told {
    assert!(!args.is_empty());
    Told {
        event: ctx.event().to_owned(),
        id: socket.id().to_string(),
        state: state.0,
        query: handshake.query("EIO").map(str::to_owned),
        first,
        second,
        third: third.0.is_err(),
        bytes,
    }
}

#[tokio::test(start_paused = true)]
async fn what_koio_gives_may_stand_anywhere_among_what_the_client_sends() {
    let memory = Memory::new(Io::new().state(Name("state")).handlers(handlers![all]));
    for transport in client::BOTH {
        let (mut peer, socket) = memory.socket(transport).await;
        let packet = r#"451-1["all",1,null,"three",{"_placeholder":true,"num":0}]"#;
        peer.send_with(packet, b"four").await;
        let expected = format!(
            r#"461-1[{{"event":"all","id":"{}","state":"state","query":"4","first":1,"second":null,"third":true,"bytes":{{"_placeholder":true,"num":0}}}}]"#,
            socket.id()
        );
        peer.expect(&expected).await;
        assert_eq!(peer.next().await, Received::Binary(b"four".to_vec()));
    }
}

#[derive(Debug, Deserialize, Serialize)]
struct Image {
    name: String,
    #[serde(flatten)]
    data: Data,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum Data {
    Whole { bytes: Bytes },
    Parts { parts: Vec<Vec<Bytes>> },
}

#[on("image")]
async fn image(ctx: Context, image: Image) -> Result<Image> {
    ctx.emit("image", &image)?;
    Ok(image)
}

#[tokio::test(start_paused = true)]
async fn bytes_under_flatten_and_untagged_enums_go_in_and_out() {
    let memory = Memory::new(Io::new().handlers(handlers![image]));
    for transport in client::BOTH {
        let mut peer = memory.client(transport).await;
        for data in [
            r#""bytes":{"_placeholder":true,"num":0}"#,
            r#""parts":[[{"_placeholder":true,"num":0}]]"#,
        ] {
            let value = format!(r#"{{"name":"a",{data}}}"#);
            peer.send_with(&format!(r#"451-1["image",{value}]"#), &[1, 2])
                .await;
            peer.expect(&format!(r#"451-["image",{value}]"#)).await;
            assert_eq!(peer.next().await, Received::Binary(vec![1, 2]));
            peer.expect(&format!("461-1[{value}]")).await;
            assert_eq!(peer.next().await, Received::Binary(vec![1, 2]));
        }
        // Text is no bytes, however deep.
        peer.send(r#"422["image",{"name":"a","bytes":"AQI="}]"#)
            .await;
        let answer = peer.text().await;
        assert!(answer.starts_with(r#"432[{"error":{"code":"bad_request""#));
        assert!(answer.contains("(`image`)"), "{answer}");
    }
}

#[derive(Deserialize)]
struct Ticket {
    seat: u8,
}

#[on("connection")]
async fn enters(ctx: Context, ticket: Auth<Ticket>) -> Result<()> {
    ctx.emit("seat", ticket.seat)
}

#[tokio::test(start_paused = true)]
async fn the_auth_of_a_connection_is_read_into_a_type_or_the_client_is_refused() {
    let memory = Memory::new(Io::new().handlers(handlers![enters]));
    for transport in client::BOTH {
        let mut peer = memory.open(transport).await;
        peer.join_as(r#"40{"seat":7}"#).await;
        peer.expect(r#"42["seat",7]"#).await;
        // The reason quotes what was sent, though not at any length.
        let mut peer = memory.open(transport).await;
        let long = "ä".repeat(20_000);
        peer.send(&format!(r#"40{{"seat":"{long}"}}"#)).await;
        let refused = peer.text().await;
        assert!(
            refused.starts_with(r#"44{"message":"auth: invalid type: string"#),
            "{refused}"
        );
        assert!(refused.len() < 350, "{} bytes", refused.len());
    }
}
