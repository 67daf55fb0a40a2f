//! Events that are handled once for each key: where the key is, and the run whose answer is kept.

mod once_by;
mod pointer;
mod run;

pub(crate) use once_by::{GivenOnceBy, OnceBy};
pub(crate) use run::{FirstRun, Tried, first_try};
