//! Socket.IO packets.

use koio::{CloseReason, Io, handlers, on};
use koio_tests::{Client, Transport, client, serve};

use crate::scene::{SHORT, Scene, assert_answers, assert_ends};

#[tokio::test]
async fn packets_of_an_unknown_type_end_the_connection() {
    let packets = [
        "4",
        "47",
        "49",
        "4abc",
        "4 2[\"echo\"]",
        "4-1",
        "4\u{1F600}",
    ];
    assert_ends(&packets, CloseReason::ForcedClose).await;
}

#[tokio::test]
async fn packets_whose_payload_has_the_wrong_shape_end_the_connection() {
    let packets = [
        "42",
        "42{}",
        r#"42"x""#,
        "42[]",
        "42[null]",
        "42[true]",
        r#"42[{"toString":"foo"}]"#,
        "42[[]]",
        "42null",
        "42/,",
    ];
    assert_ends(&packets, CloseReason::ForcedClose).await;
}

#[tokio::test]
async fn packets_whose_json_is_broken_end_the_connection() {
    let packets = [
        r#"42["a""#,
        r#"42["a"]x"#,
        r#"42["a"]["b"]"#,
        r#"42["a",]"#,
        r#"42["a" "b"]"#,
        r#"42["echo",{"a":1]"#,
        r#"42["echo",{a:1}]"#,
        r#"42["echo",'x']"#,
        r#"42["echo",01]"#,
        r#"42["echo",+1]"#,
        r#"42["echo",.5]"#,
        r#"42["echo",1.]"#,
        r#"42["echo",NaN]"#,
        r#"42["echo",undefined]"#,
        r#"42["echo","\x"]"#,
        r#"42["echo","\u12"]"#,
        "42[\"echo\",\"\t\"]",
        "42[\"echo\",\"\u{0}\"]",
        r#"42["echo""#,
        r#"42["echo"#,
    ];
    assert_ends(&packets, CloseReason::ForcedClose).await;
}

#[tokio::test]
async fn packets_whose_broken_json_no_type_would_have_read_end_the_connection_all_the_same() {
    // `file` reads one argument; what is wrong is behind it, or in a part that it ignores.
    let packets = [
        r#"421["wait",1,{]"#,
        r#"421["wait",1,2"#,
        r#"421["nobody",{"a":}]"#,
    ];
    assert_ends(&packets, CloseReason::ForcedClose).await;
}

