//! Clients that ask for sessions that are not theirs.

use koio_tests::Transport;
use serde_json::json;

use super::client::{Client, Kept, recovering};
use crate::memory::Memory;

#[tokio::test(start_paused = true)]
async fn of_two_connections_with_one_secret_exactly_one_gets_the_session() {
    for round in 0..20 {
        let memory = Memory::new(recovering());
        let client = Client::new(&memory, Transport::WebSocket).await;
        let id = client.id.clone();
        let kept = client.lose(&memory).await;
        memory.io.broadcast("missed", round).expect("no fault");
        // Both sessions are open before either asks.
        let (one, two) = (
            memory.open(Transport::WebSocket).await,
            memory.open(Transport::Polling).await,
        );
        let (one, two) = tokio::join!(
            Client::try_returning(one, kept.clone()),
            Client::try_returning(two, kept.clone())
        );
        let both = [one.expect("let in"), two.expect("let in")];
        let recovered = both.iter().filter(|client| client.recovered);
        assert_eq!(
            recovered.map(|client| &client.id).collect::<Vec<_>>(),
            [&id]
        );
        assert_eq!(memory.io.count(), 2);
        for mut client in both {
            memory.io.broadcast("end", ()).expect("no fault");
            if client.recovered {
                client.expect(&[json!(["missed", round])]).await;
            }
            client.expect(&[json!(["end"])]).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_secret_of_this_server_is_ignored() {
    let memory = Memory::new(recovering());
    let client = Client::new(&memory, Transport::WebSocket).await;
    let (id, kept) = (client.id.clone(), client.lose(&memory).await);
    let pid = kept.pid.clone().expect("a pid");
    let mut near = pid.clone().into_bytes();
    near[23] = if near[23] == b'A' { b'B' } else { b'A' };
    let near = String::from_utf8(near).expect("text");
    let long = "x".repeat(10_000);
    for odd in [
        &*id,
        &near,
        &pid[..23],
        "",
        "\u{0}",
        "null",
        &long,
        &"é".repeat(12),
    ] {
        let mut kept = Kept::in_namespace("/");
        kept.pid = Some(odd.to_owned());
        kept.offset = Some(odd.to_owned());
        let other = Client::returning(&memory, Transport::WebSocket, kept).await;
        assert!(!other.recovered && other.id != id, "{odd}");
    }
    for auth in [
        json!({"pid": 7, "offset": []}),
        json!({"pid": {"pid": pid}}),
        json!({"pid": [pid]}),
    ] {
        let mut kept = Kept::in_namespace("/");
        kept.auth = auth;
        let other = Client::returning(&memory, Transport::WebSocket, kept).await;
        assert!(other.id != id);
    }
    let back = Client::returning(&memory, Transport::WebSocket, kept).await;
    assert!(
        back.recovered && back.id == id,
        "its own session is untouched"
    );
}

#[tokio::test(start_paused = true)]
async fn an_odd_offset_is_as_none() {
    let long = "x".repeat(10_000);
    for odd in ["", "MzUPkW0", "yyyyyyzzzzzzz", "\u{1f600}", &long] {
        let memory = Memory::new(recovering());
        let client = Client::new(&memory, Transport::WebSocket).await;
        let mut kept = client.lose(&memory).await;
        kept.offset = Some(odd.to_owned());
        memory.io.broadcast("missed", ()).expect("no fault");
        let mut back = Client::returning(&memory, Transport::WebSocket, kept).await;
        assert!(back.recovered);
        back.expect(&[json!(["missed"])]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_secret_is_in_no_log_and_no_name() {
    let memory = Memory::new(recovering());
    let client = Client::new(&memory, Transport::WebSocket).await;
    let pid = client.kept.pid.clone().expect("a pid");
    let socket = client.socket(&memory);
    assert!(pid.len() == 24 && !pid.contains(&client.id));
    assert!(!format!("{socket:?}").contains(&pid));
}
