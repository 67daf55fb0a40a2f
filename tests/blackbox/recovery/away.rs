//! What a client gets that was away, and what its socket is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use koio::observe::{Observation, Observer};
use koio::{Bytes, Context, Namespace};
use koio_tests::Transport;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{Client, Kept, TIME, recovering};
use crate::memory::Memory;
use crate::record::Record;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
}

#[tokio::test(start_paused = true)]
async fn a_client_returns_as_the_same_socket_and_gets_what_it_has_missed_in_order() {
    for transport in koio_tests::client::BOTH {
        let memory = Memory::new(recovering());
        let mut client = Client::new(&memory, transport).await;
        assert!(!client.recovered);
        let socket = client.socket(&memory);
        assert!(!socket.recovered());
        socket.join("room").expect("a room");
        let user = User {
            name: "Ada".to_owned(),
        };
        socket.set_data(&user).expect("data");
        memory.io.to("room").emit("seen", 1).expect("no fault");
        client.expect(&[json!(["seen", 1])]).await;
        let id = client.id.clone();

        let kept = client.lose(&memory).await;
        memory
            .io
            .to("room")
            .emit("missed", "room")
            .expect("no fault");
        memory
            .io
            .to("other")
            .emit("not for it", ())
            .expect("no fault");
        memory
            .io
            .to(socket.id())
            .emit("missed", "own")
            .expect("it may come back");
        memory
            .io
            .except("room")
            .emit("not for it", ())
            .expect("no fault");
        memory
            .io
            .broadcast("missed", json!(["all", 7]))
            .expect("no fault");
        memory.io.volatile().emit("volatile", ()).expect("no fault");
        let counts = memory.io.counts();

        let mut back = Client::returning(&memory, transport, kept).await;
        assert!(back.recovered, "{transport:?}");
        assert_eq!(back.id, id);
        let socket = back.socket(&memory);
        assert!(socket.recovered());
        assert_eq!(socket.rooms(), ["room".into()]);
        assert_eq!(socket.data::<User>().expect("data"), Some(user));
        memory.io.to("room").emit("new", ()).expect("no fault");
        back.expect(&[
            json!(["missed", "room"]),
            json!(["missed", "own"]),
            json!(["missed", ["all", 7]]),
            json!(["new"]),
        ])
        .await;
        let now = memory.io.counts();
        assert_eq!(now.sessions_recovered, counts.sessions_recovered + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_seen_no_event_yet_or_none_for_an_hour_returns_too() {
    let memory = Memory::new(recovering());
    let first = Client::new(&memory, Transport::WebSocket).await;
    let kept = first.lose(&memory).await;
    assert_eq!(kept.offset, None);
    memory.io.broadcast("missed", 1).expect("no fault");
    let mut back = Client::returning(&memory, Transport::WebSocket, kept).await;
    assert!(back.recovered);
    back.expect(&[json!(["missed", 1])]).await;

    let socket = back.socket(&memory);
    let mut busy = Client::new(&memory, Transport::WebSocket).await;
    busy.socket(&memory).join("busy").expect("a room");
    for number in 0..60 {
        // Heartbeats are answered meanwhile.
        let minute = tokio::time::sleep(Duration::from_secs(60));
        tokio::pin!(minute);
        loop {
            tokio::select! {
                () = &mut minute => break,
                // Cancel safe enough here: what comes is pings alone.
                _ = back.peer.next() => panic!("nothing was sent to it"),
                _ = busy.peer.next() => {}
            }
        }
        memory.io.to("busy").emit("busy", number).expect("no fault");
    }
    assert!(socket.is_connected());
    let kept = back.lose(&memory).await;
    memory.io.broadcast("missed", 2).expect("no fault");
    let mut back = Client::returning(&memory, Transport::WebSocket, kept).await;
    assert!(back.recovered);
    back.expect(&[json!(["missed", 2])]).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_returns_again_and_again_and_sees_nothing_twice() {
    let memory = Memory::new(recovering());
    let mut client = Client::new(&memory, Transport::WebSocket).await;
    let id = client.id.clone();
    for round in 0..20 {
        memory.io.broadcast("live", round).expect("no fault");
        if round % 3 > 0 {
            client.expect(&[json!(["live", round])]).await;
        }
        let unseen = (round % 3 == 0).then(|| json!(["live", round]));
        let kept = client.lose(&memory).await;
        memory.io.broadcast("away", round).expect("no fault");
        client = Client::returning(&memory, Transport::WebSocket, kept).await;
        assert!(client.recovered && client.id == id, "{round}");
        let expected: Vec<Value> = unseen.into_iter().chain([json!(["away", round])]).collect();
        client.expect(&expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn events_with_attachments_are_missed_and_come_again() {
    for transport in koio_tests::client::BOTH {
        let memory = Memory::new(recovering());
        let client = Client::new(&memory, transport).await;
        let kept = client.lose(&memory).await;
        let bytes = Bytes::from(vec![1, 2, 3]);
        memory
            .io
            .broadcast("file", (bytes, "name"))
            .expect("no fault");
        let mut back = Client::returning(&memory, transport, kept).await;
        let placeholder = json!({"_placeholder": true, "num": 0});
        back.expect(&[json!(["file", [placeholder, "name"]])]).await;
        assert_eq!(back.binary().await, [1, 2, 3]);
    }
}

#[tokio::test(start_paused = true)]
async fn every_event_without_an_ack_ends_with_an_offset_and_no_other() {
    let memory = Memory::new(recovering());
    let mut client = Client::new(&memory, Transport::WebSocket).await;
    let socket = client.socket(&memory);
    let mut offsets = Vec::new();
    for kind in 0..4 {
        match kind {
            0 => memory.io.broadcast("e", "text").expect("no fault"),
            1 => socket.emit("e", "text").expect("room"),
            2 => socket.volatile().emit("e", "text").expect("room"),
            _ => memory.io.volatile().emit("e", "text").expect("no fault"),
        }
        client.expect(&[json!(["e", "text"])]).await;
        offsets.extend(client.kept.offset.clone());
    }
    assert!(offsets[0] < offsets[1]);
    assert_eq!(
        offsets[1..],
        [&*offsets[1]; 3],
        "a volatile event has the position"
    );
    let answer = socket.emit_with_ack::<String>("ask", "text");
    assert_eq!(client.peer.text().await, r#"420["ask","text"]"#);
    client.peer.send(r#"430["answer"]"#).await;
    assert_eq!(answer.await.expect("an answer"), "answer");
}

#[tokio::test(start_paused = true)]
async fn an_emit_that_waits_for_an_answer_ends_with_the_connection() {
    let memory = Memory::new(recovering());
    let mut client = Client::new(&memory, Transport::WebSocket).await;
    let socket = client.socket(&memory);
    let answer = socket.emit_with_ack::<()>("ask", ());
    assert_eq!(client.peer.text().await, r#"420["ask"]"#);
    let kept = client.lose(&memory).await;
    assert!(answer.await.expect_err("it is lost").is_disconnected());
    let error = memory
        .io
        .to(socket.id())
        .emit_with_ack::<()>("ask", ())
        .await;
    assert!(error.expect_err("it is away").is_closed());
    let mut back = Client::returning(&memory, Transport::WebSocket, kept).await;
    memory.io.broadcast("next", ()).expect("no fault");
    back.expect(&[json!(["next"])]).await;
}

#[tokio::test(start_paused = true)]
async fn rooms_change_for_connected_sockets_only() {
    let memory = Memory::new(recovering());
    let client = Client::new(&memory, Transport::WebSocket).await;
    client.socket(&memory).join("kept").expect("a room");
    let kept = client.lose(&memory).await;
    memory
        .io
        .to("kept")
        .sockets_join("joined")
        .expect("no fault");
    memory
        .io
        .to("kept")
        .sockets_leave("kept")
        .expect("no fault");
    memory.io.to("kept").disconnect_sockets().expect("no fault");
    memory
        .io
        .to("joined")
        .emit("not for it", ())
        .expect("no fault");
    let mut back = Client::returning(&memory, Transport::WebSocket, kept).await;
    assert!(back.recovered);
    assert_eq!(back.socket(&memory).rooms(), ["kept".into()]);
    memory.io.to("kept").emit("for it", ()).expect("no fault");
    back.expect(&[json!(["for it"])]).await;
}

/// Notes which rooms were entered and left.
#[derive(Clone, Default)]
struct Doors(Record);

impl Observer for Doors {
    fn observe(&self, observation: &Observation<'_>) {
        match observation {
            Observation::Joined { room, first, .. } => self.0.push(format!("in {room} {first}")),
            Observation::Left { room, last, .. } => self.0.push(format!("out of {room} {last}")),
            Observation::Recovered { .. } => self.0.push("recovered"),
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn observers_are_told_of_the_rooms_that_a_client_comes_back_to() {
    let doors = Doors::default();
    let memory = Memory::new(recovering().observe(doors.clone()));
    let stays = Client::new(&memory, Transport::WebSocket).await;
    stays.socket(&memory).join("shared").expect("a room");
    let client = Client::new(&memory, Transport::WebSocket).await;
    client.socket(&memory).join("shared").expect("a room");
    client.socket(&memory).join("own").expect("a room");
    let before = doors.0.take();
    assert_eq!(before, ["in shared true", "in shared false", "in own true"]);
    let kept = client.lose(&memory).await;
    let lost = doors.0.reach(2).await;
    assert_eq!(lost, ["out of shared false", "out of own true"]);
    doors.0.take();
    let back = Client::returning(&memory, Transport::WebSocket, kept).await;
    assert!(back.recovered);
    assert_eq!(
        doors.0.take(),
        ["in shared false", "in own true", "recovered"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_too_late_is_a_new_one_and_its_session_expires_once() {
    let expired = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&expired);
    let memory = Memory::new(recovering().on_session_expired(move |session| {
        let user: Option<User> = session.data().expect("data");
        let rooms = session.rooms().to_vec();
        seen.lock().expect("no panic").push((
            session.id(),
            session.namespace().to_owned(),
            rooms,
            user,
        ));
        panic!("a program's own bug");
    }));
    let client = Client::new(&memory, Transport::WebSocket).await;
    let socket = client.socket(&memory);
    socket.join("room").expect("a room");
    let user = User {
        name: "Ada".to_owned(),
    };
    socket.set_data(&user).expect("data");
    let (id, kept) = (socket.id(), client.lose(&memory).await);
    assert!(expired.lock().expect("no panic").is_empty());
    tokio::time::sleep(TIME + Duration::from_secs(1)).await;
    let mut back = Client::returning(&memory, Transport::WebSocket, kept.clone()).await;
    assert!(!back.recovered && back.id != id.as_str() && back.kept.pid != kept.pid);
    let socket = back.socket(&memory);
    assert!(!socket.recovered() && socket.rooms().is_empty());
    assert_eq!(socket.data::<User>().expect("data"), None);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let expected = (id, "/".to_owned(), vec!["room".into()], Some(user));
    assert_eq!(*expired.lock().expect("no panic"), [expected]);
    let counts = memory.io.counts();
    assert_eq!(
        (counts.sessions_expired, counts.sessions_not_recovered),
        (1, 1)
    );
    // The offset of the old session, which the official client keeps, does not confuse the new one.
    memory.io.broadcast("live", 1).expect("no fault");
    back.expect(&[json!(["live", 1])]).await;
    let mut second = Client::new(&memory, Transport::WebSocket).await;
    second.kept.offset = kept.offset;
    let kept = second.lose(&memory).await;
    memory.io.broadcast("missed", 2).expect("no fault");
    let mut second = Client::returning(&memory, Transport::WebSocket, kept).await;
    assert!(second.recovered);
    second.expect(&[json!(["missed", 2])]).await;
}

#[tokio::test(start_paused = true)]
async fn leaving_being_disconnected_and_a_shutdown_are_no_losses() {
    let expired = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&expired);
    let memory = Memory::new(recovering().on_session_expired(move |_| {
        *seen.lock().expect("no panic") += 1;
    }));
    for how in 0..2 {
        let mut client = Client::new(&memory, Transport::WebSocket).await;
        let socket = client.socket(&memory);
        match how {
            0 => client.peer.send("41").await,
            _ => socket.disconnect(),
        }
        while memory.io.count() > 0 {
            tokio::task::yield_now().await;
        }
        let back = Client::returning(&memory, Transport::WebSocket, client.kept.clone()).await;
        assert!(!back.recovered);
        back.socket(&memory).disconnect();
    }
    assert_eq!(*expired.lock().expect("no panic"), 0);
    let lost = Client::new(&memory, Transport::WebSocket).await;
    lost.lose(&memory).await;
    let _here = Client::new(&memory, Transport::WebSocket).await;
    memory.io.shutdown(Duration::from_secs(1)).await;
    assert_eq!(*expired.lock().expect("no panic"), 1, "the lost one alone");
}

#[tokio::test(start_paused = true)]
async fn namespaces_recover_each_for_itself_and_families_too() {
    let memory = Memory::new(
        recovering()
            .namespace("/chat", Namespace::new())
            .namespace("/room/{id}", Namespace::new()),
    );
    let mut lost = Vec::new();
    for namespace in ["/", "/chat", "/room/1", "/room/2"] {
        let kept = Kept::in_namespace(namespace);
        let client = Client::returning(&memory, Transport::WebSocket, kept).await;
        lost.push(client.lose(&memory).await);
    }
    memory
        .io
        .of("/chat")
        .broadcast("chat", ())
        .expect("no fault");
    memory
        .io
        .of("/room/{id}")
        .broadcast("family", ())
        .expect("no fault");
    memory
        .io
        .of("/room/2")
        .broadcast("second", ())
        .expect("no fault");
    // The secret of one namespace is worth nothing in another.
    let mut stolen = Kept::in_namespace("/chat");
    stolen.pid.clone_from(&lost[0].pid);
    let other = Client::returning(&memory, Transport::WebSocket, stolen).await;
    assert!(!other.recovered);
    let expected = [
        vec![],
        vec![json!(["chat"])],
        vec![json!(["family"])],
        vec![json!(["family"]), json!(["second"])],
    ];
    for (kept, events) in lost.into_iter().zip(expected) {
        let namespace = kept.namespace.clone();
        let mut back = Client::returning(&memory, Transport::WebSocket, kept).await;
        assert!(back.recovered, "{namespace}");
        memory
            .io
            .of(&namespace)
            .broadcast("end", ())
            .expect("no fault");
        back.expect(&events).await;
        back.expect(&[json!(["end"])]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_returns_before_its_loss_is_noticed_takes_its_socket_over() {
    for transport in koio_tests::client::BOTH {
        let reasons = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&reasons);
        let memory = Memory::new(recovering().on("disconnect", move |ctx: Context| {
            let reason = ctx.close_reason();
            seen.lock().expect("no panic").push(reason);
            async { koio::Result::Ok(()) }
        }));
        let mut stale = Client::new(&memory, transport).await;
        memory.io.broadcast("seen", ()).expect("no fault");
        stale.expect(&[json!(["seen"])]).await;
        memory.io.broadcast("on its way", ()).expect("no fault");
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut back = Client::returning(&memory, transport, stale.kept.clone()).await;
        assert!(back.recovered && back.id == stale.id, "{transport:?}");
        memory.io.broadcast("new", ()).expect("no fault");
        back.expect(&[json!(["on its way"]), json!(["new"])]).await;
        assert_eq!(memory.io.count(), 1);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(reasons.lock().expect("no panic").len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn without_recovery_nothing_is_added() {
    let memory = Memory::new(koio::Io::new());
    let mut peer = memory.open(Transport::WebSocket).await;
    peer.send(r#"40{"pid":"abcdefghijklmnopqrstuvwx","offset":"x"}"#)
        .await;
    let answer = peer.text().await;
    assert!(
        answer.starts_with(r#"40{"sid":"#) && !answer.contains("pid"),
        "{answer}"
    );
    memory.io.broadcast("e", "x").expect("no fault");
    peer.expect(r#"42["e","x"]"#).await;
}
