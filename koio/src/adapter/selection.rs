//! The sockets that a target selects.

use std::sync::Arc;

/// The sockets that a target meant when it was asked.
///
/// It shares the room's own list where it can, so that selecting 10,000 sockets costs one reference count.
#[derive(Debug)]
pub(crate) struct Selection<M> {
    list: Arc<Vec<M>>,
    /// The place in `list` of a socket that is left out.
    except: Option<usize>,
}

impl<M> Selection<M> {
    pub(super) fn all(list: Arc<Vec<M>>) -> Self {
        Self::all_except(list, None)
    }

    pub(super) fn all_except(list: Arc<Vec<M>>, except: Option<usize>) -> Self {
        Self { list, except }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &M> {
        let (before, after) = match self.except.and_then(|at| self.list.split_at_checked(at)) {
            Some((before, after)) => (before, after.get(1..).unwrap_or_default()),
            None => (self.list.as_slice(), &[][..]),
        };
        before.iter().chain(after)
    }
}
