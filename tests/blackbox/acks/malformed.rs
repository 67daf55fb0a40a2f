//! Acknowledgements.

use koio::CloseReason;
use koio_tests::Transport;

use crate::scene::{Scene, assert_answers, assert_ends};

#[tokio::test]
async fn acks_without_an_array_end_the_connection() {
    let packets = [
        "43",
        "43{}",
        "431{}",
        r#"431"x""#,
        "431",
        "431null",
        "43x[]",
    ];
    assert_ends(&packets, CloseReason::ForcedClose).await;
}

#[tokio::test]
async fn acks_with_an_id_that_is_no_integer_end_the_connection() {
    let packets = ["43-1[]", "431e3[]", "431.0[]", "430x1[]"];
    assert_ends(&packets, CloseReason::ForcedClose).await;
    let packets = [r#"42-1["echo"]"#, r#"421e3["echo"]"#];
    assert_ends(&packets, CloseReason::ForcedClose).await;
}

#[tokio::test]
async fn an_ack_id_of_another_client_may_be_of_any_size() {
    // The reference reads them as numbers of JavaScript.
    assert_answers(&[
        (r#"429007199254740992["echo"]"#, "439007199254740992[]"),
        (
            r#"421700000000000000001["echo"]"#,
            "431700000000000000001[]",
        ),
        (r#"42007["echo"]"#, "437[]"),
    ])
    .await;
    let digits = "9".repeat(400);
    let greatest = format!("43{}[1]", u64::MAX);
    assert_answers(&[(&format!(r#"42{digits}["echo",1]"#), &greatest)]).await;
}

#[tokio::test]
async fn acks_that_nobody_waits_for_are_ignored() {
    let scene = Scene::new().await;
    let mut client = scene.client(Transport::WebSocket).await;
    for id in [0, 999, 9_007_199_254_740_991_u64] {
        client.send(format!("43{id}[]")).await;
        client.send(format!("43{id}[1,2]")).await;
    }
    for nobody in [
        "43[]".to_owned(),
        "43[1]".to_owned(),
        format!("43{}[]", "9".repeat(400)),
    ] {
        client.send(nobody).await;
    }
    client.send(r#"421["echo",1]"#).await;
    client.expect("431[1]").await;
    client.close().await;
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn acks_with_the_biggest_safe_id_are_answered_with_it() {
    let id = 9_007_199_254_740_991_u64;
    assert_answers(&[(&format!(r#"42{id}["echo"]"#), &format!("43{id}[]"))]).await;
    assert_answers(&[(r#"420["echo"]"#, "430[]")]).await;
}

#[tokio::test]
async fn acks_of_another_socket_or_another_namespace_answer_nobody() {
    let scene = Scene::new().await;
    let mut asked = scene.client(Transport::WebSocket).await;
    let mut other = scene.client(Transport::WebSocket).await;
    asked.send(r#"421["ask",60000]"#).await;
    let question = asked.text().await;
    let id = question
        .strip_prefix("42")
        .and_then(|rest| rest.split_once('['))
        .map(|(id, _)| id.to_owned())
        .unwrap_or_else(|| panic!("{question}"));
    other.join("40/custom,").await;
    asked.join("40/custom,").await;
    other.send(format!(r#"43{id}["forged"]"#)).await;
    other.send(format!(r#"43/custom,{id}["forged"]"#)).await;
    asked.send(format!(r#"43/custom,{id}["elsewhere"]"#)).await;
    for client in [&mut other, &mut asked] {
        client.send(r#"42/custom,9["echo"]"#).await;
        client.expect("43/custom,9[]").await;
    }
    asked.send(format!(r#"43{id}["mine"]"#)).await;
    asked.expect(r#"431["mine"]"#).await;
    asked.send(format!(r#"43{id}["twice"]"#)).await;
    asked.send(r#"422["echo"]"#).await;
    asked.expect("432[]").await;
    asked.close().await;
    other.close().await;
    let mut scene = scene;
    for _ in 0..4 {
        scene.report().await;
    }
    scene.end().await;
}

#[tokio::test]
async fn acks_that_never_come_are_bounded_and_freed_by_their_timeout() {
    let scene = Scene::new().await;
    let mut client = scene.client(Transport::WebSocket).await;
    // Asks 5,000 questions that this client never answers, and reports how they ended.
    client.send(r#"421["ask-many",5000]"#).await;
    let answer = loop {
        let text = client.text().await;
        if text.starts_with("431") {
            break text;
        }
    };
    let counts: [u64; 3] = serde_json::from_str(
        answer
            .strip_prefix("431[")
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(""),
    )
    .expect("three counts");
    let [answered, timed_out, full] = counts;
    assert_eq!(answered, 0);
    assert_eq!(timed_out + full, 5000);
    assert!(
        timed_out <= 1024 && timed_out > 0,
        "{timed_out} were waited for at once"
    );
    client.close().await;
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}
