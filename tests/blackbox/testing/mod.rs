//! `koio::testing`, as the tests of a program use it.

mod clients;
mod contexts;
mod endings;
mod expecting;
mod hosts;
mod time;
