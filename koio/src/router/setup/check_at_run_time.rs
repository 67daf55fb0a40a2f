//! The checks of what is added to a socket at run time: the checks of the start, as far as they can be made there.

use super::check::{self, Problems};
use crate::{
    Error, Result, Socket,
    ids::Pattern,
    router::pipeline::Route,
    socket::with_slash,
    wire::{is_reserved, shortened},
};

/// Checks the name of an event.
pub(crate) fn event(name: &str, socket: &Socket) -> Result<()> {
    let problem = match name {
        "disconnect" => return Ok(()),
        "" => "a listener needs the name of an event".to_owned(),
        "connection" => {
            "`connection` is over when something can be added to a socket: it is handled by the event table".to_owned()
        }
        "disconnecting" => "`disconnecting` is `disconnect`, where `rooms` has the rooms that it was in".to_owned(),
        name if is_reserved(name) => {
            format!("a listener takes `{name}`, which is a reserved name")
        }
        name => match socket.packet_limits().check_event(name.len()) {
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
pub(crate) fn route(route: &Route, socket: &Socket) -> Result<()> {
    let meta = route.meta;
    event(meta.event, socket)?;
    let mut problems = Problems::default();
    check::arguments(route, None, &mut problems);
    check::answer(route, &mut problems);
    let of = route.namespace.map(with_slash);
    let path = of.as_deref().unwrap_or_else(|| socket.namespace());
    let pattern = Pattern::parse(path).ok().flatten();
    let is_its_own = match &pattern {
        Some(pattern) => pattern.matches(socket.namespace()),
        None => path == socket.namespace(),
    };
    if !is_its_own {
        problems.add(format!(
            "{meta} says that it belongs to `{path}`, but the socket is in `{}`",
            socket.namespace()
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
    problems.into_result()
}
