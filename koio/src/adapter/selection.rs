//! The recipients of one emit.

use std::sync::Arc;

/// Whom a target meant when it was asked. A reference to the members' own list where it can be: then nobody's
/// reference count is touched, however many they are.
#[derive(Debug)]
pub(crate) struct Selection<M> {
    list: Arc<Vec<M>>,
    /// The place of the one who is left out.
    but: Option<usize>,
}

impl<M> Selection<M> {
    pub(super) fn all(list: Arc<Vec<M>>) -> Self {
        Self::all_but(list, None)
    }

    pub(super) fn all_but(list: Arc<Vec<M>>, but: Option<usize>) -> Self {
        Self { list, but }
    }

    pub(crate) fn one(member: M) -> Self {
        Self::all(Arc::new(vec![member]))
    }

    pub(crate) fn none() -> Self {
        Self::all(Arc::default())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &M> {
        let (before, after) = match self.but.and_then(|but| self.list.split_at_checked(but)) {
            // Behind the one who is left out.
            Some((before, after)) => (before, after.get(1..).unwrap_or_default()),
            None => (self.list.as_slice(), &[][..]),
        };
        before.iter().chain(after)
    }
}
