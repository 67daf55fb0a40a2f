//! The list of listeners that a handle of the server is for.

use std::sync::Arc;

use super::{
    error::{no_listeners_of_one, not_started},
    io_handle::IoHandle,
    namespace_additions::NamespaceAdditions,
};
use crate::{Result, wire::PacketLimits};

impl IoHandle {
    /// What is added to its namespace, or to its family.
    ///
    /// # Errors
    /// Hidden from clients: the server has not started; no client can be there; it is one namespace of a pattern.
    pub(crate) fn additions(&self) -> Result<&Arc<NamespaceAdditions>> {
        let declared = self.core.declared().ok_or_else(not_started)?;
        let name = self.namespace();
        if let Some(additions) = declared.additions(name) {
            return Ok(additions);
        }
        self.scope.check(&self.core)?;
        Err(no_listeners_of_one(
            name,
            declared.pattern_of(name).unwrap_or_default(),
        ))
    }

    /// How many listeners, of each kind, a namespace may have.
    pub(crate) fn listeners_limit(&self) -> usize {
        self.core.config().listeners
    }

    /// The limits of what clients may send.
    pub(crate) fn packet_limits(&self) -> &PacketLimits {
        &self.core.config().packets
    }
}
