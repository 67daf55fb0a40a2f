//! Attachments.

use koio::CloseReason;
use koio_tests::{Client, Transport, client};

use crate::scene::{SHORT, Scene, assert_ends};

const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":0}"#;

#[tokio::test]
async fn attachments_whose_count_is_not_a_plain_number_end_the_connection() {
    let counts = [
        "", "-", "4-1-", "x-", "1", "1e1-", "0x5-", " 5-", "1.0-", "05-", "00-", "+1-", "1-1-",
    ];
    let packets = counts.map(|count| format!(r#"45{count}["echo"]"#));
    assert_ends(
        &packets.each_ref().map(String::as_str),
        CloseReason::ForcedClose,
    )
    .await;
}

#[tokio::test]
async fn attachments_of_more_than_ten_end_the_connection_before_anything_is_kept() {
    let packets = [
        r#"4511-["echo"]"#,
        r#"45100000000000000000000-["echo"]"#,
        r#"4611-1[]"#,
    ];
    assert_ends(&packets, CloseReason::ForcedClose).await;
}

#[tokio::test]
async fn attachments_of_a_packet_that_has_none_end_the_connection() {
    let mut scene = Scene::new().await;
    for transport in client::BOTH {
        let mut client = scene.client(transport).await;
        client
            .send(r#"451-["echo",{"_placeholder":true,"num":0}]"#)
            .await;
        client.try_send(r#"42["echo"]"#).await;
        client.ended().await;
        assert_eq!(scene.report().await.reason, CloseReason::ForcedClose);
    }
    let mut client = scene.client(Transport::WebSocket).await;
    client.send(r#"422["echo",2]"#).await;
    client.expect("432[2]").await;
    // The bytes come alone: what was asked before has been answered.
    client.send_with(r#"423["echo",3]"#, &[]).await;
    client.expect("433[3]").await;
    client.send_with("3", &[b"nobody asked for these"]).await;
    client.ended().await;
    assert_eq!(scene.report().await.reason, CloseReason::ForcedClose);
    scene.end().await;
}

#[tokio::test]
async fn attachments_whose_placeholders_point_nowhere_end_the_connection() {
    let mut scene = Scene::new().await;
    let numbers = [
        "-1",
        "1.5",
        "\"0\"",
        "null",
        "1",
        "18446744073709551616",
        "true",
        "[0]",
    ];
    for number in numbers {
        let packet = format!(r#"451-1["echo",{{"_placeholder":true,"num":{number}}}]"#);
        let mut client = scene.client(Transport::WebSocket).await;
        client.send_with(&packet, &[b"x"]).await;
        client.ended().await;
        assert_eq!(
            scene.report().await.reason,
            CloseReason::ForcedClose,
            "{number}"
        );
    }
    let mut client = scene.client(Transport::WebSocket).await;
    client
        .send_with(r#"451-1["echo",{"_placeholder":true}]"#, &[b"x"])
        .await;
    client.ended().await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn attachments_that_are_pointed_at_twice_or_out_of_order_are_delivered_so() {
    let mut scene = Scene::new().await;
    for transport in client::BOTH {
        let mut client = scene.client(transport).await;
        let second = r#"{"_placeholder":true,"num":1}"#;
        let packet = format!(r#"452-1["echo",{second},{PLACEHOLDER},{second}]"#);
        client.send_with(&packet, &[b"a", b"b"]).await;
        let header = client.text().await;
        assert!(header.starts_with("46"), "{header}");
        let count: usize = header[2..3].parse().expect("a count");
        let mut attachments = Vec::new();
        for _ in 0..count {
            match client.next().await {
                koio_tests::Received::Binary(bytes) => attachments.push(bytes),
                other => panic!("{other:?}"),
            }
        }
        let array = header
            .split_once("-1")
            .map(|(_, array)| array)
            .expect("an array");
        let values: Vec<serde_json::Value> = serde_json::from_str(array).expect("JSON");
        let seen: Vec<_> = values
            .iter()
            .map(|value| value["num"].as_u64().expect("a number") as usize)
            .map(|number| attachments[number].as_slice())
            .collect();
        assert_eq!(seen, [b"b", b"a", b"b"]);
        client.close().await;
        scene.report().await;
    }
    scene.end().await;
}

#[tokio::test]
async fn things_that_only_look_like_placeholders_are_plain_data() {
    let scene = Scene::new().await;
    let mut client = scene.client(Transport::WebSocket).await;
    let values = [
        PLACEHOLDER,
        r#"{"_placeholder":true,"num":99}"#,
        r#"{"_placeholder":"true","num":0}"#,
        r#"{"_placeholder":true,"num":0,"more":1}"#,
    ];
    for value in values {
        client.send(format!(r#"421["echo",{value}]"#)).await;
        client.expect(&format!("431[{value}]")).await;
    }
    client.close().await;
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn attachments_before_connect_end_the_connection_at_once() {
    let scene = Scene::new().await;
    for transport in client::BOTH {
        let mut client = Client::open(scene.target(), transport).await;
        client.try_send(r#"4510-["echo"]"#).await;
        client.ended().await;
    }
    scene.end().await;
}

#[tokio::test]
async fn attachments_that_do_not_come_end_the_connection() {
    let mut scene =
        Scene::with(|io| io.config(|config| config.engine.message_timeout = SHORT)).await;
    for transport in client::BOTH {
        for sent in [0, 2] {
            let mut client = scene.client(transport).await;
            client
                .send_with(r#"453-["echo"]"#, &vec![&b"x"[..]; sent])
                .await;
            client.ended().await;
            let reason = scene.report().await.reason;
            assert!(
                matches!(
                    reason,
                    CloseReason::ForcedClose | CloseReason::TransportError
                ),
                "{reason}"
            );
        }
    }
    scene.end().await;
}

#[tokio::test]
async fn attachments_that_are_too_big_together_end_the_connection() {
    let mut scene = Scene::new().await;
    let mut client = scene.client(Transport::WebSocket).await;
    let bytes = vec![0; 600_000];
    client.send_with(r#"452-["echo"]"#, &[&bytes, &bytes]).await;
    client.ended().await;
    assert_eq!(scene.report().await.reason, CloseReason::ForcedClose);
    scene.end().await;
}

#[tokio::test]
async fn attachments_together_may_be_as_long_as_max_payload_however_it_was_set() {
    let raised = |io: koio::Io| io.config(|config| config.engine.max_payload = 2_000_000);
    let mut scene = Scene::with(raised).await;
    let mut client = scene.client(Transport::WebSocket).await;
    let bytes = vec![7; 1_500_000];
    client
        .send_with(&format!(r#"451-1["file",{PLACEHOLDER}]"#), &[&bytes])
        .await;
    client.expect("431[1500000]").await;
    client.close().await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn attachments_that_are_empty_or_as_big_as_allowed_are_taken() {
    let mut scene = Scene::new().await;
    let mut client = scene.client(Transport::WebSocket).await;
    let ten: Vec<_> = (0..10)
        .map(|n| format!(r#"{{"_placeholder":true,"num":{n}}}"#))
        .collect();
    client
        .send_with(
            &format!(r#"4510-1["echo",{}]"#, ten.join(",")),
            &[&b""[..]; 10],
        )
        .await;
    client.expect(&format!("4610-1[{}]", ten.join(","))).await;
    for _ in 0..10 {
        client.expect_binary(b"").await;
    }
    let bytes = vec![7; 1_000_000];
    client
        .send_with(&format!(r#"451-2["file",{PLACEHOLDER}]"#), &[&bytes])
        .await;
    client.expect("432[1000000]").await;
    client.close().await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn attachments_of_a_connection_that_goes_away_half_way_leave_nothing() {
    let mut scene = Scene::new().await;
    for _ in 0..20 {
        let mut client = scene.client(Transport::WebSocket).await;
        client
            .send_with(r#"4510-["echo"]"#, &[&[0; 1000][..]; 5])
            .await;
        client.close().await;
        scene.report().await;
    }
    scene.end().await;
}

#[tokio::test]
async fn attachments_in_place_of_text_and_text_in_place_of_attachments_are_a_bad_request() {
    let scene = Scene::new().await;
    let mut client = scene.client(Transport::WebSocket).await;
    for packet in [
        r#"421["file","AQID"]"#,
        r#"421["file",{}]"#,
        r#"421["file"]"#,
    ] {
        client.send(packet).await;
        let answer = client.text().await;
        assert!(
            answer.starts_with(r#"431[{"error":{"code":"bad_request""#),
            "{answer}"
        );
    }
    client
        .send_with(&format!(r#"451-1["wait",{PLACEHOLDER}]"#), &[b"1"])
        .await;
    let answer = client.text().await;
    assert!(
        answer.starts_with(r#"431[{"error":{"code":"bad_request""#),
        "{answer}"
    );
    client.close().await;
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}