#[tokio::test]
async fn packets_with_reserved_names_end_the_connection() {
    let names = [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    ];
    let packets = names.map(|name| format!(r#"42["{name}"]"#));
    assert_ends(
        &packets.each_ref().map(String::as_str),
        CloseReason::ForcedClose,
    )
    .await;
    // Spelled with an escape they are the same names.
    assert_ends(&[r#"42["\u0063onnect"]"#], CloseReason::ForcedClose).await;
}

#[tokio::test]
async fn packets_with_names_that_mean_something_elsewhere_are_plain_events() {
    assert_answers(&[
        (r#"421["error"]"#, r#"431["error"]"#),
        (r#"422["message"]"#, r#"432["message"]"#),
        (r#"423["__proto__"]"#, r#"433["__proto__"]"#),
        (r#"424["constructor"]"#, r#"434["constructor"]"#),
        (r#"425["*"]"#, r#"435["*"]"#),
        (r#"426[""]"#, r#"436[""]"#),
        (r#"427["ping"]"#, r#"437["ping"]"#),
    ])
    .await;
}

#[tokio::test]
async fn packets_with_a_number_for_a_name_are_events_of_that_name() {
    assert_answers(&[
        (r#"421[1,"x"]"#, r#"431["1"]"#),
        ("422[-1.5]", r#"432["-1.5"]"#),
    ])
    .await;
}

#[tokio::test]
async fn packets_with_escapes_in_their_name_are_events_of_the_name_that_is_meant() {
    assert_answers(&[
        (r#"421["\u0065cho",1]"#, "431[1]"),
        (r#"422["a\"b"]"#, r#"432["a\"b"]"#),
        (r#"423["\u00e9"]"#, "433[\"\u{e9}\"]"),
        (r#"424["\ud83d\ude00"]"#, "434[\"\u{1F600}\"]"),
    ])
    .await;
}

#[tokio::test]
async fn packets_that_are_nested_deeper_than_128_end_the_connection() {
    for depth in [129, 10_000, 400_000] {
        let arrays = format!(r#"42["echo",{}{}]"#, "[".repeat(depth), "]".repeat(depth));
        let unclosed = format!(r#"42["echo",{}"#, "[".repeat(depth));
        assert_ends(&[&arrays, &unclosed], CloseReason::ForcedClose).await;
    }
    let objects = format!(
        r#"42["echo",{}1{}]"#,
        r#"{"a":"#.repeat(129),
        "}".repeat(129)
    );
    assert_ends(&[&objects], CloseReason::ForcedClose).await;
}

#[tokio::test]
async fn packets_that_are_nested_as_deep_as_allowed_are_passed_on() {
    // The array of the arguments is the first of the 128.
    let depth = 127;
    let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_answers(&[(&format!(r#"421["echo",{value}]"#), &format!("431[{value}]"))]).await;
    // Brackets in a string nest nothing.
    let text = "[{".repeat(1000);
    assert_answers(&[(
        &format!(r#"421["echo","{text}"]"#),
        &format!(r#"431["{text}"]"#),
    )])
    .await;
}

#[tokio::test]
async fn packets_with_odd_but_valid_json_are_passed_on_as_they_are() {
    let values = [
        r#"{"a":1,"a":2}"#,
        r#"{"__proto__":{"x":1}}"#,
        r#""\u0000""#,
        "1e400",
        "123456789012345678901234567890",
        "-0",
        r#"{"":null}"#,
    ];
    for value in values {
        assert_answers(&[(&format!(r#"421["echo",{value}]"#), &format!("431[{value}]"))]).await;
    }
}

#[tokio::test]
async fn packets_with_a_lone_surrogate_end_at_most_their_own_connection() {
    let scene = Scene::new().await;
    let mut client = scene.client(Transport::WebSocket).await;
    client.send(r#"421["echo","\ud800"]"#).await;
    client.send(r#"422["\ud800"]"#).await;
    client.close().await;
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn packets_with_blanks_before_their_json_end_the_connection() {
    let packets = [
        r#"42 ["echo"]"#,
        "42\t[\"echo\"]",
        "42\n[\"echo\"]",
        r#"421 ["echo"]"#,
    ];
    assert_ends(&packets, CloseReason::ForcedClose).await;
}

#[tokio::test]
async fn packets_of_a_namespace_that_was_not_joined_end_the_connection() {
    let packets = [
        r#"42/custom,["echo"]"#,
        r#"42/never,["echo"]"#,
        "43/custom,1[]",
        "41/custom,",
        "41/never,",
        r#"44{"message":"x"}"#,
        r#"44/custom,{"message":"x"}"#,
    ];
    assert_ends(&packets, CloseReason::ForcedServerClose).await;
}

#[tokio::test]
async fn packets_before_connect_end_the_connection() {
    for transport in client::BOTH {
        let scene = Scene::new().await;
        for packet in [r#"42["echo"]"#, "431[]", "41", "4abc", "451-[\"echo\"]"] {
            let mut client = Client::open(scene.target(), transport).await;
            client.try_send(packet).await;
            client.ended().await;
        }
        scene.end().await;
    }
}

#[tokio::test]
async fn packets_behind_ones_own_disconnect_are_not_dispatched() {
    let mut scene = Scene::new().await;
    let mut session = koio_tests::Polling::open(scene.target()).await;
    session.send("40").await;
    session.get().await;
    session.try_post("41\x1e42[\"bounce\",1]").await;
    let packets = session.ended().await;
    assert!(
        !packets.iter().any(|packet| packet.contains("bounced")),
        "{packets:?}"
    );
    let report = scene.report().await;
    assert_eq!(report.reason, CloseReason::ClientNamespaceDisconnect);
    scene.end().await;
}

#[tokio::test]
async fn leaving_twice_ends_the_connection() {
    for transport in client::BOTH {
        let mut scene = Scene::new().await;
        let mut client = scene.client(transport).await;
        client.send("41").await;
        assert_eq!(
            scene.report().await.reason,
            CloseReason::ClientNamespaceDisconnect
        );
        client.try_send("41").await;
        client.ended().await;
        scene.end().await;
    }
}

#[tokio::test]
async fn packets_by_the_thousand_for_a_busy_handler_stop_the_reading_and_lose_nothing() {
    let mut scene = Scene::new().await;
    let mut client = scene.client(Transport::WebSocket).await;
    const EVENTS: usize = 20_000;
    let padding = "x".repeat(1000);
    let packet = |number| format!(r#"42{number}["wait",{number},"{padding}"]"#);
    let mut sent = 0;
    let mut stalled = false;
    while sent < EVENTS && !stalled {
        // A message that did not go out in time is on its way all the same.
        stalled = tokio::time::timeout(SHORT, client.send(packet(sent)))
            .await
            .is_err();
        sent += 1;
    }
    assert!(
        stalled,
        "the server has read {EVENTS} events that nobody handles"
    );
    scene.gate.0.add_permits(EVENTS);
    while sent < EVENTS {
        client.send(packet(sent)).await;
        sent += 1;
    }
    for number in 0..EVENTS {
        client.expect(&format!("43{number}[{number}]")).await;
    }
    client.close().await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn names_in_ascii_escapes_are_understood() {
    // python-socketio sends ASCII only.
    assert_answers(&[
        (r#"421["caf\u00e9"]"#, "431[\"caf\u{e9}\"]"),
        (r#"422["a\/b\n\t\u0022"]"#, r#"432["a/b\n\t\""]"#),
    ])
    .await;
}

#[on("wide")]
async fn wide(number: i128) -> String {
    number.to_string()
}

#[tokio::test]
async fn an_argument_of_which_its_type_reads_only_the_beginning_is_answered() {
    let server = serve(Io::new().handlers(handlers![wide])).await;
    for transport in client::BOTH {
        let mut client = Client::connect(server.target(), transport).await;
        client.send(r#"420["wide",1.5]"#).await;
        let answer = client.text().await;
        assert!(
            answer.starts_with(r#"430[{"error":{"code":"bad_request""#),
            "{answer}"
        );
        client.send(r#"421["wide",15]"#).await;
        client.expect(r#"431["15"]"#).await;
        client.close().await;
    }
}
