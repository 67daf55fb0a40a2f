//! The errors that sockets and emits end with.

use std::borrow::Cow;

use super::{ack::AckTime, declared::NoNamespace};
use crate::{
    Error,
    adapter::{NoAnswer, NotJoined, ServerFailure},
    engine::SendError,
    wire::{self, EncodeError},
};

/// An event or an answer that has no form on the wire.
pub(super) fn not_sent(error: EncodeError) -> Error {
    Error::from(error)
}

/// The socket has closed.
pub(super) fn closed() -> Error {
    Error::closed()
}

/// The session did not take a frame.
pub(super) fn refused(refused: SendError) -> Error {
    match refused {
        SendError::Full { waiting, limit } => Error::full(format!(
            "the client does not read fast enough: {waiting} bytes wait (`send_queue_bytes`: {limit})"
        )),
        SendError::Closed => closed(),
    }
}

/// An event that was to be acknowledged has no answer. `time`: how long it was waited for.
pub(super) fn no_answer(why: NoAnswer, time: AckTime) -> Error {
    match why {
        NoAnswer::Closed => closed(),
        NoAnswer::Full => Error::full("the client does not read fast enough"),
        NoAnswer::Late => Error::timeout(format!("the client did not answer {time}")),
        NoAnswer::Disconnected => Error::disconnected(),
        NoAnswer::Malformed => Error::bad_request("the client's answer is no JSON").hide(),
    }
}

/// Another server has not answered an event of the program's. Hidden from clients: it is between servers.
pub(super) fn no_server_answer(why: &ServerFailure, event: &str) -> Error {
    match why {
        ServerFailure::NoHandler => Error::no_handler(event),
        ServerFailure::Overloaded { running, limit } => Error::overloaded_because(format!(
            "{running} handlers of other servers' events run there (server_events {limit})"
        )),
        ServerFailure::Failed { code, message } => Error::new(code.clone(), message.clone()),
        ServerFailure::Malformed => Error::bad_request("the server's answer is no JSON"),
    }
    .hide()
}

/// As many emits with ack to one socket are unanswered as its limit allows.
pub(super) fn too_many_acks(max: usize) -> Error {
    Error::full(format!(
        "{max} emits with ack to the client are unanswered (pending_acks {max})"
    ))
}

/// An answer did not come in time, and could not: `waiting` bytes of the client's events wait for its handlers, so its
/// connection is not read.
pub(super) fn unread(waiting: u32, limit: usize, time: AckTime) -> Error {
    Error::timeout(format!(
        "the client did not answer {time}: its connection is not read, because {waiting} bytes of its events wait for \
         handlers (`read_ahead` is {limit})"
    ))
}

/// `emit_with_ack` means more than one socket. A mistake of the program, so hidden from the client.
pub(super) fn not_one_socket() -> Error {
    let message = "`emit_with_ack` waits for one socket: to ask several there is `emit_with_acks`";
    Error::new("not_one_socket", message).hide()
}

/// No client can be in a namespace. A mistake of the program, so hidden from the client.
pub(super) fn no_namespace(name: &str, why: NoNamespace<'_>) -> Error {
    Error::no_namespace(wire::shorten(format!(
        "no client can be in `{name}`: {why}"
    )))
}

/// A room that a socket may not join.
pub(super) fn refused_room(why: impl Into<Cow<'static, str>>) -> Error {
    Error::new("room", why)
}

/// `Rooms::join` refused a socket.
pub(super) fn not_joined(why: NotJoined, max: usize) -> Error {
    match why {
        NotJoined::Gone => closed(),
        NotJoined::TooMany => refused_room(format!(
            "the socket would be in {} rooms (rooms {max})",
            max.saturating_add(1)
        )),
    }
}

/// A listener for a namespace ahead of the start. A mistake of the program, so hidden from clients.
pub(super) fn not_started() -> Error {
    Error::setup(
        "the server has not started: until then `Io::on` and `Namespace::on` take handlers",
    )
}

/// A listener for one namespace of a pattern. A mistake of the program, so hidden from clients.
pub(super) fn no_listeners_of_one(namespace: &str, pattern: &str) -> Error {
    Error::setup(format!(
        "`{namespace}` is one of the namespaces of `{pattern}`, which have their listeners together: add it to \
         `io.of(\"{pattern}\")`, where `ctx.namespace()` tells them apart"
    ))
}

/// As many listeners, middlewares or observers of one kind were added to one socket, or to one namespace, as the limit allows. A mistake of the
/// program, so hidden from the client.
pub(super) fn too_many_listeners(max: usize) -> Error {
    Error::new(
        "listeners",
        format!(
            "there would be {} of them (listeners {max}): is one added with each event, and never removed?",
            max.saturating_add(1)
        ),
    )
    .hide()
}
