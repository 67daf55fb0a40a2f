//! What these clients do otherwise than the official one. koio sends what it sends to every client.

use std::time::{Duration, Instant};

use koio_rust_client::{PATIENCE, Server, in_a_process_of_its_own};
use rust_socketio::{Event, Payload, TransportType};
use serde_json::json;

use crate::asynchronous::Asynchronous;
use crate::blocking::Blocking;
use crate::peer::{Client, Options, Peer, answer};

macro_rules! with_both {
    ($($test:ident)*) => {
        mod asynchronous {
            $(#[test] fn $test() { super::$test::<super::Asynchronous>(); })*
        }

        mod blocking {
            $(#[test] fn $test() { super::$test::<super::Blocking>(); })*
        }
    };
}

with_both! {
    it_has_no_answer_for_a_server_that_asks
    it_sends_bytes_that_want_an_answer_as_an_answer
    it_takes_an_event_without_arguments_for_a_message
    it_takes_what_stands_beside_bytes_for_a_part_of_the_name
}

fn connect<C: Client>(server: &Server) -> Peer<C> {
    Peer::connect(Options::new(server, TransportType::Websocket))
}

fn it_has_no_answer_for_a_server_that_asks<C: Client>() {
    let server = Server::start();
    let mut peer = connect::<C>(&server);
    let outcome = peer.ask("ask-within", json!(300));
    assert_eq!(peer.hear("question"), Payload::from("in time"));
    assert_eq!(outcome, answer([json!("timeout")]));
}

fn it_sends_bytes_that_want_an_answer_as_an_answer<C: Client>() {
    let server = Server::start();
    let peer = connect::<C>(&server);
    let lost = peer.ask_later("echo", vec![1, 2, 3]);
    assert_eq!(peer.ask("echo", "next"), answer([json!("next")]));
    assert!(lost.try_recv().is_err());
}

/// `started` has no arguments.
fn it_takes_an_event_without_arguments_for_a_message<C: Client>() {
    let server = Server::start();
    let mut peer = connect::<C>(&server);
    peer.emit("work", json!(0));
    assert_eq!(peer.hear(Event::Message), Payload::from("started"));
}

fn it_takes_what_stands_beside_bytes_for_a_part_of_the_name<C: Client>() {
    let server = Server::start();
    let mut peer = connect::<C>(&server);
    peer.emit("relay-with-bytes", "sent");
    let bytes = Payload::from(vec![1, 2, 3]);
    assert_eq!(peer.next(), (Event::from("relayed,[sent]"), bytes));
}

/// How long this process has computed, in hundredths of a second.
fn computed() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("a process");
    let behind_the_name = stat.rsplit(')').next().expect("fields");
    let field = |at: usize| behind_the_name.split_whitespace().nth(at).expect("a field");
    field(11).parse::<u64>().expect("a number") + field(12).parse::<u64>().expect("a number")
}

/// The end of the connection that it has closed itself is an error to its thread, after which it connects again. A thread that
/// did not wait for a packet at that moment asks the closed connection for the next one, again and again.
#[test]
fn the_blocking_client_connects_again_or_computes_for_ever_after_it_has_disconnected() {
    in_a_process_of_its_own(|| {
        for way in [TransportType::Websocket, TransportType::Polling] {
            let server = Server::start();
            let mut peer = Peer::<Blocking>::connect(Options::new(&server, way));
            peer.client.disconnect().expect("an end");
            let (before, began) = (computed(), Instant::now());
            while !peer.was_told(Event::Connect) && computed() < before + 30 {
                assert!(began.elapsed() < PATIENCE, "it rests");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    });
}

/// Each piece of a poll's answer that one read brings is an answer of its own to it. The blocking client reads all of it.
#[test]
fn the_asynchronous_client_can_not_read_a_long_answer_to_a_poll() {
    let server = Server::start();
    let long = "x".repeat(900_000);
    let options = || Options::new(&server, TransportType::Polling);
    let mut peer = Peer::<Asynchronous>::connect(options());
    peer.emit("bounce", long.as_str());
    peer.hear(Event::Error);
    let mut peer = Peer::<Blocking>::connect(options());
    peer.emit("bounce", long.as_str());
    assert_eq!(peer.hear("bounced"), Payload::from(long));
}
