//! The checks of what is added at run time: the checks of the start, as far as they can be made there.

use super::check::{self, Problems};
use crate::{
    Error, IoHandle, Result, Socket,
    ids::Pattern,
    router::pipeline::Route,
    socket::with_slash,
    wire::{PacketLimits, is_reserved, shortened},
};

/// What a listener is added to.
pub(crate) struct AddedTo<'a> {
    /// The namespace, or the pattern of a family.
    namespace: &'a str,
    limits: &'a PacketLimits,
    /// Whether it is one socket, which is connected.
    is_socket: bool,
}

impl<'a> From<&'a Socket> for AddedTo<'a> {
    fn from(socket: &'a Socket) -> Self {
        Self {
            namespace: socket.namespace(),
            limits: socket.packet_limits(),
            is_socket: true,
        }
    }
}

impl<'a> From<&'a IoHandle> for AddedTo<'a> {
    fn from(io: &'a IoHandle) -> Self {
        Self {
            namespace: io.namespace(),
            limits: io.packet_limits(),
            is_socket: false,
        }
    }
}

/// Checks the name of an event.
pub(crate) fn event<'a>(name: &str, place: impl Into<AddedTo<'a>>) -> Result<()> {
    let place = place.into();
    let problem = match name {
        "disconnect" => return Ok(()),
        "connection" if !place.is_socket => return Ok(()),
        "" => "a listener needs the name of an event".to_owned(),
        "connection" => {
            "`connection` is over when something can be added to a socket: it is handled by the event table, and by the \
             listeners of the namespace"
                .to_owned()
        }
        "disconnecting" => "`disconnecting` is `disconnect`, where `rooms` has the rooms that it was in".to_owned(),
        name if is_reserved(name) => {
            format!("a listener takes `{name}`, which is a reserved name")
        }
        name => match place.limits.check_event(name.len()) {
            Ok(()) => return Ok(()),
            Err(breach) => {
                let name = shortened(name);
                format!("a listener takes `{name}`, which no client can send, an {breach}")
            }
        },
    };
    Err(Error::setup(problem))
}

/// Checks an `#[on]` function or method.
pub(crate) fn route<'a>(route: &Route, place: impl Into<AddedTo<'a>>) -> Result<()> {
    let place = place.into();
    let meta = route.meta;
    let mut problems = Problems::default();
    check::arguments(route, None, &mut problems);
    check::answer(route, &mut problems);
    let of = route.namespace.map(with_slash);
    let path = of.as_deref().unwrap_or(place.namespace);
    let pattern = Pattern::parse(path).ok().flatten();
    let is_matched = pattern.is_some_and(|pattern| pattern.matches(place.namespace));
    if path != place.namespace && !(place.is_socket && is_matched) {
        let what = if place.is_socket {
            "the socket is in"
        } else {
            "it is added to"
        };
        problems.add(format!(
            "{meta} says that it belongs to `{path}`, but {what} `{}`",
            place.namespace
        ));
    }
    if let Some(events) = route.concurrency {
        problems.add(format!(
            "{meta} says `concurrency = {events}`, which is decided at the start: the event table's counts"
        ));
    }
    if let Some(once_by) = &route.once_by {
        problems.add(format!(
            "{meta} is handled once by {once_by}, which is decided at the start: the event table's counts"
        ));
    }
    event(meta.event, place)?;
    problems.into_result()
}
