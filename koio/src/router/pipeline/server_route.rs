//! The handlers of events that other servers send.

use std::{any::type_name, fmt, future::Future, panic::Location, pin::Pin, sync::Arc};

use serde::Serialize;

use super::handler::Meta;
use crate::{
    Result,
    socket::ServerEvent,
    wire::{self, Frame},
};

/// A handler of any type. Its answer is encoded in its future, so that one guard is enough for both.
pub(crate) type ServerHandler =
    Arc<dyn Fn(ServerEvent) -> Pin<Box<dyn Future<Output = Result<Frame>> + Send>> + Send + Sync>;

/// A handler for one event of other servers, before the start.
pub(crate) struct ServerRoute {
    pub(crate) meta: Meta,
    /// The name of the type that the handler returns.
    pub(crate) answer: &'static str,
    pub(crate) handler: ServerHandler,
}

impl ServerRoute {
    pub(crate) fn new<F, Fut, T>(
        event: &'static str,
        location: &'static Location<'static>,
        handler: F,
    ) -> Self
    where
        F: Fn(ServerEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Serialize + Send + 'static,
    {
        let handler = Arc::new(handler);
        Self {
            meta: Meta::of_closure::<F>(event, location),
            answer: type_name::<T>(),
            handler: Arc::new(move |event| {
                let handler = Arc::clone(&handler);
                Box::pin(async move {
                    let answer = handler(event).await?;
                    Ok(wire::ack("/", 0, &answer)?)
                })
            }),
        }
    }
}

impl fmt::Debug for ServerRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerRoute")
            .field("meta", &self.meta)
            .finish_non_exhaustive()
    }
}
