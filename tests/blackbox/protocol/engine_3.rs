//! The Engine.IO v3 suite: the 22 cases that it runs, against a raw echo server that allows revision 3.

use koio_tests::polling::Open;
use koio_tests::{EngineServer, Response, Target, WebSocket, http};

use super::{PING_INTERVAL, PING_TIMEOUT};

const POLLING: &str = "EIO=3&transport=polling";
const WEBSOCKET: &str = "EIO=3&transport=websocket";

async fn server() -> EngineServer {
    let allow = |config: &mut koio::engine::EngineConfig| config.allow_eio3 = true;
    EngineServer::with(PING_INTERVAL, PING_TIMEOUT, allow).await
}

fn assert_open(open: &Open, upgrades: &[&str]) {
    assert_eq!(open.upgrades, upgrades);
    assert_eq!(u128::from(open.ping_interval), PING_INTERVAL.as_millis());
    assert_eq!(u128::from(open.ping_timeout), PING_TIMEOUT.as_millis());
    assert_eq!(open.max_payload, 1_000_000);
}

/// A session over polling.
struct Session {
    target: Target,
    open: Open,
    _server: EngineServer,
}

impl Session {
    /// `query` comes behind that of the handshake.
    async fn new(query: &str) -> Self {
        let server = server().await;
        let target = server.target();
        let response = http::get(target.addr, &target.with(&format!("{POLLING}{query}"))).await;
        let (length, packet) = response.text().split_once(':').expect("a length");
        assert_eq!(length, packet.len().to_string());
        Self {
            target,
            open: Open::read(packet),
            _server: server,
        }
    }

    fn path(&self, query: &str) -> String {
        self.target.with(&format!("{query}&sid={}", self.open.sid))
    }

    async fn get(&self) -> Response {
        http::get(self.target.addr, &self.path(POLLING)).await
    }

    async fn expect(&self, payload: &str) {
        let response = self.get().await;
        assert_eq!((response.status, response.text()), (200, payload));
    }

    async fn post(&self, payload: &str) -> Response {
        http::post(self.target.addr, &self.path(POLLING), payload).await
    }

    async fn send(&self, payload: &str) {
        let response = self.post(payload).await;
        assert_eq!((response.status, response.text()), (200, "ok"));
    }

    async fn upgraded(&self) -> WebSocket {
        let mut socket = self.probe().await;
        socket.send("5").await;
        socket
    }

    async fn probe(&self) -> WebSocket {
        let mut socket = WebSocket::open(self.target, &self.path(WEBSOCKET)).await;
        socket.send("2probe").await;
        socket.expect("3probe").await;
        socket
    }
}

/// A session over WebSocket.
async fn websocket() -> (WebSocket, EngineServer) {
    let server = server().await;
    let target = server.target();
    let mut socket = WebSocket::open(target, &target.with(WEBSOCKET)).await;
    assert_open(&Open::read(&socket.text().await), &[]);
    (socket, server)
}

mod handshake {
    mod http_long_polling {
        use super::super::*;

        #[tokio::test]
        async fn successfully_opens_a_session() {
            assert_open(&Session::new("").await.open, &["websocket"]);
        }

        #[tokio::test]
        async fn fails_with_an_invalid_transport_query_parameter() {
            let server = server().await;
            for query in ["EIO=3", "EIO=3&transport=abc"] {
                let response = http::get(server.addr, &server.target().with(query)).await;
                response.assert_refused(0, "Transport unknown");
            }
        }

        #[tokio::test]
        async fn fails_with_an_invalid_request_method() {
            let server = server().await;
            let response = http::post(server.addr, &server.target().with(POLLING), "").await;
            response.assert_refused(2, "Bad handshake method");
        }
    }

    mod websocket {
        use super::super::*;

        #[tokio::test]
        async fn successfully_opens_a_session() {
            websocket().await;
        }

        /// The suite only waits for these to end: where revision 3 is allowed, its reference lets them in as well.
        #[tokio::test]
        async fn fails_with_an_invalid_eio_query_parameter() {
            let off = EngineServer::echo(PING_INTERVAL, PING_TIMEOUT).await;
            let on = server().await;
            for query in ["transport=websocket", "EIO=abc&transport=websocket"] {
                let path = off.target().with(query);
                assert_eq!(
                    WebSocket::try_open(off.target(), &path).await.err(),
                    Some(400)
                );
                let mut socket = WebSocket::open(on.target(), &path).await;
                assert_eq!(socket.ended().await, Some(1008));
            }
        }

        #[tokio::test]
        async fn fails_with_an_invalid_transport_query_parameter() {
            let server = server().await;
            for query in ["EIO=3", "EIO=3&transport=abc"] {
                let path = server.target().with(query);
                let refused = WebSocket::try_open(server.target(), &path).await;
                assert_eq!(refused.err(), Some(400));
            }
        }
    }
}

mod message {
    mod http_long_polling {
        use super::super::*;

