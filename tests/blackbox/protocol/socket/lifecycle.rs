//! The nine cases under "connect" and "disconnect".

mod connect {
    use super::super::{join, session};

    #[tokio::test]
    async fn should_allow_connection_to_the_main_namespace() {
        let (_server, mut socket) = session().await;
        assert_eq!(join(&mut socket, "40", "40").await, r#"42["auth",{}]"#);
    }

    #[tokio::test]
    async fn should_allow_connection_to_the_main_namespace_with_a_payload() {
        let (_server, mut socket) = session().await;
        let auth = join(&mut socket, r#"40{"token":"123"}"#, "40").await;
        assert_eq!(auth, r#"42["auth",{"token":"123"}]"#);
    }

    #[tokio::test]
    async fn should_allow_connection_to_a_custom_namespace() {
        let (_server, mut socket) = session().await;
        let auth = join(&mut socket, "40/custom,", "40/custom,").await;
        assert_eq!(auth, r#"42/custom,["auth",{}]"#);
    }

    #[tokio::test]
    async fn should_allow_connection_to_a_custom_namespace_with_a_payload() {
        let (_server, mut socket) = session().await;
        let auth = join(&mut socket, r#"40/custom,{"token":"abc"}"#, "40/custom,").await;
        assert_eq!(auth, r#"42/custom,["auth",{"token":"abc"}]"#);
    }

    #[tokio::test]
    async fn should_disallow_connection_to_an_unknown_namespace() {
        let (_server, mut socket) = session().await;
        socket.send("40/random").await;
        socket
            .expect(r#"44/random,{"message":"Invalid namespace"}"#)
            .await;
    }

    #[tokio::test]
    async fn should_disallow_connection_with_an_invalid_handshake() {
        let (_server, mut socket) = session().await;
        socket.send("4abc").await;
        socket.ended().await;
    }

    #[tokio::test]
    async fn should_close_the_connection_if_no_handshake_is_received() {
        let (_server, mut socket) = session().await;
        socket.ended().await;
    }
}

mod disconnect {
    use super::super::{connection, join};

    #[tokio::test]
    async fn should_disconnect_from_the_main_namespace() {
        let (_server, mut socket) = connection().await;
        socket.send("41").await;
        socket.expect("2").await;
    }

    #[tokio::test]
    async fn should_connect_then_disconnect_from_a_custom_namespace() {
        let (_server, mut socket) = connection().await;
        socket.expect("2").await;
        // The ping stays unanswered, so all of this has to fit into the ping timeout.
        join(&mut socket, "40/custom", "40/custom,").await;
        socket.send("41/custom").await;
        socket
            .send(r#"42["message","message to main namespace"]"#)
            .await;
        socket
            .expect(r#"42["message-back","message to main namespace"]"#)
            .await;
    }
}
