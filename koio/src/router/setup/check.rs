//! The checks of a set-up, at the start: each problem names the handler, its file and its line.

use std::{any::TypeId, collections::HashMap};

use super::{
    namespace::Namespace,
    parts::{GivenConcurrency, ROOT, StateValue},
};
use crate::{
    Error, Result,
    ids::Pattern,
    router::{
        extract::requirements::Requirement,
        pipeline::{Route, ServerRoute, handler::Meta},
    },
    socket::{Concurrency, is_reserved_between_servers, speakable, with_slash},
    wire::{PacketLimits, is_reserved, shortened},
};

/// All problems that were found: they are reported together.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<String>);

impl Problems {
    pub(super) fn add(&mut self, problem: String) {
        self.0.push(problem);
    }

    pub(crate) fn into_result(self) -> Result<()> {
        match &*self.0 {
            [] => Ok(()),
            [one] => Err(Error::setup(one.clone())),
            many => Err(Error::setup(format!(
                "{} problems:\n- {}",
                many.len(),
                many.join("\n- ")
            ))),
        }
    }
}

/// A namespace with its final path and all its handlers.
pub(crate) struct CheckedNamespace {
    pub(crate) path: String,
    /// If the path is a pattern.
    pub(crate) pattern: Option<Pattern>,
    /// Whether it was given to `namespace(..)`. Else its handlers alone name it.
    pub(crate) is_given: bool,
    pub(crate) parts: Namespace,
}

/// The namespaces of the server, `/` first, each with all of its routes: those given to it, and those
/// given to the server that name it.
pub(crate) fn namespaces(
    root: Namespace,
    declared: Vec<(String, Namespace)>,
    problems: &mut Problems,
) -> Vec<CheckedNamespace> {
    let own = Namespace {
        once_by: root.once_by,
        server_side: root.server_side,
        ..Namespace::new()
    };
    let mut all = vec![(ROOT.to_owned(), true, own)];
    for (path, namespace) in declared {
        let path = checked_path(&path, problems);
        if path == ROOT {
            problems.add(
                "`/` is the server itself: give its middleware and handlers to the server"
                    .to_owned(),
            );
        } else if all.iter().any(|(other, ..)| *other == path) {
            problems.add(format!("the namespace `{path}` is declared twice"));
        }
        for route in &namespace.routes {
            if let Some(own) = route.namespace
                && checked_path(own, problems) != path
            {
                problems.add(format!(
                    "{} says that it belongs to `{own}`, but is listed in `{path}`",
                    route.meta
                ));
            }
        }
        all.push((path, true, namespace));
    }
    for route in root.routes {
        let path = route
            .namespace
            .map_or_else(|| ROOT.to_owned(), |path| checked_path(path, problems));
        match all.iter_mut().find(|(other, ..)| *other == path) {
            Some((.., namespace)) => namespace.routes.push(route),
            None => all.push((path, false, Namespace::new().handlers(route))),
        }
    }
    let mut checked: Vec<CheckedNamespace> = Vec::with_capacity(all.len());
    for (path, is_given, parts) in all {
        let pattern = pattern(&path, &checked, problems);
        checked.push(CheckedNamespace {
            path,
            pattern,
            is_given,
            parts,
        });
    }
    checked
}

/// A path as it is on the wire.
fn checked_path(path: &str, problems: &mut Problems) -> String {
    if let Err(why) = speakable(path) {
        problems.add(format!("`{path}`: {why}"));
    }
    with_slash(path).into_owned()
}

/// Parses a path that is a pattern; `None` if it is not. No namespace may match two patterns.
fn pattern(path: &str, others: &[CheckedNamespace], problems: &mut Problems) -> Option<Pattern> {
    let pattern = Pattern::parse(path).unwrap_or_else(|malformed| {
        problems.add(format!("`{path}`: {malformed}"));
        None
    })?;
    for other in others {
        if let Some(theirs) = &other.pattern
            && theirs.overlaps(&pattern)
        {
            problems.add(format!(
                "`{}` and `{path}` mean the same namespaces, or some of them",
                other.path
            ));
        }
    }
    Some(pattern)
}

/// Each type has one value.
pub(crate) fn states(states: &[StateValue], problems: &mut Problems) {
    let mut seen: HashMap<TypeId, &StateValue> = HashMap::new();
    for state in states {
        if let Some(first) = seen.insert(state.id, state) {
            problems.add(format!(
                "two values of the state type `{}`: at {} and at {}; a state is found by its type, so wrap one of \
                 them in a type of its own",
                state.type_name, first.location, state.location
            ));
        }
    }
}

