//! The documents: their links lead somewhere, and their programs run.

mod links;
mod readme;
