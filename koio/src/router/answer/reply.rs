//! What a handler answers, on its way back through the onion.

use std::{
    any::{Any, type_name},
    fmt,
};

use serde::Serialize;

use crate::router::Context;
use crate::{Error, Result, Socket, wire::Draft};

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
pub struct Reply(Form);

enum Form {
    Value(Box<dyn Payload>),
    /// Sent already: nobody is there to look at the value, so that it need not be kept.
    Sent,
}

impl Reply {
    /// An answer. `()` is an acknowledgement without arguments, [`args!`](crate::args) one with several,
    /// anything else one with one.
    pub fn new<T>(value: T) -> Self
    where
        T: Serialize + Send + 'static,
    {
        // Boxing a `()` allocates nothing.
        Self(Form::Value(Box::new(value)))
    }

    /// The answer to an event whose handler has nothing around it.
    fn direct<T: Serialize>(ctx: &Context, value: T) -> Self {
        let Some(id) = ctx.awaited() else {
            return Self::none();
        };
        let answer = ctx.socket().answer(id, &value);
        // What panics here is answered as well.
        drop(value);
        ctx.answer_with(id, answer);
        Self(Form::Sent)
    }

    /// An acknowledgement without arguments.
    #[must_use]
    pub fn none() -> Self {
        Self::new(())
    }

    /// The value, if it is a `T`.
    #[must_use]
    pub fn downcast_ref<T: 'static>(&self) -> Option<&T> {
        let Form::Value(value) = &self.0 else {
            return None;
        };
        let value: &dyn Any = &**value;
        value.downcast_ref()
    }

    /// Whether it is on its way already.
    pub(crate) fn is_sent(&self) -> bool {
        matches!(self.0, Form::Sent)
    }

    /// The acknowledgement on the wire, if it is not there already.
    pub(crate) fn write(self, socket: &Socket, id: u64) -> Option<Result<Draft>> {
        match self.0 {
            Form::Value(value) => Some(value.write(socket, id)),
            Form::Sent => None,
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
            Form::Value(value) => write!(f, "Reply({})", value.name()),
            Form::Sent => f.write_str("Reply"),
        }
    }
}

/// A value whose type is forgotten, but not how to write it.
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

/// What a handler may return, alone or in a `Result`: anything that serde can write, or a [`Reply`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the answer of a handler",
    label = "can't be written as JSON",
    note = "an answer implements `serde::Serialize` and owns its data: `#[derive(serde::Serialize)]`"
)]
pub trait Answer {
    /// Makes a reply of it.
    fn into_reply(self, ctx: &Context) -> Reply;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + Send + 'static> Answer for T {
    fn into_reply(self, ctx: &Context) -> Reply {
        if ctx.is_direct() {
            Reply::direct(ctx, self)
        } else {
            Reply::new(self)
        }
    }
}

impl Answer for Reply {
    fn into_reply(self, _: &Context) -> Reply {
        self
    }
}

/// What a handler may fail with: a [`koio::Error`](Error), or whatever converts into one.
///
/// It is `Into<Error>` by another name, under which rustc can say what to do about it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the error of a handler",
    label = "does not convert into `koio::Error`",
    note = "implement `std::error::Error` for it: the client is then told `internal`, unless `map_error` gives it a code",
    note = "or return `koio::Result<_>`, and say what the client may know: `Error::new(\"name_taken\", \"..\")`"
)]
pub trait Failure {
    /// Makes a koio error of it.
    fn into_error(self) -> Error;
}

#[diagnostic::do_not_recommend]
impl<E: Into<Error>> Failure for E {
    fn into_error(self) -> Error {
        self.into()
    }
}

/// What a handler returned, before it is known whether it is a `Result`.
///
/// serde can write a `Result` as a value, and nobody ever wants that. So the method for `Result` is inherent:
/// it wins over the trait's, whatever the bounds, and an error that does not convert is a compile error
/// instead of an answer that says `{"Err": ..}`.
#[derive(Debug)]
pub struct Out<T>(pub T);

impl<T, E> Out<Result<T, E>> {
    /// The answer of a handler that may fail.
    ///
    /// # Errors
    /// The handler's own error.
    pub fn into_reply(self, ctx: &Context) -> Result<Reply>
    where
        T: Answer,
        E: Failure,
    {
        match self.0 {
            Ok(answer) => Ok(answer.into_reply(ctx)),
            Err(error) => Err(error.into_error()),
        }
    }
}

/// The answer of a handler that can't fail. See [`Out`].
pub trait IntoReply {
    /// What the handler returned.
    type Value;

    /// Makes a reply of it. The bound is here and not on the impl, so that rustc names the type that is to
    /// blame.
    ///
    /// # Errors
    /// Never.
    fn into_reply(self, ctx: &Context) -> Result<Reply>
    where
        Self::Value: Answer;
}

impl<T> IntoReply for Out<T> {
    type Value = T;

    fn into_reply(self, ctx: &Context) -> Result<Reply>
    where
        T: Answer,
    {
        Ok(self.0.into_reply(ctx))
    }
}
