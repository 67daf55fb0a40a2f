//! What an argument requires of the server and of the event, so that the start can check it.

use std::any::{TypeId, type_name};

use super::params_shape::ParamsShape;

/// What the type of an argument requires, checked at the start.
///
/// A type of yours that implements [`FromEvent`](crate::FromEvent) with the help of others passes their requirements
/// on, so that a missing state is found at the start and not by the first client:
///
/// ```
/// use koio::{Context, Result, State, extract::{Args, FromEvent, Requirements}};
///
/// struct Db;
/// struct Repository(State<Db>);
///
/// impl FromEvent for Repository {
///     async fn from_event(ctx: &Context, args: &mut Args) -> Result<Self> {
///         Ok(Self(State::from_event(ctx, args).await?))
///     }
///     fn requires(requirements: &mut Requirements) {
///         State::<Db>::requires(requirements);
///     }
/// }
/// ```
#[derive(Debug, Default)]
pub struct Requirements {
    all: Vec<Requirement>,
}

/// One thing that an argument requires.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// A value given to `state`.
    State {
        /// Its type.
        id: TypeId,
        /// Its type's name.
        name: &'static str,
        /// The type of an `Arc` of it, which is as good.
        shared: TypeId,
    },
    /// An argument that the client sends.
    Argument(&'static str),
    /// The payload of CONNECT.
    Auth,
    /// An event, which can be acknowledged.
    Ack,
    /// The reason of a disconnect.
    CloseReason,
    /// A namespace with parameters, which fit this shape.
    Params(ParamsShape),
}

impl Requirements {
    /// It requires a state of type `T`.
    pub fn state<T: 'static>(&mut self) {
        self.all.push(Requirement::State {
            id: TypeId::of::<T>(),
            name: type_name::<T>(),
            shared: TypeId::of::<std::sync::Arc<T>>(),
        });
    }

    /// It reads an argument that the client sends, as a `T`.
    pub fn argument<T>(&mut self) {
        self.all.push(Requirement::Argument(type_name::<T>()));
    }

    pub(crate) fn auth(&mut self) {
        self.all.push(Requirement::Auth);
    }

    pub(crate) fn ack(&mut self) {
        self.all.push(Requirement::Ack);
    }

    pub(crate) fn close_reason(&mut self) {
        self.all.push(Requirement::CloseReason);
    }

    pub(crate) fn params(&mut self, shape: ParamsShape) {
        self.all.push(Requirement::Params(shape));
    }

    pub(crate) fn all(&self) -> &[Requirement] {
        &self.all
    }
}
