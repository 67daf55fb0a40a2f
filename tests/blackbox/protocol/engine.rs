//! The Engine.IO v4 suite: 25 cases, against a raw echo server.

use koio_tests::EngineServer;

use super::{PING_INTERVAL, PING_TIMEOUT};

async fn server() -> EngineServer {
    EngineServer::echo(PING_INTERVAL, PING_TIMEOUT).await
}

mod handshake {
    mod http_long_polling {
        use crate::protocol::case;

        case!(
            engine,
            successfully_opens_a_session,
            polling_opens_a_session
        );
        case!(
            engine,
            fails_with_an_invalid_eio_query_parameter,
            polling_fails_with_an_invalid_eio
        );
        case!(
            engine,
            fails_with_an_invalid_transport_query_parameter,
            polling_fails_with_an_invalid_transport
        );
        case!(
            engine,
            fails_with_an_invalid_request_method,
            polling_fails_with_an_invalid_request_method
        );
    }

    mod websocket {
        use crate::protocol::case;

        case!(
            engine,
            successfully_opens_a_session,
            websocket_opens_a_session
        );
        case!(
            engine,
            fails_with_an_invalid_eio_query_parameter,
            websocket_fails_with_an_invalid_eio
        );
        case!(
            engine,
            fails_with_an_invalid_transport_query_parameter,
            websocket_fails_with_an_invalid_transport
        );
    }
}

mod message {
    mod http_long_polling {
        use koio_tests::{Http, Polling, http};
        use tokio::time::{Duration, sleep};

        use super::super::server;

        async fn assert_echoes(payload: &str) {
            let server = server().await;
            let mut session = Polling::open(server.target()).await;
            session.send(payload).await;
            session.expect(payload).await;
        }

        #[tokio::test]
        async fn sends_and_receives_a_payload_containing_one_plain_text_packet() {
            assert_echoes("4hello").await;
        }

        #[tokio::test]
        async fn sends_and_receives_a_payload_containing_several_plain_text_packets() {
            assert_echoes("4test1\x1e4test2\x1e4test3").await;
        }

        #[tokio::test]
        async fn sends_and_receives_a_payload_containing_plain_text_and_binary_packets() {
            assert_echoes("4hello\x1ebAQIDBA==").await;
        }

        #[tokio::test]
        async fn closes_the_session_upon_invalid_packet_format() {
            let server = server().await;
            let mut session = Polling::open(server.target()).await;
            session.send_refused("abc").await;
            session.assert_gone().await;
        }

        #[tokio::test]
        async fn closes_the_session_upon_duplicate_poll_requests() {
            let server = server().await;
            let mut session = Polling::open(server.target()).await;
            session.begin_get().await;
            // The suite's own pause: the server has to see the two in this order.
            sleep(Duration::from_millis(5)).await;
            let burst = format!("{}&t=burst", session.path());
            let second = http::get(server.addr, &burst).await;
            let first = session.polled().await;
            assert_eq!((first.status, first.text()), (200, "1"));
            assert_eq!(second.status, 400);
            session.assert_gone().await;
        }

        #[tokio::test]
        async fn closes_the_session_upon_cancelled_polling_request() {
            let server = server().await;
            let session = Polling::open(server.target()).await;
            let mut cancelled = Http::connect(server.addr).await;
            cancelled.send_get(&session.path()).await;
            // The suite's own pause: the poll has to be pending when it is cancelled.
            sleep(Duration::from_millis(5)).await;
            drop(cancelled);
            session.assert_gone().await;
        }
    }

    mod websocket {
        use koio_tests::WebSocket;

        use super::super::server;

        #[tokio::test]
        async fn sends_and_receives_a_plain_text_packet() {
            let server = server().await;
            let (mut socket, _) = WebSocket::session(server.target()).await;
            socket.send("4hello").await;
            socket.expect("4hello").await;
        }

        #[tokio::test]
        async fn sends_and_receives_a_binary_packet() {
            let server = server().await;
            let (mut socket, _) = WebSocket::session(server.target()).await;
            socket.send_binary([1, 2, 3, 4]).await;
            socket.expect_binary(&[1, 2, 3, 4]).await;
        }

        #[tokio::test]
        async fn closes_the_session_upon_invalid_packet_format() {
            let server = server().await;
            let (mut socket, _) = WebSocket::session(server.target()).await;
            socket.send("abc").await;
            socket.ended().await;
        }
    }
}

mod heartbeat {
    mod http_long_polling {
        use crate::protocol::case;

        case!(
            engine,
            sends_ping_pong_packets,
            polling_sends_ping_pong_packets
        );
        case!(
            engine,
            closes_the_session_upon_ping_timeout,
            polling_closes_upon_ping_timeout
        );
    }

    mod websocket {
        use crate::protocol::case;

        case!(
            engine,
            sends_ping_pong_packets,
            websocket_sends_ping_pong_packets
        );
        case!(
            engine,
            closes_the_session_upon_ping_timeout,
            websocket_closes_upon_ping_timeout
        );
    }
}

mod close {
    mod http_long_polling {
        use crate::protocol::case;

        case!(
            engine,
            forcefully_closes_the_session,
            polling_forcefully_closes
        );
    }

    mod websocket {
        use crate::protocol::case;

        case!(
            engine,
            forcefully_closes_the_session,
            websocket_forcefully_closes
        );
    }
}

mod upgrade {
    use crate::protocol::cases;

    use super::server;

    #[tokio::test]
    async fn successfully_upgrades_from_http_long_polling_to_websocket() {
        let server = server().await;
        let (_session, socket) = cases::upgrades_from_polling_to_websocket(server.target()).await;
        cases::assert_echoes(socket).await;
    }

    #[tokio::test]
    async fn ignores_http_requests_with_same_sid_after_upgrade() {
        let server = server().await;
        let socket = cases::upgrade_ignores_http_requests_with_same_sid(server.target()).await;
        cases::assert_echoes(socket).await;
    }

    #[tokio::test]
    async fn ignores_websocket_connection_with_same_sid_after_upgrade() {
        let server = server().await;
        let socket = cases::upgrade_ignores_websocket_with_same_sid(server.target()).await;
        cases::assert_echoes(socket).await;
    }
}
