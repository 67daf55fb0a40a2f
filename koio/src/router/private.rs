//! What the macros expand to. Not part of the promise: it may change in any release.

pub use koio_macros::handlers;

pub use crate::wire::ArgList;

pub use super::{
    answer::{
        Answer, Reply,
        answer::{Failure, HasValue, IntoReply, Out, Returns},
    },
    context::Context,
    extract::{Args, FromEvent, call::Call},
    pipeline::{BoxMiddleware, Next, Route, handler::Meta},
    setup::handlers::{Handlers, IntoRoutes, Routed},
};
#[doc(inline)]
pub use crate::{Error, Result};

#[cfg(feature = "discover")]
pub use super::setup::discover::Registered;
#[cfg(feature = "discover")]
pub use inventory;

#[doc(inline)]
pub use crate::__koio_register as register;

/// Checks the name of an event that is a constant, where the constant is evaluated: while compiling.
///
/// # Panics
/// If no handler can take an event of that name.
#[allow(
    clippy::panic,
    reason = "it is called while compiling, and is a compile error"
)]
#[must_use]
pub const fn event_name(name: &'static str) -> &'static str {
    match name.as_bytes() {
        b"" => panic!("an event needs a name"),
        b"connection" | b"disconnect" => {
            panic!("the life of a connection is written as a literal: `#[on(\"connection\")]`")
        }
        b"connect" | b"connect_error" | b"disconnecting" | b"newListener" | b"removeListener" => {
            panic!("the name is reserved by the protocol")
        }
        bytes if bytes.len() > 255 => panic!("no event with so long a name is accepted"),
        _ => name,
    }
}

/// Puts a handler into the link-time list that `discover` reads.
#[cfg(feature = "discover")]
#[doc(hidden)]
#[macro_export]
macro_rules! __koio_register {
    ($routed:expr) => {
        $crate::__private::inventory::submit! {
            $crate::__private::Registered::new(|| $crate::__private::Routed::route($routed))
        }
    };
}

/// Without `discover` there is no list.
#[cfg(not(feature = "discover"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __koio_register {
    ($routed:expr) => {};
}
