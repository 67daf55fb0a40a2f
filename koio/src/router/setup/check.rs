//! What is wrong with a setup, found before the first client can find it.

use std::{any::TypeId, collections::HashMap, sync::Arc};

use crate::router::{
    Namespace, Route,
    extract::requirements::Need,
    setup::pattern::Pattern,
    setup::setup::{ROOT, StateValue},
};
use crate::{Error, Result};

/// Names that the protocol and its clients keep for themselves.
const RESERVED: [&str; 5] = [
    "connect",
    "connect_error",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// Everything that is wrong: all of it at once is better than one thing at each start.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, problem: String) {
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

/// The namespaces that there will be, `/` first, each with all of its routes: those given to it, and those
/// given to the server that name it.
pub(crate) fn plan(
    root: Namespace,
    declared: Vec<(String, Namespace)>,
    problems: &mut Problems,
) -> Vec<(String, Namespace)> {
    let mut plan = vec![(ROOT.to_owned(), Namespace::new())];
    for (path, namespace) in declared {
        let path = normal(&path, problems);
        if path == ROOT {
            problems.add(
                "`/` is the server itself: give its middleware and handlers to the server"
                    .to_owned(),
            );
        } else if plan.iter().any(|(other, _)| *other == path) {
            problems.add(format!("the namespace `{path}` is declared twice"));
        }
        for route in namespace.routes.iter() {
            if route
                .namespace
                .is_some_and(|own| normal(own, problems) != path)
            {
                let own = route.namespace.unwrap_or_default();
                problems.add(format!(
                    "{} says that it belongs to `{own}`, but is listed in `{path}`",
                    route.meta
                ));
            }
        }
        plan.push((path, namespace));
    }
    for route in root.routes {
        let path = route
            .namespace
            .map_or_else(|| ROOT.to_owned(), |path| normal(path, problems));
        match plan.iter_mut().find(|(other, _)| *other == path) {
            Some((_, namespace)) => namespace.routes.push(route),
            None => plan.push((path, Namespace::new().handlers(route))),
        }
    }
    plan
}

/// A path as it is on the wire. The slash may be left out, as in Socket.IO's `of("chat")`.
fn normal(path: &str, problems: &mut Problems) -> String {
    if path.contains([',', '?']) {
        // A comma ends the namespace in a packet, and a question mark starts a query there.
        problems.add(format!(
            "`{path}`: there can't be a comma or a question mark in a namespace"
        ));
    }
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    }
}

/// Which of the namespaces are patterns.
pub(crate) fn patterns<'a>(
    paths: impl Iterator<Item = &'a str>,
    problems: &mut Problems,
) -> Vec<Option<Arc<Pattern>>> {
    let mut seen: Vec<(&str, Arc<Pattern>)> = Vec::new();
    let mut pattern_of = |path| match Pattern::parse(path) {
        Ok(pattern) => {
            let pattern = Arc::new(pattern?);
            for (other, _) in seen.iter().filter(|(_, other)| other.overlaps(&pattern)) {
                problems.add(format!(
                    "`{other}` and `{path}` mean the same namespaces, or some of them"
                ));
            }
            seen.push((path, Arc::clone(&pattern)));
            Some(pattern)
        }
        Err(malformed) => {
            problems.add(format!("`{path}`: {malformed}"));
            None
        }
    };
    paths.map(&mut pattern_of).collect()
}

/// Each type has one value.
pub(crate) fn states(states: &[StateValue], problems: &mut Problems) {
    let mut seen: HashMap<TypeId, &StateValue> = HashMap::new();
    for state in states {
        if let Some(first) = seen.insert(state.id, state) {
            problems.add(format!(
                "two values of the state type `{}`: at {} and at {}; a state is found by its type, so wrap one of \
                 them in a type of its own",
                state.name, first.given, state.given
            ));
        }
    }
}

/// All handlers of one namespace.
pub(crate) fn handlers(
    path: &str,
    has_parameters: bool,
    routes: &[Route],
    states: &[StateValue],
    problems: &mut Problems,
) {
    let mut first: HashMap<&'static str, &Route> = HashMap::new();
    for route in routes {
        name(route, problems);
        arguments(route, states, problems);
        if !has_parameters {
            parameters(path, route, problems);
        }
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

fn name(route: &Route, problems: &mut Problems) {
    let meta = route.meta;
    if meta.event.is_empty() {
        problems.add(format!("{meta} has no event name"));
    } else if RESERVED.contains(&meta.event) {
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

/// What each kind of event has to give.
fn arguments(route: &Route, states: &[StateValue], problems: &mut Problems) {
    let Route { meta, .. } = route;
    let event = meta.event;
    let (connection, disconnect) = (event == "connection", event == "disconnect");
    let mut acks = 0_usize;
    for argument in &route.arguments {
        let name = argument.name;
        for need in argument.requirements.needs() {
            match need {
                Need::State { id, name: state } => {
                    if !states.iter().any(|value| value.id == *id) {
                        problems.add(format!(
                            "{meta} takes the state `{state}` (`{name}: {}`), but there is none: give the server one \
                             with `.state(..)`",
                            argument.type_name
                        ));
                    }
                }
                Need::Argument(type_name) if connection || disconnect => {
                    problems.add(format!(
                        "{meta} takes `{name}: {type_name}`, but no client sends arguments with `{event}`{}",
                        if connection { "; what it gives as `auth` is `Auth<T>`" } else { "" }
                    ));
                }
                Need::Argument(_) | Need::Params => {}
                Need::Auth => {
                    if !connection {
                        problems.add(format!(
                            "{meta} takes `{name}`, an `Auth`, but there is one in `connection` only; later it is in \
                             `ctx.socket().handshake()`"
                        ));
                    }
                }
                Need::Ack => {
                    acks = acks.saturating_add(1);
                    if connection || disconnect {
                        problems.add(format!("{meta} takes `{name}`, an `Ack`, but nobody waits for an answer to `{event}`"));
                    }
                }
                Need::CloseReason => {
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
    if acks > 0 && route.returns_value() {
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

/// In a namespace that has no parameters.
fn parameters(path: &str, route: &Route, problems: &mut Problems) {
    for argument in &route.arguments {
        let needs = argument.requirements.needs();
        if needs.iter().any(|need| matches!(need, Need::Params)) {
            problems.add(format!(
                "{} takes `{}`, a `Params`, but there are no parameters in `{path}`: they are in `/room/{{id}}`, for \
                 example",
                route.meta, argument.name
            ));
        }
    }
}

fn answer(route: &Route, problems: &mut Problems) {
    if !route.returns_value() {
        return;
    }
    let Route { meta, answer, .. } = route;
    if route.also {
        problems.add(format!(
            "{meta} returns `{answer}`, but a handler with `also` does not answer"
        ));
    }
    if matches!(meta.event, "connection" | "disconnect") {
        problems.add(format!(
            "{meta} returns `{answer}`, but nobody waits for an answer to `{}`",
            meta.event
        ));
    }
}
