//! What an argument needs of the server and of the occasion, so that the start can check it.

use std::any::{TypeId, type_name};

/// What the type of an argument needs before the server may start.
///
/// A type of yours that implements [`FromEvent`](crate::FromEvent) with the help of others passes their needs
/// on, so that a missing state is found at the start and not by the first client:
///
/// ```
/// use koio::{Arguments, Context, FromEvent, Requirements, Result, State};
///
/// struct Db;
/// struct Repository(State<Db>);
///
/// impl FromEvent for Repository {
///     async fn from_event(ctx: &Context, args: &mut Arguments) -> Result<Self> {
///         Ok(Self(State::from_event(ctx, args).await?))
///     }
///     fn requires(requirements: &mut Requirements) {
///         State::<Db>::requires(requirements);
///     }
/// }
/// ```
#[derive(Debug, Default)]
pub struct Requirements {
    needs: Vec<Need>,
}

/// One thing that an argument needs.
#[derive(Debug)]
pub(crate) enum Need {
    /// A value given to `state`.
    State {
        /// Its type.
        id: TypeId,
        /// Its type's name, for people.
        name: &'static str,
    },
    /// An argument that the client sends.
    Argument(&'static str),
    /// The payload of CONNECT.
    Auth,
    /// Somebody who waits for an answer.
    Ack,
    /// The reason of a disconnect.
    CloseReason,
    /// A namespace with parameters.
    Params,
}

impl Requirements {
    /// It needs a state of type `T`.
    pub fn state<T: 'static>(&mut self) {
        self.needs.push(Need::State {
            id: TypeId::of::<T>(),
            name: type_name::<T>(),
        });
    }

    /// It reads an argument that the client sends, as a `T`.
    pub fn argument<T>(&mut self) {
        self.needs.push(Need::Argument(type_name::<T>()));
    }

    pub(crate) fn auth(&mut self) {
        self.needs.push(Need::Auth);
    }

    pub(crate) fn ack(&mut self) {
        self.needs.push(Need::Ack);
    }

    pub(crate) fn close_reason(&mut self) {
        self.needs.push(Need::CloseReason);
    }

    pub(crate) fn params(&mut self) {
        self.needs.push(Need::Params);
    }

    pub(crate) fn needs(&self) -> &[Need] {
        &self.needs
    }
}
