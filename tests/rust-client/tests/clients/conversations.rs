//! What works with both clients, over each way to connect.

use koio_rust_client::{Server, in_a_process_of_its_own};
use rust_socketio::{Event, Payload, TransportType};
use serde_json::json;

use crate::peer::{Client, Options, Peer, answer, arguments};

/// Over each way to connect, each of these with each of the clients.
macro_rules! over_each_way {
    ($($test:ident)*) => {
        over_each_way! { @ polling Polling; $($test)* }
        over_each_way! { @ websocket Websocket; $($test)* }
        over_each_way! { @ upgrade WebsocketUpgrade; $($test)* }
        over_each_way! { @ any Any; $($test)* }
    };
    (@ $name:ident $way:ident; $($test:ident)*) => {
        mod $name {
            use rust_socketio::TransportType;

            mod asynchronous {
                use super::{super::super::asynchronous::Asynchronous, TransportType};
                $(#[test] fn $test() { super::super::$test::<Asynchronous>(|| TransportType::$way); })*
            }

            mod blocking {
                use super::{super::super::blocking::Blocking, TransportType};
                $(#[test] fn $test() { super::super::$test::<Blocking>(|| TransportType::$way); })*
            }
        }
    };
}

over_each_way! {
    events_and_their_answers
    bytes
    auth_that_is_accepted
    auth_that_is_refused
    a_namespace_and_one_that_there_is_not
    a_broadcast_to_a_room
    the_client_disconnects
    the_server_disconnects
    the_server_ends_the_connection
    the_server_is_restarted
}

fn events_and_their_answers<C: Client>(way: fn() -> TransportType) {
    let server = Server::start();
    let mut peer = Peer::<C>::connect(Options::new(&server, way()));
    let sent = || {
        [
            json!("text ü"),
            json!(1.5),
            json!({ "list": [1, null, true] }),
        ]
    };
    assert_eq!(peer.ask("echo", arguments(sent())), answer(sent()));
    peer.emit("bounce", arguments(sent()));
    assert_eq!(peer.hear("bounced"), arguments(sent()));
    let long = json!("x".repeat(20_000));
    assert_eq!(peer.ask("length", long), answer([json!(20_000)]));
    peer.emit("count", json!(100));
    for number in 0..100 {
        assert_eq!(peer.hear("number"), Payload::from(json!(number)));
    }
}

fn bytes<C: Client>(way: fn() -> TransportType) {
    let server = Server::start();
    let mut peer = Peer::<C>::connect(Options::new(&server, way()));
    let bytes = vec![0, 1, 255];
    peer.emit("bounce", bytes.clone());
    assert_eq!(peer.hear("bounced"), Payload::from(bytes));
}

fn auth_that_is_accepted<C: Client>(way: fn() -> TransportType) {
    let server = Server::start();
    let guarded = Options::new(&server, way()).namespace("/guarded");
    let peer = Peer::<C>::connect(guarded.auth(json!({ "token": "secret" })));
    let auth = peer.ask("auth", arguments([]));
    assert_eq!(auth, answer([json!({ "token": "secret" })]));
}

/// The connection is there, and the refusal is an `error`.
fn auth_that_is_refused<C: Client>(way: fn() -> TransportType) {
    let server = Server::start();
    let guarded = Options::new(&server, way()).namespace("/guarded");
    let mut peer = Peer::<C>::begin(guarded.auth(json!({ "token": "wrong" })));
    let told = "Received an ConnectError frame: \
                {\"message\":\"not you\",\"data\":{\"code\":\"unauthorized\",\"reason\":\"token\"}}";
    assert_eq!(peer.hear(Event::Error), Payload::from(told));
    assert!(peer.client.emit("echo", "x".into()).is_err());
}

fn a_namespace_and_one_that_there_is_not<C: Client>(way: fn() -> TransportType) {
    let server = Server::start();
    let custom = Options::new(&server, way()).namespace("/custom");
    let peer = Peer::<C>::connect(custom);
    let place = peer.ask("where", arguments([]));
    assert_eq!(place, answer([json!("/custom")]));
    let nowhere = Options::new(&server, way()).namespace("/there-is-none");
    let mut peer = Peer::<C>::begin(nowhere);
    let told = "Received an ConnectError frame: {\"message\":\"Invalid namespace\"}";
    assert_eq!(peer.hear(Event::Error), Payload::from(told));
}

fn a_broadcast_to_a_room<C: Client>(way: fn() -> TransportType) {
    let server = Server::start();
    let mut inside = Peer::<C>::connect(Options::new(&server, way()));
    let mut outside = Peer::<C>::connect(Options::new(&server, way()));
    inside.ask("join", "tea");
    let to_the_room = arguments([json!({ "to": ["tea"] }), json!("for the room")]);
    outside.ask("tell", to_the_room);
    outside.ask("tell-all", "for all");
    for told in ["for the room", "for all"] {
        assert_eq!(inside.hear("message"), Payload::from(told));
    }
    assert_eq!(outside.hear("message"), Payload::from("for all"));
}

/// In a process of its own, since the blocking client may go on computing.
fn the_client_disconnects<C: Client>(way: fn() -> TransportType) {
    in_a_process_of_its_own(|| {
        let server = Server::start();
        let watch = Options::new(&server, TransportType::Websocket).namespace("/watch");
        let mut watcher = Peer::<C>::connect(watch);
        let peer = Peer::<C>::connect(Options::new(&server, way()));
        peer.client.disconnect().expect("an end");
        let Payload::Text(left) = watcher.hear("disconnected") else {
            panic!("a report in text");
        };
        let report = [json!("/"), json!("client namespace disconnect")];
        assert_eq!(left[1..], report);
    });
}

fn the_server_disconnects<C: Client>(way: fn() -> TransportType) {
    let server = Server::start();
    let mut peer = Peer::<C>::connect(Options::new(&server, way()));
    peer.emit("kick-me", "now");
    peer.hear(Event::Close);
    assert!(peer.client.emit("echo", "x".into()).is_err());
}

fn the_server_ends_the_connection<C: Client>(way: fn() -> TransportType) {
    let server = Server::start();
    let options = Options::new(&server, way()).reconnect_on_disconnect();
    let mut peer = Peer::<C>::connect(options);
    peer.emit("kick-connection", "now");
    peer.hear(Event::Close);
    peer.wait_for(Event::Connect);
    assert_eq!(peer.ask("echo", "back"), answer([json!("back")]));
}

fn the_server_is_restarted<C: Client>(way: fn() -> TransportType) {
    let server = Server::start();
    let mut peer = Peer::<C>::connect(Options::new(&server, way()));
    let port = server.stop();
    let _server = Server::at(port);
    peer.wait_for(Event::Connect);
    assert_eq!(peer.ask("echo", "back"), answer([json!("back")]));
}
