//! koio's error as those of other crates. It is no [`std::error::Error`] itself, so each conversion is written out.

use std::error::Error as StdError;

use super::{BoxError, Carried, Error};

impl From<Error> for BoxError {
    fn from(error: Error) -> Self {
        Box::new(Carried(error))
    }
}

impl From<Error> for Box<dyn StdError> {
    fn from(error: Error) -> Self {
        Box::new(Carried(error))
    }
}

/// So that `?` works in a function that returns `anyhow::Result`.
///
/// The other way, `?` on an `anyhow::Result` in a handler, can't be written for a type that is no
/// [`std::error::Error`]: `.map_err(|error| Error::from_boxed(error.into()))`.
#[cfg(feature = "anyhow")]
#[cfg_attr(docsrs, doc(cfg(feature = "anyhow")))]
impl From<Error> for anyhow::Error {
    fn from(error: Error) -> Self {
        Self::new(Carried(error))
    }
}
