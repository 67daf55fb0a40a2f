//! The answer of a handler, on its way back through the onion.

use std::{
    any::{Any, type_name},
    fmt,
};

use serde::Serialize;

use crate::{Result, Socket, wire::Draft};

/// The answer to an event, while it passes back through the onion.
///
/// It is written as JSON only when it has arrived outside and only if the client asked for an
/// acknowledgement. Until then it is the value itself, which a middleware may look at or replace:
///
/// ```
/// use koio::{Context, Next, Reply, Result};
///
/// async fn shout(_: Context, next: Next) -> Result<Reply> {
///     let reply = next.run().await?;
///     Ok(match reply.downcast_ref::<String>() {
///         Some(text) => Reply::new(text.to_uppercase()),
///         None => reply,
///     })
/// }
/// ```
pub struct Reply(ReplyForm);

enum ReplyForm {
    Value(Box<dyn Payload>),
    /// The answer of a handler with nothing around it was sent when it returned.
    Sent,
}

impl Reply {
    /// An answer: `()` is an acknowledgement without arguments, [`args!`](crate::args) one with several, anything else
    /// one with a single argument.
    pub fn new<T>(value: T) -> Self
    where
        T: Serialize + Send + 'static,
    {
        // Boxing a `()` allocates nothing.
        Self(ReplyForm::Value(Box::new(value)))
    }

    /// An acknowledgement without arguments.
    #[must_use]
    pub fn none() -> Self {
        Self::new(())
    }

    /// The value, if it is a `T`.
    #[must_use]
    pub fn downcast_ref<T: 'static>(&self) -> Option<&T> {
        let ReplyForm::Value(value) = &self.0 else {
            return None;
        };
        let value: &dyn Any = &**value;
        value.downcast_ref()
    }

    /// The reply to an event that is answered already.
    pub(super) fn sent() -> Self {
        Self(ReplyForm::Sent)
    }

    /// Whether the event is answered already.
    pub(crate) fn is_sent(&self) -> bool {
        matches!(self.0, ReplyForm::Sent)
    }

    /// Writes the acknowledgement; `None` if the event is answered already.
    pub(super) fn write(self, socket: &Socket, id: u64) -> Option<Result<Draft>> {
        match self.0 {
            ReplyForm::Value(value) => Some(value.write(socket, id)),
            ReplyForm::Sent => None,
        }
    }
}

impl Default for Reply {
    fn default() -> Self {
        Self::none()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ReplyForm::Value(value) => write!(f, "Reply({})", value.name()),
            ReplyForm::Sent => f.write_str("Reply"),
        }
    }
}

/// A value of any type that can still be written and downcast.
trait Payload: Any + Send {
    fn write(&self, socket: &Socket, id: u64) -> Result<Draft>;
    fn name(&self) -> &'static str;
}

impl<T: Serialize + Send + 'static> Payload for T {
    fn write(&self, socket: &Socket, id: u64) -> Result<Draft> {
        socket.answer(id, self)
    }

    fn name(&self) -> &'static str {
        type_name::<T>()
    }
}
