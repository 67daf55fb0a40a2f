//! The tests that the guide prints, as they are printed: `links` compares them.

mod conversation;
mod function;
mod login;