        #[tokio::test]
        async fn sends_and_receives_a_payload_containing_one_plain_text_packet() {
            let session = Session::new("").await;
            session.send("6:4hello").await;
            session.expect("6:4hello").await;
        }

        #[tokio::test]
        async fn sends_and_receives_a_payload_containing_several_plain_text_packets() {
            let session = Session::new("").await;
            session.send("6:4test16:4test26:4test3").await;
            session.expect("6:4test16:4test26:4test3").await;
        }

        #[tokio::test]
        async fn sends_and_receives_a_payload_containing_plain_text_and_binary_packets_base64_encoded()
         {
            let session = Session::new("&b64=1").await;
            session.send("6:4hello10:b4AQIDBA==").await;
            session.expect("6:4hello10:b4AQIDBA==").await;
        }

        #[tokio::test]
        async fn sends_and_receives_a_payload_containing_plain_text_and_binary_packets_binary() {
            let session = Session::new("").await;
            session.send("6:4hello10:b4AQIDBA==").await;
            let response = session.get().await;
            let text = [&[0, 6, 255][..], b"4hello"].concat();
            let binary = [1, 5, 255, 4, 1, 2, 3, 4];
            assert_eq!(response.body, [&text[..], &binary].concat());
            let kind = response.header("content-type");
            assert_eq!(kind, Some("application/octet-stream"));
        }

        #[tokio::test]
        async fn closes_the_session_upon_invalid_packet_format() {
            let session = Session::new("").await;
            session.post("abc").await;
            session.get().await.assert_refused(1, "Session ID unknown");
        }
    }

    mod websocket {
        use super::super::*;

        #[tokio::test]
        async fn sends_and_receives_a_plain_text_packet() {
            let (mut socket, _server) = websocket().await;
            socket.send("4hello").await;
            socket.expect("4hello").await;
        }

        #[tokio::test]
        async fn sends_and_receives_a_binary_packet() {
            let (mut socket, _server) = websocket().await;
            socket.send_binary([4, 1, 2, 3, 4]).await;
            socket.expect_binary(&[4, 1, 2, 3, 4]).await;
        }

        #[tokio::test]
        async fn closes_the_session_upon_invalid_packet_format() {
            let (mut socket, _server) = websocket().await;
            socket.send("abc").await;
            assert_eq!(socket.ended().await, Some(1002));
        }
    }
}

mod heartbeat {
    mod http_long_polling {
        use super::super::*;

        #[tokio::test]
        async fn sends_ping_pong_packets() {
            let session = Session::new("").await;
            for _ in 0..3 {
                session.send("1:2").await;
                session.expect("1:3").await;
            }
        }

        #[tokio::test]
        async fn closes_the_session_upon_ping_timeout() {
            let session = Session::new("").await;
            tokio::time::sleep(PING_INTERVAL + PING_TIMEOUT * 2).await;
            let response = session.post("1:2").await;
            response.assert_refused(1, "Session ID unknown");
        }
    }

    mod websocket {
        use super::super::*;

        #[tokio::test]
        async fn sends_ping_pong_packets() {
            let (mut socket, _server) = websocket().await;
            for _ in 0..3 {
                socket.send("2").await;
                socket.expect("3").await;
            }
        }

        #[tokio::test]
        async fn closes_the_session_upon_ping_timeout() {
            let (mut socket, _server) = websocket().await;
            assert_eq!(socket.ended().await, Some(1008));
        }
    }
}

mod close {
    use super::*;

    #[tokio::test]
    async fn http_long_polling_forcefully_closes_the_session() {
        let session = Session::new("").await;
        let (poll, ()) = tokio::join!(session.get(), session.send("1:1"));
        assert_eq!((poll.status, poll.text()), (200, "1:6"));
        session.get().await.assert_refused(1, "Session ID unknown");
    }

    #[tokio::test]
    async fn websocket_forcefully_closes_the_session() {
        let (mut socket, _server) = websocket().await;
        socket.send("1").await;
        assert_eq!(socket.ended().await, Some(1000));
    }
}

mod upgrade {
    use super::*;

    #[tokio::test]
    async fn successfully_upgrades_from_http_long_polling_to_websocket() {
        let session = Session::new("").await;
        let mut socket = session.probe().await;
        session.expect("1:6").await;
        socket.send("5").await;
        socket.send("4hello").await;
        socket.expect("4hello").await;
    }

    #[tokio::test]
    async fn ignores_http_requests_with_same_sid_after_upgrade() {
        let session = Session::new("").await;
        let mut socket = session.upgraded().await;
        socket.send("4hello").await;
        socket.expect("4hello").await;
        assert_eq!(session.get().await.status, 400);
        socket.send("4hello").await;
        socket.expect("4hello").await;
    }

    #[tokio::test]
    async fn ignores_websocket_connection_with_same_sid_after_upgrade() {
        let session = Session::new("").await;
        let mut socket = session.upgraded().await;
        let mut other = WebSocket::open(session.target, &session.path(WEBSOCKET)).await;
        other.ended().await;
        socket.send("4hello").await;
        socket.expect("4hello").await;
    }
}
