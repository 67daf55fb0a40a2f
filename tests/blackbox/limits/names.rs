//! Names that are too long, and too many: answered, and the connection goes on.

use koio::{Io, Namespace, handlers};
use koio_tests::{Client, Running, Transport, client, serve};

use crate::scene::{echo, file};

fn io() -> Io {
    Io::new()
        .handlers(handlers![echo, file])
        .namespace("/other", Namespace::new().handlers(handlers![echo]))
        .config(|config| config.socket.namespaces = 2)
}

/// A server, and a client in both of its namespaces.
async fn connected(io: Io, transport: Transport) -> (Running, Client) {
    let server = serve(io).await;
    let mut client = Client::connect(server.target(), transport).await;
    client.join("40/other,").await;
    (server, client)
}

/// The client is in both namespaces as before.
async fn assert_undisturbed(client: &mut Client) {
    client.send(r#"427["echo",1]"#).await;
    client.expect("437[1]").await;
    client.send(r#"42/other,8["echo",2]"#).await;
    client.expect("43/other,8[2]").await;
}

const TOO_LONG: &str =
    r#"[{"error":{"code":"bad_request","message":"event name of 256 bytes (packets.event 255)"}}]"#;

#[tokio::test]
async fn an_event_whose_name_is_too_long_is_answered_and_the_connection_goes_on() {
    for transport in client::BOTH {
        let (server, mut client) = connected(io(), transport).await;
        let long = "x".repeat(256);
        client.send(format!(r#"421["{long}",1]"#)).await;
        client.expect(&format!("431{TOO_LONG}")).await;
        client
            .send(format!(r#"42/other,2["{}"]"#, r"\u0041".repeat(256)))
            .await;
        client.expect(&format!("43/other,2{TOO_LONG}")).await;
        client.send(format!("423[{}]", "1".repeat(256))).await;
        client.expect(&format!("433{TOO_LONG}")).await;
        // This one asks for no ack.
        client.send(format!(r#"42["{long}"]"#)).await;
        let binary = format!(r#"451-4["{long}",{{"_placeholder":true,"num":0}}]"#);
        client.send_with(&binary, &[b"data"]).await;
        client.expect(&format!("434{TOO_LONG}")).await;
        assert_undisturbed(&mut client).await;
        let counts = server.handle.counts();
        assert_eq!((counts.events_refused, counts.protocol_errors), (5, 0));
        client.close().await;
    }
}

#[tokio::test]
async fn an_event_whose_name_is_too_long_and_whose_arguments_are_no_json_ends_the_connection() {
    let server = serve(io()).await;
    let mut client = Client::connect(server.target(), Transport::WebSocket).await;
    client
        .send(format!(r#"421["{}",}}]"#, "x".repeat(256)))
        .await;
    client.ended().await;
    assert_eq!(server.handle.counts().protocol_errors, 1);
}

#[tokio::test]
async fn a_namespace_whose_name_is_too_long_is_refused_with_both_numbers() {
    for transport in client::BOTH {
        let (server, mut client) = connected(io(), transport).await;
        let name = format!("/{}", "x".repeat(299));
        let message = concat!(
            r#"{"message":"namespace of 300 bytes (packets.namespace 255)","#,
            r#""data":{"code":"bad_request"}}"#
        );
        for connect in [format!("40{name}"), format!("40{name},{{}}")] {
            client.send(connect).await;
            client.expect(&format!("44{name},{message}")).await;
        }
        assert_undisturbed(&mut client).await;
        assert_eq!(server.handle.counts().connects_refused, 2);
        client.close().await;
    }
}

#[tokio::test]
async fn what_comes_together_with_a_connect_whose_namespace_is_too_long_is_dropped() {
    for transport in client::BOTH {
        let (server, mut client) = connected(io(), transport).await;
        let name = format!("/{}", "x".repeat(299));
        let packets = [
            format!("40{name},"),
            format!(r#"42{name},1["echo",1]"#),
            format!(r#"42{name},2["{}"]"#, "x".repeat(256)),
            format!("43{name},1[]"),
            format!("41{name},"),
        ];
        match transport {
            Transport::Polling => client.send(packets.join("\u{1e}")).await,
            Transport::WebSocket => {
                for packet in packets {
                    client.send(packet).await;
                }
            }
        }
        let file = format!(r#"451-{name},3["file",{{"_placeholder":true,"num":0}}]"#);
        client.send_with(&file, &[b"data"]).await;
        assert!(client.text().await.starts_with(&format!("44{name},")));
        assert_undisturbed(&mut client).await;
        let counts = server.handle.counts();
        assert_eq!((counts.late_events, counts.protocol_errors), (5, 0));
        client.close().await;
    }
}

#[tokio::test]
async fn an_auth_payload_that_is_too_long_is_refused_with_both_numbers() {
    let server = serve(io()).await;
    let mut client = Client::open(server.target(), Transport::WebSocket).await;
    client
        .send(format!(r#"40{{"a":"{}"}}"#, "x".repeat(70_000 - 8)))
        .await;
    client
        .expect(concat!(
            r#"44{"message":"auth payload of 70000 bytes (packets.auth 65536)","#,
            r#""data":{"code":"bad_request"}}"#
        ))
        .await;
    client.join("40").await;
    client.close().await;
}

#[tokio::test]
async fn a_namespace_that_is_refused_twice_takes_the_place_of_no_other() {
    let server = serve(io()).await;
    let mut client = Client::connect(server.target(), Transport::WebSocket).await;
    let auth = format!(r#"{{"a":"{}"}}"#, "x".repeat(70_000));
    for namespace in ["/other", "/third", "/third"] {
        client.send(format!("40{namespace},{auth}")).await;
        assert!(client.text().await.starts_with(&format!("44{namespace},")));
    }
    // Its client may not know yet that it was refused.
    client.send(r#"42/other,["echo",1]"#).await;
    client.join("40/other,").await;
    assert_undisturbed(&mut client).await;
    let counts = server.handle.counts();
    assert_eq!((counts.late_events, counts.protocol_errors), (1, 0));
    client.close().await;
}

#[tokio::test]
async fn a_namespace_beyond_the_number_of_namespaces_is_refused_with_both_numbers() {
    let io = io().namespace("/third", Namespace::new());
    let (_server, mut client) = connected(io, Transport::WebSocket).await;
    client.send("40/third,").await;
    client
        .expect(concat!(
            r#"44/third,{"message":"Too many namespaces: 3 (namespaces 2)","#,
            r#""data":{"code":"too_many_namespaces"}}"#
        ))
        .await;
    assert_undisturbed(&mut client).await;
    client.close().await;
}
