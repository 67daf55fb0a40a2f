//! [`ServerDispatch`] for the socket layer: an event of another server goes to its handler, without middleware.

use std::sync::Arc;

use super::event_table::EventTable;
use crate::{
    Error,
    router::{catch_unwind::guard, context::NamespaceContext},
    socket::{SentEvent, ServerDispatch, ServerEvent, ServerReply},
};

impl ServerDispatch for EventTable {
    fn server_event(&self, event: SentEvent) -> Option<ServerReply> {
        let events = self.namespace_or_family(event.namespace())?;
        let handler = events.server_handler(event.name())?;
        let context = Arc::clone(&events.context);
        let event = event.with_states(Arc::clone(&context.states));
        let running = handler(event.clone());
        Some(Box::pin(async move {
            let result = guard(running).await;
            result.map_err(|error| failed(&context, error, &event))
        }))
    }
}

/// Gives an error its code and logs it. The observers of errors are not called: they want the context of a client's event.
fn failed(context: &NamespaceContext, error: Error, event: &ServerEvent) -> Error {
    let error = context.errors.mapped(error);
    let (name, namespace, from) = (event.name(), event.namespace(), event.from());
    if error.is_shown() {
        tracing::debug!(event = name, namespace, %from, code = error.code(), "{error}");
    } else {
        tracing::error!(event = name, namespace, %from, "a handler of another server's event failed: {error:?}");
    }
    error
}
