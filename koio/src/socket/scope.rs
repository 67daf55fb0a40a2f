//! Which namespaces a handle is for, and whether a client can be there.

use std::sync::Arc;

use super::{
    declared::{speakable, with_slash},
    error::no_namespace,
    namespace::LiveNamespace,
    server_core::ServerCore,
};
use crate::{
    Result,
    adapter::{Destination, Recipient, Target},
    ids::{Pattern, Room},
};

/// One namespace, or the family of all that a pattern matches. `M` is the type of its sockets.
pub(super) struct NamespaceScope<M> {
    /// The namespace; of a family the pattern.
    pub(super) name: Arc<str>,
    family: Option<Arc<Pattern>>,
    /// Whether it is known that clients may connect to it. Else each emit looks: the handle may be older than the start.
    is_declared: bool,
    /// The namespace of the socket that the handle comes from, if that is another one.
    from: Option<Arc<LiveNamespace<M>>>,
}

impl<M> Clone for NamespaceScope<M> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            family: self.family.clone(),
            is_declared: self.is_declared,
            from: self.from.clone(),
        }
    }
}

impl<M> NamespaceScope<M> {
    /// A namespace that clients may connect to.
    pub(super) fn declared(name: Arc<str>) -> Self {
        Self {
            name,
            family: None,
            is_declared: true,
            from: None,
        }
    }

    /// The namespace, or the pattern, of this name. The slash in front may be left out.
    pub(super) fn named(name: &str, core: &ServerCore<M>) -> Self {
        let name: Arc<str> = with_slash(name).into();
        let declared = core.declared();
        Self {
            family: Pattern::parse(&name).ok().flatten().map(Arc::new),
            is_declared: declared.is_some_and(|declared| declared.contains(&name)),
            from: None,
            name,
        }
    }

    /// For a socket of another namespace.
    pub(super) fn seen_from(mut self, namespace: &Arc<LiveNamespace<M>>) -> Self {
        if namespace.name != self.name {
            self.from = Some(Arc::clone(namespace));
        }
        self
    }

    /// Fails if no client can be there. Before the start no namespace is declared, and nothing but the name is checked.
    pub(super) fn check(&self, core: &ServerCore<M>) -> Result<()> {
        if self.is_declared {
            return Ok(());
        }
        match core.declared() {
            Some(declared) => declared.check(&self.name),
            None => speakable(&self.name),
        }
        .map_err(|why| no_namespace(&self.name, why))
    }

    pub(super) fn destination<'a>(&'a self, target: &'a Target) -> Destination<'a> {
        Destination {
            namespace: &self.name,
            family: self.family.as_deref(),
            target,
        }
    }
}

impl<M: Recipient> NamespaceScope<M> {
    /// The namespace of the socket that the handle comes from, if that has one of the rooms: then an emit without a recipient
    /// was most likely meant for it.
    pub(super) fn meant_instead<'a>(&'a self, rooms: &'a [Room]) -> Option<(&'a str, &'a Room)> {
        let from = self.from.as_ref()?;
        let room = rooms
            .iter()
            .find(|room| from.rooms.has_room(room.as_str()))?;
        Some((&from.name, room))
    }
}
