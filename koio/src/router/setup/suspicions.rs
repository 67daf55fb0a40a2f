//! Namespaces that are allowed, and most likely a mistake: logged at the start.

use std::sync::Arc;

use super::{check::CheckedNamespace, parts::ROOT};
use crate::socket::DeclaredNamespaces;

/// Namespaces that no client finds, since their name is misspelled, and those without handlers.
pub(super) fn log(namespaces: &[CheckedNamespace]) {
    let mut given = DeclaredNamespaces::default();
    for namespace in namespaces.iter().filter(|namespace| namespace.is_given) {
        given.add(&namespace.path, namespace.pattern.as_ref(), &Arc::default());
    }
    for CheckedNamespace {
        path,
        is_given,
        parts,
        ..
    } in namespaces
    {
        if !is_given && let Some(similar) = given.similar(path) {
            for route in &parts.routes {
                tracing::warn!(
                    "{} belongs to `{path}`, which is given to `.namespace(..)` nowhere: did you mean `{similar}`?",
                    route.meta
                );
            }
        }
        if *is_given && path != ROOT && parts.routes.is_empty() {
            tracing::info!(
                "the namespace `{path}` has no handlers: clients may connect, and what they send is answered `no_handler`"
            );
        }
    }
}
