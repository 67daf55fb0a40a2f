//! The server's state, as an argument.

use std::{
    any::{TypeId, type_name},
    fmt,
    future::{Future, ready},
    ops::Deref,
    sync::Arc,
};

use super::{args::Args, from_event::FromEvent, requirements::Requirements};
use crate::{
    Error, Result,
    router::context::Context,
    socket::{ServerEvent, SharedStates},
};

/// A value that was given to the server with [`Io::state`](crate::Io::state), and that all handlers share.
///
/// It derefs to the value. If it is missing, the server does not start.
///
/// Its field is private, so that `.0` is the field of the value: `users.0.lock()`, where `users` is a `State<Users>`
/// and `Users` a tuple struct.
pub struct State<T>(Arc<T>);

impl Context {
    /// The state of type `T` that was given to the server.
    ///
    /// A [`State`] that a handler takes is checked at the start; this call is checked only when it is made.
    ///
    /// # Errors
    /// `internal`, if there is none.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<State<T>> {
        find(&self.namespace_context().states)
    }
}

impl ServerEvent {
    /// The state of type `T` that was given to the server. Checked when this is called, and not at the start.
    ///
    /// # Errors
    /// `internal`, if there is none.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<State<T>> {
        find(self.states())
    }
}

fn find<T: Send + Sync + 'static>(states: &SharedStates) -> Result<State<T>> {
    states
        .get(&TypeId::of::<T>())
        .and_then(|state| Arc::clone(state).downcast().ok())
        .or_else(|| {
            // The program gave an `Arc` of it, which is taken as it is.
            let shared = states.get(&TypeId::of::<Arc<T>>())?;
            shared.downcast_ref::<Arc<T>>().cloned()
        })
        .map(State)
        .ok_or_else(|| Error::internal(format!("there is no state of type `{}`", type_name::<T>())))
}

impl<T> State<T> {
    /// A state for calling a handler as a function, in a test for example. Handlers that koio calls get the one that was given
    /// to [`Io::state`](crate::Io::state).
    ///
    /// ```
    /// # use koio::{State, on};
    /// #[on("next")]
    /// async fn next(first: State<u32>) -> u32 {
    ///     *first + 1
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// assert_eq!(next(State::new(7)).await, 8);
    /// # }
    /// ```
    pub fn new(value: T) -> Self {
        Self(Arc::new(value))
    }

    /// The `Arc` inside, for a task that outlives the handler.
    #[must_use]
    pub fn into_arc(self) -> Arc<T> {
        self.0
    }
}

impl<T> From<Arc<T>> for State<T> {
    fn from(value: Arc<T>) -> Self {
        Self(value)
    }
}

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State<{}>", type_name::<T>())
    }
}

impl<T: Send + Sync + 'static> FromEvent for State<T> {
    async fn from_event(ctx: &Context, _: &mut Args) -> Result<Self> {
        ctx.state()
    }

    fn from_args(args: &mut Args) -> impl Future<Output = Result<Self>> + Send {
        ready(args.ctx().state())
    }

    fn requires(requirements: &mut Requirements) {
        requirements.state::<T>();
    }
}
