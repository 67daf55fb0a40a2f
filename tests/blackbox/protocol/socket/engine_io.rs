//! The 16 cases under "Engine.IO protocol".

mod handshake {
    mod http_long_polling {
        use crate::protocol::case;

        case!(
            socket,
            should_successfully_open_a_session,
            polling_opens_a_session
        );
        case!(
            socket,
            should_fail_with_an_invalid_eio_query_parameter,
            polling_fails_with_an_invalid_eio
        );
        case!(
            socket,
            should_fail_with_an_invalid_transport_query_parameter,
            polling_fails_with_an_invalid_transport
        );
        case!(
            socket,
            should_fail_with_an_invalid_request_method,
            polling_fails_with_an_invalid_request_method
        );
    }

    mod websocket {
        use crate::protocol::case;

        case!(
            socket,
            should_successfully_open_a_session,
            websocket_opens_a_session
        );
        case!(
            socket,
            should_fail_with_an_invalid_eio_query_parameter,
            websocket_fails_with_an_invalid_eio
        );
        case!(
            socket,
            should_fail_with_an_invalid_transport_query_parameter,
            websocket_fails_with_an_invalid_transport
        );
    }
}

mod heartbeat {
    mod http_long_polling {
        use crate::protocol::case;

        case!(
            socket,
            should_send_ping_pong_packets,
            polling_sends_ping_pong_packets
        );
        case!(
            socket,
            should_close_the_session_upon_ping_timeout,
            polling_closes_upon_ping_timeout
        );
    }

    mod websocket {
        use crate::protocol::case;

        case!(
            socket,
            should_send_ping_pong_packets,
            websocket_sends_ping_pong_packets
        );
        case!(
            socket,
            should_close_the_session_upon_ping_timeout,
            websocket_closes_upon_ping_timeout
        );
    }
}

mod close {
    mod http_long_polling {
        use crate::protocol::case;

        case!(
            socket,
            should_forcefully_close_the_session,
            polling_forcefully_closes
        );
    }

    mod websocket {
        use crate::protocol::case;

        case!(
            socket,
            should_forcefully_close_the_session,
            websocket_forcefully_closes
        );
    }
}

mod upgrade {
    use crate::protocol::case;

    case!(
        socket,
        should_successfully_upgrade_from_http_long_polling_to_websocket,
        upgrades_from_polling_to_websocket
    );
    case!(
        socket,
        should_ignore_http_requests_with_same_sid_after_upgrade,
        upgrade_ignores_http_requests_with_same_sid
    );
    case!(
        socket,
        should_ignore_websocket_connection_with_same_sid_after_upgrade,
        upgrade_ignores_websocket_with_same_sid
    );
}
