//! The client's `auth`, as an argument.

use std::ops::Deref;

use serde::de::DeserializeOwned;

use super::{args::Args, from_event::FromEvent, requirements::Requirements};
use crate::{
    Error, Result,
    router::context::{Context, Occasion},
};

/// What the client sent as `auth` when it connected, for the `connection` handler.
///
/// If it does not fit, the connection is refused with `bad_request`. In later events it is in
/// `ctx.socket().handshake()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<T>(pub T);

impl<T> Deref for Auth<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + Send> FromEvent for Auth<T> {
    async fn from_event(ctx: &Context, _: &mut Args) -> Result<Self> {
        if !matches!(ctx.occasion(), Occasion::Connection(_)) {
            return Err(Error::internal("there is an `Auth` in `connection` only"));
        }
        ctx.socket().handshake().auth().map(Self)
    }

    fn requires(requirements: &mut Requirements) {
        requirements.auth();
    }
}
