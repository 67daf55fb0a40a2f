//! A handler that runs for one event.

use std::{future::Future, sync::Arc};

use parking_lot::Mutex;

use crate::{
    Error, Result,
    router::{
        answer::Answer,
        context::Context,
        pipeline::{handler::closure_handler, middleware::Onion},
    },
};

/// The onion of a handler that is called once: [`take`](super::added_listeners::take) gives it to one event.
pub(super) fn onion_of_once<F, Fut, T>(handler: F) -> Arc<Onion>
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T>> + Send + 'static,
    T: Answer + 'static,
{
    let handler = Mutex::new(Some(handler));
    let once = move |ctx: Context| {
        let handler = handler.lock().take();
        let running = handler.map(|handler| handler(ctx));
        async move {
            match running {
                Some(running) => running.await,
                None => Err(Error::internal("the listener has run")),
            }
        }
    };
    Onion::new([], closure_handler(once))
}
