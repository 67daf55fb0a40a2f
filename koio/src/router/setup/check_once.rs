//! The checks of `once_by`, at the start.

use super::{
    check::{CheckedNamespace, Problems},
    namespace::Namespace,
};
use crate::router::{once::GivenOnceBy, pipeline::Route};

/// Gives the handlers of a namespace the keys that the namespace names for their events, and checks all keys.
pub(super) fn once_by(namespace: &mut CheckedNamespace, problems: &mut Problems) {
    let path = &namespace.path;
    let Namespace {
        once_by, routes, ..
    } = &mut namespace.parts;
    for given in std::mem::take(once_by) {
        let GivenOnceBy {
            event,
            once_by,
            location,
        } = given;
        let mut add = |problem: String| {
            problems.add(format!(
                "`.once_by(\"{event}\", ..)` ({location}): {problem}"
            ));
        };
        let is_first = |route: &&mut Route| route.meta.event == event && !route.also;
        match routes.iter_mut().find(is_first) {
            None => add(format!("`{path}` has no handler of `{event}`")),
            Some(route) => match &route.once_by {
                Some(own) => add(format!("{} is handled once by {own} already", route.meta)),
                None => route.once_by = Some(once_by),
            },
        }
    }
    for Route {
        meta,
        once_by,
        also,
        ..
    } in routes
    {
        let Some(once_by) = once_by else { continue };
        if let Some(wrong) = once_by.wrong() {
            problems.add(format!(
                "{meta} is handled once by {once_by}, which is no pointer into the arguments: {wrong}, as `/0/id`"
            ));
        }
        if meta.is_lifecycle() {
            problems.add(format!(
                "{meta} is handled once by {once_by}, but no client sends arguments with `{}`",
                meta.event
            ));
        }
        if *also {
            problems.add(format!(
                "{meta} is handled once by {once_by}, but a handler with `also` runs whenever the first of its event does: \
                 that one has the `once_by`"
            ));
        }
    }
}