/// All handlers of one namespace.
pub(crate) fn handlers(
    namespace: &CheckedNamespace,
    states: &[StateValue],
    problems: &mut Problems,
) {
    let path = &namespace.path;
    let mut first: HashMap<&'static str, &Route> = HashMap::new();
    for route in &namespace.parts.routes {
        name(route, problems);
        arguments(route, Some(states), problems);
        parameters(path, namespace.pattern.as_ref(), route, problems);
        answer(route, problems);
        if route.also {
            continue;
        }
        if let Some(other) = first.insert(route.meta.event, route) {
            let event = route.meta.event;
            if other.meta == route.meta {
                problems.add(format!("{} is listed twice in `{path}`", route.meta));
            } else {
                problems.add(format!(
                    "`{event}` has two handlers in `{path}`: {} and {}; one of them answers, so say `also` for the \
                     other: #[on(\"{event}\", also)]",
                    other.meta, route.meta
                ));
            }
        }
    }
}

/// The handlers of one namespace for events of other servers.
pub(crate) fn server_side(namespace: &CheckedNamespace, problems: &mut Problems) {
    let path = &namespace.path;
    let mut first: HashMap<&'static str, Meta> = HashMap::new();
    for ServerRoute { meta, .. } in &namespace.parts.server_side {
        let event = meta.event;
        if event.is_empty() {
            problems.add(format!("{meta} has no event name"));
        } else if is_reserved_between_servers(event) {
            problems.add(format!(
                "{meta} takes `{event}` of other servers, which is a reserved name"
            ));
        }
        if let Some(other) = first.insert(event, *meta) {
            problems.add(format!(
                "`{event}` of other servers has two handlers in `{path}`: {other} and {meta}; one answers"
            ));
        }
    }
}

/// The concurrency of the server or of a namespace.
pub(crate) fn concurrency(
    given: Option<GivenConcurrency>,
    event_queue: usize,
    problems: &mut Problems,
) {
    if let Some(GivenConcurrency { events, location }) = given
        && let Some(wrong) = wrong_concurrency(events, event_queue)
    {
        problems.add(format!("`.concurrency({events})` ({location}): {wrong}"));
    }
}

/// The concurrency that handlers give themselves.
pub(crate) fn own_concurrency(
    namespace: &CheckedNamespace,
    event_queue: usize,
    problems: &mut Problems,
) {
    for Route {
        meta, concurrency, ..
    } in &namespace.parts.routes
    {
        let Some(events) = *concurrency else { continue };
        if meta.is_lifecycle() {
            problems.add(format!(
                "{meta} says `concurrency = {events}`, but `{}` always runs alone",
                meta.event
            ));
        } else if let Some(wrong) = wrong_concurrency(events, event_queue) {
            problems.add(format!("{meta} says `concurrency = {events}`: {wrong}"));
        }
    }
}

fn wrong_concurrency(events: usize, event_queue: usize) -> Option<String> {
    if Concurrency::new(events).is_none() {
        return Some(format!(
            "at least 1 and at most {} events of one socket can run at the same time",
            Concurrency::MAX
        ));
    }
    (events > event_queue).then(|| {
        format!(
            "events that run count in `event_queue`, which is {event_queue}: raise it with \
             `.config(|config| config.socket.event_queue = {events})`"
        )
    })
}

fn name(route: &Route, problems: &mut Problems) {
    let meta = route.meta;
    if meta.event.is_empty() {
        problems.add(format!("{meta} has no event name"));
    } else if meta.event != "disconnect" && is_reserved(meta.event) {
        let hint = match meta.event {
            "connect" => "; a client that connects is `connection`",
            "disconnecting" => "; a client that goes is `disconnect`",
            _ => "",
        };
        problems.add(format!(
            "{meta} takes `{}`, which is a reserved name{hint}",
            meta.event
        ));
    }
}

