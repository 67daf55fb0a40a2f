//! The values that middleware stores in a context, for the middleware and the handler inside it.

use std::any::TypeId;

use super::context::Context;

impl Context {
    /// Stores a value for the middleware and the handlers that run later in this event, in place of an earlier one of
    /// the same type. koa's `ctx.state`.
    ///
    /// A value that belongs to the connection goes into the socket instead: [`Socket::set`](crate::Socket::set).
    pub fn set<T: Clone + Send + 'static>(&self, value: T) {
        let locals = self.locals().get_or_init(Box::default);
        let replaced = locals.lock().insert(TypeId::of::<T>(), Box::new(value));
        // Dropped after the lock is released: its `Drop` may use the context.
        drop(replaced);
    }

    /// The value of that type that was [set](Self::set) in this event.
    #[must_use]
    pub fn get<T: Clone + Send + 'static>(&self) -> Option<T> {
        let locals = self.locals().get()?.lock();
        locals.get(&TypeId::of::<T>())?.downcast_ref().cloned()
    }
}
