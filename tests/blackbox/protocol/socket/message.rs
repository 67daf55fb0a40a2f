//! The seven cases under "message".

use super::connection;
use koio_tests::{Received, WebSocket};

const PLACEHOLDERS: &str = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;

async fn send_with_two_attachments(socket: &mut WebSocket, header: &str) {
    socket.send(header).await;
    socket.send_binary([1, 2, 3]).await;
    socket.send_binary([4, 5, 6]).await;
}

async fn expect_with_two_attachments(socket: &mut WebSocket, header: &str) {
    assert_eq!(
        socket.next_but_pings().await,
        Received::Text(header.to_owned())
    );
    assert_eq!(
        socket.next_but_pings().await,
        Received::Binary(vec![1, 2, 3])
    );
    assert_eq!(
        socket.next_but_pings().await,
        Received::Binary(vec![4, 5, 6])
    );
}

#[tokio::test]
async fn should_send_a_plain_text_packet() {
    let (_server, mut socket) = connection().await;
    socket.send(r#"42["message",1,"2",{"3":[true]}]"#).await;
    socket
        .expect(r#"42["message-back",1,"2",{"3":[true]}]"#)
        .await;
}

#[tokio::test]
async fn should_send_a_packet_with_binary_attachments() {
    let (_server, mut socket) = connection().await;
    let sent = format!(r#"452-["message",{PLACEHOLDERS}]"#);
    send_with_two_attachments(&mut socket, &sent).await;
    let expected = format!(r#"452-["message-back",{PLACEHOLDERS}]"#);
    expect_with_two_attachments(&mut socket, &expected).await;
}

#[tokio::test]
async fn should_send_a_plain_text_packet_with_an_ack() {
    let (_server, mut socket) = connection().await;
    socket
        .send(r#"42456["message-with-ack",1,"2",{"3":[false]}]"#)
        .await;
    socket.expect(r#"43456[1,"2",{"3":[false]}]"#).await;
}

#[tokio::test]
async fn should_send_a_packet_with_binary_attachments_and_an_ack() {
    let (_server, mut socket) = connection().await;
    let sent = format!(r#"452-789["message-with-ack",{PLACEHOLDERS}]"#);
    send_with_two_attachments(&mut socket, &sent).await;
    expect_with_two_attachments(&mut socket, &format!("462-789[{PLACEHOLDERS}]")).await;
}

async fn assert_closes(packet: &str) {
    let (_server, mut socket) = connection().await;
    socket.send(packet).await;
    socket.ended().await;
}

#[tokio::test]
async fn should_close_the_connection_upon_invalid_format_unknown_packet_type() {
    assert_closes("4abc").await;
}

#[tokio::test]
async fn should_close_the_connection_upon_invalid_format_invalid_payload_format() {
    assert_closes("42{}").await;
}

#[tokio::test]
async fn should_close_the_connection_upon_invalid_format_invalid_ack_id() {
    assert_closes(r#"42abc["message-with-ack",1,"2",{"3":[false]}]"#).await;
}
