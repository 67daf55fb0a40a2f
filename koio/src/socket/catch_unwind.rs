//! The one place where panics of users' code are caught.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// What a panic carried.
pub(crate) type PanicPayload = Box<dyn Any + Send>;

/// Runs a call; a panic in it becomes an error.
///
/// Unwind safety: the panicking code may leave its own values half-changed, as in a thread that panics. koio has no
/// half-changed value of its own while it runs users' code.
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, PanicPayload> {
    catch_unwind(AssertUnwindSafe(call))
}
