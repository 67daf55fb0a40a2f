//! One call of a handler, as the expansion of `#[on]` sees it.

use std::{fmt, future::Future};

use super::{args::Args, from_event::FromEvent};
use crate::{Result, router::context::Context};

/// The arguments of a handler, and whether its answer can be sent as soon as it returns.
///
/// Only koio makes one, and gives it to the expansion of `#[on]`. So no other code can send an answer early.
pub struct Call {
    args: Args,
    is_direct: bool,
}

impl Call {
    /// A call inside an onion, whose middleware may read and replace the answer.
    pub(crate) fn in_onion(ctx: Context) -> Self {
        Self {
            args: Args::new(ctx),
            is_direct: false,
        }
    }

    /// A call of a handler with nothing around it.
    pub(crate) fn direct(ctx: Context) -> Self {
        Self {
            args: Args::new(ctx),
            is_direct: true,
        }
    }

    /// Whether nothing is around the handler.
    pub(crate) fn is_direct(&self) -> bool {
        self.is_direct
    }

    /// The context of the event.
    #[must_use]
    pub fn ctx(&self) -> &Context {
        self.args.ctx()
    }

    /// Reads one argument of the handler; `name` is what the handler calls it.
    ///
    /// # Errors
    /// Those of the type's [`FromEvent`].
    pub fn read<T: FromEvent>(
        &mut self,
        name: &'static str,
    ) -> impl Future<Output = Result<T>> + Send {
        self.args.set_name(name);
        T::from_args(&mut self.args)
    }

    /// Validates the arguments that no type has read, and answers CONNECT.
    ///
    /// It is the last thing before the handler runs, so that a connection whose arguments do not fit is refused rather
    /// than accepted and closed.
    ///
    /// # Errors
    /// The arguments are no JSON (then the connection is closed), or the socket has closed.
    pub fn finish(&mut self) -> Result<()> {
        self.args.validate()?;
        self.args.ctx().accept()
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("args", &self.args)
            .field("is_direct", &self.is_direct)
            .finish()
    }
}
