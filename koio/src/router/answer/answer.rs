//! How the value that a handler returns becomes a [`Reply`].

use std::{any::TypeId, marker::PhantomData};

use serde::Serialize;

use super::reply::Reply;
use crate::{
    Error, Result,
    router::{context::Context, extract::call::Call},
};

/// What a handler may return, alone or in a `Result`: anything that serde can write, or a [`Reply`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the answer of a handler",
    label = "can't be written as JSON",
    note = "an answer implements `serde::Serialize` and owns its data: `#[derive(serde::Serialize)]`"
)]
pub trait Answer {
    /// Makes a reply of it. This sends nothing: a reply is sent when a handler or a middleware returns it.
    fn into_reply(self, ctx: &Context) -> Reply;

    /// Makes the reply of a handler that returns. If nothing is around the handler, a value that serde can write is
    /// sent at once.
    #[doc(hidden)]
    fn into_reply_of(self, call: &Call) -> Reply
    where
        Self: Sized,
    {
        self.into_reply(call.ctx())
    }
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + Send + 'static> Answer for T {
    fn into_reply(self, _: &Context) -> Reply {
        Reply::new(self)
    }

    fn into_reply_of(self, call: &Call) -> Reply {
        if call.is_direct() {
            send(call.ctx(), self)
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

/// Sends the answer of a handler with nothing around it, which need not box the value.
fn send<T: Serialize>(ctx: &Context, value: T) -> Reply {
    let Some(id) = ctx.answer_id() else {
        return Reply::none();
    };
    if ctx.own_answer_state().is_taken() {
        return Reply::none();
    }
    let answer = ctx.socket().answer(id, &value);
    // Dropped before the answer is sent: if that panics, the panic can still be answered.
    drop(value);
    ctx.end_with_answer(id, answer);
    Reply::sent()
}

/// What a handler may fail with: a [`koio::Error`](Error), or a type that converts into one.
///
/// It is `Into<Error>` under a name of koio's own, so that rustc prints the notes above.
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
/// serde can write a `Result` as a value, which is never what a handler means. So the method for `Result` is inherent:
/// it wins over the trait's even if its bounds do not hold, and an error that does not convert is a compile error
/// instead of an answer that says `{"Err": ..}`.
#[derive(Debug)]
pub struct Out<T>(pub T);

impl<T, E> Out<Result<T, E>> {
    /// The reply of a handler that may fail.
    ///
    /// # Errors
    /// The handler's own error.
    pub fn into_reply(self, call: &Call) -> Result<Reply>
    where
        T: Answer,
        E: Failure,
    {
        match self.0 {
            Ok(answer) => Ok(answer.into_reply_of(call)),
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
    fn into_reply(self, call: &Call) -> Result<Reply>
    where
        Self::Value: Answer;
}

impl<T> IntoReply for Out<T> {
    type Value = T;

    fn into_reply(self, call: &Call) -> Result<Reply>
    where
        T: Answer,
    {
        Ok(self.0.into_reply_of(call))
    }
}

/// The type that a handler returns. Its method says whether an acknowledgement would carry a value: as with [`Out`],
/// the inherent one is that of a `Result`, whose value counts.
#[derive(Debug)]
pub struct Returns<T>(PhantomData<fn() -> T>);

impl<T> Returns<T> {
    /// Of this type.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for Returns<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: 'static, E> Returns<Result<T, E>> {
    /// Whether there is a value when it is `Ok`.
    #[must_use]
    pub fn has_value(&self) -> bool {
        is_value::<T>()
    }
}

/// The return type of a handler that can't fail. See [`Returns`].
pub trait HasValue {
    /// Whether there is a value.
    fn has_value(&self) -> bool;
}

impl<T: 'static> HasValue for Returns<T> {
    fn has_value(&self) -> bool {
        is_value::<T>()
    }
}

/// Whether an answer of this type carries a value: any but `()` does.
pub(crate) fn is_value<T: 'static>() -> bool {
    TypeId::of::<T>() != TypeId::of::<()>()
}
