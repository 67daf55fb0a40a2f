//! [`ServerDispatch`] for the socket layer: an event of another server goes to its handler, without middleware.

use std::sync::Arc;

use super::event_table::EventTable;
use crate::{
    Error,
    router::catch_unwind::{guard, guard_call},
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
            // The second guard is for the program's code behind the handler: `map_error`, and the `Drop` of what the handler
            // held. Without it a panic there would end the task that starts the handlers of all events.
            let mapped = async {
                let result = guard(running).await;
                result.map_err(|error| context.errors.mapped(error))
            };
            let result = guard(mapped).await;
            if let Err(error) = &result {
                // It formats the program's errors.
                let _ = guard_call(|| log(error, &event));
            }
            result
        }))
    }
}

/// Logs what a handler failed with. The observers of errors are not called: they want the context of a client's event.
fn log(error: &Error, event: &ServerEvent) {
    let (name, namespace, from) = (event.name(), event.namespace(), event.from());
    if error.is_shown() {
        tracing::debug!(event = name, namespace, %from, code = error.code(), "{error}");
    } else {
        tracing::error!(event = name, namespace, %from, "a handler of another server's event failed: {error:?}");
    }
}
