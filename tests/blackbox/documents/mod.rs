//! The documents: their links lead somewhere, and their programs run.

mod guide;
mod links;
mod parity;
mod readme;