/// Checks that this kind of event has what the arguments require. The states only if they are known.
pub(super) fn arguments(route: &Route, states: Option<&[StateValue]>, problems: &mut Problems) {
    let Route { meta, .. } = route;
    let event = meta.event;
    let (connection, disconnect) = (event == "connection", event == "disconnect");
    let mut acks = 0_usize;
    for argument in &route.arguments {
        let name = argument.name;
        for requirement in argument.requirements.all() {
            match requirement {
                Requirement::State {
                    id,
                    name: state,
                    shared,
                } => {
                    let Some(states) = states else { continue };
                    let given = |wanted: &TypeId| states.iter().find(|value| value.id == *wanted);
                    match (given(id), given(shared)) {
                        (Some(value), Some(arc)) => problems.add(format!(
                            "{meta} takes the state `{state}`, of which there are two: at {} and, in an `Arc`, at {}",
                            value.location, arc.location
                        )),
                        (None, None) => problems.add(format!(
                            "{meta} takes the state `{state}` (`{name}: {}`), but there is none: give the server one \
                             with `.state(..)`",
                            argument.type_name
                        )),
                        _ => {}
                    }
                }
                Requirement::Argument(type_name) if connection || disconnect => {
                    problems.add(format!(
                        "{meta} takes `{name}: {type_name}`, but no client sends arguments with `{event}`{}",
                        if connection { "; what it gives as `auth` is `Auth<T>`" } else { "" }
                    ));
                }
                Requirement::Argument(_) | Requirement::Params(_) => {}
                Requirement::Auth => {
                    if !connection {
                        problems.add(format!(
                            "{meta} takes `{name}`, an `Auth`, but there is one in `connection` only; later it is in \
                             `ctx.socket().handshake()`"
                        ));
                    }
                }
                Requirement::Ack => {
                    acks = acks.saturating_add(1);
                    if connection || disconnect {
                        problems.add(format!("{meta} takes `{name}`, an `Ack`, but nobody waits for an answer to `{event}`"));
                    }
                }
                Requirement::CloseReason => {
                    if !disconnect {
                        problems.add(format!(
                            "{meta} takes `{name}`, a `CloseReason`, but there is one in `disconnect` only"
                        ));
                    }
                }
            }
        }
    }
    if acks > 1 {
        problems.add(format!(
            "{meta} takes {acks} `Ack`s, but an event is answered once"
        ));
    }
    if acks > 0 && route.returns_value {
        problems.add(format!(
            "{meta} takes an `Ack` and returns `{}`: either of them is the answer, so return nothing",
            route.answer
        ));
    }
    if acks > 0 && route.also {
        problems.add(format!(
            "{meta} takes an `Ack`, but a handler with `also` does not answer"
        ));
    }
}

/// Checks that each argument that is a `Params` fits the parameters of the namespace.
fn parameters(path: &str, pattern: Option<&Pattern>, route: &Route, problems: &mut Problems) {
    for argument in &route.arguments {
        for requirement in argument.requirements.all() {
            let Requirement::Params(shape) = requirement else {
                continue;
            };
            let Some(pattern) = pattern else {
                problems.add(format!(
                    "{} takes `{}`, a `Params`, but there are no parameters in `{path}`: they are in `/room/{{id}}`, for \
                     example",
                    route.meta, argument.name
                ));
                continue;
            };
            let names: Vec<_> = pattern.names().collect();
            if let Some(misfit) = shape.misfit(&names) {
                problems.add(format!(
                    "{} takes `{}: {}`, which can't be read in `{path}`: it {misfit}",
                    route.meta, argument.name, argument.type_name
                ));
            }
        }
    }
}

/// Checks that clients can ask for the namespaces, and send the events: longer names are refused.
pub(crate) fn lengths(
    namespace: &CheckedNamespace,
    limits: &PacketLimits,
    problems: &mut Problems,
) {
    let path = &namespace.path;
    // Of a pattern, no parameter is empty.
    let shortest = match &namespace.pattern {
        Some(pattern) => pattern.shortest(),
        None => path.len(),
    };
    if let Err(breach) = limits.check_namespace(shortest) {
        problems.add(format!(
            "no client can enter `{}`, a {breach}: raise it with `.config(|config| \
             config.socket.packets.namespace = {shortest})`",
            shortened(path)
        ));
    }
    for Route { meta, .. } in &namespace.parts.routes {
        if meta.is_lifecycle() {
            continue;
        }
        if let Err(breach) = limits.check_event(meta.event.len()) {
            problems.add(format!(
                "{meta} takes an event that no client can send, an {breach}: raise it with `.config(|config| \
                 config.socket.packets.event = {})`",
                meta.event.len()
            ));
        }
    }
}

pub(super) fn answer(route: &Route, problems: &mut Problems) {
    if !route.returns_value {
        return;
    }
    let Route { meta, answer, .. } = route;
    if route.also {
        problems.add(format!(
            "{meta} returns `{answer}`, but a handler with `also` does not answer"
        ));
    }
    if meta.is_lifecycle() {
        problems.add(format!(
            "{meta} returns `{answer}`, but nobody waits for an answer to `{}`",
            meta.event
        ));
    }
}
