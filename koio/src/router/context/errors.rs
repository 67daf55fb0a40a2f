//! Errors of handlers: [`Io::map_error`](crate::Io::map_error) gives one a code, [`Io::on_error`](crate::Io::on_error)
//! observes it.

use super::context::{Context, ErrorHooks};
use crate::{Error, router::catch_unwind::guard_call};

impl Context {
    /// Calls the observers of [`Io::on_error`](crate::Io::on_error) with an error that was caught, and that they would
    /// not see otherwise.
    pub fn report(&self, error: &Error) {
        self.namespace_context().errors.observe(error, self);
    }

    /// Gives an error the code that [`Io::map_error`](crate::Io::map_error) has for it.
    pub(crate) fn mapped(&self, error: Error) -> Error {
        self.namespace_context().errors.mapped(error)
    }
}

impl ErrorHooks {
    /// Whether there is a function that could map an error.
    pub(crate) fn has_maps(&self) -> bool {
        !self.maps.is_empty()
    }

    pub(crate) fn mapped(&self, error: Error) -> Error {
        // Only an error made by `?` has a source and no code of its own.
        if !error.is_internal() || error.source().is_none() || error.is_mapped() {
            return error;
        }
        match self.maps.iter().find_map(|map| map(&error)) {
            Some(mapped) => mapped.instead_of(error),
            None => error,
        }
    }

    fn observe(&self, error: &Error, ctx: &Context) {
        if self.observers.is_empty() {
            log(error, ctx);
        }
        for observer in &self.observers {
            // The answer and the other observers do not depend on this one.
            if let Err(panic) = guard_call(|| observer(error, ctx)) {
                tracing::error!(error = %panic, "an error observer failed");
            }
        }
    }
}

/// Logs an error of a server without observers. One that the client may see, and one that says that the client has
/// gone, are no fault of the server's: they are logged at level `debug`.
fn log(error: &Error, ctx: &Context) {
    let (event, namespace, socket) = (ctx.event(), ctx.namespace(), ctx.socket().id());
    if error.is_shown() || error.is_closed() || error.is_disconnected() {
        tracing::debug!(event, namespace, %socket, code = error.code(), "{error}");
    } else {
        tracing::error!(event, namespace, %socket, "{error:?}");
    }
}
